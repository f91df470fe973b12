//go:build unix

package specs_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/grow-platform/grow/specs"
)

// TestPipe holds that a pipe in the place of a file is refused, and not waited for.
func TestPipe(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "grow.yaml"), 0o644); err != nil {
		t.Skipf("make a pipe: %v", err)
	}
	if _, err := specs.Load(dir, specs.Options{}); err == nil || err.Error() != "grow.yaml:1:1: is not a plain file" {
		t.Errorf("got %v", err)
	}
}

// TestGrows reads a file that never stays as it is: a limit ends it, or it is
// told that the file changes.
func TestGrows(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "grow.yaml", "service: shop\n")
	f, err := os.OpenFile(filepath.Join(dir, "grow.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // ends when stop is closed
		defer close(done)
		defer f.Close()
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := f.WriteString("# more\n"); err != nil {
					return
				}
			}
		}
	}()
	for range 50 {
		_, err := specs.Load(dir, specs.Options{})
		var problems specs.Problems
		if err != nil && (!errors.As(err, &problems) || problems[0].Code != "spec.file") {
			t.Errorf("got %v", err)
		}
	}
	close(stop)
	<-done
}

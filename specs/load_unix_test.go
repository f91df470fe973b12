//go:build unix

package specs_test

import (
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

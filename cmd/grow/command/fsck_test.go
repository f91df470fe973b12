package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFsckDenied: of a folder that may not be read it is not said that nothing is there.
func TestFsckDenied(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may read all")
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o300); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := execute([]string{"fsck", dir}, strings.NewReader(""), &out, &errs); code != exitPermission {
		t.Errorf("exit code %d, want %d", code, exitPermission)
	}
	holds(t, errs.String(), "permission denied", "ls -ld "+dir)
}

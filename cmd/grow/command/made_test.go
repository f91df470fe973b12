package command

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/cmd/grow/starter"
)

// names lists what there is below a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	list := []string{}
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, name); rel != "." {
			list = append(list, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestDraftOrNothing: what cannot be made whole leaves the folder as it was,
// and nothing is written outside of it.
func TestDraftOrNothing(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "out")); err != nil {
		t.Skip("no links here:", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "old"), []byte("was\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := names(t, dir)
	d := &draft{dir: dir, folders: []string{"empty/more"}}
	d.refresh(starter.File{Path: "old", Data: []byte("is\n")})
	d.add(starter.File{Path: "new/deep/file"}, starter.File{Path: "out/file"})
	if conflicts, err := d.settle(); err != nil || len(conflicts) > 0 {
		t.Fatal(conflicts, err)
	}
	if _, err := d.write(); err == nil {
		t.Error("a file was made outside of the folder")
	}
	if diff := cmp.Diff(before, names(t, dir)); diff != "" {
		t.Error(diff)
	}
	if left := names(t, outside); len(left) > 0 {
		t.Errorf("outside of the folder are %v", left)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "old")); err != nil || string(text) != "was\n" {
		t.Errorf("the old file is %q, %v", text, err)
	}
}

// TestDraftUndo: what was made can be taken back, but for what others put beside it.
func TestDraftUndo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	d := &draft{dir: dir, folders: []string{"empty"}}
	d.add(starter.File{Path: "one/file"}, starter.File{Path: "two/file"})
	if _, err := d.settle(); err != nil {
		t.Fatal(err)
	}
	undo, err := d.write()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"empty", "one", "one/file", "two", "two/file"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(filepath.Join(dir, "two", "mine"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	undo()
	if diff := cmp.Diff([]string{"two", "two/mine"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestDraftKeepsMode: a file that is changed keeps who may read it.
func TestDraftKeepsMode(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "grow.yaml")
	if err := os.WriteFile(name, []byte("service: a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &draft{dir: dir}
	d.refresh(starter.File{Path: "grow.yaml", Data: []byte("service: b\n")})
	if _, err := d.settle(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.write(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("it may be read by %v, %v", info.Mode(), err)
	}
	if diff := cmp.Diff([]string{"grow.yaml"}, names(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestInitReadOnly: a folder that is somebody else's is said to be.
func TestInitReadOnly(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("the administrator may write anywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := execute([]string{"init", dir, "--bare"}, strings.NewReader(""), &out, &errs); code != exitPermission {
		t.Errorf("exit code %d\n%s", code, errs.String())
	}
	if !strings.Contains(errs.String(), "ls -ld "+dir) {
		t.Errorf("the folder is not named: %s", errs.String())
	}
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("there are %v", left)
	}
}

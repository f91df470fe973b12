package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// No link of a revision leads out of the folder that it is read into, not even
// by way of another.
func TestRevisionLinks(t *testing.T) {
	tests := []struct{ path, text string }{ // links but for the first
		{"d/e/f/plain", "plain"},
		{"d/e/f/up", "../../../.."},
		{"far", "d/e/f/up/../../../../secret/file"},
		{"further", "far"},
		{"near", "d/e/f/plain"},
		{"nearer", "near"},
		{"nothing", "none"},
		{"out", "../secret/file"},
		{"root", "/etc/passwd"},
	}
	top := t.TempDir()
	dir := filepath.Join(top, "a", "b", "c", "d")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(top, "secret"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(top, "secret", "file"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("secret", filepath.Join(top, "try")); err != nil {
		t.Skip("no links here: ", err)
	}
	var blobs []blob
	var printed strings.Builder
	for i, tt := range tests {
		b := blob{path: tt.path, id: fmt.Sprint(i), size: int64(len(tt.text)), link: i > 0}
		blobs = append(blobs, b)
		fmt.Fprintf(&printed, "%s blob %d\n%s\n", b.id, b.size, tt.text)
	}
	if err := unpack(strings.NewReader(printed.String()), blobs, dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"near": "plain", "nearer": "plain", "far": "", "further": "", "out": "", "root": "", "nothing": ""} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if string(got) != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
}

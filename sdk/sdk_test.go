package sdk_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/grow-platform/grow/sdk"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestComplete holds what is embedded against what lies on the disk: all of
// the module and of the crate but tests and products.
func TestComplete(t *testing.T) {
	for dir, c := range map[string]struct {
		files fs.FS
		extra []string // made by package sdk
		left  func(path string) bool
	}{
		"go": {sdk.Go(), []string{"go.mod"}, func(path string) bool {
			return strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata/")
		}},
		"rust": {sdk.Rust(), nil, func(path string) bool {
			return strings.HasSuffix(path, "_test.rs") || strings.HasPrefix(path, "tests/") ||
				strings.HasPrefix(path, "target/") || path == "Cargo.lock" // an actor's own lock counts
		}},
		"python": {sdk.Python(), nil, func(path string) bool {
			return strings.Contains(path, "__pycache__/")
		}},
	} {
		want := map[string]string{}
		for _, path := range paths(t, os.DirFS(dir)) {
			if !c.left(path) {
				want[path] = read(t, filepath.Join(dir, path))
			}
		}
		got := paths(t, c.files)
		for _, path := range got {
			b, err := fs.ReadFile(c.files, path)
			if err != nil {
				t.Fatal(err)
			}
			text, ok := want[path]
			switch {
			case slices.Contains(c.extra, path):
			case !ok:
				t.Errorf("%s/%s is embedded and is a test, or is not there", dir, path)
			case text != string(b):
				t.Errorf("%s/%s differs from what is embedded", dir, path)
			}
			delete(want, path)
		}
		for path := range want {
			t.Errorf("%s/%s is not embedded", dir, path)
		}
		for _, path := range c.extra {
			if !slices.Contains(got, path) {
				t.Errorf("%s/%s is missing", dir, path)
			}
		}
	}
}

func paths(t *testing.T, files fs.FS) []string {
	t.Helper()
	var list []string
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

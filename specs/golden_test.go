package specs_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs"
	"github.com/rogpeppe/go-internal/txtar"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "rewrite the expected lines of testdata")

// serves is what the program that loads the golden services can serve.
var serves = specs.Options{
	Kinds:     []string{"actor", "http", "secret", "sql"},
	Languages: []string{"go", "python", "rust", "wasm"},
	CheckGrant: func(g specs.Grant, _ string) error {
		if _, ok := g.Params["names"]; g.Kind == "secret" && !ok {
			return errors.New("a secret grant needs names: a list of the secrets it gives")
		}
		return nil
	},
}

// TestGolden loads the service of every archive in testdata and compares what
// is said of it: problems, or warnings, one a line. A link is a file whose name
// ends in .link, with its target as content.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 280 {
		t.Fatalf("there are %d golden files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			golden(t, file)
		})
	}
}

func golden(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir, want := unpack(t, archive)
	s, err := specs.Load(dir, serves)
	var problems specs.Problems
	if err != nil && !errors.As(err, &problems) {
		t.Fatalf("load: %v", err)
	}
	var got bytes.Buffer
	for _, p := range problems {
		fmt.Fprintf(&got, "%s [%s]\n", strings.ReplaceAll(p.Error(), dir, "DIR"), p.Code)
	}
	if s != nil {
		for _, p := range s.Warnings {
			fmt.Fprintf(&got, "%s [%s, warning]\n", p.Error(), p.Code)
		}
		if _, err := router.Compile(s); err != nil {
			t.Errorf("what loads can be routed: %v", err)
		}
	}
	if got.String() == string(want.Data) {
		return
	}
	if *update {
		want.Data = got.Bytes()
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("got:\n%s\nwant:\n%s", got.Bytes(), want.Data)
}

// unpack writes the files of an archive into a folder. What is expected is the last file, want.
func unpack(t testing.TB, archive *txtar.Archive) (dir string, want *txtar.File) {
	t.Helper()
	dir = t.TempDir()
	for i := range archive.Files {
		f := &archive.Files[i]
		if f.Name == "want" {
			want = f
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if link, ok := strings.CutSuffix(path, ".link"); ok {
			err = os.Symlink(strings.TrimSpace(string(f.Data)), link)
		} else {
			err = os.WriteFile(path, f.Data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if want == nil {
		t.Fatal("the archive has no file named want")
	}
	return dir, want
}

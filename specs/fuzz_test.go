package specs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs"
	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzLoad loads a service of the four files given. Whatever they hold, Load
// returns; what it reports has a code, a place inside the file and one line;
// what it lets through can be routed.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	names := []string{"grow.yaml", "actors/pricing/actor.yaml", "workflows/checkout.yaml", "types/order.cue"}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var seed [4][]byte
		for i, name := range names {
			for _, a := range archive.Files {
				if a.Name == name {
					seed[i] = a.Data
				}
			}
		}
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, grow, actor, flow, types []byte) {
		dir := t.TempDir()
		content := map[string][]byte{}
		for i, data := range [][]byte{grow, actor, flow, types} {
			content[names[i]] = data
			write(t, dir, names[i], string(data))
		}
		if err := os.MkdirAll(filepath.Join(dir, "actors/pricing/src/rust"), 0o755); err != nil {
			t.Fatal(err)
		}
		s, err := specs.Load(dir, serves)
		if err == nil {
			if _, err := router.Compile(s); err != nil {
				t.Errorf("what loads can be routed: %v", err)
			}
			return
		}
		var problems specs.Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("load: %v", err)
		}
		for _, p := range problems {
			if p.Code == "" || p.Message == "" || strings.Contains(p.Error(), "\n") {
				t.Errorf("a problem that says too little: %+v", p)
			}
			if lines := strings.Count(string(content[p.File]), "\n") + 1; p.Line > lines {
				t.Errorf("%s has %d lines: %v", p.File, lines, p)
			}
		}
	})
}

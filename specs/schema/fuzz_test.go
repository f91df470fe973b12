package schema

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// seeds adds every file of the golden services whose name ends so.
func seeds(f *testing.F, ext string) {
	archives, err := filepath.Glob("../testdata/*.txtar")
	if err != nil || len(archives) == 0 {
		f.Fatalf("no golden services: %v", err)
	}
	for _, name := range archives {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if filepath.Ext(file.Name) == ext {
				f.Add(file.Data)
			}
		}
	}
}

// holds checks what every reader promises: a tree or faults, whose places are in
// the file and whose words are on one line.
func holds(t *testing.T, data []byte, n *Node, faults []Fault) {
	t.Helper()
	if n == nil && len(faults) == 0 {
		t.Fatal("neither a tree nor a fault")
	}
	for _, f := range faults {
		if f.Code == "" || f.Message == "" {
			t.Errorf("a fault that says too little: %+v", f)
		}
		if lines := strings.Count(string(data), "\n") + strings.Count(string(data), "\r") + 1; f.Pos.Line < 1 || f.Pos.Line > lines || f.Pos.Col < 1 {
			t.Errorf("a place outside of the file's %d lines: %+v", lines, f)
		}
	}
	if n != nil && len(faults) == 0 && !json.Valid(n.JSON(nil)) {
		t.Errorf("the tree is no JSON: %s", n.JSON(nil))
	}
}

func FuzzReadYAML(f *testing.F) {
	seeds(f, ".yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		n, faults := ReadYAML(data)
		holds(t, data, n, faults)
		if n == nil {
			return
		}
		for _, form := range []string{"#Service", "#Actor", "#Workflow", "#Tests"} {
			holds(t, data, n, Lookup(form).Check(n))
		}
	})
}

func FuzzReadCUE(f *testing.F) {
	seeds(f, ".cue")
	f.Fuzz(func(t *testing.T, data []byte) {
		n, faults := ReadCUE(Source{Name: "a.cue", Data: data})
		holds(t, data, n, faults)
	})
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTypesDoc does what docs/types.md says: it writes the files, runs the
// commands and compares what they print with the block that follows. A file
// that is wrong is there for the next command only.
func TestTypesDoc(t *testing.T) {
	text, err := os.ReadFile("../../docs/types.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("grow.yaml", "service: shop\n")
	files, ran, wrong := 0, 0, ""
	blocks := typesFence(string(text))
	for i, b := range blocks {
		if name, mark, _ := strings.Cut(b.file, " "); name != "" {
			write(name, b.text)
			files++
			if mark != "" {
				wrong = name
			}
		}
		if b.kind != "sh" {
			continue
		}
		var out, errs bytes.Buffer
		line := strings.TrimPrefix(strings.TrimSpace(b.text), "grow ")
		execute(strings.Fields(line), strings.NewReader(""), &out, &errs)
		if want := blocks[i+1].text; out.String() != want {
			t.Errorf("grow %s prints\n%s%swant\n%s", line, out.String(), errs.String(), want)
		}
		if wrong != "" {
			if err := os.Remove(wrong); err != nil {
				t.Fatal(err)
			}
			wrong = ""
		}
		ran++
	}
	holdCode(t, "vet", exitDone)
	if files < 4 || ran < 2 {
		t.Errorf("%d files were written and %d commands run", files, ran)
	}
}

type typesBlock struct{ kind, file, text string }

// typesFence are the fenced blocks of a document: kind, the file that each is, text.
func typesFence(text string) []typesBlock {
	var all []typesBlock
	for i, part := range strings.Split(text, "```") {
		if i%2 == 0 {
			continue
		}
		head, body, _ := strings.Cut(part, "\n")
		kind, file, _ := strings.Cut(head, " ")
		all = append(all, typesBlock{kind, file, body})
	}
	return all
}

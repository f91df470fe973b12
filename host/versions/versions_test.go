package versions

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
)

// folder is a version and the texts of its files.
type folder map[string]string

func (f folder) tree() documents.Tree {
	var t documents.Tree
	for path, text := range f {
		t = t.With(documents.File{Path: path, Digest: store.DigestOf([]byte(text)), Size: int64(len(text))})
	}
	return t
}

// reading reads the files of several versions.
func reading(all ...folder) Read {
	texts := map[store.Digest]string{}
	for _, f := range all {
		for _, text := range f {
			texts[store.DigestOf([]byte(text))] = text
		}
	}
	return func(_ context.Context, f documents.File) ([]byte, error) { return []byte(texts[f.Digest]), nil }
}

var before = folder{
	"grow.yaml":                   "service: shop\nabout: Sells.\n",
	"types/shop.cue":              "\"shop.ask\": {text: string}\n\"shop.told\": {text: string}\n",
	"actors/one/actor.yaml":       "actor: one\nabout: Tells.\ncode: {language: wasm, source: m.wasm}\nin: [shop.ask]\nout: [shop.told]\n",
	"actors/one/tests/tells.yaml": "- test: it tells\n",
	"actors/two/actor.yaml":       "actor: two\nabout: Tells.\ncode: {language: wasm, source: m.wasm}\nin: [shop.ask]\nout: [shop.told]\n",
	"docs/picture.bin":            "\x00",
}

func with(f folder, more folder) folder {
	all := folder{}
	for path, text := range f {
		all[path] = text
	}
	for path, text := range more {
		if all[path] = text; text == "" {
			delete(all, path)
		}
	}
	return all
}

func TestCompare(t *testing.T) {
	after := with(before, folder{
		"types/shop.cue":              "\"shop.ask\": {text: string, from: string}\n\"shop.told\": {text: string}\n",
		"actors/one/tests/tells.yaml": "- test: it tells all\n",
		"actors/two/actor.yaml":       "",
		"docs/picture.bin":            "\x00\x01",
	})
	for name, c := range map[string]struct {
		actor string
		new   folder
		lines bool
		want  string
	}{
		"nothing":         {"", before, true, ""},
		"the service":     {"", after, true, "changed actors/one/tests/tells.yaml +- removed actors/two/actor.yaml - changed docs/picture.bin changed types/shop.cue +-; test removed it tells; test added it tells all; module one a -> b; module two b -> ; break required.added; break removed"},
		"without lines":   {"", after, false, "changed actors/one/tests/tells.yaml removed actors/two/actor.yaml changed docs/picture.bin changed types/shop.cue; test removed it tells; test added it tells all; module one a -> b; module two b -> ; break required.added; break removed"},
		"an actor":        {"one", after, true, "changed actors/one/tests/tells.yaml +- changed types/shop.cue +-; test removed it tells; test added it tells all; module one a -> b; break required.added"},
		"with a mistake":  {"", with(before, folder{"grow.yaml": "service: 3\n"}), false, "changed grow.yaml; module one a -> b; module two b -> ; note"},
		"types are wrong": {"one", with(before, folder{"types/shop.cue": "{"}), false, "changed types/shop.cue; module one a -> b; note"},
	} {
		was, is := map[string]string{"one": "a"}, map[string]string{"one": "b"}
		if c.actor == "" {
			was["two"] = "b"
		}
		if name == "nothing" {
			is = was
		}
		old := &Version{Name{c.actor, 1}, before.tree(), was}
		new := &Version{Name{c.actor, 2}, c.new.tree(), is}
		d, err := Compare(t.Context(), old, new, reading(before, c.new), c.lines)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := told(d); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// told is a difference in one line.
func told(d Difference) string {
	var files, parts []string
	for _, f := range d.Documents {
		files = append(files, f.How+" "+f.Path)
		marks := ""
		for _, mark := range []string{"\n+", "\n-"} {
			if body := strings.Join(strings.Split(f.Diff, "\n@@")[min(1, len(f.Diff)):], ""); strings.Contains(body, mark) {
				marks += mark[1:]
			}
		}
		if marks != "" {
			files = append(files, marks)
		}
	}
	if len(files) > 0 {
		parts = append(parts, strings.Join(files, " "))
	}
	for _, v := range d.Tests {
		parts = append(parts, "test "+v.How+" "+v.Test)
	}
	for _, m := range d.Modules {
		parts = append(parts, fmt.Sprintf("module %s %s -> %s", m.Actor, m.Old, m.New))
	}
	for _, c := range d.Changes {
		if c.Verdict == Break {
			parts = append(parts, c.Verdict+" "+c.Code)
		}
	}
	for range d.Notes {
		parts = append(parts, "note")
	}
	return strings.Join(parts, "; ")
}

// TestLimits: of too many or too large files only the names are told.
func TestLimits(t *testing.T) {
	many, large := folder{}, folder{}
	for i := range linesMax + 7 {
		many[fmt.Sprintf("docs/%d.md", i)] = fmt.Sprintln(i)
	}
	for i := range 3 {
		large[fmt.Sprintf("docs/%d.md", i)] = strings.Repeat(fmt.Sprintln(i), documents.FileMax/2)
	}
	for name, c := range map[string]struct {
		new  folder
		left int
	}{"many": {many, 7}, "large": {large, 3}} {
		list := Files(nil, c.new.tree())
		left, err := Lines(t.Context(), list, nil, reading(c.new))
		if err != nil || left != c.left || len(list) != len(c.new) {
			t.Errorf("%s: %d of %d left, %v; want %d", name, left, len(list), err, c.left)
		}
	}
}

func TestParseName(t *testing.T) {
	for text, want := range map[string]Name{"3": {"", 3}, "live": {"", 0}, "price@12": {"price", 12}, "a-b_c@live": {"a-b_c", 0}} {
		if got, ok := ParseName(text); !ok || got != want {
			t.Errorf("%q is %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "0", "-1", "03", "first", "@1", "a@", "a@0", "A@1", "a@b@1", "1000000000", "live@1x", "../x@1", "3\n"} {
		if got, ok := ParseName(text); ok {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

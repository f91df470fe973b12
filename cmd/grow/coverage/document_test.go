package coverage

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestParse holds which parts of a document are to have a test, and which can be named.
func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text, want string // id line text, a line each
		parts            string
	}{
		{"items", "# Title\n\nText.\n\n1. One `code`\n   goes on\n2. *Two*\n", "1 5 One code goes on\n2 7 Two\n", "1 2 title title/1 title/2"},
		{"sections", "# Title\n## A, b & C!\ntext\n## Größe_x-y\n### Inner\n", "a-b--c 2 A, b & C!\ninner 5 Inner\n", "a-b--c größe_x-y inner title"},
		{"a number twice", "# T\n## A\n1. x\n## B\n1. y\n2. z\n", "1 3 x\nb/1 5 y\n2 6 z\n", "1 2 a a/1 b b/1 b/2 t"},
		{"a heading twice", "## A\n## A\n", "a 1 A\na-1 2 A\n", "a a-1"},
		{"another beginning", "7. seven\n8. eight\n", "7 1 seven\n8 2 eight\n", "7 8"},
		{"no parts", "Just text.\n\n- a point\n", " 1 \n", ""},
		{"the title alone", "# The goal\ntext\n", " 1 The goal\n", "the-goal"},
		{"nothing", "", " 1 \n", ""},
		{"items in items and in code", "1. a\n   1. b\n\n```\n1. c\n# d\n```\n", "1 1 a\n", "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := parse([]byte(c.text))
			var b strings.Builder
			for _, p := range d.required {
				b.WriteString(p.id + " " + string(rune('0'+p.line)) + " " + p.text + "\n")
			}
			if diff := cmp.Diff(c.want, b.String()); diff != "" {
				t.Error(diff)
			}
			for _, id := range strings.Fields(c.parts) {
				if d.parts[id] == "" {
					t.Errorf("%s cannot be named", id)
				}
			}
			if n := len(strings.Fields(c.parts)); n != len(d.parts) {
				t.Errorf("%d parts can be named, not %d: %v", len(d.parts), n, d.parts)
			}
		})
	}
}

// FuzzParse: no document ends it, and what is to have a test can be named.
func FuzzParse(f *testing.F) {
	f.Add("# a\n1. b\n")
	f.Add("999999999. a\n1. b\n\n## \n##  \n")
	f.Fuzz(func(t *testing.T, text string) {
		d := parse([]byte(text))
		if len(d.required) == 0 && len(d.parts) == 0 {
			t.Error("nothing is to have a test")
		}
		for _, p := range d.required {
			if p.id != "" && d.parts[p.id] == "" {
				t.Errorf("%q cannot be named", p.id)
			}
		}
	})
}

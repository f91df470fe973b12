package document_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/specs/document"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// TestName holds the ids that parts get, in order, and the names they go by.
func TestName(t *testing.T) {
	for _, c := range []struct {
		name, text string
		ids        []string
		names      map[string]string // besides the ids
	}{
		{"headings", "# Über *uns* & `you`\n\n## Rules\n\n## Rules\n\n## Rules 1\n\n## Rules-1\n", []string{"über-uns--you", "rules", "rules-1", "rules-1-1", "rules-1-2"}, nil},
		{"a heading without text", "#\n\n# !\n", []string{"-1", "-2"}, nil},
		{"items", "3. c\n4. d\n", []string{"3", "4"}, nil},
		{"items in sections", "# A\n1. a\n\n# B\n1. b\n2. c\n", []string{"a", "1", "b", "b/1", "2"}, map[string]string{"a/1": "1", "b/2": "2"}},
		{"an item and a heading of one name", "# 1\n1. a\n", []string{"1", "1/1"}, nil},
		{"items without a section, again", "1. a\n\nb\n\n1. c\n", []string{"1", ""}, nil},
		{"lists in lists, and bullets", "- a\n  1. b\n\n# C\n> # D\n", []string{"", "", "c", "d"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			source := []byte(c.text)
			root := goldmark.DefaultParser().Parse(text.NewReader(source))
			names := document.Name(root, source)
			var ids []string
			_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
				if k := n.Kind(); entering && (k == ast.KindHeading || k == ast.KindListItem) {
					ids = append(ids, document.ID(n))
				}
				return ast.WalkContinue, nil
			})
			if diff := cmp.Diff(c.ids, ids); diff != "" {
				t.Error(diff)
			}
			for _, id := range ids {
				if id != "" && names[id] != id {
					t.Errorf("%s is called %v", id, names)
				}
				delete(names, id)
			}
			if len(names) != len(c.names) || len(names) > 0 && !cmp.Equal(names, c.names) {
				t.Errorf("more names are %v", names)
			}
		})
	}
}

// TestNameMany: each of very many headings of one text has an id of its own.
func TestNameMany(t *testing.T) {
	const many = 100_000
	source := []byte(strings.Repeat("#\n", many))
	if names := document.Name(goldmark.DefaultParser().Parse(text.NewReader(source)), source); len(names) != many {
		t.Errorf("there are %d names", len(names))
	}
}

// FuzzName holds that no two parts have one id, and that each name leads to one.
func FuzzName(f *testing.F) {
	for _, s := range []string{"# a\n# a\n# a-1\n1. x\n1) y\n", "# 1\n1. a\n# 1/1\n", "999999999. a\n1. b\n\n#\n#\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		source := []byte(s)
		root := goldmark.DefaultParser().Parse(text.NewReader(source))
		names := document.Name(root, source)
		ids := map[string]bool{}
		_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
			if id := document.ID(n); entering && id != "" {
				if ids[id] {
					t.Errorf("two parts have the id %q", id)
				}
				ids[id] = true
			}
			return ast.WalkContinue, nil
		})
		for name, id := range names {
			if !ids[id] {
				t.Errorf("%q leads to %q, which nothing has", name, id)
			}
		}
	})
}

package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/grow-platform/grow/compiler/python/interpreter"
)

// TestAFew tries packages that stand for others: pure, with more that it needs,
// without its native part, older since it has that, and not at all.
func TestAFew(t *testing.T) {
	if testing.Short() {
		t.Skip("fetches packages")
	}
	tr, err := open(t.Context())
	if errors.Is(err, interpreter.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := closing(t.Context(), tr, nil); err != nil {
			t.Error(err)
		}
	})
	for name, want := range map[string]string{
		"attrs": `"P(x=3)"`, "jinja2": `"Hello ADA!"`, "pydantic": "3", "python-dateutil": `"2024-05-03T00:00:00"`,
		"numpy": "the package numpy has native code", "requests": "the package requests needs sockets",
	} {
		list, err := load(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := tr.try(t.Context(), list[0])
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(r.Said, "cannot be reached") {
			t.Skip(r.Said)
		}
		if !strings.HasPrefix(r.Said, want) {
			t.Errorf("%s; want %s", r.line(), want)
		}
	}
}

func TestList(t *testing.T) {
	list, err := load("")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, p := range list {
		if seen[p.Name] || !strings.Contains(p.Code, "return ") {
			t.Errorf("%s is there twice, or is not asked anything", p.Name)
		}
		seen[p.Name] = true
	}
	if len(seen) < 50 {
		t.Errorf("%d packages", len(seen))
	}
}

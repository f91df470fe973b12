package shape

import (
	"fmt"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"
)

// placed are names of fields: more than PlacesMax, and some that need escapes.
var placed = []string{"a", "b", "c", "d e", "ä", `q"q`, "n\n", "f0", "f1", "f2", "f3", "f4", "f5", "f6"}

func drawPlaced(t *rapid.T, depth int) string {
	var b strings.Builder
	names := rapid.Permutation(placed).Draw(t, "names")
	for _, name := range names[:rapid.IntRange(1, len(names)).Draw(t, "fields")] {
		typ := rapid.SampledFrom([]string{"_", "number", "string | null", "[...]", "{...}", "struct"}).Draw(t, "type")
		if typ == "struct" {
			if typ = "_"; depth < 2 {
				typ = drawPlaced(t, depth+1)
			}
		}
		fmt.Fprintf(&b, "%q?: %s, ", name, typ)
	}
	return "{" + b.String() + "...}"
}

// drawFitting draws data of a type: fields in any order, missing, unknown, escaped and spaced.
func drawFitting(t *rapid.T, s *Type) string {
	space := func() string { return rapid.SampledFrom([]string{"", "", "", " ", "\n\t"}).Draw(t, "space") }
	if s == nil || s.obj == nil {
		all := []string{"0", "-0", "12.50", "1e2", `"x"`, `"\u0061"`, "true", "null", "[]", "[1, {}]", "{}", `{"a":{"b":1}}`}
		return rapid.SampledFrom(all).Filter(func(v string) bool { return s == nil || s.Check([]byte(v)) == nil }).Draw(t, "value")
	}
	var fields []string
	add := func(name string, typ *Type) {
		q := string(quote(nil, name))
		if name[0] < 0x80 && rapid.IntRange(0, 3).Draw(t, "escaped") == 0 {
			q = fmt.Sprintf(`"\u%04x`, name[0]) + string(quote(nil, name[1:]))[1:]
		}
		fields = append(fields, space()+q+space()+":"+space()+drawFitting(t, typ)+space())
	}
	for _, f := range s.obj.list {
		for range rapid.SampledFrom([]int{1, 1, 1, 0}).Draw(t, "times") {
			add(f.name, f.typ)
		}
	}
	if rapid.Bool().Draw(t, "unknown") {
		add("zz", nil)
	}
	if rapid.Bool().Draw(t, "shuffled") {
		fields = rapid.Permutation(fields).Draw(t, "order")
	}
	return "{" + strings.Join(fields, ",") + space() + "}"
}

// TestFindAt: what lies where a check noted it is what a search finds; what
// another type's check noted, as when a table is replaced, is not gone by.
func TestFindAt(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		compile := func(def string) *Type {
			s, err := FromCUE(cuecontext.New().CompileString(preamble + def).LookupPath(cue.ParsePath("m")))
			if err != nil {
				t.Fatalf("%s: %v", def, err)
			}
			return s
		}
		own := compile(drawPlaced(t, 0))
		bind := own
		if rapid.IntRange(0, 3).Draw(t, "replaced") == 0 {
			bind = compile(drawPlaced(t, 0))
		}
		var at Places
		for range 4 { // at is reused, as an actor's outputs are
			data := []byte(drawFitting(t, own))
			if err := own.CheckPlaces(data, &at); err != nil {
				t.Fatalf("%q: %v", data, err)
			}
			var p Paths
			for range rapid.IntRange(1, 4).Draw(t, "paths") {
				path := []string{rapid.SampledFrom(bind.obj.list).Draw(t, "field").name}
				for range rapid.IntRange(0, 2).Draw(t, "deeper") {
					path = append(path, rapid.SampledFrom(placed).Draw(t, "name"))
				}
				p.Add(path...)
			}
			p.Bind(bind)
			want, got := make([]Found, p.Len()), make([]Found, p.Len())
			got[0] = Found{[]byte("left over"), Present}
			if a, b := p.Find(data, want), p.FindAt(data, &at, got); a != b {
				t.Fatalf("%q: %t, FindAt says %t", data, a, b)
			}
			for i := range want {
				if want[i].Presence != got[i].Presence || string(want[i].Raw) != string(got[i].Raw) {
					t.Fatalf("%q, path %d: %d %q, FindAt says %d %q", data, i, want[i].Presence, want[i].Raw, got[i].Presence, got[i].Raw)
				}
			}
		}
	})
}

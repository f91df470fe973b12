package capability

import (
	"fmt"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// TestOlder: which values are migrated, and by what: the type that a value was written under
// decides, and what it fits where that type is not known.
func TestOlder(t *testing.T) {
	kind := func(def string) *shape.Type {
		s, err := shape.FromCUE(cuecontext.New().CompileString("m: " + def).LookupPath(cue.ParsePath("m")))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	from := func(name, def string) specs.Migration {
		k := kind(def)
		return specs.Migration{Name: name, Type: k, Print: k.Print()}
	}
	now := kind("{n!: int}")
	one, two := from("v1", "int"), from("v2", "{n!: int, old!: int}")
	decl := []specs.State{
		{Pattern: "a*", Name: "v3", Type: now, Print: now.Print(), From: []specs.Migration{one, two}},
		{Pattern: "plain", Name: "v3", Type: now, Print: now.Print()},
	}
	for _, c := range []struct {
		name  string
		value Value
		want  string
	}{
		{"a", Value{Data: []byte(`{"n":1}`), Type: now.Print()}, "[]"},
		{"a", Value{Data: []byte("1"), Type: one.Print}, "[a v1]"},
		{"a", Value{Data: []byte(`{"n":1,"old":2}`), Type: two.Print}, "[a v2]"}, // although it fits
		{"a", Value{Data: []byte(`{"n":1}`)}, "[]"},
		{"a", Value{Data: []byte("1")}, "[a v1]"},
		{"a", Value{Data: []byte("1"), Type: 7}, "[a v1]"},
		{"a", Value{Data: []byte(`{"n":1,"old":2}`), Type: 7}, "[]"}, // the declared type comes first
		{"a", Value{Data: []byte(`"x"`), Type: 7}, "[]"},
		{"plain", Value{Data: []byte("1"), Type: one.Print}, "[]"},
		{"other", Value{Data: []byte("1"), Type: one.Print}, "[]"},
	} {
		var s State
		s.Reset(decl, map[string]Value{c.name: c.value}, 0)
		list := []string{}
		for _, o := range s.Older() {
			list = append(list, o.Name+" "+o.From.Name)
		}
		if got := fmt.Sprint(list); got != c.want {
			t.Errorf("%s: %s of type %d: %s, want %s", c.name, c.value.Data, c.value.Type, got, c.want)
		}
	}
	var s State
	s.Reset(decl, map[string]Value{"ab": {Data: []byte("1"), Type: one.Print}, "aa": {Data: []byte("2"), Type: one.Print}}, 0)
	if list := s.Older(); len(list) != 2 || list[0].Name != "aa" || list[1].Name != "ab" {
		t.Errorf("not in the order of names: %+v", list)
	}
}

// TestOlderOnce: a value of a type that is not known is checked once, and not again for each
// message that only reads it.
func TestOlderOnce(t *testing.T) {
	now, err := shape.FromCUE(cuecontext.New().CompileString("m: {n!: int}").LookupPath(cue.ParsePath("m")))
	if err != nil {
		t.Fatal(err)
	}
	decl := []specs.State{{Name: "v2", Type: now, Print: now.Print(), From: []specs.Migration{{Name: "v1", Type: now}}}}
	var s State
	reads := func(v Value) int {
		s.Reset(decl, map[string]Value{"": v}, 0)
		return len(s.Older())
	}
	v := Value{Data: []byte(`{"n":1}`), Type: 7}
	if n := reads(v); n != 0 {
		t.Errorf("%d are older", n)
	}
	copy(v.Data, `{"x":1}`) // which nobody does: who checks it sees it
	if n := reads(v); n != 0 {
		t.Error("it was checked again")
	}
	for i := range 3 * fitsMax {
		reads(Value{Data: fmt.Appendf(nil, `{"n":%d}`, i), Type: 7})
	}
	if len(s.fits) > fitsMax {
		t.Errorf("%d are remembered", len(s.fits))
	}
	if d := decl[0]; s.taken(&d, Value{}) {
		t.Error("nothing is a value")
	}
}

package router

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/grow-platform/grow/specs/shape"
)

// TestRerouted: which places send messages other ways in another table, whatever else is
// written otherwise.
func TestRerouted(t *testing.T) {
	table := func(outer, inner []string) *Table {
		s := service([]string{"x", "y"}, []string{"a", "b"}, map[string][]string{"outer": outer, "inner": inner},
			map[string]map[string]string{"outer": {"one": "a", "two": "b", "in": "inner"}, "inner": {"deep": "a", "more": "b"}})
		got, err := Compile(s)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	outer := []string{"input x - -> one", "input y - -> in", "one x data.n > 1 -> in", "one - - -> output", "two - - -> output", "in - - -> two"}
	inner := []string{"input - - -> deep", "deep - - -> output", "more - - -> drop"}
	base := table(outer, inner)
	with := func(i int, line string) []string {
		list := append([]string(nil), outer...)
		list[i] = line
		return list
	}
	for name, c := range map[string]struct {
		next *Table
		want string
	}{
		"the same":                  {table(outer, inner), "[] []"},
		"blanks":                    {table(with(2, "one x data.n   >  1 -> in"), inner), "[] []"},
		"a rule":                    {table(with(2, "one x data.n > 2 -> in"), inner), "[outer/one] []"},
		"a rule less":               {table(with(2, "one x - -> in"), inner), "[outer/one] []"},
		"a target":                  {table(with(4, "two - - -> drop"), inner), "[outer/two] []"},
		"a target more":             {table(with(4, "two - - -> output one"), inner), "[outer/two] []"},
		"a way in":                  {table(with(0, "input x - -> two"), inner), "[] [outer]"},
		"out of a workflow within":  {table(with(5, "in - - -> output"), inner), "[outer/in/deep] []"},
		"into a workflow within":    {table(outer, []string{"input - - -> more", inner[1], inner[2]}), "[outer/one] [inner outer]"},
		"below a workflow within":   {table(outer, []string{inner[0], "deep - - -> more", inner[2]}), "[inner/deep outer/in/deep] []"},
		"to where it was, by names": {table(with(3, "one y - -> output"), inner), "[outer/one] []"}, // x that is less than 1 gets nowhere
	} {
		nodes, workflows := base.Rerouted(c.next)
		if got := fmt.Sprint(nodes, workflows); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestCompileAfter: what the last table has compiled is taken from it, for the same words
// and the same types only.
func TestCompileAfter(t *testing.T) {
	named := func(def string) *shape.Type {
		s, err := shape.FromCUE(cuecontext.New().CompileString("m: " + def).LookupPath(cue.ParsePath("m")))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	x, y := named("{n: int, k: string}"), named("{n: int, k: int}")
	table := func(last *Table, x, y *shape.Type, rule, key string) *Table {
		s := service([]string{"x", "y"}, []string{"a"}, map[string][]string{"w": {"input - - -> one", "one x " + rule + " -> drop", "one - - -> output"}}, map[string]map[string]string{"w": {"one": "a"}})
		s.Types = map[string]*shape.Type{"x": x, "y": y}
		s.Actors["a"].Key = map[string]string{"": key}
		got, err := CompileAfter(s, last)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := table(&Table{}, x, y, "data.n > 1", "data.k")
	node := first.Nodes[0]
	for name, c := range map[string]struct {
		next               *Table
		rule, keyX, anyway bool
	}{
		"the same":        {table(first, x, y, "data.n > 1", "data.k"), true, true, true},
		"another rule":    {table(first, x, y, "data.n > 2", "data.k"), false, true, true},
		"another key":     {table(first, x, y, "data.n > 1", "data.n"), true, false, false},
		"the type anew":   {table(first, named("{n: int, k: string}"), y, "data.n > 1", "data.k"), false, false, false},
		"the other anew":  {table(first, x, named("{n: int, k: int}"), "data.n > 1", "data.k"), true, false, false},
		"after one more":  {table(table(first, x, y, "data.n > 1", "data.k"), x, y, "data.n > 1", "data.k"), true, true, true},
		"after none":      {table(&Table{}, x, y, "data.n > 1", "data.k"), false, false, false},
		"after one other": {table(table(first, x, y, "data.n > 2", "data.n"), x, y, "data.n > 1", "data.k"), false, false, false},
	} {
		n := c.next.Nodes[0]
		got := [3]bool{n.Outs[0].choice.options[0].rule == node.Outs[0].choice.options[0].rule, n.keys["x"] == node.keys["x"], n.anyKey == node.anyKey}
		if want := [3]bool{c.rule, c.keyX, c.anyway}; got != want {
			t.Errorf("%s: rule, key of x and key of any are taken over: %v, want %v", name, got, want)
		}
		if n.keys["x"] == n.keys["y"] || n.keys["x"] == n.anyKey {
			t.Errorf("%s: keys of types are one", name)
		}
	}
	if node.Outs[0].choice.options[0].rule == nil || node.Outs[0].Type != "x" {
		t.Error("the rule is not where it is looked for")
	}
}

// TestReached: nodes that routes lead to, from others and from outside, and no others.
func TestReached(t *testing.T) {
	s := service([]string{"x", "y"}, []string{"a", "b"}, map[string][]string{
		"outer": {"input x - -> one", "input y - -> in", "one x data.n > 1 -> in", "one - - -> output", "idle - - -> output", "in - - -> output"},
		"inner": {"input - - -> deep", "deep - - -> output"},
	}, map[string]map[string]string{"outer": {"one": "a", "idle": "b", "in": "inner"}, "inner": {"deep": "a"}})
	table, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Sorted(maps.Keys(table.Reached()))
	if want := []string{"inner/deep", "outer/in/deep", "outer/one"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestRestore: routes that were written lead as those that they were written of, for other
// types too; those that do not fit the types, or are none, are refused.
func TestRestore(t *testing.T) {
	typed := func(def string) map[string]*shape.Type {
		s, err := shape.FromCUE(cuecontext.New().CompileString("m: " + def).LookupPath(cue.ParsePath("m")))
		if err != nil {
			t.Fatal(err)
		}
		return map[string]*shape.Type{"x": s, "y": s}
	}
	of := func(types map[string]*shape.Type, rule string) *Table {
		s := service([]string{"x", "y"}, []string{"a", "b", "c"}, map[string][]string{
			"outer": {"input x - -> one", "input y - -> in", "one x " + rule + " -> in", "one - - -> output", "in - - -> two", "two - - -> drop"},
			"inner": {"input - - -> deep", "deep x - -> output", "deep - - -> deadletter"},
		}, map[string]map[string]string{"outer": {"one": "a", "two": "b", "in": "inner"}, "inner": {"deep": "a"}})
		s.Types, s.Actors["a"].Key = types, map[string]string{"": "data.k"}
		table, err := Compile(s)
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	table := of(typed("{k: string, n: int}"), "data.n > 1")
	now := of(typed("{n: int, k: string, more: int}"), "data.more > 1")
	if slices.Equal(table.Routes(), now.Routes()) || !slices.Equal(table.Routes(), of(now.types, "data.n > 1").Routes()) {
		t.Error("routes are not told apart by where they lead, and by nothing else")
	}
	again, err := Restore(table.Routes(), now)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.Routes(), table.Routes()) {
		t.Errorf("written again: %s", again.Routes())
	}
	if nodes, workflows := table.Rerouted(again); len(nodes)+len(workflows) > 0 {
		t.Errorf("restored routes differ at %q, and where messages come in, %q", nodes, workflows)
	}
	for _, n := range table.Nodes {
		if is, ok := again.Node(n.Path); !ok || is.Keyed() != n.Keyed() || is.Exclusive() != n.Exclusive() || is.Takes("x") != n.Takes("x") || (is.Key("x") == nil) != (n.Key("x") == nil) {
			t.Errorf("%s is another node, or none", n.Path)
		}
	}
	if _, err := Restore(table.Routes(), of(typed("{k: string, m: int}"), "data.m > 1")); err == nil {
		t.Error("a rule about what data has no more is restored")
	}
	if _, err := Restore([]byte("{"), now); !errors.Is(err, ErrWritten) {
		t.Errorf("no routes: %v", err)
	}
}

package router

import (
	"fmt"
	"testing"
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

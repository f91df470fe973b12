package router

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/graph"
	"github.com/grow-platform/grow/specs/shape"
	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"
)

// service makes one of actors, each of which takes and sends every type, and of
// workflows written as lines: "FROM TYPE WHEN -> TO TO", "-" for any or always.
func service(types []string, actors []string, flows map[string][]string, nodes map[string]map[string]string) *specs.Service {
	s := &specs.Service{Name: "t", Actors: map[string]*specs.Actor{}, Workflows: map[string]*specs.Workflow{}}
	for _, a := range actors {
		s.Actors[a] = &specs.Actor{Name: a, In: types, Out: types, Scale: specs.Scale{Max: 1, Mailbox: 10}}
	}
	for name, lines := range flows {
		w := &specs.Workflow{Name: name, In: types, Out: types}
		var names []string
		for node := range nodes[name] {
			names = append(names, node)
		}
		slices.Sort(names)
		for _, node := range names {
			n := &specs.Node{Name: node, Scale: specs.Scale{Max: 1, Mailbox: 10}}
			if fill := nodes[name][node]; s.Actors[fill] != nil {
				n.Actor = fill
			} else {
				n.Workflow = fill
			}
			w.Nodes = append(w.Nodes, n)
		}
		for _, line := range lines {
			before, after, _ := strings.Cut(line, " -> ")
			f := strings.SplitN(before, " ", 3)
			r := &specs.Route{From: f[0], To: strings.Fields(after)}
			if f[1] != "-" {
				r.Type = f[1]
			}
			if f[2] != "-" {
				r.When = f[2]
			}
			w.Routes = append(w.Routes, r)
		}
		s.Workflows[name] = w
	}
	return s
}

func names(targets []Target) string {
	var list []string
	for _, t := range targets {
		switch t.Place {
		case ToNode:
			list = append(list, t.Node.Path)
		case ToOutput:
			list = append(list, "output")
		case ToDrop:
			list = append(list, "drop")
		case ToDeadLetter:
			list = append(list, "deadletter from "+t.From)
		default:
			list = append(list, "nowhere from "+t.From)
		}
	}
	return strings.Join(list, ", ")
}

func outOf(t testing.TB, table *Table, path, typ string) *Out {
	t.Helper()
	n, ok := table.Node(path)
	if !ok {
		t.Fatalf("no node %s", path)
	}
	for i, out := range n.Actor.Out {
		if out == typ {
			return n.Outs[i]
		}
	}
	t.Fatalf("%s sends no %s", path, typ)
	return nil
}

func TestRoutes(t *testing.T) {
	s := service([]string{"a", "b"}, []string{"x", "y", "z"}, map[string][]string{
		"inner": {"input a - -> p", "p a - -> output", "p b - -> output"},
		"outer": {
			"input a - -> first", "input b data.n==1.0 -> first second",
			"first a data.n>10.0 -> second", "first a data.n>5.0 -> second drop", "first a - -> inner",
			"first b data.missing.x==1.0 -> second", "first b - -> deadletter",
			"inner a - -> output", "inner b - -> second",
			"second a - -> output",
		},
	}, map[string]map[string]string{
		"inner": {"p": "y"}, "outer": {"first": "x", "second": "x", "inner": "inner"},
	})
	table, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from, typ, data, want string
		faults                int
		along                 string
	}{
		{"outer/first", "a", `{"n":11}`, "outer/second", 0, "outer/first>outer/second?data.n>10.0"},
		{"outer/first", "a", `{"n":6}`, "outer/second, drop", 0, "outer/first>outer/second?data.n>5.0, outer/first>outer/drop?data.n>5.0"},
		{"outer/first", "a", `{"n":1}`, "outer/inner/p", 0, "outer/first>outer/inner/input, outer/inner/input>outer/inner/p"},
		{"outer/first", "a", `{}`, "outer/inner/p", 2, "outer/first>outer/inner/input, outer/inner/input>outer/inner/p"}, // rules that end in an error are not taken
		{"outer/first", "b", `{}`, "deadletter from outer/first", 1, "outer/first>outer/deadletter"},
		{"outer/inner/p", "a", `{}`, "output", 0, "outer/inner/p>outer/inner/output, outer/inner/output>outer/output"},
		{"outer/inner/p", "b", `{}`, "outer/second", 0, "outer/inner/p>outer/inner/output, outer/inner/output>outer/second"},
		{"outer/second", "b", `{}`, "nowhere from outer/second", 0, ""},
		{"inner/p", "b", `{}`, "output", 0, "inner/p>inner/output"},
		{"z", "a", `{}`, "output", 0, "z>z/output"}, // an actor that is named directly
	} {
		m := abi.NewMessage([]byte(c.data), abi.Type, c.typ)
		var w Way
		outOf(t, table, c.from, c.typ).Next(m, nil, &w)
		if got := names(w.Targets); got != c.want || w.Faults != c.faults || (w.Last != nil) != (c.faults > 0) {
			t.Errorf("%s %s %s: %s with %d faults, want %s with %d", c.from, c.typ, c.data, got, w.Faults, c.want, c.faults)
		}
		if w.Faults == 2 && !strings.Contains(w.Last.Error(), "data.n>5.0: ") {
			t.Errorf("%s %s %s: %v does not name the rule", c.from, c.typ, c.data, w.Last)
		}
		if got := along(table, w.Edges); got != c.along {
			t.Errorf("%s %s %s: along %s, want %s", c.from, c.typ, c.data, got, c.along)
		}
	}
	for _, c := range []struct{ entry, typ, data, want string }{
		{"outer", "a", `{}`, "outer/first"}, {"outer", "b", `{"n":1}`, "outer/first, outer/second"}, {"outer", "b", `{"n":2}`, "nowhere from outer"},
		{"outer/second", "a", `{}`, "outer/second"}, {"z", "a", `{}`, "z"},
	} {
		e, ok := table.Entry(c.entry)
		if !ok || !e.Takes(c.typ) {
			t.Errorf("%s takes no %s", c.entry, c.typ)
			continue
		}
		var w Way
		e.Enter(abi.NewMessage([]byte(c.data), abi.Type, c.typ), nil, &w)
		if got := names(w.Targets); got != c.want {
			t.Errorf("enter %s with %s %s: %s, want %s", c.entry, c.typ, c.data, got, c.want)
		}
	}
	if _, ok := table.Entry("nobody"); ok {
		t.Error("an entry that is not there was found")
	}
}

// TestNaive holds the compiled routes of random workflows against an
// interpreter of the routes as they are written.
func TestNaive(t *testing.T) {
	types, places := []string{"a", "b"}, []string{"n0", "n1", "n2"}
	property.Check(t, func(t *rapid.T) {
		var lines []string
		for range rapid.IntRange(0, 8).Draw(t, "routes") {
			to := rapid.SampledFrom([]string{"n0", "n1", "n2", "output", "drop", "deadletter", "n0 n1", "n2 output"}).Draw(t, "to")
			lines = append(lines, fmt.Sprintf("%s %s %s -> %s", rapid.SampledFrom(append(places, "input")).Draw(t, "from"),
				rapid.SampledFrom([]string{"a", "b", "-"}).Draw(t, "type"),
				rapid.SampledFrom([]string{"-", "data.n>3.0", "data.n<5.0", "data.gone==1.0"}).Draw(t, "when"), to))
		}
		s := service(types, []string{"x"}, map[string][]string{"w": lines}, map[string]map[string]string{"w": {"n0": "x", "n1": "x", "n2": "x"}})
		table, err := Compile(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, from := range places {
			for _, typ := range types {
				n := rapid.IntRange(0, 9).Draw(t, "n")
				m := abi.NewMessage(fmt.Appendf(nil, `{"n":%d}`, n), abi.Type, typ)
				node, _ := table.Node("w/" + from)
				out := node.Outs[slices.Index(types, typ)]
				var w Way
				out.Next(m, nil, &w)
				want := naive(s.Workflows["w"].Routes, from, typ, n)
				if got := names(w.Targets); got != want {
					t.Fatalf("%s sends %s with n=%d: %s, want %s\n%s", from, typ, n, got, want, strings.Join(lines, "\n"))
				}
				if only := out.Only(); only != nil && (names([]Target{*only}) != want || !slices.Equal(out.Along(), w.Edges)) {
					t.Fatalf("only %s along %v, want %s along %v", names([]Target{*only}), out.Along(), want, w.Edges)
				}
			}
		}
	})
}

// along are edges of a table in words.
func along(t *Table, edges []int32) string {
	var list []string
	for _, i := range edges {
		e := t.Edges[i]
		text := e.From + ">" + e.To
		if e.When != "" {
			text += "?" + e.When
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// TestEdges holds the edges of the table of a service against those of its graph.
func TestEdges(t *testing.T) {
	s := service([]string{"a", "b"}, []string{"x", "y", "z"}, map[string][]string{
		"inner": {"input a - -> p", "p a - -> output", "p b - -> output"},
		"outer": {
			"input a - -> first inner", "input b data.n==1.0 -> first first", "first a data.n>5.0 -> first drop", "first a - -> inner",
			"first b - -> deadletter", "inner - data.n==2.0 -> output", "inner b - -> first",
		},
	}, map[string]map[string]string{"inner": {"p": "y"}, "outer": {"first": "x", "inner": "inner"}})
	s.Endpoints = []*specs.Endpoint{
		{Method: "POST", Path: "/w", Send: "a", To: "outer"}, {Method: "POST", Path: "/i", Send: "a", To: "inner"},
		{Method: "POST", Path: "/z", Send: "b", To: "z"}, {Method: "POST", Path: "/n", Send: "b", To: "outer/first"},
	}
	table, err := Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	known := map[Edge]bool{}
	for _, e := range table.Edges {
		known[e] = true
	}
	drawn := map[Edge]bool{}
	for _, e := range graph.New(s, "").Edges {
		for _, typ := range e.Types {
			drawn[Edge{e.From, e.To, e.When, typ}] = true
		}
	}
	if d := cmp.Diff(drawn, known); d != "" || len(drawn) < 20 {
		t.Errorf("%d edges; -graph +table\n%s", len(drawn), d)
	}
}

// naive takes the first route that fits.
func naive(routes []*specs.Route, from, typ string, n int) string {
	for _, r := range routes {
		if r.From != from || r.Type != "" && r.Type != typ {
			continue
		}
		if r.When == "data.n>3.0" && n <= 3 || r.When == "data.n<5.0" && n >= 5 || r.When == "data.gone==1.0" {
			continue
		}
		var list []string
		for _, to := range r.To {
			switch to {
			case "output", "drop":
				list = append(list, to)
			case "deadletter":
				list = append(list, "deadletter from w/"+from)
			default:
				list = append(list, "w/"+to)
			}
		}
		return strings.Join(list, ", ")
	}
	return "nowhere from w/" + from
}

// TestBelow: back-pressure comes from every node downstream, but not from the
// nodes of one's own cycle, be it one of several tables together.
func TestBelow(t *testing.T) {
	table := func(routes ...string) *Table {
		table, err := Compile(service([]string{"a"}, []string{"x"}, map[string][]string{"w": routes}, map[string]map[string]string{"w": {"n0": "x", "n1": "x", "n2": "x"}}))
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	one := table("input a - -> n0", "n0 a - -> n1", "n1 a data.n>1.0 -> n0", "n1 a - -> n2", "n2 a - -> output")
	line := table("input a - -> n0", "n0 a - -> n1", "n1 a - -> n2", "n2 a - -> output")
	back := table("input a - -> n2", "n2 a - -> n1", "n1 a - -> output", "n0 a - -> n2")
	for name, c := range map[string]struct {
		tables []*Table
		want   map[string]string // of the first
	}{
		"a cycle":          {[]*Table{one}, map[string]string{"w/n0": "", "w/n1": "w/n2", "w/n2": ""}},
		"a line":           {[]*Table{line}, map[string]string{"w/n0": "w/n1", "w/n1": "w/n2", "w/n2": ""}},
		"two lines":        {[]*Table{line, back}, map[string]string{"w/n0": "w/n1", "w/n1": "", "w/n2": ""}},
		"the other of two": {[]*Table{back, line}, map[string]string{"w/n0": "w/n2", "w/n1": "", "w/n2": ""}},
	} {
		below := Below(c.tables...)[0]
		for path, want := range c.want {
			n, _ := c.tables[0].Node(path)
			var got []string
			for _, b := range below[n.Index] {
				got = append(got, b.Path)
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: below %s: %v, want %q", name, path, got, want)
			}
		}
	}
}

// TestKeyOfSeveralTypes: one key for all types of a node gives messages that say
// the same the same key, whichever type they are of.
func TestKeyOfSeveralTypes(t *testing.T) {
	typ := func(def string) *shape.Type {
		s, err := shape.FromCUE(cuecontext.New().CompileString("m: " + def).LookupPath(cue.ParsePath("m")))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, src := range []string{`string(data.n)`, `"k-" + string(data.n)`, `string(data.n / 2)`, `data.s`, `data.s + "/x"`} {
		s := service([]string{"a", "b"}, []string{"x"}, nil, nil)
		s.Types = map[string]*shape.Type{"a": typ(`{n: int, s: string}`), "b": typ(`{s: string, n: number}`)}
		s.Actors["x"].Key = map[string]string{"": src}
		table, err := Compile(s)
		if err != nil {
			t.Fatal(err)
		}
		node, _ := table.Node("x")
		for _, data := range []string{`{"n":3,"s":"y"}`, `{"n":1234567,"s":""}`, `{"s":"z","n":-0}`} {
			var keys []string
			for _, name := range []string{"a", "b"} {
				var at shape.Places
				if err := s.Types[name].CheckPlaces([]byte(data), &at); err != nil {
					t.Fatal(err)
				}
				key, err := node.Key(name).AppendAt(nil, abi.NewMessage([]byte(data), abi.Type, name), &at)
				if err != nil {
					t.Fatal(err)
				}
				keys = append(keys, string(key))
			}
			if keys[0] != keys[1] {
				t.Errorf("%s of %s: %q by one type, %q by the other", src, data, keys[0], keys[1])
			}
		}
	}
}

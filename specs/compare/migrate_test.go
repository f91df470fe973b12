package compare

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// keeps is a service whose actor count keeps state, as state: says.
func keeps(state string) map[string]string {
	converts := func(name, from, to string) (string, string) {
		return "actors/" + name + "/actor.yaml", "actor: " + name + "\ncode: {language: rust, source: src}\nin: [" + from + "]\nout: [" + to + "]\n"
	}
	files := map[string]string{
		"grow.yaml": "service: counts\nhttp:\n  POST /count: {send: count.up, to: count, reply: 202}\n",
		"types/count.cue": `"count.up": {id!: string}
"count.v1": int
"count.v2": {n!: int}
"count.v3": {n!: int, unit!: string}
`,
		"actors/count/actor.yaml": "actor: count\ncode: {language: rust, source: src}\nin: [count.up]\nkey: data.id\nstate: " + state + "\n",
	}
	for _, c := range [][3]string{{"one-two", "count.v1", "count.v2"}, {"two-one", "count.v2", "count.v1"}, {"two-three", "count.v2", "count.v3"}, {"one-three", "count.v1", "count.v3"}} {
		name, text := converts(c[0], c[1], c[2])
		files[name] = text
		value := "{n: 1}"
		if c[1] == "count.v1" {
			value = "1"
		}
		files["actors/"+c[0]+"/tests/values.yaml"] = "- test: nothing\n  when: {" + c[1] + ": " + value + "}\n  failed: {}\n"
	}
	for _, name := range slices.Collect(maps.Keys(files)) {
		if dir, ok := strings.CutSuffix(name, "/actor.yaml"); ok {
			files[dir+"/src/lib.rs"] = ""
		}
	}
	return files
}

// TestMigrations: what is kept under another type is read where a migration says how, a
// rollback ends where none says how to go back, and values that nobody has touched since
// an earlier type count too.
func TestMigrations(t *testing.T) {
	const (
		one      = "count.v1"
		two      = "{type: count.v2, from: {count.v1: one-two}, back: two-one}"
		twoOnly  = "{type: count.v2, from: {count.v1: one-two}}"
		oneAgain = "{type: count.v1, from: {count.v2: two-one}}"
	)
	migrates := "ok actor count: state: state: each value of count.v1 becomes one of count.v2 by one-two, before the next message of its key"
	for _, c := range []struct {
		name, old, new string
		want           []string
	}{
		{"with a way back", one, two, []string{"ok actor count: state: the type is count.v2 now, was count.v1", migrates}},
		{"without a way back", one, twoOnly, []string{
			"ok actor count: state: the type is count.v2 now, was count.v1", migrates,
			"warn actor count: state: state: rollback ends here: the old revision cannot read what the new one keeps, and the definition names no actor under back",
		}},
		{"the old one migrates back by itself", oneAgain, twoOnly, []string{"ok actor count: state: the type is count.v2 now, was count.v1", migrates}},
		{"back", two, oneAgain, []string{
			"ok actor count: state: the type is count.v1 now, was count.v2",
			"ok actor count: state: state: each value of count.v2 becomes one of count.v1 by two-one, before the next message of its key",
		}},
		{"back without a migration", two, one, []string{
			"ok actor count: state: the type is count.v1 now, was count.v2",
			"BREAK actor count: state: state: was an object, is an integer now; there is no migration",
		}},
		{"nothing has changed", two, two, nil},
		{"a migration is left out", two, "count.v2", []string{
			"BREAK actor count: state: state: values of count.v1 are not migrated any more, and keys that no message has come to since still have them; keep it under from",
		}},
		{"the oldest are left out", two, "{type: count.v3, from: {count.v2: two-three}}", []string{
			"ok actor count: state: the type is count.v3 now, was count.v2",
			"ok actor count: state: state: each value of count.v2 becomes one of count.v3 by two-three, before the next message of its key",
			"BREAK actor count: state: state: values of count.v1 are not migrated any more, and keys that no message has come to since still have them; keep it under from",
		}},
		{"all of them", two, "{type: count.v3, from: {count.v2: two-three, count.v1: one-three}}", []string{
			"ok actor count: state: the type is count.v3 now, was count.v2",
			"ok actor count: state: state: each value of count.v2 becomes one of count.v3 by two-three, before the next message of its key",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := lines(Services(load(t, keeps(c.old)), load(t, keeps(c.new)), Options{}))
			if !slices.Equal(got, c.want) {
				t.Errorf("changes are\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(c.want, "\n\t"))
			}
		})
	}
}

// TestMigrationGone: an actor that did nothing but migrate may go; one that an endpoint
// sends to may not.
func TestMigrationGone(t *testing.T) {
	old, new := keeps("{type: count.v2, from: {count.v1: one-two}}"), keeps("count.v2")
	for _, name := range []string{"actor.yaml", "tests/values.yaml", "src/lib.rs"} {
		delete(new, "actors/one-two/"+name)
	}
	want := "ok actor one-two: is gone: it has migrated state"
	if got := lines(Services(load(t, old), load(t, new), Options{})); !slices.Contains(got, want) {
		t.Errorf("changes are\n\t%s", strings.Join(got, "\n\t"))
	}
	old["grow.yaml"] += "  POST /one: {send: count.v1, to: one-two, reply: 202}\n"
	want = "BREAK actor one-two: is gone: nothing takes what is sent to it"
	if got := lines(Services(load(t, old), load(t, new), Options{})); !slices.Contains(got, want) {
		t.Errorf("changes are\n\t%s", strings.Join(got, "\n\t"))
	}
}

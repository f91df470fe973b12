package shape

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"
)

// drawCompared draws a type of any form that FromCUE takes, closed or open.
func drawCompared(t *rapid.T) (*Type, string) {
	def := rapid.Custom(func(t *rapid.T) string {
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return drawType(t, 0)
		case 1:
			return strings.ReplaceAll(drawStruct(t, 0, ""), ", ...}", "}")
		case 2:
			return rapid.SampledFrom(comparedForms).Draw(t, "form")
		}
		return strings.ReplaceAll(drawType(t, 0), ", ...}", "}")
	}).Draw(t, "type")
	s, err := FromCUE(compileRapid(def))
	if err != nil {
		t.Skip(err)
	}
	return s, def
}

// mutated makes a small change to a definition.
func mutated(t *rapid.T, def string) (*Type, string) {
	edits := [][2]string{
		{"!:", "?:"}, {"?:", "!:"}, {"int", "number"}, {"number", "int"}, {"string", "(string | null)"}, {"int", "string"}, {`"x"`, `"y"`}, {`"x" | `, ``}, {">0", ">=0"},
		{">=1", ">0.5"}, {"(2)", "(1)"}, {"(1)", "(2)"}, {"[a-y]", "[a-z]"}, {"{1,2}", "+"}, {"^a", "^"}, {"a!", "a1!"}, {"b?", "c?"}, {", ...}", "}"}, {"}", ", ...}"}, {"_", "int"},
		{`*"x"`, `"x"`}, {"bool", "true"}, {"true", "bool"}, {"^x", "^xx"}, {"4", "2"}, {"1", "2"}, {`"yy"`, `"x"`}, {"time.Time", "string"}, {"net.IPv4", "net.IP"}, {"[...", "[int, ..."},
	}
	for range rapid.IntRange(1, 2).Draw(t, "edits") {
		e := rapid.SampledFrom(edits).Draw(t, "edit")
		def = strings.Replace(def, e[0], e[1], rapid.IntRange(1, 3).Draw(t, "times"))
	}
	s, err := FromCUE(compileRapid(def))
	if err != nil {
		t.Skip(err)
	}
	return s, def
}

// comparedForms are forms that drawType has none of.
var comparedForms = []string{
	`=~"^[a-y]{1,3}$"`, `=~"^x*$"`, `=~"^[a-z]+$" & strings.MaxRunes(2)`, `=~"y$"`, `!~"y" & =~"^."`, `int & >=0 & <=3`, `int & >0 & !=2`, `number & >=0`,
	`math.MultipleOf(4)`, `int & math.MultipleOf(1)`, `[...int]`, `[string, ...int]`, `[_, _]`, `[...("x"|"y")] & list.MinItems(1)`, `{[string]: int}`,
	`{[=~"^a"]: string, b?: int}`, `{a: int | *1, b?: string}`, `{a!: "x", b!: 1} | {a!: "yy", c!: 2}`, `{a!: "x" | "y", b?: int}`, `{a!: int} | {b!: string}`,
	`{kind!: "x", a?: int} | {kind!: "y" | "yy", b?: int}`, `_`, `bytes`, `null | "x" | 2 | 1.5`, `{...}`, `{}`, `net.IP`, `net.IPv4`, `"x" | "y" | int`, `time.Time & =~"Z$"`,
	`(=~"^x" & string) | (=~"^y" & string)`, `(int & <0) | (int & >2)`, `{a?: {b?: [...{c!: "x" | "y"}]}}`,
}

// declared takes out of a message what the type does not speak of, as far as
// one of its alternatives takes the rest: the promise is about nothing else.
func declared(t *Type, m any) any {
	if t.any {
		return m
	}
	for _, a := range t.branches() {
		var kept any
		switch v := m.(type) {
		case map[string]any:
			if a.kinds&Object == 0 {
				continue
			}
			kept = declaredFields(a.fields(), v)
		case []any:
			if a.kinds&List == 0 {
				continue
			}
			list := make([]any, len(v))
			for i, item := range v {
				list[i] = item
				if it := a.items().at(i); it != nil {
					list[i] = declared(it, item)
				}
			}
			kept = list
		default:
			kept = m
		}
		if text, _ := json.Marshal(kept); a.Check(text) == nil {
			return kept
		}
	}
	return m
}

func declaredFields(r *fields, v map[string]any) map[string]any {
	kept := map[string]any{}
	for name, item := range v {
		if f := r.index[name]; f != nil {
			kept[name] = declared(f.typ, item)
		} else if all := r.unlisted(name); all != nil {
			kept[name] = declared(all[0], item)
		}
	}
	return kept
}

// TestCompareAgainstCheck draws two types and messages. The run-time check is
// the oracle: what Compare calls safe is safe for every message, and each of
// its examples is accepted by the one side and refused by the other.
func TestCompareAgainstCheck(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		old, oldDef := drawCompared(t)
		new, newDef := drawCompared(t)
		switch rapid.IntRange(0, 9).Draw(t, "likeness") {
		case 0:
			new, newDef = old, oldDef
		case 1, 2, 3, 4, 5:
			new, newDef = mutated(t, oldDef)
		}
		changes := Compare(old, new, CompareOptions{})
		about := fmt.Sprintf("old %s\nnew %s\n", oldDef, newDef)
		for _, role := range []Role{In, Out} {
			sender, receiver := (&spot{old: old, new: new}).sides(role)
			holdExamples(t, about, changes, role, sender, receiver)
			if oldDef == newDef && Worst(changes, role) != Ok {
				t.Fatalf("%s%v: a type is unlike itself: %+v", about, role, changes)
			}
			if refuses(changes, role) {
				continue
			}
			steps := regularTotalMax
			b := &builder{left: 2000, work: workMax, regular: &steps, plain: map[plainKey][]byte{}}
			messages := b.values(sender, receiver, 0)
			for range 6 {
				messages = append(messages, []byte(drawData(t, 0)))
			}
			for _, m := range messages {
				holdSafe(t, about, role, sender, receiver, m)
			}
		}
	})
}

// refuses reports whether anything is said to be refused, be it only what an
// open struct let through.
func refuses(changes []Change, role Role) bool {
	for i := range changes {
		j := changes[i].Of(role)
		if j.Verdict == Break || j.Example != nil || changes[i].Code == "type.narrowed" || changes[i].Code == "type.widened" || changes[i].Code == "keys.added" || changes[i].Code == "keys.removed" {
			if j.Verdict != Ok {
				return true
			}
		}
	}
	return false
}

func holdSafe(t *rapid.T, about string, role Role, sender, receiver *Type, data []byte) {
	if sender.raw || sender.Check(data) != nil {
		return
	}
	if !json.Valid(data) { // a sender that may send anything
		if receiver.Check(data) != nil {
			t.Fatalf("%s%v is called safe, and refuses %q", about, role, data)
		}
		return
	}
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	var m any
	if err := d.Decode(&m); err != nil {
		t.Fatal(err)
	}
	kept, err := json.Marshal(declared(sender, m))
	if err != nil {
		t.Fatal(err)
	}
	if err := receiver.Check(kept); err != nil && sender.Check(kept) == nil {
		t.Fatalf("%s%v is called safe, and %s is refused: %v", about, role, kept, err)
	}
}

func holdExamples(t *rapid.T, about string, changes []Change, role Role, sender, receiver *Type) {
	for _, c := range changes {
		j := c.Of(role)
		switch {
		case j.Verdict == Ok && j.Example != nil:
			t.Fatalf("%s%v: %s is ok and has an example", about, role, c.Message)
		case j.Example == nil:
		case sender.Check(j.Example) != nil:
			t.Fatalf("%s%v: %s: %s is not sent", about, role, c.Message, j.Example)
		case receiver.Check(j.Example) == nil:
			t.Fatalf("%s%v: %s: %s is not refused", about, role, c.Message, j.Example)
		}
	}
}

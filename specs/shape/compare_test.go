package shape

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
)

func compileRapid(def string) cue.Value {
	return cuecontext.New().CompileString(preamble + def).LookupPath(cue.ParsePath("m"))
}

// comparisons are changes by name: old, new, the verdicts, and what is said of
// the gravest change: path and sentence, or a part of it; "" when nothing is.
var comparisons = []struct {
	name, old, new string
	in, out        Verdict
	says           string
}{
	// The table of docs/compatibility.md.
	{"optional added", `{id!: string}`, `{id!: string, n?: int}`, Ok, Ok, `/n is new and optional`},
	{"required added", `{id!: string}`, `{id!: string, n!: int}`, Break, Ok, `/n is new and required`},
	{"required removed", `{id!: string, n!: int}`, `{id!: string}`, Ok, Break, `/n is gone; it was required`},
	{"optional renamed", `{id!: string, note?: string}`, `{id!: string, remark?: string}`, Warn, Warn, `/note is gone, and "remark" of the same type is new`},
	{"enum narrowed", `{t!: "gold" | "silver"}`, `{t!: "gold"}`, Break, Ok, `/t the enum lost "silver"`},
	{"bound narrowed", `{n!: int & >=0}`, `{n!: int & >=1}`, Break, Ok, `/n min rose from 0 to 1`},
	{"enum widened", `{t!: "gold"}`, `{t!: "gold" | "silver"}`, Ok, Break, `/t the enum gained "silver"`},
	{"bound widened", `{n!: int & <=5}`, `{n!: int & <=6}`, Ok, Break, `/n max rose from 5 to 6`},
	{"required renamed", `{customer!: string}`, `{client!: string}`, Break, Break, `/customer is gone, and "client" of the same type is there instead`},
	{"type changed", `{n!: int}`, `{n!: string}`, Break, Break, `/n was an integer, is a string now`},
	{"default changed", `{t: "a" | *"b"}`, `{t: *"a" | "b"}`, Warn, Warn, `/t the default changed from "b" to "a"`},

	// Fields.
	{"nothing changed", order, order, Ok, Ok, ``},
	{"fields in another order", `{a!: int, b!: string}`, `{b!: string, a!: int}`, Ok, Ok, ``},
	{"mark without effect", `{a!: int}`, `{a: int}`, Ok, Ok, ``},
	{"optional removed", `{id!: string, n?: int}`, `{id!: string}`, Ok, Ok, `/n is gone; it was optional`},
	{"optional became required", `{n?: int}`, `{n!: int}`, Break, Ok, `/n is required now`},
	{"required became optional", `{n!: int}`, `{n?: int}`, Ok, Break, `/n may be left out now`},
	{"required got a default", `{t: string}`, `{t: string | *"x"}`, Ok, Break, `/t may be left out now, which stands for "x"`},
	{"default taken away", `{t: string | *"x"}`, `{t: string}`, Break, Ok, `/t is required now`},
	{"added with a default", `{}`, `{t: string | *"x"}`, Ok, Ok, `/t is new and optional; left out it is "x"`},
	{"two added, two removed", `{a!: int, b!: int}`, `{c!: int, d!: int}`, Break, Break, ``},
	{"renamed by a slip", `{customer?: string, note?: string}`, `{custmer?: string, note?: string}`, Warn, Warn, `"custmer" of the same type`},
	{"removed and added of other types", `{a?: int}`, `{b?: string}`, Ok, Ok, `/a is gone`},
	{"optional renamed to required", `{a?: int}`, `{b!: int}`, Break, Warn, `"b" of the same type`},
	{"several at once", `{a!: int, b!: int & >=0}`, `{a!: string, b!: int & >=1}`, Break, Break, `/b min rose from 0 to 1`},
	{"nested field required", `{a!: {b?: {c?: int}}}`, `{a!: {b?: {c!: int}}}`, Break, Ok, `/a/b/c is required now`},
	{"name with a slash", `{"a/b"!: int}`, `{"a/b"!: string}`, Break, Break, `/a~1b was an integer`},
	{"closedness is no promise", `close({a!: int})`, `{a!: int}`, Ok, Ok, ``},
	{"struct opened", `{a!: int}`, `{a!: int, ...}`, Ok, Ok, `takes fields that it does not name now`},
	{"optional added to an open struct", `{a!: int, ...}`, `{a!: int, b?: string, ...}`, Warn, Ok, `/b could be anything, must be a string now`},
	{"optional of any type added to an open struct", `{a!: int, ...}`, `{a!: int, b?: _, ...}`, Ok, Ok, `/b is new and optional`},
	{"any object became a struct", `{...}`, `{a!: int}`, Break, Ok, `/a is new and required`},

	// Kinds.
	{"null allowed", `{a!: string}`, `{a!: string | null}`, Ok, Break, `/a may be null too now`},
	{"null no longer allowed", `string | null`, `string`, Break, Ok, ` may no longer be null`},
	{"integer to number", `int`, `number`, Ok, Break, ` was an integer, is a number now`},
	{"number to integer", `number`, `int`, Break, Ok, ` was a number, is an integer now`},
	{"bool to true", `bool`, `true`, Break, Ok, ` may no longer be false`},
	{"anything to struct", `_`, `{a!: int}`, Break, Ok, ` could be anything, must be an object now`},
	{"struct to anything", `{a!: int}`, `_`, Ok, Break, ` had to be an object, may be anything now`},
	{"bytes to JSON", `bytes`, `{a!: int}`, Break, Warn, ` was bytes, must be JSON now`},
	{"JSON to bytes", `{a!: int}`, `bytes`, Warn, Break, ` was JSON, is bytes now`},
	{"bytes to anything", `bytes`, `_`, Warn, Warn, ` bytes before, anything now`},
	{"bytes stay", `bytes`, `bytes`, Ok, Ok, ``},
	{"string became a list of them", `{a!: string}`, `{a!: [...string]}`, Break, Break, `/a was a string, is a list now`},
	{"string or a list of them", `{a!: string}`, `{a!: string | [...string]}`, Ok, Break, `/a may be a list too now`},
	{"anything but null", `_`, `!=null`, Break, Ok, `could be anything`},

	// Text.
	{"least length", `strings.MinRunes(1)`, `strings.MinRunes(2)`, Break, Ok, ` the least number of characters rose from 1 to 2`},
	{"greatest length", `strings.MaxRunes(9)`, `strings.MaxRunes(5)`, Break, Ok, ` the greatest number of characters fell from 9 to 5`},
	{"greatest length new", `string`, `strings.MaxRunes(5)`, Break, Ok, ` the greatest number of characters is 5 now; there was no limit`},
	{"greatest length gone", `strings.MaxRunes(5)`, `string`, Ok, Break, `was 5; there is no limit now`},
	{"pattern new", `string`, `=~"^a"`, Break, Ok, ` must match the pattern ^a now`},
	{"pattern gone", `=~"^a"`, `string`, Ok, Break, ` need no longer match the pattern ^a`},
	{"pattern widened", `=~"^[0-9]{3}$"`, `=~"^[0-9]+$"`, Ok, Break, ` the pattern changed from ^[0-9]{3}$ to ^[0-9]+$`},
	{"pattern narrowed", `=~"^[a-z]+$"`, `=~"^[a-f]+$"`, Break, Ok, `the pattern changed`},
	{"pattern changed", `=~"^o-[0-9]+$"`, `=~"^ord-[0-9]+$"`, Break, Break, `the pattern changed`},
	{"pattern spelled otherwise", `=~"^[0-9]{1,}$"`, `=~"^\\d+$"`, Ok, Ok, `the pattern changed`},
	{"pattern says the length", `=~"^[A-Z]{3}$"`, `strings.MinRunes(3) & strings.MaxRunes(3)`, Ok, Break, ``},
	{"length within a pattern", `=~"^[A-Z]{3}$"`, `=~"^[A-Z]{3}$" & strings.MinRunes(2)`, Ok, Ok, `rose from 0 to 2`},
	{"word boundaries", `=~"^\\bab\\b"`, `=~"^ab"`, Ok, Break, `the pattern changed`},
	{"letters of either case", `=~"^(?i)ab$"`, `=~"^[aA][bB]$"`, Ok, Ok, `the pattern changed`},
	{"pattern must not match", `=~"^[a-z]+$"`, `=~"^[a-z]+$" & !~"[0-9]"`, Ok, Ok, ` must not match the pattern [0-9] now`},
	{"pattern must not match, which it could", `=~"^[a-z]+$"`, `=~"^[a-z]+$" & !~"x"`, Break, Ok, ` must not match the pattern x now`},
	{"enum within a pattern", `"ab" | "ac"`, `=~"^a"`, Ok, Break, ``},
	{"enum outside of a pattern", `"ab" | "b"`, `=~"^a"`, Break, Break, ``},
	{"pattern that is an enum", `=~"^(a|b)$"`, `"a" | "b"`, Ok, Ok, ``},
	{"any text became an enum", `string`, `"a" | "b"`, Break, Ok, ` must be one of "a", "b" now`},
	{"enum became any text", `"a" | "b"`, `string`, Ok, Break, ` need no longer be one of "a", "b"`},
	{"enum changed", `"a" | "b"`, `"b" | "c"`, Break, Break, ` the enum lost "a" and gained "c"`},
	{"enum in another order", `"a" | "b"`, `"b" | "a"`, Ok, Ok, ``},
	{"text excluded", `string`, `string & !="x"`, Break, Ok, ` "x" is no longer allowed`},
	{"text no longer excluded", `string & !="x"`, `string`, Ok, Break, ` "x" is allowed now`},
	{"text excluded by a pattern instead", `string & !=""`, `string & =~"^[A-Z]"`, Break, Ok, ` must match the pattern ^[A-Z] now`},
	{"excluded what no pattern took", `=~"^a"`, `=~"^a" & !="x"`, Ok, Ok, ``},
	{"format new", `{at!: string}`, `{at!: time.Time}`, Break, Ok, `/at now must be a time (RFC 3339), like 2026-01-31T12:00:00Z`},
	{"format gone", `{at!: time.Time}`, `{at!: string}`, Ok, Break, `/at need no longer be a time`},
	{"format widened", `net.IPv4`, `net.IP`, Ok, Break, ` the format changed from an IPv4 address to an IP address`},
	{"format narrowed", `net.URL`, `net.AbsURL`, Break, Ok, `to an absolute URL, like`},
	{"format for another", `net.IPv4`, `net.IPv6`, Break, Break, ``},
	{"constant changed", `{v!: "1"}`, `{v!: "2"}`, Break, Break, `/v the enum lost "1" and gained "2"`},

	// Numbers.
	{"bound became strict", `number & >=0`, `number & >0`, Break, Ok, ` min changed from 0 to more than 0`},
	{"strict bound of integers spelled otherwise", `int & >0`, `int & >=1`, Ok, Ok, ` min rose from more than 0 to 1`},
	{"fraction as bound of integers", `int & >=1`, `int & >0.5`, Ok, Ok, ` min fell from 1 to more than 0.5`},
	{"bound new", `number`, `number & <10`, Break, Ok, ` max is less than 10 now; there was none`},
	{"bound gone", `number & <10`, `number`, Ok, Break, ` max was less than 10; there is none now`},
	{"bounds of a size", `uint8`, `uint16`, Ok, Break, ` max rose from 255 to 65535`},
	{"bounds beyond doubles", `int64`, `int64 & <=9223372036854775806`, Break, Ok, ` max fell from 9223372036854775807 to 9223372036854775806`},
	{"long fraction", `number & >=0.1`, `number & >=0.1000000000000000000001`, Break, Ok, `min rose`},
	{"multiple new", `int`, `int & math.MultipleOf(5)`, Break, Ok, ` must be a multiple of 5 now`},
	{"multiple of a multiple", `math.MultipleOf(10)`, `math.MultipleOf(5)`, Ok, Break, ``},
	{"integers are multiples of one", `int`, `int & math.MultipleOf(1)`, Ok, Ok, ``},
	{"multiples are integers", `math.MultipleOf(2)`, `int & math.MultipleOf(2)`, Ok, Ok, ` was a number, is an integer now`},
	{"cents", `math.MultipleOf(0.01)`, `math.MultipleOf(0.05)`, Break, Ok, ``},
	{"multiples within a bound", `math.MultipleOf(5) & >0`, `math.MultipleOf(5) & >=5`, Ok, Ok, ``},
	{"number excluded", `int`, `int & !=3`, Break, Ok, ` 3 is no longer allowed`},
	{"numbers of an enum", `1 | 2`, `1 | 2 | 3`, Ok, Break, ` the enum gained 3`},
	{"enum within a bound", `1 | 2`, `int & >0`, Ok, Break, ``},
	{"integers counted out", `int & >=1 & <=3`, `1 | 2 | 3`, Ok, Ok, ``},
	{"integers counted out, one missing", `int & >=1 & <=3`, `1 | 3`, Break, Ok, ``},
	{"one enum of numbers and texts", `1 | "a"`, `1 | 2 | "a"`, Ok, Break, ` the enum gained 2`},

	// Lists.
	{"item narrowed", `{l!: [...int]}`, `{l!: [...int & >0]}`, Break, Ok, `/l/* min is more than 0 now`},
	{"field of an item required", `{l!: [...{a?: int}]}`, `{l!: [...{a!: int}]}`, Break, Ok, `/l/*/a is required now`},
	{"least items", `[...int]`, `[...int] & list.MinItems(1)`, Break, Ok, ` the least number of items rose from 0 to 1`},
	{"greatest items", `[...int]`, `[...int] & list.MaxItems(3)`, Break, Ok, ` the greatest number of items is 3 now`},
	{"tuple grew", `[int, int]`, `[int, int, int]`, Break, Break, ``},
	{"tuple became a list", `[int, int]`, `[...int]`, Ok, Break, ``},
	{"item of a tuple", `[int, string]`, `[int, int]`, Break, Break, `/1 was a string, is an integer now`},
	{"first item required", `[...int]`, `[int, ...int]`, Break, Ok, ` the least number of items rose from 0 to 1`},
	{"any list", `[...]`, `[...int]`, Break, Ok, `/* could be anything`},

	// Maps.
	{"values of a map", `{[string]: int}`, `{[string]: number}`, Ok, Break, `/* was an integer, is a number now`},
	{"keys of a map", `{[=~"^a"]: int}`, `{[=~"^a"]: string}`, Break, Break, `/* was an integer`},
	{"field within a map", `{[string]: int | string}`, `{[string]: int | string, total?: string}`, Break, Ok, `/total may no longer be an integer`},
	{"field within a map, of its type", `{[string]: int}`, `{[string]: int, total?: int}`, Ok, Ok, `/total is new and optional`},
	{"field no longer apart from a map", `{[string]: int, total!: int}`, `{[string]: int}`, Ok, Break, `/total is no field of its own any more`},
	{"map of its own", `{a!: int}`, `{a!: int, [=~"^x-"]: string}`, Ok, Ok, `fields with names like ^x- have a type of their own now`},
	{"map gone", `{a!: int, [=~"^x-"]: string}`, `{a!: int}`, Ok, Ok, `fields with names like ^x- have no type of their own any more`},
	{"other keys of another type", `{[=~"^a"]: int}`, `{[=~"^ab"]: string}`, Break, Break, ``},

	// Unions.
	{"form added", `{k!: "a", x!: int} | {k!: "b", y!: int}`, `{k!: "a", x!: int} | {k!: "b", y!: int} | {k!: "c"}`, Ok, Break, ` has one more form now, where k is "c"`},
	{"form gone", `{k!: "a", x!: int} | {k!: "b", y!: int}`, `{k!: "a", x!: int}`, Break, Ok, ``},
	{"forms in another order", `{k!: "a", x!: int} | {k!: "b", y!: int}`, `{k!: "b", y!: int} | {k!: "a", x!: int}`, Ok, Ok, ``},
	{"field of a form", `{k!: "a", x!: int} | {k!: "b", y!: int}`, `{k!: "a", x!: int} | {k!: "b", y!: string}`, Break, Break, `/y was an integer, is a string now (where k is "b")`},
	{"struct became one of two forms", `{k!: "a", x!: int}`, `{k!: "a", x!: int} | {k!: "b", y!: int}`, Ok, Break, ` has one more form now, where k is "b"`},
	{"forms split", `{k!: "a" | "b", x!: int}`, `{k!: "a", x!: int} | {k!: "b", x!: int}`, Ok, Ok, ``},
	{"untagged form added", `{a!: int}`, `{a!: int} | {b!: string}`, Ok, Break, ` has one more form now: an object with b`},
	{"untagged form changed", `{a!: int} | {b!: string}`, `{a!: int} | {b!: int}`, Break, Break, `/b was a string, is an integer now`},
	{"untagged forms in another order, both changed", `{a!: int & >0} | {a!: string}`, `{a!: string | null} | {a!: int}`, Ok, Break, ``},
	{"untagged forms, both changed", `{a!: int & >0} | {b!: string}`, `{a!: int} | {b!: string & !="x"}`, Break, Break, `/a min was more than 0; there is none now`},
	{"rename within an untagged form", `{a!: int, note?: string} | {b!: string}`, `{a!: int, remark?: string} | {b!: string}`, Warn, Warn, `/note is gone, and "remark"`},
	{"patterns in alternatives", `=~"^a$" | =~"^b$"`, `=~"^[ab]$"`, Ok, Ok, ``},
	{"ranges", `(int & <0) | (int & >10)`, `(int & <0) | (int & >11)`, Break, Ok, ` min rose from more than 10 to more than 11`},
	{"enum in two alternatives", `"a" | "bb" | =~"^x"`, `"a" | =~"^b" | =~"^x"`, Ok, Break, ``},

	// Defaults.
	{"default of the whole", `*1 | int`, `*2 | int`, Warn, Warn, ` the default changed from 1 to 2`},
	{"default added to the whole", `int`, `*2 | int`, Warn, Warn, ` has the default 2 now`},
	{"default changed and enum widened", `{t: *"a" | "b"}`, `{t: "a" | *"b" | "c"}`, Warn, Break, ``},
}

func TestCompare(t *testing.T) {
	if len(comparisons) < 11+60 {
		t.Errorf("%d comparisons", len(comparisons))
	}
	for _, tt := range comparisons {
		t.Run(tt.name, func(t *testing.T) {
			old, new := from(t, tt.old), from(t, tt.new)
			changes := Compare(old, new, CompareOptions{})
			if in, out := Worst(changes, In), Worst(changes, Out); in != tt.in || out != tt.out {
				t.Errorf("in is %v, want %v; out is %v, want %v", in, tt.in, out, tt.out)
			}
			said := slices.ContainsFunc(changes, func(c Change) bool { return strings.Contains(c.Path+" "+c.Message, tt.says) })
			if !said && tt.says != "" {
				t.Errorf("nothing says %q", tt.says)
			}
			for _, c := range changes {
				holdExample(t, c, In, old, new)
				holdExample(t, c, Out, new, old)
			}
			if t.Failed() {
				for _, c := range changes {
					t.Logf("%s %s [%s]\n  in %v %s %s\n  out %v %s %s", c.Path, c.Message, c.Code, c.In.Verdict, c.In.Example, c.In.Refusal, c.Out.Verdict, c.Out.Example, c.Out.Refusal)
				}
			}
		})
	}
}

// holdExample holds that a break has a message that fails at the place it names.
func holdExample(t *testing.T, c Change, r Role, sender, receiver *Type) {
	t.Helper()
	j := c.Of(r)
	switch {
	case j.Verdict != Break:
	case j.Undecided || j.Example == nil:
		t.Errorf("%s %s: no message shows it", c.Path, c.Message)
	case sender.Check(j.Example) != nil:
		t.Errorf("%s %s: %s is not sent: %v", c.Path, c.Message, j.Example, sender.Check(j.Example))
	case receiver.Check(j.Example) == nil:
		t.Errorf("%s %s: %s is not refused", c.Path, c.Message, j.Example)
	case receiver.Check(j.Example).Error() != j.Refusal && !strings.HasPrefix(j.Refusal, c.Path):
		t.Errorf("%s %s: %q is not why", c.Path, c.Message, j.Refusal)
	}
}

// TestCompareRecorded holds what recorded messages may decide: what proof
// cannot, and nothing else.
func TestCompareRecorded(t *testing.T) {
	old, new := from(t, `{at!: time.Format("2006-01-02")}`), from(t, `{at!: time.Format("2006-1-2")}`)
	judge := func(o CompareOptions) Judgement { return compareOne(t, old, new, o) }
	if j := judge(CompareOptions{}); j.Verdict != Break || !j.Undecided || j.Example != nil {
		t.Errorf("nothing recorded: %+v", j)
	}
	good, strange := []byte(`{"at":"2026-01-31"}`), []byte(`{"at":7}`)
	if j := judge(CompareOptions{Sent: [][]byte{good, strange, good}}); j.Verdict != Warn || !j.Undecided || j.Recorded != 2 {
		t.Errorf("recorded ones pass: %+v", j)
	}
	if j := judge(CompareOptions{Sent: [][]byte{strange}}); j.Verdict != Break || j.Recorded != 0 {
		t.Errorf("recorded ones are of no type: %+v", j)
	}
	if j := judge(CompareOptions{Received: [][]byte{good}}); j.Verdict != Break {
		t.Errorf("what was received says nothing of what is sent: %+v", j)
	}
	// A recorded message is an example where none could be made.
	old, new = from(t, `{id!: net.URL & =~"^ab"}`), from(t, `{id!: net.URL & =~"^ab" & strings.MaxRunes(1200)}`)
	long := []byte(`{"id":"ab` + strings.Repeat("c", 1300) + `"}`)
	if j := judge(CompareOptions{Sent: [][]byte{long}}); j.Verdict != Break || j.Undecided || string(j.Example) != string(long) {
		t.Errorf("a recorded message fails: %v %t %.20s", j.Verdict, j.Undecided, j.Example)
	}
	// What is refused for sure stays a break, whatever was recorded.
	old, new = from(t, `{n!: int}`), from(t, `{n!: int & >0}`)
	if j := judge(CompareOptions{Sent: [][]byte{[]byte(`{"n":5}`)}}); j.Verdict != Break || j.Example == nil {
		t.Errorf("it is certain: %+v", j)
	}
}

func compareOne(t *testing.T, old, new *Type, o CompareOptions) Judgement {
	t.Helper()
	changes := Compare(old, new, o)
	i := slices.IndexFunc(changes, func(c Change) bool { return c.In.Verdict != Ok })
	if i < 0 {
		t.Fatal("nothing is refused")
	}
	return changes[i].In
}

// TestCompareConfig holds what is different in config: what is not known is a
// mistake, and what falls back need not be given.
func TestCompareConfig(t *testing.T) {
	for _, tt := range []struct {
		name, old, new string
		in             Verdict
	}{
		{"option added", `close({})`, `close({a?: int})`, Ok},
		{"option added with a default", `close({})`, `close({a: int | *1})`, Ok},
		{"required option added", `close({})`, `close({a!: int})`, Break},
		{"option removed", `close({a?: int})`, `close({})`, Break},
		{"option renamed", `close({a?: int})`, `close({b?: int})`, Break},
		{"option removed from an open one", `{a?: int, ...}`, `{...}`, Ok},
		{"constant added", `{}`, `{v: "1"}`, Ok},
		{"list added", `{}`, `{l: [...int]}`, Ok},
		{"default changed", `{a: int | *1}`, `{a: int | *2}`, Warn},
		{"enum narrowed", `{a: *"x" | "y"}`, `{a: *"x" | "z"}`, Break},
		{"option of a group removed", `{g: {a: int | *1}}`, `{g: {b: string | *"c"}}`, Break},
		{"no longer open", `{...}`, `{}`, Break},
	} {
		old, new := from(t, tt.old), from(t, tt.new)
		changes := Compare(old, new, CompareOptions{Config: true})
		if got := Worst(changes, In); got != tt.in {
			t.Errorf("%s: %v, want %v: %+v", tt.name, got, tt.in, changes)
		}
		for _, c := range changes {
			if c.In.Verdict != Break {
				continue
			}
			if _, err := old.Defaults(c.In.Example); err != nil || c.In.Example == nil {
				t.Errorf("%s: %s is no config of the old: %v", tt.name, c.In.Example, err)
			} else if _, err := new.Defaults(c.In.Example); err == nil {
				t.Errorf("%s: %s is a config of the new", tt.name, c.In.Example)
			}
		}
	}
}

// TestCompareIsBounded compares types at the limits of what a type may be.
func TestCompareIsBounded(t *testing.T) {
	wide := func(rule string) string {
		var b strings.Builder
		b.WriteString("{")
		for i := range 300 {
			b.WriteString("f" + strconv.Itoa(i) + ": {a!: " + rule + ", b?: [...{c!: " + rule + "}]}, ")
		}
		return b.String() + "}"
	}
	changes := Compare(from(t, wide("int")), from(t, wide("string")), CompareOptions{})
	if len(changes) != 600 || Worst(changes, In) != Break {
		t.Errorf("%d changes", len(changes))
	}
	classes := from(t, `=~"^(\\p{L}|\\p{N}){1,900}(a|b)*[^c]{400}$"`)
	if changes := Compare(classes, from(t, `=~"^(\\p{L}|\\p{N}){1,901}(a|b)*[^c]{400}$"`), CompareOptions{}); Worst(changes, In) != Break {
		t.Errorf("%+v", changes)
	}
}

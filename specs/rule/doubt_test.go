package rule

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/specs/shape"
)

const doubted = `{
	tier!:   "gold" | "silver" | "none"
	total!:  number & >=0 & <1000
	count!:  int & >=1
	note?:   string
	flag!:   bool
	grade!:  1 | 2 | 3
	open!:   string
	to?:     {zip!: string}
	from!:   {zip!: string, street?: string}
	either!: string | null
}`

func TestDoubts(t *testing.T) {
	for _, tt := range []struct{ src, want string }{
		{`data.tier == "gold"`, ""},
		{`data.tier == "gole"`, `1:14: data.tier is never "gole"; did you mean gold?`},
		{`"gole" == data.tier`, `1:1: data.tier is never "gole"; did you mean gold?`},
		{`data.tier != "platinum"`, `1:14: data.tier is never "platinum"; it is one of gold, silver, none`},
		{`data.tier in ["gold", "sliver"]`, `1:23: data.tier is never "sliver"; did you mean silver?`},
		{`data.open == "é\n\""`, ""},
		{`data.total == -1.0`, `1:15: data.total is never -1; its type does not allow that`},
		{`data.total < 0`, `1:14: data.total is never < 0; its type has other bounds`},
		{`data.total <= 0`, ""},
		{`0 > data.total`, `1:1: data.total is never < 0; its type has other bounds`},
		{`data.total >= 1000`, `1:15: data.total is never >= 1000; its type has other bounds`},
		{`data.total >= 0`, `1:12: data.total is always >= 0; its type says so already`},
		{`data.total < 1000`, `1:12: data.total is always < 1000; its type says so already`},
		{`data.count > 0`, `1:12: data.count is always > 0; its type says so already`},
		{`data.count > 1`, ""},
		{`data.grade == 4`, `1:15: data.grade is never 4; its type does not allow that`},
		{`data.grade > 3`, `1:14: data.grade is never > 3; its type has other bounds`},
		{`has(data.note) && data.note == "x"`, ""},
		{`data.either == null`, ""},
		{`data.flag == true`, ""},
		{`type == "anything"`, ""},
	} {
		var got []string
		for _, d := range Doubts(tt.src, []*shape.Type{typeOf(t, doubted)}) {
			got = append(got, d.Error.Error())
		}
		if diff := cmp.Diff(tt.want, strings.Join(got, "\n")); diff != "" {
			t.Errorf("%s: %s", tt.src, diff)
		}
	}
	// What one of several types allows is not in doubt.
	several := []*shape.Type{typeOf(t, `{tier!: "gold"}`), typeOf(t, `{tier!: "iron"}`)}
	if got := Doubts(`data.tier == "iron"`, several); got != nil {
		t.Errorf("one of several types allows it: %v", got)
	}
	if got := Doubts(`data.tier == "tin"`, several); len(got) != 1 || !got[0].Never {
		t.Errorf("no type allows it: %v", got)
	}
}

func TestMayLack(t *testing.T) {
	for _, tt := range []struct{ src, want string }{
		{"data.open", ""}, {"data.note", "note"}, {"data.to.zip", "to.zip"}, {"data.from.zip", ""}, {"data.from.street", "from.street"},
		{`has(data.note) ? data.note : "none"`, ""}, {`data.open + "/" + data.note`, "note"}, {`string(data.total)`, ""}, {"subject", ""}, {"data[\"note\"]", "note"},
	} {
		if got := strings.Join(MayLack(tt.src, typeOf(t, doubted)), " "); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.src, got, tt.want)
		}
	}
	if MayLack("data.x", nil) != nil {
		t.Error("of a type that is not known nothing is said")
	}
}

// TestBounded holds that what could keep the checker busy for ever is refused
// before it sees it.
func TestBounded(t *testing.T) {
	for _, tt := range []struct{ name, src, want string }{
		{"types that double", "[1]" + strings.Repeat(".map(b, {b: b})", 60) + " == []", "more than 8 loops"},
		{"types that multiply", "[1]" + strings.Repeat(".map(b, {b: {b: {b: {b: b}}}})", 8) + " == []", "inside of a loop"},
		{"a loop in a loop", "[{1: 1}].all(x, [x].exists(y, y == {1: 1}))", "inside of a loop"},
		{"parentheses", strings.Repeat("(", 2000), "recursion limit"},
		{"a map beside a loop", `{"x": 1}[data.open] == 1 && [1].all(x, x > 0)`, ""},
	} {
		_, err := Compile(tt.src, []*shape.Type{typeOf(t, doubted)})
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

// FuzzCompile compiles what people may write, and looks for doubts in it.
func FuzzCompile(f *testing.F) {
	for _, src := range []string{`data.tier == "gold"`, "data.total > 5 and x", "data.note.length", "((((", `data.open.matches("(")`, "[1, 2].exists(x, x == data.count)", "$.a", "a === b", "\"\\x\"", "data.`a b`", "[1].map(x, [x]).filter(y, true) == []"} {
		f.Add(src)
	}
	types := []*shape.Type{typeOf(f, doubted)}
	f.Fuzz(func(t *testing.T, src string) {
		_, err := Compile(src, types)
		if e, ok := err.(*Error); err != nil && (!ok || e.Message == "" || e.Line < 1 || e.Col < 1 || e.Line > strings.Count(src, "\n")+2) {
			t.Fatalf("an error that says too little: %#v", err)
		}
		_, _ = CompileKey(src, types)
		Doubts(src, types)
		MayLack(src, types[0])
	})
}

package shape

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDescribeWords holds the words for what a type may say.
func TestDescribeWords(t *testing.T) {
	for src, want := range map[string]string{
		`_`:                      "a value: anything",
		`string`:                 "a value: a string",
		`string & !=""`:          "a value: a string that is not empty",
		`=~"^o-" & !~"x$"`:       "a value: a string that matches ^o- and does not match x$",
		`"a" | "b" | *"c"`:       `a value: "a", "b" or "c", default "c"`,
		`int & >0 & <=10`:        "a value: an integer, more than 0, at most 10",
		`number & >=0.5`:         "a value: a number, at least 0.5",
		`int & !=3`:              "a value: an integer, not 3",
		`1 | 2 | 4`:              "a value: 1, 2 or 4",
		`bool | null`:            "a value: true or false or null",
		`string | int`:           "a value: a string or an integer",
		`[...string]`:            "a value: a list, each a string",
		`[string, int]`:          "a value: a list of 2 items\n[0]! a string\n[1]! an integer",
		`[...{sku!: string}]`:    "a value: a list, each an object\n[].sku! a string",
		`{}`:                     "a value: an object without fields",
		`{a: string, ...}`:       "a value: an object, with any other fields\na! a string",
		`{[string]: int}`:        "a value: a map of names to: an integer",
		`{[string]: {n: int}}`:   "a value: a map of names to: an object\n*.n! an integer",
		`{n: *72 | (int & >=1)}`: "a value: an object\nn an integer, at least 1, default 72",
		`{[=~"^x"]: {n: int}}`:   "a value: a map of names to: an object\n* (a string that matches ^x) an object\n* (a string that matches ^x).n! an integer",
		`{a!: string, b?: int, c: bool | *true, "d e": {f: null}}`: "a value: an object\n" +
			"a! a string\nb an integer\nc true or false, default true\n\"d e\"! an object\n\"d e\".f! null",
		`{kind: "card", number: string} | {kind: "cash", coins: int}`: "a value: an object in one of 2 forms, told by kind\n" +
			`(kind: card).kind! "card"` + "\n(kind: card).number! a string\n" + `(kind: cash).kind! "cash"` + "\n(kind: cash).coins! an integer",
		`{a: int} | string | null`:                          "a value: an object or a string or null\na! an integer",
		`[...int] & list.MaxItems(3) | [string, ...string]`: "a value: a list of at most 3 items, each an integer, or a list of at least 1 item\n[0]! a string",
		`{a: int} | {b: int}`:                               "a value: an object in one of 2 forms\n(form 1).a! an integer\n(form 2).b! an integer",
	} {
		if diff := cmp.Diff(want, described(from(t, src))); diff != "" {
			t.Errorf("%s:\n%s", src, diff)
		}
	}
}

// described writes a description as text: ! is what must be there.
func described(s *Type) string {
	var lines []string
	for i, p := range s.Describe() {
		line := p.Path
		if p.Required {
			line += "!"
		}
		if i == 0 {
			line = "a value:"
		}
		line += " " + p.About
		if p.Default != nil {
			line += ", default " + string(p.Default)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// TestDescribeLarge: a type of more values than anybody reads is cut.
func TestDescribeLarge(t *testing.T) {
	var b strings.Builder
	for i := range FieldsMax {
		fmt.Fprintf(&b, "f%d: {a: int, b: int}\n", i)
	}
	if n := len(from(t, "{"+b.String()+"}").Describe()); n != PartsMax {
		t.Errorf("%d parts, want %d", n, PartsMax)
	}
}

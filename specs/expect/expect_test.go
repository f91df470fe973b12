package expect_test

import (
	"strings"
	"testing"

	"github.com/grow-platform/grow/specs/expect"
	"github.com/grow-platform/grow/specs/schema"
)

// read reads an expected value as a test file has it.
func read(t *testing.T, text string) *expect.Value {
	t.Helper()
	n, faults := schema.ReadYAML([]byte("value: " + text))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var c expect.Compiler
	v := c.Read(n.Get("value"), "value", func(f schema.Fault) { t.Errorf("%s: %s", f.Path, f.Message) })
	c.Finish()
	return v
}

func TestMatch(t *testing.T) {
	for _, c := range []struct{ name, want, data, differs string }{
		{"equal", `{a: 1, b: [x, true, null]}`, `{"b":["x",true,null],"a":1}`, ""},
		{"numbers by value", `[180, 180.0, 1.8e2, -0]`, `[180.0, 180, 180, 0]`, ""},
		{"many digits", `9007199254740993`, `9007199254740992`, "expected 9007199254740993, got 9007199254740992"},
		{"wide exponents", `1e300`, `10e299`, ""},
		{"missing", `{a: 1, b: 2}`, `{"a":1}`, "b: is missing; expected 2"},
		{"not expected", `{a: 1}`, `{"a":1,"b":{"c":[]}}`, `b: {"c":[]} is not expected`},
		{"others allowed", `{a: 1, ...: _}`, `{"a":1,"b":2}`, ""},
		{"more items allowed", `[1, ...]`, `[1,2,3]`, ""},
		{"too few items", `[1, 2, ...]`, `[1]`, "[1]: is missing; expected 2"},
		{"too many items", `[1]`, `[1,2]`, "[1]: 2 is not expected"},
		{"other kind", `{a: {b: 1}}`, `{"a":[1]}`, "a: expected {b: 1}, got [1]"},
		{"text is not a number", `{a: "1"}`, `{"a":1}`, `a: expected "1", got 1`},
		{"null is not missing", `{a: null}`, `{}`, "a: is missing; expected null"},
		{"expression", `{total: = >=180 & <200}`, `{"total":180}`, ""},
		{"expression differs", `{total: = >=180 & <200}`, `{"total":200.5}`, "total: expected >=180 & <200, got 200.5 (is 200.5, must be less than 200)"},
		{"anything", `{at: = _}`, `{"at":[{}]}`, ""},
		{"anything must be there", `{at: = _}`, `{}`, "at: is missing; expected _"},
		{"pattern", `= =~"^p-"`, `"p-1"`, ""},
		{"alternatives", `['= "a" | "b"', = int, '= [...string]']`, `["b", 3, ["x"]]`, ""},
		{"imported", `= strings.MinRunes(3)`, `"ab"`, `expected strings.MinRunes(3), got "ab"`},
		{"text that looks like one", `= "= x"`, `"= x"`, ""},
		{"not JSON", `{a: 1}`, `{"a":`, "is not JSON"},
		{"two values", `1`, `1 2`, "is not JSON"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lines []string
			for _, d := range read(t, c.want).Match([]byte(c.data)) {
				lines = append(lines, d.String())
			}
			got := strings.Join(lines, "\n")
			if c.differs == "" && got != "" || c.differs != "" && !strings.Contains(got, c.differs) {
				t.Errorf("got %q, want %q", got, c.differs)
			}
		})
	}
}

func TestMatchText(t *testing.T) {
	for _, c := range []struct {
		want, text string
		ok         bool
	}{
		{`"7"`, "7", true}, {`7`, "7", true}, {`7`, "7.0", false}, {`= >5`, "7", true}, {`= >5`, "3", false},
		{`= =~"^a"`, "abc", true}, {`[a]`, "a", false}, {`true`, "true", true},
	} {
		if got := len(read(t, c.want).MatchText(c.text)) == 0; got != c.ok {
			t.Errorf("%s against %q: %v", c.want, c.text, got)
		}
	}
}

func TestWrongExpressions(t *testing.T) {
	n, _ := schema.ReadYAML([]byte("- = >=\n- = >=1\n- = [for x in [1] {x}]\n- = strng\n- '= {a: b}'\n- = 1 +"))
	var c expect.Compiler
	wrong := map[int]string{}
	good := c.Read(n, "", func(f schema.Fault) { wrong[f.Pos.Line] = f.Message })
	c.Finish()
	for _, line := range []int{1, 3, 4, 5, 6} {
		if wrong[line] == "" {
			t.Errorf("line %d: nothing is said", line)
		}
	}
	if len(wrong) != 5 || good == nil {
		t.Errorf("said: %v", wrong)
	}
	for line, message := range wrong {
		t.Log(line, message)
	}
}

package site

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/expect"
	"github.com/grow-platform/grow/specs/schema"
)

// test is an example, in rows of what is given and what must come of it.
type test struct {
	ID, Name, At string
	Rows         []row
}

// row is a step of a test, or what is expected.
type row struct {
	Term  string
	Lines []line
}

// line is text, then what stands in a file.
type line struct {
	Text, Code string
	Link       link
}

func (b *builder) tests(from string, tests []*specs.Test) []test {
	var out []test
	for i, t := range tests {
		one := test{ID: "test-" + strconv.Itoa(i+1), Name: t.Name, At: place(t.At)}
		one.add("proves", b.proofs(from, t))
		one.add("config", configs(t))
		one.add("state", states(t.State))
		one.add("given", doubles(t))
		one.add("when", steps(t))
		one.add("then", outcome(t))
		one.add("state after", statesWanted(t.StateAfter))
		if t.Path != nil {
			one.add("path", []line{{Text: strings.Join(t.Path, ", ")}})
		}
		out = append(out, one)
	}
	return out
}

func (t *test) add(term string, lines []line) {
	if len(lines) > 0 {
		t.Rows = append(t.Rows, row{term, lines})
	}
}

func (b *builder) proofs(from string, t *specs.Test) []line {
	var out []line
	for _, p := range t.Proves {
		out = append(out, line{Link: b.proof(from, p)})
	}
	return out
}

func configs(t *specs.Test) []line {
	var out []line
	for _, node := range slices.Sorted(maps.Keys(t.Config)) {
		out = append(out, line{Text: node, Code: string(t.Config[node])})
	}
	return out
}

// stateName is what a test calls a value of the state.
func stateName(node string, key *string, name string) string {
	var parts []string
	if node != "" {
		parts = append(parts, node)
	}
	if key != nil {
		parts = append(parts, "of "+*key)
	}
	if name != "" {
		parts = append(parts, name)
	}
	return strings.Join(parts, " ")
}

func states(list []specs.KeyState) []line {
	var out []line
	for _, s := range list {
		data := string(s.Data)
		if s.Data == nil {
			data = "null"
		}
		out = append(out, line{Text: stateName(s.Node, s.Key, s.Name), Code: data})
	}
	return out
}

func statesWanted(list []specs.KeyStateWanted) []line {
	var out []line
	for _, s := range list {
		out = append(out, line{Text: stateName(s.Node, s.Key, s.Name), Code: wanted(s.Value)})
	}
	return out
}

// wanted writes what is expected of a value; nil: that there is none.
func wanted(v *expect.Value) string {
	if v == nil {
		return "null"
	}
	return v.String()
}

func doubles(t *specs.Test) []line {
	var out []line
	for _, node := range slices.Sorted(maps.Keys(t.Doubles)) {
		for _, d := range t.Doubles[node] {
			l := answer(d)
			if node != "" {
				l.Text = node + ": " + l.Text
			}
			out = append(out, l)
		}
	}
	return out
}

func answer(d *specs.Double) line {
	if d.Instead != nil {
		var sent []string
		for _, s := range d.Instead.Send {
			sent = append(sent, s.Type+" "+string(s.Data))
		}
		return line{Text: "on " + d.Instead.When.Type + " it sends", Code: strings.Join(sent, ", ")}
	}
	ask := d.Use + " " + d.Operation
	for _, a := range d.Request {
		ask += " " + a.Name + ": " + wanted(a.Value)
	}
	if d.Answer.Error != "" {
		return line{Text: ask + " fails with", Code: d.Answer.Error}
	}
	return line{Text: ask + " gives", Code: strings.Join(append(pairs(d.Answer.Attrs), string(d.Answer.Data)), " ")}
}

// pairs writes names with their values.
func pairs(list []string) []string {
	var out []string
	for i := 0; i+1 < len(list); i += 2 {
		out = append(out, list[i]+": "+list[i+1])
	}
	return out
}

func steps(t *specs.Test) []line {
	var out []line
	for _, s := range t.Steps {
		switch {
		case s.Request != nil:
			text := s.Request.Method + " " + s.Request.Target
			for _, name := range slices.Sorted(maps.Keys(s.Request.Headers)) {
				text += ", " + name + ": " + s.Request.Headers[name]
			}
			out = append(out, line{Text: text, Code: string(s.Request.Body)})
		case s.Advance > 0:
			out = append(out, line{Text: schema.Duration(s.Advance) + " later"})
		default:
			out = append(out, line{Text: strings.Join(append([]string{s.Type}, pairs(s.Attrs)...), " "), Code: string(s.Data)})
		}
	}
	return out
}

// outcome is what must come of the steps.
func outcome(t *specs.Test) []line {
	var out []line
	for _, w := range t.Then {
		l := line{Text: w.Type + attributes(w.Attrs)}
		if w.Data != nil {
			l.Code = w.Data.String()
		}
		out = append(out, l)
	}
	if t.Then != nil && len(t.Then) == 0 {
		out = append(out, line{Text: "nothing is sent"})
	}
	for _, r := range t.Replies {
		l := line{Text: strings.TrimPrefix(strconv.Itoa(r.Status), "0") + attributes(r.Headers)}
		if r.Body != nil {
			l.Code = r.Body.String()
		}
		if l.Text+l.Code == "" {
			l.Text = "any answer"
		}
		out = append(out, l)
	}
	for _, f := range []struct {
		text  string
		fault *specs.Fault
	}{{"refused", t.Refused}, {"failed", t.Failed}, {"asks to be tried later", t.Later}} {
		if f.fault != nil {
			out = append(out, faultLine(f.text, f.fault))
		}
	}
	return out
}

func attributes(list []specs.WantedAttr) string {
	var b strings.Builder
	for _, a := range list {
		fmt.Fprintf(&b, " %s: %s", a.Name, wanted(a.Value))
	}
	return b.String()
}

func faultLine(text string, f *specs.Fault) line {
	if f.Node != "" {
		text += " at " + f.Node
	}
	if f.After > 0 {
		text += " after " + schema.Duration(f.After)
	}
	if f.Text != nil {
		text += ", saying " + f.Text.String()
	}
	l := line{Text: text}
	if f.Code != nil {
		l.Text, l.Code = text+" with the code", f.Code.String()
	}
	return l
}

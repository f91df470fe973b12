package grants

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
)

func TestRead(t *testing.T) {
	type grant struct {
		Leaves  []string `json:"leaves"`
		Minutes int      `json:"minutes"`
	}
	const definition = `#Grant: {leaves!: [string, ...string], minutes: int & >0 | *3}`
	f := New("tea", definition, func(g *grant) error {
		if g.Leaves[0] == "hemlock" {
			return errors.New("tea grant: leaves: hemlock is poison")
		}
		return nil
	})
	for _, c := range []struct {
		params map[string]any
		says   string // "": fine
	}{
		{map[string]any{"leaves": []any{"mint"}}, ""},
		{map[string]any{}, "tea grant: leaves: "},
		{map[string]any{"leaves": []any{}}, "tea grant: leaves: "},
		{map[string]any{"leaves": []any{"mint"}, "minutes": 0}, "tea grant: minutes: "},
		{map[string]any{"leaves": []any{"hemlock"}}, "tea grant: leaves: hemlock"},
		{map[string]any{"leaves": []any{"mint"}, "sugar": 1}, "tea grant: sugar: "},
	} {
		g, err := f.Read(c.params)
		if checked := f.Check(c.params); (checked == nil) != (err == nil) {
			t.Errorf("%v: checked %v, read %v", c.params, checked, err)
		}
		switch {
		case c.says == "" && (err != nil || g.Minutes != 3 || g.Leaves[0] != "mint"):
			t.Errorf("%v: %+v, %v", c.params, g, err)
		case c.says != "" && (err == nil || !strings.HasPrefix(err.Error(), c.says)):
			t.Errorf("%v: %v, want %q", c.params, err, c.says)
		}
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := f.Read(map[string]any{"leaves": []any{"mint"}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	type other struct {
		Leaves int `json:"leaves"`
	}
	if _, err := New[other]("tea", definition, nil).Read(map[string]any{"leaves": []any{"mint"}}); err == nil || !strings.HasPrefix(err.Error(), "tea grant: ") {
		t.Errorf("into a struct that it does not fit: %v", err)
	}
}

// TestFaults: what is wrong is said of the field that it is wrong with, with what may be there.
func TestFaults(t *testing.T) {
	const definition = `
import "struct"
#Grant: {
	leaves!: [_, ...] & [...=~"^[a-z]+$"]
	access:  *"read" | "write"
	minutes: int & >=1 & <=60 | *3
	label:   =~"^[a-z]*$" | *"Tea"
	cups: [_, ...] | *["small", "large"]
	cups: [..."small" | "large" | "huge"]
	guests?: struct.MinFields(1) & {[=~"^[a-z]+$"]: "invited" | "expected"}
	headers: {[=~"^[a-z-]+$"]: string}
}`
	f := New[struct{}]("tea", definition, nil)
	for _, c := range []struct {
		params map[string]any
		says   string
	}{
		{map[string]any{}, `tea grant: leaves: is missing`},
		{map[string]any{"leavs": "mint"}, `tea grant: leavs: there is no such field; did you mean "leaves"?`},
		{map[string]any{"leaves": "mint"}, `tea grant: leaves: is the string "mint", must be a list`},
		{map[string]any{"leaves": []any{}}, `tea grant: leaves: has 0 items, must have at least 1`},
		{map[string]any{"leaves": []any{"mint", "Mint"}}, `tea grant: leaves.1: is the string "Mint", must match the pattern ^[a-z]+$`},
		{map[string]any{"access": "wrte"}, `tea grant: access: is the string "wrte", must be one of "read", "write"; did you mean "write"?`},
		{map[string]any{"minutes": "5"}, `tea grant: minutes: is the string "5", must be an integer`},
		{map[string]any{"minutes": 61}, `tea grant: minutes: is 61, must be at most 60`},
		{map[string]any{"cups": []any{"small", "hug"}}, `tea grant: cups.1: is the string "hug", must be one of "small", "large", "huge"; did you mean "huge"?`},
		{map[string]any{"guests": map[string]any{"ann": "invted"}}, `tea grant: guests.ann: is the string "invted", must be one of "invited", "expected"; did you mean "invited"?`},
		{map[string]any{"headers": map[string]any{"x y": "z"}}, `tea grant: headers."x y": there is no such field`},
		{map[string]any{"headers": map[string]any{"x": 1}}, `tea grant: headers.x: is 1, must be a string`},
		{map[string]any{"leaves": []any{"mint"}, "guests": map[string]any{}}, `tea grant: guests: `}, // only CUE can say
	} {
		if err := f.Check(c.params); err == nil || !strings.HasPrefix(err.Error(), c.says) || strings.Contains(err.Error(), "disjunction") {
			t.Errorf("%v: %v, want %s", c.params, err, c.says)
		}
	}
}

const kettle = `
#Grant: {
	// The leaves
	// that may be used.
	leaves!: [string, ...string]
	minutes: int & >0 | *3
	label?:  string
	headers: {[string]: string}
}
#Operations: {
	// Makes a cup.
	"tea.make": {
		effect: "changes"
		request: {
			// Which.
			leaf!:   string
			sugar?:  [...int]
			degrees: number | *95
		}
		answer: {cup!: int}
	}
	"tea.look": {effect: "reads"}
	"tea.pour": {effect: "reads", request: {cup!: int}, stream: "answer"}
	"tea.strain": {effect: "changes", stream: "both"}
}`

// TestDescribe: what a definition says of a kind, and that data is held against it.
func TestDescribe(t *testing.T) {
	f := New[struct{}]("tea", kettle, nil)
	d := f.Describe()
	grant := []capability.Field{
		{Name: "leaves", About: "The leaves that may be used.", Type: "array", Item: "string", Needed: true},
		{Name: "minutes", Type: "integer", Default: "3"}, {Name: "label", Type: "string"}, {Name: "headers", Type: "object", Default: "{}"},
	}
	if !slices.Equal(d.Grant, grant) {
		t.Errorf("%+v", d.Grant)
	}
	op := d.Find("tea.make")
	request := []capability.Field{
		{Name: "leaf", About: "Which.", Type: "string", Needed: true}, {Name: "sugar", Type: "array", Item: "integer"}, {Name: "degrees", Type: "number", Default: "95"},
	}
	if op == nil || op.About != "Makes a cup." || !slices.Equal(op.Request.Fields, request) {
		t.Errorf("%+v", op)
	}
	var streams []capability.Pieces
	for _, o := range d.Operations { // look, make, pour, strain
		streams = append(streams, o.Stream)
	}
	if want := []capability.Pieces{capability.NoPieces, capability.NoPieces, capability.AnswerPieces, capability.BothPieces}; !slices.Equal(streams, want) {
		t.Errorf("streams %v", streams)
	}
	effects := map[string]capability.Effect{
		"tea.look": capability.Reads, "tea.make": capability.Changes, "tea.pour": capability.Reads, "tea.strain": capability.Changes,
		capability.StreamOpen: capability.Changes, capability.StreamWrite: capability.Changes, capability.StreamRead: capability.Reads, capability.StreamClose: capability.Reads,
	}
	if e := f.Effects(); !maps.Equal(e, effects) {
		t.Errorf("%v", e)
	}
	for _, c := range []struct {
		check           func(string, []byte) error
		operation, data string
		says            string // "": fine
	}{
		{f.CheckRequest, "tea.make", `{"leaf": "mint"}`, ""},
		{f.CheckRequest, "tea.make", `{"leaf": 1}`, "tea.make: /leaf"},
		{f.CheckRequest, "tea.make", `{`, "tea.make: "},
		{f.CheckRequest, "tea.look", `noise`, ""},
		{f.CheckRequest, "tea.spill", `{}`, "no operation"},
		{f.CheckAnswer, "tea.make", `{"cup": 1}`, ""},
		{f.CheckAnswer, "tea.make", `{}`, "tea.make: /cup"},
	} {
		if err := c.check(c.operation, []byte(c.data)); (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: %v", c.operation, c.data, err)
		}
	}
}

// TestDescribeBroken: a definition that is wrong is a fault of the build, and not a kind without
// operations.
func TestDescribeBroken(t *testing.T) {
	for name, definition := range map[string]string{
		"the whole":        `#Grant: {`,
		"no grant":         `#Operations: {}`,
		"a grant":          `#Grant: {a: 1 & 2}`,
		"operations":       `#Grant: {}, #Operations: "tea.make"`,
		"in operations":    `#Grant: {}, #Operations: {"tea.make": {effect: "reads" & "changes"}}`,
		"a name in it":     `#Grant: {}, #Operations: {"tea.make": {effect: "reads", request: #Nothing}}`,
		"another's effect": `#Grant: {}, #Operations: {"tea.make": {effect: "pours"}}`,
		"another stream":   `#Grant: {}, #Operations: {"tea.pour": {effect: "reads", stream: "cup"}}`,
		"two answers":      `#Grant: {}, #Operations: {"tea.pour": {effect: "reads", stream: "both", answer: {cup!: int}}}`,
		"two requests":     `#Grant: {}, #Operations: {"tea.pour": {effect: "reads", stream: "both", request: {cup!: int}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if fault := recover(); fault == nil || !strings.HasPrefix(fmt.Sprint(fault), "capability: kind tea: ") {
					t.Errorf("panic %v", fault)
				}
			}()
			New[struct{}]("tea", definition, nil).Describe()
		})
	}
	if e := New[struct{}]("tea", `#Grant: {}, #Operations: {"tea.pour": {effect: "reads", stream: "answer"}}`, nil).Effects(); len(e) != 4 || e[capability.StreamOpen] != capability.Reads {
		t.Errorf("%v", e)
	}
	if e := New[struct{}]("tea", `#Grant: {}, #Operations: {"tea.pour": {effect: "reads", stream: "answer"}, "tea.make": effect: "changes"}`, nil).Effects(); e[capability.StreamOpen] != capability.Changes {
		t.Errorf("what names an operation that changes something only reads: %v", e)
	}
	if d := New[struct{}]("tea", `#Grant: {}`, nil).Describe(); len(d.Operations) != 0 {
		t.Errorf("%+v", d)
	}
}

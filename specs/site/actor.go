package site

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/graph"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/grow-platform/grow/specs/shape"
)

// actor is the body of an actor's page.
type actor struct {
	Name, About, At string
	Documents       []shown
	In, Out, Uses   []link
	Keys            []fact
	State           []kept
	Config          parts
	Grants          []grant
	Facts           []fact
	Tests           []test
}

// fact is something with its value.
type fact struct{ Term, Code string }

// kept is a value of the state.
type kept struct {
	Term string
	Link link
}

type grant struct{ Name, Kind, Params string }

// parts are the values within a type, for a table.
type parts struct {
	Head string
	Rows []part
}

// part is one value of a type, its default as text.
type part struct {
	Path, About, Default string
	Required             bool
}

func (b *builder) actor(a *specs.Actor) (actor, error) {
	from := actorPage(a.Name)
	out := actor{
		Name: a.Name, About: a.About, At: place(a.At),
		In: b.typeLinks(from, a.In), Out: b.typeLinks(from, a.Out), Uses: b.standsIn(from, a.Name),
		Facts: b.facts(a), Tests: b.tests(from, a.Tests),
	}
	var err error
	if out.Documents, err = b.inline(from, a.Docs, b.relative(a.Dir)); err != nil {
		return out, err
	}
	for _, t := range slices.Sorted(maps.Keys(a.Key)) {
		out.Keys = append(out.Keys, fact{t, a.Key[t]})
	}
	for _, s := range a.State {
		out.State = append(out.State, kept{s.Pattern, b.typeLink(from, s.Name)})
	}
	if a.Config != nil {
		out.Config = partsOf("Option", a.Config)
	}
	for _, g := range a.Uses {
		params, err := json.Marshal(g.Params) // keys in order
		if err != nil {
			return out, fmt.Errorf("%s: %w", place(g.At), err)
		}
		text := string(params)
		if len(g.Params) == 0 {
			text = ""
		}
		out.Grants = append(out.Grants, grant{g.Name, g.Kind, text})
	}
	return out, nil
}

func partsOf(head string, t *shape.Type) parts {
	p := parts{Head: head}
	for _, d := range t.Describe()[1:] {
		p.Rows = append(p.Rows, part{d.Path, d.About, string(d.Default), d.Required})
	}
	return p
}

// standsIn links the places that an actor or a workflow fills.
func (b *builder) standsIn(from, name string) []link {
	var out []link
	for _, flow := range slices.Sorted(maps.Keys(b.service.Workflows)) {
		for _, n := range b.service.Workflows[flow].Nodes {
			if n.Actor == name || n.Workflow == name {
				out = append(out, link{Text: flow + "/" + n.Name, Href: href(from, workflowPage(flow))})
			}
		}
	}
	for _, e := range b.service.Endpoints {
		if e.To == name {
			out = append(out, link{Text: e.Name(), Href: href(from, indexPage+"#Page-endpoints")})
		}
	}
	return out
}

// facts are the numbers of a definition.
func (b *builder) facts(a *specs.Actor) []fact {
	waits := "later messages of the key pass it"
	if a.Retry.Hold {
		waits = "later messages of the key wait"
	}
	retry := "none"
	if a.Retry.Max > 0 {
		retry = fmt.Sprintf("%d times, after %s and then %s times as long each time; %s", a.Retry.Max, schema.Duration(a.Retry.Backoff), strconv.FormatFloat(a.Retry.Factor, 'g', -1, 64), waits)
	}
	code := a.Code.Language
	if a.Code.Source != "" {
		code += ", in " + b.relative(a.Code.Source)
	}
	copies := instances(a.Scale)
	if a.Isolated {
		copies += ", in a process of their own"
	}
	return []fact{
		{"code", code},
		{"instances", copies},
		{"mailbox", fmt.Sprintf("%d messages", a.Scale.Mailbox)},
		{"memory", size(a.Limits.Memory)},
		{"output", size(a.Limits.Output) + " a message"},
		{"calls", fmt.Sprintf("%d a message", a.Limits.Calls)},
		{"answers", size(a.Limits.Answers) + " a message"},
		{"time", patience(a.Limits.Time)},
		{"fuel", schema.Count(a.Limits.Fuel) + " a message"},
		{"tried again", retry},
	}
}

// patience is the time of a message; 0 is the default.
func patience(d time.Duration) string {
	if d > 0 {
		return schema.Duration(d) + " a message"
	}
	return fmt.Sprintf("%s a message, %s for one that uses capabilities", schema.Duration(abi.TimeDefault), schema.Duration(abi.TimeCallsDefault))
}

func instances(s specs.Scale) string {
	if s.Min == s.Max {
		return strconv.Itoa(s.Max)
	}
	return fmt.Sprintf("%d to %d", s.Min, s.Max)
}

// workflow is the body of a workflow's page.
type workflow struct {
	Name, About, At string
	Drawings        []drawing
	Documents       []shown
	In, Out, Uses   []link
	Nodes           []node
	Routes          []route
	Tests           []test
}

type node struct {
	Name, Config, Instances string
	Mailbox                 string
	By                      link
}

type route struct {
	From, When, To, At string
	Types              []link
}

func (b *builder) workflow(w *specs.Workflow) (workflow, error) {
	from := workflowPage(w.Name)
	out := workflow{
		Name: w.Name, About: w.About, At: place(w.At), Drawings: b.drawings(from, graph.New(b.service, w.Name)),
		In: b.typeLinks(from, w.In), Out: b.typeLinks(from, w.Out), Uses: b.standsIn(from, w.Name), Tests: b.tests(from, w.Tests),
	}
	for _, n := range w.Nodes {
		if n.Workflow != "" {
			out.Nodes = append(out.Nodes, node{n.Name, "", "its own", "its own", link{Text: n.Workflow, Href: href(from, workflowPage(n.Workflow))}})
			continue
		}
		out.Nodes = append(out.Nodes, node{n.Name, string(n.Config), instances(n.Scale), strconv.Itoa(n.Scale.Mailbox), link{Text: n.Actor, Href: href(from, actorPage(n.Actor))}})
	}
	for _, r := range w.Routes {
		types := []link{{Text: "any"}}
		if r.Type != "" {
			types = b.typeLinks(from, []string{r.Type})
		}
		out.Routes = append(out.Routes, route{r.From, strings.Join(strings.Fields(r.When), " "), strings.Join(r.To, ", "), place(r.At), types})
	}
	var err error
	out.Documents, err = b.inline(from, w.Docs, "workflows", ".")
	return out, err
}

package starter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs"
)

// Workflow is a workflow that is begun: a chain of actors.
type Workflow struct {
	Name, About string
	In, Out     []string
	Nodes       []Node
	Routes      []Route
	Test, When  string // an example: what it shows, and the message
	Then        string // the type that comes out
	Path        []string
	Notes       []string // what a person should know of how it fits
}

// Node is a place in a workflow.
type Node struct{ Name, Fills string }

// Route is where messages go.
type Route struct{ From, Type, To string }

// FitError says that one actor sends nothing that the next one takes.
type FitError struct {
	From, To     string
	Sends, Takes []string
}

// Error implements error.
func (e *FitError) Error() string {
	sends := "sends nothing"
	if len(e.Sends) > 0 {
		sends = "sends " + strings.Join(e.Sends, ", ")
	}
	return fmt.Sprintf("%s %s; %s takes %s: nothing fits between them", e.From, sends, e.To, strings.Join(e.Takes, ", "))
}

// NewWorkflow designs a workflow in which messages go from each of the actors
// to the next. The error is of type *FitError when they do not.
func NewWorkflow(name, about string, chain []*specs.Actor, service *specs.Service) (*Workflow, error) {
	w := &Workflow{Name: name, About: sentence(about)}
	if w.About == "" {
		w.About = "From " + chain[0].Name + " to " + chain[len(chain)-1].Name + "."
		if len(chain) == 1 {
			w.About = "What " + chain[0].Name + " does, as a workflow."
		}
	}
	w.In = chain[0].In
	w.nodes(chain)
	w.Routes = []Route{{From: specs.Input, To: w.Nodes[0].Name}}
	for i, a := range chain {
		if err := w.from(i, a, chain); err != nil {
			return nil, err
		}
	}
	return w, w.prove(chain, service)
}

// nodes names a node for each actor; one that is there again gets a number.
func (w *Workflow) nodes(chain []*specs.Actor) {
	for _, a := range chain {
		name := a.Name
		for n := 2; slices.ContainsFunc(w.Nodes, func(have Node) bool { return have.Name == name }); n++ {
			name = fmt.Sprintf("%s-%d", a.Name, n)
		}
		w.Nodes = append(w.Nodes, Node{name, a.Name})
	}
}

// from adds the routes from one actor of the chain: what the next one takes to
// it, the rest out.
func (w *Workflow) from(i int, a *specs.Actor, chain []*specs.Actor) error {
	node := w.Nodes[i].Name
	if i+1 == len(chain) {
		if len(a.Out) > 0 {
			w.Routes = append(w.Routes, Route{From: node, To: specs.Output})
		}
		w.leave(a.Out)
		return nil
	}
	next, to := chain[i+1], w.Nodes[i+1].Name
	fits := func(t string) bool { return slices.Contains(next.In, t) }
	rest := slices.DeleteFunc(slices.Clone(a.Out), fits)
	if len(rest) == len(a.Out) {
		return &FitError{From: a.Name, To: next.Name, Sends: a.Out, Takes: next.In}
	}
	if len(rest) == 0 {
		w.Routes = append(w.Routes, Route{From: node, To: to})
		return nil
	}
	for _, t := range a.Out {
		r := Route{From: node, Type: t, To: specs.Output}
		if fits(t) {
			r.To = to
		} else {
			w.Notes = append(w.Notes, fmt.Sprintf("%s also sends %s, which %s does not take: it goes to output", a.Name, t, next.Name))
		}
		w.Routes = append(w.Routes, r)
	}
	w.leave(rest)
	return nil
}

// leave adds types to those that come out of the workflow.
func (w *Workflow) leave(types []string) {
	for _, t := range types {
		if !slices.Contains(w.Out, t) {
			w.Out = append(w.Out, t)
		}
	}
}

// prove writes an example of the whole way.
func (w *Workflow) prove(chain []*specs.Actor, service *specs.Service) error {
	names := make([]string, 0, len(w.Nodes))
	for _, n := range w.Nodes {
		names = append(names, n.Name)
	}
	w.Path = names
	w.Test = w.In[0] + " goes through " + list(names)
	m := Message{Type: w.In[0]}
	if t := service.Types[m.Type]; t != nil {
		m.Raw, m.sample = t.Raw(), t.Sample()
	}
	when, err := step(m, m.sample)
	w.When = when
	if last := chain[len(chain)-1]; len(last.Out) == 1 {
		w.Then = last.Out[0]
	}
	return err
}

// list joins words as a sentence does.
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// File is the workflow's file.
func (w *Workflow) File() (File, error) {
	data, err := render("templates/workflow/workflow.yaml.tmpl", w)
	return File{Path: "workflows/" + w.Name + ".yaml", About: "nodes, routes and a test", Data: data}, err
}

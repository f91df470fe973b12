package router

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs"
)

// written is the form in which the routes of a table are kept beside the messages that go
// by them: no more of workflows and actors than says where a message goes.
type written struct {
	Workflows map[string]writtenWorkflow `json:"workflows"`
	Actors    map[string]writtenActor    `json:"actors"`
}

type writtenWorkflow struct {
	In     []string       `json:"in"`
	Nodes  []writtenNode  `json:"nodes"`
	Routes []writtenRoute `json:"routes"`
}

type writtenNode struct {
	Name     string `json:"name"`
	Actor    string `json:"actor,omitempty"`
	Workflow string `json:"workflow,omitempty"`
}

type writtenRoute struct {
	From string   `json:"from"`
	Type string   `json:"type,omitempty"`
	When string   `json:"when,omitempty"`
	To   []string `json:"to"`
}

type writtenActor struct {
	In        []string          `json:"in"`
	Out       []string          `json:"out"`
	Key       map[string]string `json:"key,omitempty"`
	Exclusive bool              `json:"exclusive,omitempty"`
}

// ErrWritten is returned by Restore for what Routes has not written.
var ErrWritten = errors.New("these are no routes")

// Routes are the table's routes in a form that Restore makes a table of, empty where no
// workflow has any. Two tables that lead every message the same way, between nodes that
// take and send the same by the same keys, have the same. They must not be changed.
func (t *Table) Routes() []byte {
	if t.routes == nil {
		return nil
	}
	return t.routes()
}

// write makes what Routes returns.
func (t *Table) write(s *specs.Service) []byte {
	if len(s.Workflows) == 0 {
		return nil
	}
	w := written{map[string]writtenWorkflow{}, map[string]writtenActor{}}
	for name, flow := range s.Workflows {
		one := writtenWorkflow{In: flow.In}
		for _, n := range flow.Nodes {
			one.Nodes = append(one.Nodes, writtenNode{n.Name, n.Actor, n.Workflow})
		}
		for _, r := range flow.Routes {
			one.Routes = append(one.Routes, writtenRoute{r.From, r.Type, r.When, r.To})
		}
		// Only the order of routes from one place counts.
		slices.SortFunc(one.Nodes, func(a, b writtenNode) int { return strings.Compare(a.Name, b.Name) })
		slices.SortStableFunc(one.Routes, func(a, b writtenRoute) int { return strings.Compare(a.From, b.From) })
		w.Workflows[name] = one
	}
	for _, n := range t.Nodes {
		w.Actors[n.Actor.Name] = writtenActor{In: n.Actor.In, Out: n.Actor.Out, Key: n.Actor.Key, Exclusive: n.exclusive}
	}
	b, err := json.Marshal(w) // maps in the order of their keys
	if err != nil {
		panic("router: routes that cannot be written: " + err.Error()) // they are texts
	}
	return b
}

// Restore makes a table of routes that were written, for the types that another one has.
// It says where messages go, and by which keys, and nothing else: its nodes have no state or limits. It
// fails with ErrWritten, or as Compile does where the routes do not fit the types any more.
func Restore(routes []byte, by *Table) (*Table, error) {
	var w written
	if len(routes) > 0 {
		if err := json.Unmarshal(routes, &w); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrWritten, err)
		}
	}
	s := &specs.Service{Actors: map[string]*specs.Actor{}, Workflows: map[string]*specs.Workflow{}, Types: by.types}
	for name, a := range w.Actors {
		s.Actors[name] = &specs.Actor{Name: name, In: a.In, Out: a.Out, Key: a.Key}
	}
	for name, flow := range w.Workflows {
		one := &specs.Workflow{Name: name, In: flow.In}
		for _, n := range flow.Nodes {
			one.Nodes = append(one.Nodes, &specs.Node{Name: n.Name, Actor: n.Actor, Workflow: n.Workflow})
		}
		for _, r := range flow.Routes {
			one.Routes = append(one.Routes, &specs.Route{From: r.From, Type: r.Type, When: r.When, To: r.To})
		}
		s.Workflows[name] = one
	}
	t, err := CompileAfter(s, by)
	if err != nil {
		return nil, fmt.Errorf("restore routes: %w", err)
	}
	for _, n := range t.Nodes {
		n.exclusive = w.Actors[n.Actor.Name].Exclusive
	}
	t.routes = func() []byte { return routes }
	return t, nil
}

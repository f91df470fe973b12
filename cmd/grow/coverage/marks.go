package coverage

import (
	"slices"
	"strings"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/rule"
	"github.com/grow-platform/grow/specs/shape"
)

// use is a way in which something is used.
type use uint8

const (
	taken use = iota
	sent
	granted
	passed
)

// mark is one thing that a test uses.
type mark struct {
	use      use
	of, name string
}

// marks are all that tests use.
type marks struct {
	service *specs.Service
	used    map[mark]bool
	routes  map[*specs.Route]bool
}

// without adds the names that were not marked.
func (m *marks) without(list []Unused, u use, of string, names []string) []Unused {
	for _, name := range names {
		if !m.used[mark{u, of, name}] {
			list = append(list, Unused{of, name})
		}
	}
	return list
}

// scope is a workflow inside of others, and the node that it fills in the one around it.
type scope struct {
	flow   *specs.Workflow
	node   string
	parent *scope
}

// result marks what one test has used.
func (m *marks) result(r *actortest.Result) {
	t := r.Test
	m.entered(t)
	for _, h := range r.Seen.Handled {
		scope, node, actor := m.find(t, h.Node)
		if list := t.Doubles[h.Node]; len(list) == 0 || list[0].Instead == nil {
			m.used[mark{taken, actor, h.Type}] = true
			for _, out := range h.Sent {
				m.used[mark{sent, actor, out.Type}] = true
			}
		}
		for _, out := range h.Sent {
			m.follow(scope, node, out.Type, out.Data, out.Attrs)
		}
	}
	for node, list := range t.Doubles {
		_, _, actor := m.find(t, node)
		for _, d := range list {
			if d.Instead == nil {
				m.used[mark{granted, actor, d.Use}] = true
			}
		}
	}
}

// find walks the path of a node, marks the nodes on it, and finds the actor.
func (m *marks) find(t *specs.Test, at string) (s *scope, node, actor string) {
	steps := strings.Split(at, "/")
	top := t.Subject
	switch t.Of {
	case specs.OfActor:
		return nil, "", t.Subject
	case specs.OfService:
		top, steps = steps[0], steps[1:]
	}
	actor = top
	for _, step := range steps {
		w := m.service.Workflows[actor]
		if w == nil {
			return nil, "", actor
		}
		s = &scope{flow: w, node: node, parent: s}
		m.used[mark{passed, w.Name, step}] = true
		node = step
		if i := slices.IndexFunc(w.Nodes, func(n *specs.Node) bool { return n.Name == step }); i >= 0 {
			actor = w.Nodes[i].Actor + w.Nodes[i].Workflow
		}
	}
	return s, node, actor
}

// entered marks the routes by which messages came in.
func (m *marks) entered(t *specs.Test) {
	for _, step := range t.Steps {
		switch {
		case t.Of == specs.OfWorkflow && step.Type != "":
			m.follow(&scope{flow: m.service.Workflows[t.Subject]}, specs.Input, step.Type, step.Data, step.Attrs)
		case step.Request != nil:
			e := m.service.EndpointOf(step.Request.Method, step.Request.Target)
			if e == nil {
				continue
			}
			if w := m.service.Workflows[e.To]; w != nil {
				m.follow(&scope{flow: w}, specs.Input, e.Send, step.Request.Body, nil)
			}
		}
	}
}

// follow marks the route that a message takes from a node, the first that fits,
// and those that it takes on into a workflow or out of one.
func (m *marks) follow(s *scope, from, typ string, data []byte, attrs []string) {
	if s == nil {
		return
	}
	for _, r := range s.flow.Routes {
		if r.From != from || r.Type != "" && r.Type != typ || !m.fits(r, typ, data, attrs) {
			continue
		}
		m.routes[r] = true
		for _, to := range r.To {
			if to == specs.Output {
				m.follow(s.parent, s.node, typ, data, attrs)
				continue
			}
			i := slices.IndexFunc(s.flow.Nodes, func(n *specs.Node) bool { return n.Name == to })
			if i >= 0 && s.flow.Nodes[i].Workflow != "" {
				m.follow(&scope{m.service.Workflows[s.flow.Nodes[i].Workflow], to, s}, specs.Input, typ, data, attrs)
			}
		}
		return
	}
}

// fits reports whether a route takes a message.
func (m *marks) fits(r *specs.Route, typ string, data []byte, attrs []string) bool {
	if r.When == "" {
		return true
	}
	compiled, err := rule.Compile(r.When, []*shape.Type{m.service.Types[typ]})
	if err != nil {
		return false // vet has compiled it
	}
	ok, err := compiled.Match(abi.NewMessage(data, append([]string{abi.Type, typ}, attrs...)...))
	return err == nil && ok
}

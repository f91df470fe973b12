package specs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs/schema"
)

// codeProvides is the code of an operation that cannot be provided, or is not.
const codeProvides = "spec.provides"

// resolveProvisions reads the operations that actors serve to others, and checks the grants
// that name them.
func (l *loader) resolveProvisions() {
	for _, name := range names(l.actors) {
		l.provisions(l.actors[name])
	}
	for _, name := range names(l.actors) {
		for _, g := range l.actors[name].def.Uses {
			if g.Kind == KindActor {
				l.provided(l.actors[name], g)
			}
		}
	}
}

// provisions reads what an actor provides.
func (l *loader) provisions(a *actorFile) {
	n := a.tree.Get("provides")
	if n == nil || n.Kind != schema.Map || len(n.Fields) == 0 || l.loose[a.def.Name] {
		return
	}
	if state := a.tree.Get("state"); state != nil {
		l.problem(a.file, n.Place(), "provides", codeProvides, "an actor that keeps state serves no operations: state belongs to the key of a message, and who asks has another",
			"keep it in a bucket, by a grant of kind kv, or take what needs no state into an actor of its own")
		return
	}
	for _, f := range n.Fields {
		p, gives, where := Provision{Takes: f.Key}, f.Value, schema.Join("provides", f.Key)
		if gives.Kind == schema.Map {
			p.Changes = f.Value.Get("effect").String() == "changes"
			gives, where = f.Value.Get("gives"), schema.Join(where, "gives")
		}
		p.Gives = gives.String()
		switch {
		case gives == nil || gives.Kind != schema.String:
		case !slices.Contains(a.def.In, p.Takes):
			l.problem(a.file, f.Pos, schema.Join("provides", f.Key), codeProvides, fmt.Sprintf("the actor does not take %s", p.Takes), "an operation is a message that the actor takes: name it under in")
		case !slices.Contains(a.def.Out, p.Gives):
			l.problem(a.file, gives.Pos, where, codeProvides, fmt.Sprintf("the actor does not send %s", p.Gives), "an operation is answered by a message that the actor sends: name it under out")
		default:
			a.def.Provides = append(a.def.Provides, p)
		}
	}
}

// provided checks a grant of operations of another actor.
func (l *loader) provided(a *actorFile, g Grant) {
	n := a.tree.Get("uses").Get(g.Name)
	by, where := n.Get("actor"), schema.Join("uses", g.Name)
	if by == nil || by.Kind != schema.String {
		return // the kind says that
	}
	p := l.actors[by.String()]
	switch {
	case p == nil && l.broken[by.String()], p != nil && l.loose[p.def.Name]:
		return
	case p == nil:
		l.problem(a.file, by.Pos, where+".actor", "spec.unknown", fmt.Sprintf("there is no actor %s", by), schema.Mean(by.String(), names(l.actors)))
		return
	case p.tree.Get("provides") == nil:
		l.problem(a.file, by.Pos, where+".actor", codeProvides, fmt.Sprintf("the actor %s provides no operations", by), "say in its definition which it serves: provides: {TYPE: TYPE OF THE ANSWER}")
		return
	}
	var served []string
	for _, s := range p.def.Provides {
		served = append(served, s.Takes)
	}
	if list := n.Get("operations"); list != nil && list.Kind == schema.List {
		for i, op := range list.Items {
			if op.Kind == schema.String && !slices.Contains(served, op.String()) && len(served) > 0 {
				l.problem(a.file, op.Pos, schema.At(where+".operations", i), "spec.unknown", fmt.Sprintf("the actor %s does not provide %s", by, op), schema.Mean(op.String(), served))
			}
		}
	}
	if circle := l.asks(p.def, []string{a.def.Name}, map[string]bool{}); circle != nil && circle[0] == slices.Min(circle) {
		l.problem(a.file, by.Pos, where+".actor", "spec.cycle", fmt.Sprintf("actors ask each other in a circle: %s", strings.Join(append(circle, circle[0]), " -> ")),
			"take one of these grants away: each would wait for the next")
	}
}

// asks follows the grants of a, which the last of way asks, and returns the actors of the
// circle in which that comes back to the first of way; nil: it does not. seen are those that
// have been followed.
func (l *loader) asks(a *Actor, way []string, seen map[string]bool) []string {
	if a.Name == way[0] {
		return way
	}
	if seen[a.Name] {
		return nil
	}
	seen[a.Name] = true
	for _, g := range a.Uses {
		if p := l.service.Provider(g); p != nil {
			if circle := l.asks(p, append(slices.Clone(way), a.Name), seen); circle != nil {
				return circle
			}
		}
	}
	return nil
}

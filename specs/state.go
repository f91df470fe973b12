package specs

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs/schema"
)

// state reads what an actor keeps: a type, a type with migrations, or either by name.
func (l *loader) state(a *actorFile) {
	n := a.tree.Get("state")
	switch {
	case n == nil:
	case n.Kind == schema.String:
		l.keeps(a, "", "state", n)
	case n.Kind != schema.Map:
	case migrates(n):
		l.migrating(a, "", "state", n)
	default:
		for _, f := range n.Fields {
			where := schema.Join("state", f.Key)
			switch _, err := path.Match(f.Key, ""); {
			case err != nil:
				l.problem(a.file, f.Pos, where, "spec.name", fmt.Sprintf("%q is not a pattern: a bracket in it is not closed", f.Key))
			case f.Value.Kind == schema.Map:
				l.migrating(a, f.Key, where, f.Value)
			default:
				l.keeps(a, f.Key, where, f.Value)
			}
		}
	}
}

// migrates reports whether a map is {type, from, back} rather than types by name.
func migrates(n *schema.Node) bool {
	other := slices.ContainsFunc(n.Fields, func(f *schema.Field) bool { return !slices.Contains([]string{"type", "from", "back"}, f.Key) })
	from := n.Get("from")
	return !other && n.Get("type") != nil && n.Get("type").Kind == schema.String && (from == nil || from.Kind == schema.Map)
}

// Declared is what a definition says of a state value, before the names in it are looked up.
type Declared struct {
	Pattern, Type string            // as in State, of which Type is the Name
	From          map[string]string // actors by the types that they migrate
	Back          string
}

// DeclaredState reads what a definition's file says of its state, in the order of the file.
func DeclaredState(definition *schema.Node) []Declared {
	n := definition.Get("state")
	switch {
	case n == nil:
		return nil
	case n.Kind == schema.String || n.Kind == schema.Map && migrates(n):
		return []Declared{declaredAs("", n)}
	}
	var list []Declared
	for _, f := range n.Fields {
		list = append(list, declaredAs(f.Key, f.Value))
	}
	return list
}

func declaredAs(pattern string, n *schema.Node) Declared {
	if n.Kind == schema.String {
		return Declared{Pattern: pattern, Type: n.Text}
	}
	d := Declared{Pattern: pattern, Type: n.Get("type").String(), Back: n.Get("back").String(), From: map[string]string{}}
	if from := n.Get("from"); from != nil {
		for _, f := range from.Fields {
			d.From[f.Key] = f.Value.String()
		}
	}
	return d
}

// keeps adds a state of the type named by v, if it can be one.
func (l *loader) keeps(a *actorFile, pattern, where string, v *schema.Node) bool {
	if !l.stateType(a, where, v, v.String()) {
		return false
	}
	t := l.service.Types[v.Text]
	a.def.State = append(a.def.State, State{Pattern: pattern, Type: t, Name: v.Text, Print: t.Print()})
	return true
}

// stateType reports whether values may be of a type that is named at v.
func (l *loader) stateType(a *actorFile, where string, v *schema.Node, name string) bool {
	if !l.knownType(a.file, v, where, name) {
		return false
	}
	if l.service.Types[name].Raw() {
		l.problem(a.file, v.Pos, where, "spec.type", fmt.Sprintf("%s is bytes; state is JSON", name))
		return false
	}
	return true
}

// migrating adds a state whose older values are migrated. By which actors is resolved
// once all actors are known.
func (l *loader) migrating(a *actorFile, pattern, where string, n *schema.Node) {
	if faults := schema.Lookup("#Kept").Check(n); len(faults) > 0 {
		for i := range faults {
			faults[i].Path = strings.TrimSuffix(where+"."+faults[i].Path, ".")
		}
		l.faults(a.file, faults)
		return
	}
	if !l.keeps(a, pattern, schema.Join(where, "type"), n.Get("type")) {
		return
	}
	l.moves = append(l.moves, move{a: a, state: len(a.def.State) - 1, where: where, node: n})
}

// move is a state whose migrations are still to be resolved.
type move struct {
	a     *actorFile
	state int // index in a.def.State
	where string
	node  *schema.Node
}

// codeMigration is the code of a migration that cannot be one.
const codeMigration = "spec.migration"

func (l *loader) resolveMigrations() {
	for _, m := range l.moves {
		s := &m.a.def.State[m.state]
		older, from := []string{}, m.node.Get("from")
		if from != nil {
			for _, f := range from.Fields {
				older = append(older, f.Key)
				l.migration(m, s, f)
			}
		}
		if back := m.node.Get("back"); back != nil {
			l.wayBack(m, s, back, older)
		}
	}
}

// migration resolves one entry of from.
func (l *loader) migration(m move, s *State, f *schema.Field) {
	where := schema.Join(schema.Join(m.where, "from"), f.Key)
	key := &schema.Node{Kind: schema.String, Text: f.Key, Pos: f.Pos}
	if !l.stateType(m.a, where, key, f.Key) {
		return
	}
	old := Migration{Type: l.service.Types[f.Key], Name: f.Key}
	old.Print = old.Type.Print()
	same := slices.ContainsFunc(s.From, func(o Migration) bool { return o.Print == old.Print })
	if old.Print == s.Print || same {
		l.problem(m.a.file, f.Pos, where, codeMigration, fmt.Sprintf("%s has the same fields and rules as another type here, so that their values cannot be told apart", f.Key),
			"leave it out: values of one shape need no migration")
		return
	}
	if old.Actor = l.pure(m.a, where, f.Value, f.Key, []string{s.Name}); old.Actor != nil {
		s.From = append(s.From, old)
	}
}

// wayBack resolves back.
func (l *loader) wayBack(m move, s *State, n *schema.Node, older []string) {
	where := schema.Join(m.where, "back")
	if len(older) == 0 {
		l.problem(m.a.file, n.Pos, where, codeMigration, "there is nothing to go back to: back stands beside from", "name the older type: from: {TYPE: ACTOR}")
		return
	}
	if b := l.pure(m.a, where, n, s.Name, older); b != nil {
		s.Back = b.Name
	}
}

// pure returns the actor named by n, nil when it cannot migrate: it takes one type and
// sends one of the others, has tests, keeps nothing and reaches nothing.
func (l *loader) pure(of *actorFile, where string, n *schema.Node, takes string, sends []string) *Actor {
	name := n.String()
	b := l.actors[name]
	if b == nil {
		if !l.broken[name] && schema.Lookup("#Name").Fits(name) {
			l.problem(of.file, n.Pos, where, "spec.unknown", fmt.Sprintf("there is no actor %s", name), schema.Mean(name, names(l.actors)))
		}
		return nil
	}
	if l.loose[name] {
		return nil
	}
	wrong, hint := "", ""
	switch {
	case !slices.Contains(b.def.In, takes):
		wrong, hint = fmt.Sprintf("does not take %s", takes), fmt.Sprintf("write in its definition: in: [%s]", takes)
	case len(b.def.Out) != 1 || !slices.Contains(sends, b.def.Out[0]):
		wrong, hint = fmt.Sprintf("must send %s, and nothing else", alternatives(sends)), fmt.Sprintf("write in its definition: out: [%s]", sends[0])
	case len(b.def.Uses) > 0:
		wrong, hint = fmt.Sprintf("may reach %s", b.def.Uses[0].Name), "take uses: out of its definition: a value becomes another one by itself alone"
	case b.tree.Get("state") != nil:
		wrong, hint = "keeps state", "take state: out of its definition: a value becomes another one by itself alone"
	}
	if wrong != "" {
		l.problem(of.file, n.Pos, where, codeMigration, fmt.Sprintf("the actor %s cannot migrate: it %s", name, wrong), hint)
		return nil
	}
	l.proved = append(l.proved, proof{of.file, n.Pos, where, b})
	return b.def
}

// proof is a place where an actor stands that must have tests.
type proof struct {
	file  string
	pos   schema.Pos
	where string
	actor *actorFile
}

// provenMigrations reports migrations that no test shows.
func (l *loader) provenMigrations() {
	for _, p := range l.proved {
		if len(p.actor.def.Tests) == 0 {
			l.problem(p.file, p.pos, p.where, codeMigration, fmt.Sprintf("the actor %s has no test, and what it makes of a value stays", p.actor.def.Name),
				fmt.Sprintf("write an example: %s/tests/values.yaml", path.Dir(p.actor.file)))
		}
	}
}

// alternatives joins names of which one is meant.
func alternatives(list []string) string {
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " or " + list[n-1]
	}
	return list[0]
}

package specs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs/rule"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/grow-platform/grow/specs/shape"
)

// keys checks the expressions of an actor's key.
func (l *loader) keys(a *actorFile) {
	n := a.tree.Get("key")
	if n == nil {
		return
	}
	a.def.Key = map[string]string{}
	if n.Kind != schema.Map {
		l.key(a, n, "key", "", a.def.In)
		return
	}
	for _, f := range n.Fields {
		where := schema.Join("key", f.Key)
		if !l.knownType(a.file, &schema.Node{Pos: f.Pos}, where, f.Key) {
			continue
		}
		if !slices.Contains(a.def.In, f.Key) {
			l.problem(a.file, f.Pos, where, "spec.key", fmt.Sprintf("%s does not take %s", a.def.Name, f.Key), schema.Mean(f.Key, a.def.In))
			continue
		}
		l.key(a, f.Value, where, f.Key, []string{f.Key})
	}
	for _, t := range a.def.In {
		if n.Get(t) == nil {
			l.warn(a.file, n.Pos, "key", "spec.key", fmt.Sprintf("says nothing of %s: such messages have no key", t))
		}
	}
}

func (l *loader) key(a *actorFile, n *schema.Node, where, typ string, types []string) {
	if n.String() == "" {
		return
	}
	a.def.Key[typ] = n.Text
	_, err := rule.CompileKey(n.Text, l.shapesOf(types))
	l.expression(a.file, n, where, "spec.key", err)
	if err != nil {
		return
	}
	for _, name := range types {
		for _, field := range rule.MayLack(n.Text, l.service.Types[name]) {
			l.warn(a.file, n.Pos, where, "spec.key", fmt.Sprintf("data.%s may be missing in %s: such a message becomes a dead letter", field, name),
				fmt.Sprintf("mark the field as required, %s!: …, or write has(data.%s) ? … : …", field[strings.LastIndexByte(field, '.')+1:], field))
			return
		}
	}
}

// expression reports what is wrong with a rule or a key, at its place in the
// file where that can be told.
func (l *loader) expression(file string, n *schema.Node, where, code string, err error) {
	if err == nil {
		return
	}
	var re *rule.Error
	if !errors.As(err, &re) {
		l.problem(file, n.Pos, where, code, err.Error())
		return
	}
	l.problem(file, inside(n, re), where, code, re.Message, re.Hint)
}

// inside is the place in the file of a mistake in an expression, as far as that can be told.
func inside(n *schema.Node, re *rule.Error) schema.Pos {
	pos := n.Pos
	if n.Plain && re.Line == 1 {
		pos.Col += re.Col - 1
		if n.Quoted {
			pos.Col++
		}
	}
	return pos
}

// rule checks the condition of a route for each type that may meet it.
func (l *loader) rule(file string, n *schema.Node, where string, types []string) {
	if n == nil || n.String() == "" {
		return
	}
	for _, name := range types {
		t := l.service.Types[name]
		if t == nil {
			continue
		}
		_, err := rule.Compile(n.Text, []*shape.Type{t})
		if err == nil {
			continue
		}
		var re *rule.Error
		if len(types) > 1 && errors.As(err, &re) {
			err = &rule.Error{Line: re.Line, Col: re.Col, Message: re.Message + " (in " + name + ")", Hint: re.Hint}
		}
		l.expression(file, n, where, "rule.type", err)
		return
	}
	for _, d := range rule.Doubts(n.Text, l.shapesOf(types)) {
		if d.Never {
			l.problem(file, inside(n, &d.Error), where, "rule.never", d.Message, d.Hint)
		} else {
			l.warn(file, inside(n, &d.Error), where, "rule.always", d.Message, d.Hint)
		}
	}
}

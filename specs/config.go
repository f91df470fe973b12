package specs

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/specs/schema"
	"github.com/grow-platform/grow/specs/shape"
)

// config reads what can be set for an actor's nodes: a type by name, or values in place.
func (l *loader) config(a *actorFile) {
	n := a.tree.Get("config")
	if n == nil || n.Kind == schema.Map && len(n.Fields) == 0 {
		return
	}
	if n.Kind == schema.String {
		if !l.knownType(a.file, n, "config", n.Text) {
			return
		}
		a.def.Config = l.service.Types[n.Text]
	} else if n.Kind == schema.Map {
		a.def.Config = l.placed(a.file, n)
	}
	if a.def.Config == nil {
		return
	}
	if a.def.Config.Raw() {
		l.problem(a.file, n.Pos, "config", "spec.type", fmt.Sprintf("%s is bytes; a config is JSON", n.Text))
		a.def.Config = nil
		return
	}
	var err error
	if a.def.ConfigDefault, err = a.def.Config.Fill(nil); err != nil {
		l.problem(a.file, n.Pos, "config", "spec.config", err.Error())
		return
	}
	// A value that must be set is missing from the defaults; who uses the actor
	// without setting it is told then.
	var v *shape.Violation
	if _, err = a.def.Config.Defaults(nil); errors.As(err, &v) {
		a.needs = strings.ReplaceAll(strings.TrimPrefix(v.Path, "/"), "/", ".")
	}
}

// placed makes a type of values described in place.
func (l *loader) placed(file string, n *schema.Node) *shape.Type {
	var b strings.Builder
	good := true
	for _, f := range n.Fields {
		if schema.Lookup("#Value").Check(f.Value) != nil || !schema.Lookup("#Option").Fits(f.Key) {
			good = false // reported with the file
			continue
		}
		src, ok := l.option(file, f)
		good = good && ok
		fmt.Fprintf(&b, "%s\n", src)
	}
	if !good {
		return nil
	}
	if t := l.configs[b.String()]; t != nil { // of another actor, described alike
		return t
	}
	t, err := shape.FromCUE(l.cue.CompileString("close({" + b.String() + "})"))
	if err != nil {
		l.problem(file, n.Pos, "config", "spec.config", err.Error())
		return nil
	}
	l.configs[b.String()] = t
	return t
}

// option writes one value of a config as a CUE field.
func (l *loader) option(file string, f *schema.Field) (string, bool) {
	v, where, good := f.Value, schema.Join("config", f.Key), true
	kind := v.Get("type").String()
	wrong := func(n *schema.Node, key, format string, args ...any) {
		good = false
		l.problem(file, n.Pos, where+"."+key, "spec.config", fmt.Sprintf(format, args...))
	}
	var pattern *regexp.Regexp
	var err error
	expr, name := kind, strconv.Quote(f.Key) // in quotes it hides no type of its name
	for _, b := range []struct{ key, op string }{{"min", ">="}, {"max", "<="}} {
		if n := v.Get(b.key); n != nil {
			if kind != "int" && kind != "number" {
				wrong(n, b.key, "is for numbers; the type is %s", kind)
			}
			expr += " & " + b.op + n.Text
		}
	}
	if n := v.Get("pattern"); n != nil {
		if kind != "string" {
			wrong(n, "pattern", "is for text; the type is %s", kind)
		} else if len(n.Text) > schema.PatternMax {
			wrong(n, "pattern", "is longer than %d bytes", schema.PatternMax)
		} else if pattern, err = regexp.Compile(n.Text); err != nil {
			wrong(n, "pattern", "is no regular expression: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		}
		expr += " & =~" + string(n.JSON(nil))
	}
	var enum []string
	if n := v.Get("enum"); n != nil {
		for i, item := range n.Items {
			if !fitsKind(item, kind) {
				wrong(item, schema.At("enum", i), "%s is %s; the type is %s", item.JSON(nil), item.Kind, kind)
			}
			enum = append(enum, string(item.JSON(nil)))
		}
		expr = strings.Join(enum, " | ")
	}
	if d := v.Get("default"); d != nil {
		text := string(d.JSON(nil))
		switch {
		case !fitsKind(d, kind):
			wrong(d, "default", "%s is %s; the type is %s", text, d.Kind, kind)
		case enum != nil && !slices.Contains(enum, text):
			wrong(d, "default", "%s is not one of %s", text, strings.Join(enum, ", "))
		case v.Get("min") != nil && d.Float() < v.Get("min").Float(), v.Get("max") != nil && d.Float() > v.Get("max").Float():
			wrong(d, "default", "%s is out of range", text)
		case pattern != nil && !pattern.MatchString(d.Text):
			wrong(d, "default", "%s does not fit the pattern", text)
		}
		return name + ": *" + text + " | (" + expr + ")", good
	}
	if v.Get("optional").Bool() {
		return name + "?: " + expr, good
	}
	return name + "!: " + expr, good
}

func fitsKind(n *schema.Node, kind string) bool {
	switch kind {
	case "string":
		return n.Kind == schema.String
	case "int":
		return n.Kind == schema.Int
	case "number":
		return n.Kind == schema.Int || n.Kind == schema.Float
	default:
		return n.Kind == schema.Bool
	}
}

// nodeConfig is the whole config of a node: its own values, n, over the defaults.
func (l *loader) nodeConfig(file string, n *schema.Node, pos schema.Pos, where string, a *Actor) []byte {
	given := n != nil && n.Kind == schema.Map && len(n.Fields) > 0
	if a.Config == nil {
		if given && l.actors[a.Name].tree.Get("config") == nil {
			l.problem(file, n.Pos, where, "spec.config", fmt.Sprintf("the actor %s takes no config", a.Name))
		}
		return nil
	}
	data := []byte("{}")
	if given {
		data = n.JSON(nil)
	}
	full, err := a.Config.Defaults(data)
	if err == nil {
		return full
	}
	var v *shape.Violation
	if !errors.As(err, &v) {
		l.problem(file, pos, where, "spec.config", err.Error())
		return nil
	}
	if n == nil {
		n = &schema.Node{Pos: pos}
	}
	at, path := within(n, where, v.Path)
	l.problem(file, at, path, "spec.config", v.Message)
	return nil
}

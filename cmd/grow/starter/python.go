package starter

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/grow-platform/grow/compiler/messages"
	"github.com/grow-platform/grow/specs/shape"
)

// pythonWidth is how many characters a line of Python has at most.
const pythonWidth = 88

// named are the types of the actor as grow types finds them.
func (a *Actor) named() ([]messages.Named, error) {
	fresh, err := a.fresh()
	if err != nil {
		return nil, err
	}
	var all []messages.Named
	add := func(name string, message bool) {
		t := a.types[name]
		if t == nil {
			t = fresh[name]
		}
		if t != nil && !slices.ContainsFunc(all, func(n messages.Named) bool { return n.Name == name }) {
			all = append(all, messages.Named{Name: name, Type: t, Message: message})
		}
	}
	add(a.In.Type, true)
	add(a.Out.Type, true)
	if a.State != "" {
		add(a.State, false)
	}
	if a.Limited {
		all = append(all, messages.Named{Name: "config", Type: fresh["config"]})
	}
	return all, nil
}

// fresh reads the types that the service does not have yet, and that of the config.
func (a *Actor) fresh() (map[string]*shape.Type, error) {
	v := cuecontext.New().CompileString(string(a.NewTypes()) + "\n\"config\": {longest: int & >=1 | *200}\n")
	it, err := v.Fields(cue.Optional(true))
	if err != nil {
		return nil, fmt.Errorf("read new types: %w", err)
	}
	types := map[string]*shape.Type{}
	for it.Next() {
		name := it.Selector().Unquoted()
		if types[name], err = shape.FromCUE(it.Value()); err != nil {
			return nil, fmt.Errorf("read new type %s: %w", name, err)
		}
	}
	return types, nil
}

// classes is the file of the actor's types as classes of Python.
func (a *Actor) classes() (File, error) {
	f := File{Path: "actors/" + a.Name + "/src/python/messages.py", About: "its types, by grow types"}
	all, err := a.named()
	if err != nil {
		return f, err
	}
	if a.class, err = messages.PythonClasses(all); err != nil {
		return f, err
	}
	f.Data, err = messages.Python(a.Name, all)
	return f, err
}

// PyIn is the class of the messages that are received.
func (a *Actor) PyIn() string { return a.class[a.In.Type] }

// PyConfig is the class of the config.
func (a *Actor) PyConfig() string { return a.class["config"] }

// pySends says whether a class of its own is sent.
func (a *Actor) pySends() bool {
	return a.Out.Own && len(a.Out.Fields) > 0 && a.class[a.Out.Type] != ""
}

// PyImports are the classes that the code names, joined.
func (a *Actor) PyImports() string {
	var names []string
	if len(a.In.Fields) > 0 {
		names = append(names, a.PyIn())
	}
	if a.Limited {
		names = append(names, a.PyConfig())
	}
	if a.pySends() {
		names = append(names, a.class[a.Out.Type])
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if line := "from messages import " + strings.Join(names, ", "); utf8.RuneCountInString(line) <= pythonWidth {
		return strings.Join(names, ", ")
	}
	return "(\n    " + strings.Join(names, ",\n    ") + ",\n)"
}

// PySent is the message that is sent, as code.
func (a *Actor) PySent() string {
	var parts []string
	if a.pySends() {
		for _, f := range a.Out.Fields {
			parts = append(parts, f.Py+"="+f.PyValue)
		}
		return called(a.class[a.Out.Type]+"(", parts, ")")
	}
	typ := messages.PythonLiteral(fmt.Appendf(nil, "%q", a.Out.Type))
	switch {
	case a.Out.Raw:
		return "grow.Output(" + typ + `, b"hello")`
	case len(a.Out.Fields) == 0:
		return called("grow.Output(", []string{typ, messages.PythonLiteral(a.Out.sample)}, ")")
	}
	for _, f := range a.Out.Fields {
		name := messages.PythonLiteral(fmt.Appendf(nil, "%q", f.Name))
		parts = append(parts, name+": "+f.PyValue)
	}
	one := "{" + strings.Join(parts, ", ") + "}"
	if line := "    return grow.Output(" + typ + ", " + one + ")"; utf8.RuneCountInString(line) <= pythonWidth {
		return strings.TrimPrefix(line, "    return ")
	}
	if line := "        " + typ + ", " + one; utf8.RuneCountInString(line) <= pythonWidth {
		return "grow.Output(\n" + line + "\n    )"
	}
	return "grow.Output(\n        " + typ + ",\n        {\n            " + strings.Join(parts, ",\n            ") + ",\n        },\n    )"
}

// called is a call that is returned: in one line, or an argument a line.
func called(open string, args []string, end string) string {
	one := strings.Join(args, ", ")
	if utf8.RuneCountInString("    return "+open+one+end) <= pythonWidth {
		return open + one + end
	}
	if utf8.RuneCountInString("        "+one) <= pythonWidth {
		return open + "\n        " + one + "\n    " + end
	}
	return open + "\n        " + strings.Join(args, ",\n        ") + ",\n    " + end
}

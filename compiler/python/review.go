package python

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs/schema"
)

// reserved are modules of the SDK, whose place an actor's own cannot take.
var reserved = []string{"grow", "_grow"}

// review is the check of one actor's sources.
type review struct {
	source   compiler.Source
	checker  *checker
	files    map[string][]byte
	own      map[string]string // top-level modules of the actor, and the file each is
	packaged map[string]bool   // those of its packages
	faults   []compiler.Diagnostic
	warnings []compiler.Diagnostic
	hint     string
	on       bool // some file registers handlers
	handlers []taking
	open     bool // some handlers are not known by their types
}

// review checks all sources and returns what is said of good ones. Its error
// says all that is wrong.
func (c *Compiler) review(ctx context.Context, s compiler.Source, files map[string][]byte, needs *packages) (string, error) {
	r := &review{source: s, checker: c.checker, files: files, own: tops(files), packaged: needs.tops}
	if err := r.names(ctx); err != nil {
		return "", r.broken(ctx, err)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !strings.HasSuffix(name, ".py") {
			continue
		}
		if err := r.file(ctx, name); err != nil {
			return "", r.broken(ctx, err)
		}
	}
	r.takes()
	if len(r.faults) == 0 && !r.on {
		r.fault(entry, 0, 0, "no handler: nothing is registered with @grow.on")
		r.advise("write a function for each type that the actor takes: @grow.on(\"order.placed\") above def placed(ctx, order)")
	}
	if len(r.faults) > 0 {
		e := &compiler.Error{Code: compiler.CodeFailed, Actor: s.Actor, Text: "Python refuses the sources", Diagnostics: r.faults, Hint: r.hint, Log: r.log()}
		e.Diagnostics = e.Diagnostics[:min(len(e.Diagnostics), compiler.DiagnosticsMax)]
		return "", e
	}
	return r.log(), nil
}

// broken is the error of a check that could not be made.
func (r *review) broken(ctx context.Context, err error) error {
	if stopped := compiler.Stopped(ctx, r.source, ""); stopped != nil {
		return stopped
	}
	return compiler.Fail(r.source, compiler.CodeFailed, "check sources", err)
}

// tops are the modules that can be imported of files: those at the top, and
// folders.
func tops(files map[string][]byte) map[string]string {
	found := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		top, rest, folder := strings.Cut(name, "/")
		if base, py := strings.CutSuffix(top, ".py"); py && !folder {
			found[base] = name
		} else if folder && strings.HasSuffix(rest, ".py") && found[top] == "" {
			found[top] = name
		}
	}
	return found
}

// names looks at what the actor's modules are called.
func (r *review) names(ctx context.Context) error {
	for _, name := range reserved {
		if file, ok := r.own[name]; ok {
			r.fault(file, 0, 0, fmt.Sprintf("%s is the name of grow's own package, which this would hide", name))
			r.advise("give it another name")
		}
	}
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(r.own)), func(n string) bool { return n == "main" })
	if len(others) == 0 {
		return nil
	}
	taken, err := r.checker.taken(ctx, others)
	for _, name := range taken {
		r.warn(r.own[name], 0, 0, fmt.Sprintf("%s is the name of a module of the standard library, too: which of them is imported may surprise", name))
	}
	return err
}

// file checks one file.
func (r *review) file(ctx context.Context, name string) error {
	said, err := r.checker.check(ctx, r.path(name), r.files[name])
	if e, ok := errors.AsType[*errCheck](err); ok {
		r.fault(name, 0, 0, gaveUp(e.cause))
		r.advise("split what is nested deeply or very large; keep data in a file of its own")
		return nil
	}
	if err != nil {
		return err
	}
	if f := said.Fault; f != nil {
		r.fault(name, f.Line, f.Col, f.Text)
		return nil
	}
	r.on = r.on || said.On
	r.handles(name, said)
	for _, w := range said.Warnings {
		r.warn(name, w.Line, w.Col, w.Text)
	}
	return r.imports(ctx, name, said)
}

// gaveUp says why a file could not be checked.
func gaveUp(cause error) string {
	var fault *engine.Error
	switch {
	case errors.Is(cause, errTooMuch):
		return "the interpreter needs more time to read it than the check of one file may take"
	case errors.As(cause, &fault) && fault.Code == engine.CodeMemory:
		return "the interpreter needs more memory to read it than the check of one file may take"
	case errors.As(cause, &fault) && (fault.Code == engine.CodeStack || fault.Code == engine.CodeTrap):
		return "nested too deeply for the interpreter to read"
	}
	return "the interpreter gave up on it: " + cause.Error()
}

// imports looks for modules that are not there, or cannot do what they are for.
func (r *review) imports(ctx context.Context, name string, said checked) error {
	suspects := slices.DeleteFunc(slices.Clone(said.Missing), func(m string) bool { return r.own[m] != "" || r.packaged[m] })
	for _, m := range said.Modules {
		if _, listed := advice[m]; listed && r.own[m] == "" && !r.packaged[m] && !slices.Contains(suspects, m) {
			suspects = append(suspects, m)
		}
	}
	if len(suspects) == 0 {
		return nil
	}
	places, err := r.checker.places(ctx, r.files[name], suspects)
	if e, ok := errors.AsType[*errCheck](err); ok {
		r.fault(name, 0, 0, gaveUp(e.cause))
		return nil
	}
	if err != nil {
		return err
	}
	for _, p := range places {
		if p.How == "typing" || p.How == "guarded" {
			continue // it is not run, or its failure is provided for
		}
		if a, ok := advice[p.Name]; ok && a.soft && !slices.Contains(said.Missing, p.Name) {
			r.warn(name, p.Line, p.Col, p.Name+": "+a.String())
			continue
		}
		r.fault(name, p.Line, p.Col, r.missing(ctx, p.Name))
	}
	return nil
}

// missing says what is to be done about a module that cannot be imported.
func (r *review) missing(ctx context.Context, name string) string {
	if a, ok := advice[name]; ok {
		return "module " + name + " cannot be used in an actor: " + a.String()
	}
	text := "no module named " + name
	known := append(slices.Collect(maps.Keys(r.own)), r.checker.names(ctx)...)
	known = slices.AppendSeq(known, maps.Keys(r.packaged))
	if a, ok := natives[distribution(name)]; ok {
		return text + "; its package " + distribution(name) + " " + a
	}
	if near := schema.Nearest(name, append(known, "grow")); near != "" {
		return text + "; did you mean " + near + "?"
	}
	return text + "; if it is a package, name that in " + requirementsName + " beside main.py: " + distribution(name)
}

func (r *review) path(name string) string {
	return r.source.Relative(filepath.Join(r.source.Path, filepath.FromSlash(name)))
}

func (r *review) fault(name string, line, col int, text string) {
	r.faults = append(r.faults, compiler.Diagnostic{File: r.path(name), Line: line, Col: col, Text: text})
}

func (r *review) warn(name string, line, col int, text string) {
	r.warnings = append(r.warnings, compiler.Diagnostic{File: r.path(name), Line: line, Col: col, Text: "warning: " + text})
}

// advise keeps the first hint: it is of the first fault.
func (r *review) advise(hint string) {
	if r.hint == "" {
		r.hint = hint
	}
}

func (r *review) log() string {
	var b strings.Builder
	for _, w := range r.warnings {
		b.WriteString(w.String() + "\n")
	}
	return b.String()
}

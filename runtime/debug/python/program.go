// Package python debugs actors in Python.
//
// A thin module is debugged as it is: its runtime has what is needed (grow._debug, of
// the SDK), which an instance imports when somebody attaches. In the guest,
// sys.monitoring calls it at lines with a breakpoint, and CPython takes its calls out of
// all others, which cost nothing from then on. Where the guest is to stand still it makes
// a request, debug.stop, and waits for the answer, which is what it shall do next: list
// frames, evaluate something, go on.
package python

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

// Name is what Program.Language says, and what thin modules call their runtime.
const Name = "python"

// Language is Python: a debug.Language.
type Language struct{}

// Open implements debug.Language. Files of the actor, as files has them, that are not
// what the module has are named in the Notes.
func (Language) Open(_ context.Context, binary []byte, files fs.FS) (debug.Program, error) {
	a, err := admission.Thin(binary)
	if err != nil || a == nil || a.Language != Name {
		return nil, err
	}
	p := &program{binary: binary, sources: map[string]*source{}}
	for name, data := range a.Files {
		if path.Ext(name) == ".py" {
			p.sources[name] = &source{text: data}
		}
	}
	p.notes = compare(p.sources, files)
	return p, nil
}

// compare notes which of the actor's own sources are not those in its folder.
func compare(sources map[string]*source, files fs.FS) []string {
	var notes []string
	if files == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		below, own := strings.CutPrefix(name, thin.App)
		if !own {
			continue
		}
		for _, at := range []string{path.Join("src/python", below), below} {
			if now, err := fs.ReadFile(files, at); err == nil {
				if !bytes.Equal(now, sources[name].text) {
					notes = append(notes, fmt.Sprintf("%s is not as it was when the actor was built: lines are those of then", at))
				}
				break
			}
		}
	}
	return notes
}

// program implements debug.Program and debug.Attacher.
type program struct {
	binary  []byte
	sources map[string]*source // by name, as thin modules have them
	notes   []string
}

// source is a file.
type source struct {
	text []byte
	once sync.Once
	is   *outline
}

// outline is where its statements and functions are.
func (s *source) outline() *outline {
	s.once.Do(func() { s.is = outlineOf(s.text) })
	return s.is
}

// Language implements debug.Program.
func (*program) Language() string { return Name }

// Notes implements debug.Program.
func (p *program) Notes() []string { return p.notes }

// Files implements debug.Program: app/… are the actor's own, packages/… those that it
// was built with. Modules of the standard library, lib/…, have no sources here.
func (p *program) Files() []string { return slices.Sorted(maps.Keys(p.sources)) }

// Root implements debug.Rooted.
func (*program) Root() string { return "app/" }

// Source implements debug.Program.
func (p *program) Source(file string) ([]byte, error) {
	s, err := p.source(file)
	if err != nil {
		return nil, err
	}
	return s.text, nil
}

func (p *program) source(file string) (*source, error) {
	s := p.sources[file]
	if s == nil && strings.HasPrefix(file, "lib/") {
		return nil, debug.Unknown("the runtime has no text of Python's standard library: a step out leaves it")
	}
	if s == nil {
		return nil, fmt.Errorf("find %s in the actor: %w", file, debug.ErrUnknown)
	}
	return s, nil
}

// Bind implements debug.Program: a statement of several lines is bound at its first, a
// definition, or what decorates it, at the first statement of its body. Outside of functions
// nothing is: instances begin with an image that was made after that.
func (p *program) Bind(file string, line int) (debug.Position, error) {
	s, err := p.source(file)
	if err != nil {
		return debug.Position{}, err
	}
	o := s.outline()
	at := o.bind(o.decorated(line))
	switch {
	case at == 0:
		return debug.Position{}, fmt.Errorf("%s:%d: %w", file, line, debug.ErrNoCode)
	case o.once(at):
		return debug.Position{}, fmt.Errorf("%s:%d: %w that an instance runs: what is there runs once, as the actor is loaded; take a line in a function", file, line, debug.ErrNoCode)
	}
	return debug.Position{File: file, Line: at}, nil
}

// Function implements debug.Program.
func (p *program) Function(name string) ([]debug.Position, error) {
	var found []debug.Position
	for _, file := range p.Files() {
		module := moduleOf(file)
		for _, f := range p.sources[file].outline().functions {
			if whole := module + "." + f.name; f.body > 0 && (whole == name || strings.HasSuffix(whole, "."+name)) {
				found = append(found, debug.Position{File: file, Line: f.body})
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("find the function %s: %w", name, debug.ErrUnknown)
	}
	return found, nil
}

// moduleOf is the name that a file is imported by.
func moduleOf(file string) string {
	_, below, _ := strings.Cut(file, "/")
	return strings.ReplaceAll(strings.TrimSuffix(strings.TrimSuffix(below, ".py"), "/__init__"), "/", ".")
}

// Compile implements debug.Program: the module is compiled as it is.
func (p *program) Compile(ctx context.Context, e engine.Engine, c engine.Config, r debug.Reporter) (engine.Module, error) {
	m, err := e.Compile(ctx, p.binary, c)
	if err != nil {
		return nil, err
	}
	return &module{Module: m, program: p, reporter: r}, nil
}

// Attach implements debug.Attacher.
func (p *program) Attach(i engine.Instance, r debug.Reporter) (detach func(), err error) {
	g := &guest{program: p, reporter: r}
	if d, ok := i.(engine.Debuggable); !ok || !d.Debug(g) {
		return nil, fmt.Errorf("attach to an instance: it runs in another process, or on a runtime that cannot be debugged: %w", debug.ErrUnsupported)
	}
	return g.detach, nil
}

// module has all of its instances report.
type module struct {
	engine.Module
	program  *program
	reporter debug.Reporter
}

// Instantiate implements engine.Module.
func (m *module) Instantiate(ctx context.Context, h engine.Host) (engine.Instance, error) {
	i, err := m.Module.Instantiate(ctx, h)
	if err != nil {
		return nil, err
	}
	if _, err := m.program.Attach(i, m.reporter); err != nil {
		_ = i.Close() // the fault is what matters
		return nil, err
	}
	return i, nil
}

// Package specs loads the files that a user writes: a folder with grow.yaml,
// types, actors and workflows becomes a [Service], or a list of [Problems]
// that names everything that is wrong with it.
//
// Loading goes in four steps. Files are read into trees that keep the place of
// every value; each tree is held against the embedded schema, which fills in
// defaults (both in package schema); types are evaluated and read into shapes
// (package shape); then what the files say of each other is checked here:
// names, types along every edge, keys and rules, what an endpoint can be
// answered with.
package specs

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/grow-platform/grow/specs/shape"
)

// Options says what the program that loads a service can serve.
type Options struct {
	// Kinds are the kinds of capability that `uses:` may name; nil: any.
	Kinds []string
	// Languages are the languages that `code:` may name; nil: any.
	Languages []string
	// CheckGrant is the capability's own check of a grant's parameters, and of what they
	// name in the folder of documents, called
	// for kinds that are served; nil: none.
	CheckGrant func(g Grant, documents string) error
	// CheckDouble says what of a test's double the kind of the grant never asks for or
	// answers, called for kinds that are served; nil: anything may be.
	CheckDouble func(g Grant, d *Double) error
	// NoSources: nothing is built, so what `code:` names need not be there.
	NoSources bool
	// NoTests: tests are neither read nor checked.
	NoTests bool
}

// Load reads and checks the service in the folder dir. When its files are
// wrong the error is of type [Problems]; any other error says that the folder
// itself could not be opened. What may be meant but rarely is stands in
// [Service.Warnings]. Load may be called concurrently; it keeps nothing.
func Load(dir string, o Options) (*Service, error) {
	l, err := read(dir, o)
	if err != nil {
		return nil, err
	}
	mistakes, warnings := l.sorted()
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	l.service.Warnings = warnings
	return l.service, nil
}

// read reads and checks what is in the folder dir.
func read(dir string, o Options) (*loader, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("load service: %w", err)
	}
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("load service: %w", err)
	}
	defer root.Close()
	l := &loader{
		opts: o, root: root, cue: cuecontext.New(), configs: map[string]*shape.Type{},
		report: report{order: map[string]int{}},
		service: &Service{Dir: abs, Actors: map[string]*Actor{}, Workflows: map[string]*Workflow{},
			Types: map[string]*shape.Type{}},
		actors: map[string]*actorFile{}, flows: map[string]*flowFile{}, broken: map[string]bool{}, loose: map[string]bool{},
		refused: map[string][]Problem{}, defined: map[string]Position{}, named: map[string]bool{}, dirty: map[string]bool{},
	}
	l.load()
	return l, nil
}

// loader is the state of one Load.
type loader struct {
	report
	opts    Options
	root    *os.Root
	cue     *cue.Context           // of what is described in place
	configs map[string]*shape.Type // that it has made, by source
	service *Service

	file    string       // grow.yaml, or grow.cue
	tree    *schema.Node // of it
	actors  map[string]*actorFile
	flows   map[string]*flowFile
	loose   map[string]bool      // actors and workflows whose in or out is wrong
	broken  map[string]bool      // actors and workflows that could not be read
	refused map[string][]Problem // types outside of the subset that are reported when used
	defined map[string]Position  // where each type is defined

	moves  []move  // states with migrations
	proved []proof // actors that must have tests

	count       int  // of tests
	stray       bool // a folder of definitions has another name, or cannot be read
	typesBroken bool // types could not be read: what they may be is in named
	// named are words that may be names of types; nil: any may be one.
	named map[string]bool
	dirty map[string]bool // files with mistakes, once actors and workflows have been looked at
}

type actorFile struct {
	file string
	tree *schema.Node
	def  *Actor
	// needs is a value of the config that must be set, or "".
	needs string
}

type flowFile struct {
	file   string
	tree   *schema.Node
	def    *Workflow
	nodes  map[string]*Node    // of def by name
	routes map[string][]*Route // of def by where they come from
	// unknown says that the nodes could not be read: nothing is said of names of nodes.
	unknown bool
}

func (l *loader) load() {
	if !l.loadService() {
		return
	}
	if l.strays(); l.stray {
		return // nothing but follow-up mistakes would be found
	}
	l.loadTypes()
	l.loadActors()
	l.loadWorkflows()
	if l.stray {
		return
	}
	l.resolveActors()
	l.resolveEndpoints(l.resolveWorkflows())
	l.resolveSources()
	if !l.opts.NoTests {
		l.loadTests()
		l.provenMigrations()
	}
	if l.wrong == 0 {
		l.unusedGrants()
	}
}

// problem reports a mistake in a file.
func (l *loader) problem(file string, at schema.Pos, path, code, message string, hint ...string) {
	l.add(found(file, at, path, code, message, hint...))
}

// warn reports what may be meant.
func (l *loader) warn(file string, at schema.Pos, path, code, message string, hint ...string) {
	l.report.add(found(file, at, path, code, message, hint...).warning())
}

// found makes a problem.
func found(file string, at schema.Pos, path, code, message string, hint ...string) Problem {
	p := Problem{Position: Position{file, at.Line, at.Col}, Path: path, Code: code, Message: message}
	if len(hint) > 0 {
		p.Hint = hint[0]
	}
	return p
}

func (p Problem) warning() Problem {
	p.Warning = true
	return p
}

func (l *loader) faults(file string, faults []schema.Fault) {
	for _, f := range faults {
		l.problem(file, f.Pos, f.Path, f.Code, f.Message, f.Hint)
	}
}

// definition reads NAME.yaml or NAME.cue, and holds it against a form. The
// tree is nil when there is nothing to go on with.
func (l *loader) definition(base, form string) (file string, tree *schema.Node) {
	file = l.pick(base)
	if file == "" {
		return base + ".yaml", nil
	}
	return file, l.document(file, form)
}

func (l *loader) document(file, form string) *schema.Node {
	l.report.file(file)
	data, ok := l.read(file)
	if !ok {
		return nil
	}
	var tree *schema.Node
	var faults []schema.Fault
	if filepath.Ext(file) == ".cue" {
		tree, faults = schema.ReadCUE(schema.Source{Name: file, Data: data})
	} else {
		tree, faults = schema.ReadYAML(data)
	}
	l.faults(file, faults)
	if tree == nil {
		return nil
	}
	l.refuseUnserved(form, file, tree)
	found := schema.Lookup(form).Check(tree)
	l.faults(file, found)
	if tree.Kind != schema.Map {
		return nil
	}
	return tree
}

// pick finds which of the forms of a file exists; it reports when both do.
func (l *loader) pick(base string) string {
	yaml, cue := l.exists(base+".yaml"), l.exists(base+".cue")
	switch {
	case yaml && cue:
		l.problem(base+".cue", schema.Pos{Line: 1, Col: 1}, "", "spec.duplicate", "stands beside "+filepath.Base(base)+".yaml", "keep one of them")
		return base + ".yaml"
	case yaml:
		return base + ".yaml"
	case cue:
		return base + ".cue"
	}
	return ""
}

func (l *loader) loadService() bool {
	l.file, l.tree = l.definition("grow", "#Service")
	if l.tree == nil {
		if len(l.all) == 0 {
			hint := cmp.Or(l.misnamed(".", "grow", "service"), "a service is a folder with that file")
			l.problem("grow.yaml", schema.Pos{}, "", "spec.file", "there is no such file in "+l.service.Dir, hint)
			return false
		}
		return true // the other files can still be looked at
	}
	s := l.service
	s.Name, s.About, s.Version = l.tree.Get("service").String(), l.tree.Get("about").String(), l.tree.Get("version").String()
	s.Docs = l.docs(l.file, l.tree, ".")
	return true
}

// at makes a Position.
func at(file string, p schema.Pos) Position { return Position{file, p.Line, p.Col} }

// outside reports whether an error of os.Root says that a path leads out of it.
func outside(err error) bool {
	var pe *os.PathError
	return errors.As(err, &pe) && pe.Err.Error() == "path escapes from parent"
}

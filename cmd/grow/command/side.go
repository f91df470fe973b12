package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// The kinds of thing that are compared.
const (
	kindService  = "a service"
	kindActor    = "an actor"
	kindWorkflow = "a workflow"
	kindTypes    = "a file of types"
)

// side is one of the two that are compared.
type side struct {
	name    string // as it was given
	kind    string
	service *specs.Service
	which   string                 // the actor or the workflow
	types   map[string]*shape.Type // of a file of types
}

// names are all that --only may name.
func (d *side) names() []string {
	names := slices.Collect(maps.Keys(d.types))
	if d.service == nil {
		return names
	}
	names = slices.AppendSeq(names, maps.Keys(d.service.Actors))
	names = slices.AppendSeq(names, maps.Keys(d.service.Workflows))
	names = slices.AppendSeq(names, maps.Keys(d.service.Types))
	for _, e := range d.service.Endpoints {
		names = append(names, e.Name())
	}
	return append(names, d.service.Name)
}

// sides finds what OLD and NEW are. closing removes what was read from git.
func (s *shell) sides(ctx context.Context, args []string) (old, new *side, closing func(), err error) {
	closing = func() {}
	if len(args) == 1 {
		dir, err := s.folder(nil)
		if err != nil {
			return nil, nil, closing, err
		}
		args = append(args, shown(dir))
	}
	temp, err := os.MkdirTemp("", "grow-compare-")
	if err != nil {
		return nil, nil, closing, fmt.Errorf("compare: %w", err)
	}
	closing = func() { _ = os.RemoveAll(temp) } // a temporary folder of ours
	f := &finder{shell: s, temp: temp}
	if old, err = f.find(ctx, args[0], args[1]); err != nil {
		return nil, nil, closing, err
	}
	new, err = f.find(ctx, args[1], args[0])
	return old, new, closing, err
}

// shown is a folder as it is called from here.
func shown(dir string) string {
	here, err := os.Getwd()
	if err != nil {
		return dir
	}
	rel, err := filepath.Rel(here, dir)
	if err != nil {
		return dir
	}
	return rel
}

// compared is how sides are loaded: by what they promise. Code is not part of
// that, nor are tests, which a change of a type may well break.
var compared = specs.Options{NoSources: true, NoTests: true}

// finder opens sides.
type finder struct {
	*shell
	temp string
	made int // folders in temp
}

// find opens what an argument names; other is the argument that it is compared with.
func (f *finder) find(ctx context.Context, name, other string) (*side, error) {
	path := name
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) || err != nil && strings.Contains(name, ":") {
		if path, err = f.checkout(ctx, name, other); err != nil {
			return nil, err
		}
	}
	d, err := f.open(path)
	if err != nil {
		return nil, f.named(err, name, path)
	}
	d.name = name
	return d, nil
}

// named says which side an error is about, where the path alone does not.
func (f *finder) named(err error, name, path string) error {
	var problems specs.Problems
	if !errors.As(err, &problems) {
		return err
	}
	next := "mend them, then compare again: " + strings.TrimSuffix("grow vet "+quote(name), " .")
	if name != path {
		next = "compare with a revision that grow vet finds nothing wrong with"
	}
	return &control.Error{Code: codeSpecInvalid, Message: fmt.Sprintf("%s has mistakes, so it cannot be compared:\n%v", name, problems), At: name, Next: next}
}

// open loads a folder or a file.
func (f *finder) open(path string) (*side, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	base := filepath.Base(abs)
	switch {
	case info.IsDir() && has(abs, "grow"):
		service, err := specs.Load(abs, compared)
		return &side{kind: kindService, service: service}, err
	case info.IsDir() && has(abs, "actor"):
		return f.actor(abs)
	case info.IsDir():
		return nil, &control.Error{Code: codeNoService, Message: "there is no service here: no grow.yaml in " + path, At: path, Next: "name a folder of a service, a file of it, or a git revision"}
	case base == "grow.yaml" || base == "grow.cue":
		return f.open(filepath.Dir(abs))
	case base == "actor.yaml" || base == "actor.cue":
		return f.actor(filepath.Dir(abs))
	case filepath.Base(filepath.Dir(abs)) == "workflows":
		return f.workflow(abs)
	case filepath.Ext(abs) == ".cue" || filepath.Ext(abs) == ".json":
		return f.types(abs)
	}
	return nil, usage("%s is no folder of a service, and no file of an actor, a workflow or types", path)
}

// has reports whether a folder holds a definition.
func has(dir, name string) bool {
	for _, ext := range []string{".yaml", ".cue"} {
		if _, err := os.Stat(filepath.Join(dir, name+ext)); err == nil {
			return true
		}
	}
	return false
}

// around loads the service that a file is in.
func around(path string) (*specs.Service, error) {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if has(dir, "grow") {
			return specs.Load(dir, compared)
		}
		if dir == filepath.Dir(dir) {
			return nil, &control.Error{Code: codeNoService, Message: path + " is in no service: there is no grow.yaml above it", At: path, Next: "compare it where it stands in its service"}
		}
	}
}

func (f *finder) actor(dir string) (*side, error) {
	service, err := around(dir)
	if err != nil {
		return nil, err
	}
	for name, a := range service.Actors {
		if a.Dir == dir {
			return &side{kind: kindActor, service: service, which: name}, nil
		}
	}
	return nil, &control.Error{Code: control.CodeNotFound, Message: dir + " is no actor of the service around it", At: dir, Next: "actors are folders in actors/ beside grow.yaml"}
}

func (f *finder) workflow(path string) (*side, error) {
	service, err := around(path)
	if err != nil {
		return nil, err
	}
	for name, w := range service.Workflows {
		if filepath.Join(service.Dir, filepath.FromSlash(w.At.File)) == path {
			return &side{kind: kindWorkflow, service: service, which: name}, nil
		}
	}
	return nil, &control.Error{Code: control.CodeNotFound, Message: path + " is no workflow of the service around it", At: path, Next: "workflows are files in workflows/ beside grow.yaml"}
}

// types loads a file of types alone, or with those beside it when it refers to them.
func (f *finder) types(path string) (*side, error) {
	service, err := f.typesIn(path)
	var problems specs.Problems
	if errors.As(err, &problems) && filepath.Ext(path) == ".cue" {
		beside, globErr := filepath.Glob(filepath.Join(filepath.Dir(path), "*.cue"))
		if globErr != nil {
			return nil, fmt.Errorf("compare: %w", globErr)
		}
		service, err = f.typesIn(beside...)
	}
	if err != nil {
		return nil, err
	}
	own, err := labels(path)
	if err != nil {
		return nil, err
	}
	types := map[string]*shape.Type{}
	for name, t := range service.Types {
		if own == nil || own[name] {
			types[name] = t
		}
	}
	if len(types) == 0 {
		return nil, usage("%s defines no type of a message", path)
	}
	return &side{kind: kindTypes, types: types}, nil
}

// typesIn loads some files as the types of a service that has nothing else.
func (f *finder) typesIn(paths ...string) (*specs.Service, error) {
	dir, err := f.folderInTemp()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "grow.yaml"), []byte("service: compared\n"), 0o600); err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "types"), 0o700); err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	for _, p := range paths {
		if err := copyTypes(p, filepath.Join(dir, "types", filepath.Base(p))); err != nil {
			return nil, err
		}
	}
	return specs.Load(dir, compared)
}

func (f *finder) folderInTemp() (string, error) {
	f.made++
	dir := filepath.Join(f.temp, fmt.Sprint(f.made))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("compare: %w", err)
	}
	return dir, nil
}

const typesBytesMax = 16 << 20 // of one file of types; what loads it has its own, lower limit

func copyTypes(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > typesBytesMax {
		return usage("%s is no file of types: it is no plain file, or larger than %d MiB", from, typesBytesMax>>20)
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		return fmt.Errorf("compare: %w", err)
	}
	return nil
}

// labels are the names at the top of a CUE file; nil for any other file, all
// of whose types are its own.
func labels(path string) (map[string]bool, error) {
	if filepath.Ext(path) != ".cue" {
		return nil, nil
	}
	file, err := parser.ParseFile(path, nil)
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	names := map[string]bool{}
	for _, d := range file.Decls {
		if field, ok := d.(*ast.Field); ok {
			if name, _, err := ast.LabelName(field.Label); err == nil {
				names[name] = true
			}
		}
	}
	return names, nil
}

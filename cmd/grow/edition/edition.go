// Package edition tells what of a service has changed between two times: which of its
// actors and workflows do something else, so that their tests are to be run again.
package edition

import (
	"errors"
	"io/fs"
	"iter"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/specs"
)

// Edition is a service and the digests of what it is made of.
type Edition struct {
	Service *specs.Service
	Inputs  Inputs
	Modules map[string]string // digest by actor
}

// Inputs are the digests of a service's files besides sources, which a build looks
// after, by path.
type Inputs struct {
	Definitions map[string]string
	Tests       map[string]string
}

// ReadInputs reads those of the files in dir, named with slashes, that count.
func ReadInputs(dir string, files iter.Seq[string]) (Inputs, error) {
	in := Inputs{map[string]string{}, map[string]string{}}
	for name := range files {
		kind := in.kind(name)
		if kind == nil {
			continue
		}
		digest, err := cache.DigestFile(filepath.Join(dir, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has just gone; who watches is told of it
		}
		if err != nil {
			return Inputs{}, err
		}
		kind[name] = digest
	}
	return in, nil
}

// kind is where a file belongs, nil when it is neither a definition nor a test.
func (in Inputs) kind(name string) map[string]string {
	parts := strings.Split(name, "/")
	switch {
	case name == "grow.yaml" || name == "grow.cue" || parts[0] == "types" || parts[0] == "workflows":
		return in.Definitions
	case parts[0] == "actors" && len(parts) == 3 && (parts[2] == "actor.yaml" || parts[2] == "actor.cue"):
		return in.Definitions
	case parts[0] == "actors" && len(parts) > 3 && parts[2] == "tests":
		return in.Tests
	}
	return nil
}

// below are the digests of files below a path, the file of that name included
// whatever its form.
func below(files map[string]string, at string) map[string]string {
	list := map[string]string{}
	for name, digest := range files {
		if strings.HasPrefix(name, at+"/") || strings.TrimSuffix(name, path.Ext(name)) == at {
			list[name] = digest
		}
	}
	return list
}

// Prints give, for each actor, each workflow and the service by name, a digest
// of all that its tests depend on: the tests, and what it does itself.
func (e *Edition) Prints() map[string]string {
	does := map[string]string{}
	for name, a := range e.Service.Actors {
		parts := below(e.Inputs.Definitions, e.relative(a.Dir)+"/actor")
		parts["module"] = e.Modules[name]
		parts["config"] = a.Config.Fingerprint()
		e.types(parts, a.In, a.Out)
		for _, state := range a.State {
			parts["state "+state.Pattern] = state.Type.Fingerprint()
		}
		does[name] = cache.Digest(parts)
	}
	for _, w := range e.Service.Workflows {
		e.flow(w, does)
	}
	prints := maps.Clone(does)
	whole := maps.Clone(does)
	maps.Copy(whole, below(e.Inputs.Definitions, "grow"))
	prints[e.Service.Name] += cache.Digest(whole) // an actor may be called as its service
	for name, a := range e.Service.Actors {
		parts := below(e.Inputs.Tests, e.relative(a.Dir))
		parts["does"] = prints[name]
		prints[name] = cache.Digest(parts)
	}
	return prints
}

// flow adds to list what a workflow does, which is also what its nodes do.
func (e *Edition) flow(w *specs.Workflow, list map[string]string) string {
	if print, ok := list[w.Name]; ok {
		return print
	}
	parts := map[string]string{"file": e.Inputs.Definitions[w.At.File]}
	e.types(parts, w.In, w.Out)
	for _, n := range w.Nodes {
		if inner := e.Service.Workflows[n.Workflow]; inner != nil {
			parts["node "+n.Name] = e.flow(inner, list)
		} else {
			parts["node "+n.Name] = list[n.Actor]
		}
	}
	list[w.Name] = cache.Digest(parts)
	return list[w.Name]
}

func (e *Edition) types(parts map[string]string, lists ...[]string) {
	for _, name := range slices.Concat(lists...) {
		parts["type "+name] = e.Service.Types[name].Fingerprint()
	}
}

// relative is a path in the service's folder, with slashes.
func (e *Edition) relative(name string) string {
	rel, err := filepath.Rel(e.Service.Dir, name)
	if err != nil {
		return filepath.ToSlash(name) // on another volume, which no folder of a service is
	}
	return filepath.ToSlash(rel)
}

// Modules are the digests of the modules that were built, by actor.
func Modules(service *specs.Service) (map[string]string, error) {
	list := map[string]string{}
	for name := range service.Actors {
		digest, err := cache.DigestFile(project.Module(service.Dir, name))
		if err != nil {
			return nil, err
		}
		list[name] = "sha256:" + digest
	}
	return list, nil
}

// Differ are the names whose values differ, sorted.
func Differ(one, other map[string]string) []string {
	var list []string
	for name, value := range one {
		if other[name] != value {
			list = append(list, name)
		}
	}
	for name := range other {
		if _, ok := one[name]; !ok {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list
}

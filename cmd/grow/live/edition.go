package live

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/host/watch"
	"github.com/grow-platform/grow/specs"
)

// edition is a service and the digests of what it is made of.
type edition struct {
	service *specs.Service
	inputs  inputs
	modules map[string]string // by actor
}

// inputs are the files of a service besides sources, which a build looks
// after, by path.
type inputs struct {
	definitions map[string]string
	tests       map[string]string
}

// readInputs reads the files among those listed that count.
func readInputs(dir string, files watch.Files) (inputs, error) {
	in := inputs{map[string]string{}, map[string]string{}}
	for name, state := range files {
		kind := in.kind(name)
		if kind == nil || state.Folder {
			continue
		}
		digest, err := cache.DigestFile(filepath.Join(dir, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has just gone; a batch tells of it
		}
		if err != nil {
			return inputs{}, err
		}
		kind[name] = digest
	}
	return in, nil
}

// kind is where a file belongs, nil when it is neither a definition nor a test.
func (in inputs) kind(name string) map[string]string {
	parts := strings.Split(name, "/")
	switch {
	case name == "grow.yaml" || name == "grow.cue" || parts[0] == "types" || parts[0] == "workflows":
		return in.definitions
	case parts[0] == "actors" && len(parts) == 3 && (parts[2] == "actor.yaml" || parts[2] == "actor.cue"):
		return in.definitions
	case parts[0] == "actors" && len(parts) > 3 && parts[2] == "tests":
		return in.tests
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

// prints give, for each actor, each workflow and the service by name, a digest
// of all that its tests depend on: the tests, and what it does itself.
func (e *edition) prints() map[string]string {
	does := map[string]string{}
	for name, a := range e.service.Actors {
		parts := below(e.inputs.definitions, e.relative(a.Dir)+"/actor")
		parts["module"] = e.modules[name]
		parts["config"] = a.Config.Fingerprint()
		e.types(parts, a.In, a.Out)
		for _, state := range a.State {
			parts["state "+state.Pattern] = state.Type.Fingerprint()
		}
		does[name] = cache.Digest(parts)
	}
	for _, w := range e.service.Workflows {
		e.flow(w, does)
	}
	prints := maps.Clone(does)
	whole := maps.Clone(does)
	maps.Copy(whole, below(e.inputs.definitions, "grow"))
	prints[e.service.Name] += cache.Digest(whole) // an actor may be called as its service
	for name, a := range e.service.Actors {
		parts := below(e.inputs.tests, e.relative(a.Dir))
		parts["does"] = prints[name]
		prints[name] = cache.Digest(parts)
	}
	return prints
}

// flow adds to list what a workflow does, which is also what its nodes do.
func (e *edition) flow(w *specs.Workflow, list map[string]string) string {
	if print, ok := list[w.Name]; ok {
		return print
	}
	parts := map[string]string{"file": e.inputs.definitions[w.At.File]}
	e.types(parts, w.In, w.Out)
	for _, n := range w.Nodes {
		if inner := e.service.Workflows[n.Workflow]; inner != nil {
			parts["node "+n.Name] = e.flow(inner, list)
		} else {
			parts["node "+n.Name] = list[n.Actor]
		}
	}
	list[w.Name] = cache.Digest(parts)
	return list[w.Name]
}

func (e *edition) types(parts map[string]string, lists ...[]string) {
	for _, name := range slices.Concat(lists...) {
		parts["type "+name] = e.service.Types[name].Fingerprint()
	}
}

// relative is a path in the service's folder, with slashes.
func (e *edition) relative(name string) string {
	rel, err := filepath.Rel(e.service.Dir, name)
	if err != nil {
		return filepath.ToSlash(name) // on another volume, which no folder of a service is
	}
	return filepath.ToSlash(rel)
}

// digests are those of the modules that were built.
func digests(service *specs.Service) (map[string]string, error) {
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

// differ are the names whose values differ, sorted.
func differ(one, other map[string]string) []string {
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

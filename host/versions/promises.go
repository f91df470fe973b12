package versions

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/compare"
)

// promises compares what two versions promise to others.
func (d *Difference) promises(ctx context.Context, old, new *Version, read Read) error {
	var services [2]*specs.Service
	for i, one := range []*Version{old, new} {
		service, err := one.load(ctx, read)
		var wrong specs.Problems
		if errors.As(err, &wrong) {
			d.Notes = append(d.Notes, fmt.Sprintf("%s has mistakes, so types and grants are not compared: %v", one.Name, wrong))
			return nil
		}
		if err != nil {
			return err
		}
		services[i] = service
	}
	var found []compare.Change
	if actor := old.Name.Actor; actor != "" {
		found = compare.Actors(services[0], actor, services[1], actor, compare.Options{})
	} else {
		found = compare.Services(services[0], services[1], compare.Options{})
	}
	d.Changes = ChangesOf(found)
	return nil
}

// load reads the definitions of a version. Other files are there by name alone.
func (v *Version) load(ctx context.Context, read Read) (service *specs.Service, err error) {
	dir, err := os.MkdirTemp("", "grow-diff-")
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	root, err := os.OpenRoot(dir) // paths are what others wrote
	if err != nil {
		return nil, fmt.Errorf("compare: %w", err)
	}
	defer root.Close()
	for _, f := range v.Tree {
		var text []byte
		if defines(f.Path) {
			if text, err = read(ctx, f); err != nil {
				return nil, err
			}
		}
		name := filepath.FromSlash(f.Path)
		if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return nil, fmt.Errorf("compare: %w", err)
		}
		if err := root.WriteFile(name, text, 0o600); err != nil {
			return nil, fmt.Errorf("compare: %w", err)
		}
	}
	return specs.Load(dir, specs.Options{NoSources: true, NoTests: true})
}

// definitions are the names that an actor's definition can have.
var definitions = []string{"actor.yaml", "actor.yml", "actor.cue"}

// defines reports whether a file is one by which a service is defined.
func defines(file string) bool {
	parts := strings.Split(file, "/")
	return len(parts) == 1 && strings.HasPrefix(file, "grow.") || parts[0] == "types" || parts[0] == "workflows" && len(parts) == 2 ||
		parts[0] == "actors" && len(parts) == 3 && slices.Contains(definitions, parts[2])
}

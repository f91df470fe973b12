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

	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/specs/schema"
)

// revisionsMax is how many revisions of an actor are looked through for a module: a few
// first, as it is one of the last most of the time.
var revisionsMax = []int{20, 1000}

// pulledModule is a module that a definition names by its digest, and that was not here.
type pulledModule struct {
	Actor  string `json:"actor"`
	Digest string `json:"digest"`
	Size   int64  `json:"size"` // bytes
	Absent bool   `json:"absent,omitempty"`

	revision deploy.Revision
}

// missingModules are those that the definitions of the folder, as they will be after the
// steps, name by their digests, and that are not here.
func (m *mirror) missingModules(ctx context.Context, mine documents.Tree, steps []step) ([]pulledModule, error) {
	list := []pulledModule{}
	named, err := m.namedModules(mine, steps)
	if err != nil {
		return nil, err
	}
	for _, actor := range slices.Sorted(maps.Keys(named)) {
		have, err := cache.DigestFile(project.Uploaded(m.dir, named[actor]))
		if err == nil && have == named[actor] {
			continue
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("look for the module of %s: %w", actor, err)
		}
		one, err := m.moduleOf(ctx, actor, named[actor])
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// namedModules are the digests that definitions name, by actor. What cannot be read yet,
// because of a conflict, names nothing.
func (m *mirror) namedModules(mine documents.Tree, steps []step) (map[string]string, error) {
	texts := map[string][]byte{}
	for _, f := range mine {
		if !isDefinition(f.Path) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(m.dir, filepath.FromSlash(f.Path)))
		if err != nil {
			return nil, fmt.Errorf("read documents: %w", err)
		}
		texts[f.Path] = b
	}
	for _, st := range steps {
		switch {
		case !isDefinition(st.path) || st.stays:
		case st.remove:
			delete(texts, st.path)
		default:
			texts[st.path] = st.data
		}
	}
	named := map[string]string{}
	for path, text := range texts {
		read := schema.ReadYAML
		if strings.HasSuffix(path, ".cue") {
			read = func(b []byte) (*schema.Node, []schema.Fault) {
				return schema.ReadCUE(schema.Source{Name: path, Data: b})
			}
		}
		tree, faults := read(text)
		digest := strings.TrimPrefix(tree.Get("code").Get("digest").String(), "sha256:")
		if len(faults) == 0 && store.Digest(digest).Check() == nil {
			named[strings.Split(path, "/")[1]] = digest
		}
	}
	return named, nil
}

// isDefinition reports whether a document is the definition of an actor.
func isDefinition(path string) bool {
	parts := strings.Split(path, "/")
	return len(parts) == 3 && parts[0] == "actors" && slices.Contains(definitionFiles, parts[2])
}

// moduleOf finds the revision of an actor that has a module.
func (m *mirror) moduleOf(ctx context.Context, actor, digest string) (pulledModule, error) {
	one := pulledModule{Actor: actor, Digest: digest, Absent: true}
	for _, limit := range revisionsMax {
		list, err := m.remote.Revisions(ctx, actor, 0, limit)
		if err != nil {
			return one, err
		}
		i := slices.IndexFunc(list, func(v deploy.Revision) bool { return string(v.Artifact.Digest) == digest })
		if i >= 0 {
			one.revision, one.Size, one.Absent = list[i], list[i].Artifact.Size, false
			return one, nil
		}
		if len(list) < limit {
			break
		}
	}
	return one, nil
}

// bringModules puts modules where a build looks for them: whole, or not at all.
func (m *mirror) bringModules(ctx context.Context, list []pulledModule) error {
	for _, one := range list {
		if one.Absent {
			continue
		}
		if err := m.bringModule(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

func (m *mirror) bringModule(ctx context.Context, one pulledModule) error {
	at := project.Uploaded(m.dir, one.Digest)
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		return fmt.Errorf("bring the module of %s: %w", one.Actor, err)
	}
	f, err := os.CreateTemp(filepath.Dir(at), ".fresh-")
	if err != nil {
		return fmt.Errorf("bring the module of %s: %w", one.Actor, err)
	}
	defer os.Remove(f.Name()) // nothing is there once it has its name
	err = errors.Join(m.remote.Module(ctx, one.revision, f), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), at)
	}
	if known := (*control.Error)(nil); errors.As(err, &known) {
		return known
	}
	if err != nil {
		return fmt.Errorf("bring the module of %s: %w", one.Actor, err)
	}
	return nil
}

// tellModules says which modules were brought, or would be.
func (s *shell) tellModules(list []pulledModule, plan bool) {
	for _, one := range list {
		switch {
		case one.Absent:
			s.say("%s: the host has no revision with the module %.12s…, which actor.yaml names; upload it: grow upload %s FILE.wasm", one.Actor, one.Digest, one.Actor)
		case plan:
			s.say("the module of %s, %s, would be brought", one.Actor, memory(one.Size))
		default:
			s.say("brought the module of %s, %s", one.Actor, memory(one.Size))
		}
	}
}

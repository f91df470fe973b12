package command

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/schema"
)

// wayBack has an actor's old definition, which does not know the type of what is kept by
// now, name the actors that make it again what it was: those that the live definition has
// under back. They are in the documents of the rollback, and so with whatever comes later.
// It returns their names. read reads a file of what is gone back to; the definition is
// among those of the delivery.
func (at *destination) wayBack(ctx context.Context, actor string, read func(path string) ([]byte, error), d *delivery) (by []string, err error) {
	file, text, err := at.liveDefinition(ctx, actor)
	if err != nil || file == "" {
		return nil, err
	}
	now := specs.DeclaredState(definitionTree(file, text))
	if !slices.ContainsFunc(now, func(d specs.Declared) bool { return d.Back != "" }) {
		return nil, nil
	}
	for _, f := range d.files {
		if path.Dir(f.Path) == "actors/"+actor && isDefinition(f.Path) {
			file = f.Path
		}
	}
	if !strings.HasSuffix(file, ".yaml") {
		return nil, nil // whoever writes CUE names them by hand, and the gate asks for it
	}
	if text, err = read(file); err != nil {
		return nil, err
	}
	states := specs.DeclaredState(definitionTree(file, text))
	for _, n := range now {
		i := slices.IndexFunc(states, func(s specs.Declared) bool { return s.Pattern == n.Pattern })
		if n.Back == "" || i < 0 || states[i].Type == n.Type || states[i].From[n.Type] != "" {
			continue
		}
		makes, err := at.makes(ctx, n.Back)
		if err != nil {
			return nil, err
		}
		if makes == states[i].Type {
			from := maps.Clone(states[i].From)
			if from == nil {
				from = map[string]string{}
			}
			from[n.Type] = n.Back
			states[i].From = from
			by = append(by, n.Back)
		}
	}
	if len(by) == 0 {
		return nil, nil
	}
	if text, err = withField(file, text, "state", stateLine(states)); err != nil {
		return nil, err
	}
	d.put(file, text)
	others := d.send
	d.send = func(ctx context.Context, missing []string) error {
		if len(missing) == 0 {
			return nil
		}
		if others != nil { // definitions of other actors
			if err := others(ctx, missing); err != nil {
				return err
			}
		}
		_, err := at.client.Upload(ctx, text, nil) // all else comes from the host
		return err
	}
	return by, nil
}

// wayBackAll does for all actors of an old deployment what wayBack does for one. Those that
// the state goes back by come along as they are live, with the types, all of which they may
// need; it returns their names.
func (at *destination) wayBackAll(ctx context.Context, old *deploy.Deployment, d *delivery) (by []string, err error) {
	read := func(path string) ([]byte, error) { return at.DeploymentFile(ctx, old.Number, path) }
	for _, actor := range slices.Sorted(maps.Keys(old.Actors)) {
		if _, ok := at.live.Actors[actor]; !ok {
			continue
		}
		some, err := at.wayBack(ctx, actor, read, d)
		if err != nil {
			return nil, err
		}
		by = append(by, some...)
	}
	if len(by) == 0 {
		return nil, nil
	}
	slices.Sort(by)
	by = slices.Compact(by)
	files, err := at.filesOfLive(ctx)
	if err != nil {
		return nil, err
	}
	comes := func(f api.File) bool {
		return strings.HasPrefix(f.Path, "types/") || slices.ContainsFunc(by, func(b string) bool { return strings.HasPrefix(f.Path, "actors/"+b+"/") })
	}
	d.files = slices.DeleteFunc(d.files, func(f api.File) bool {
		return comes(f) && (!strings.HasPrefix(f.Path, "types/") || slices.ContainsFunc(files, func(now api.File) bool { return now.Path == f.Path }))
	})
	for _, f := range files {
		if comes(f) {
			d.files = append(d.files, f)
		}
	}
	slices.SortFunc(d.files, func(a, b api.File) int { return strings.Compare(a.Path, b.Path) })
	for _, b := range by {
		d.asBefore(b, at.live.Actors[b].Artifact)
	}
	return by, nil
}

// filesOfLive are the files of the live deployment.
func (at *destination) filesOfLive(ctx context.Context) (list []api.File, err error) {
	if at.liveFiles == nil {
		at.liveFiles, err = at.DeploymentFiles(ctx, at.live.Number)
	}
	return at.liveFiles, err
}

// makes is the one type that an actor of the live deployment sends; "" when there are others.
func (at *destination) makes(ctx context.Context, actor string) (string, error) {
	file, text, err := at.liveDefinition(ctx, actor)
	if err != nil || file == "" {
		return "", err
	}
	out := definitionTree(file, text).Get("out")
	if out == nil || len(out.Items) != 1 {
		return "", nil
	}
	return out.Items[0].String(), nil
}

// liveDefinition is the definition of an actor that is live; file is "" when it has none.
func (at *destination) liveDefinition(ctx context.Context, actor string) (file string, text []byte, err error) {
	files, err := at.filesOfLive(ctx)
	if err != nil {
		return "", nil, err
	}
	i := slices.IndexFunc(files, func(f api.File) bool { return path.Dir(f.Path) == "actors/"+actor && isDefinition(f.Path) })
	if i < 0 {
		return "", nil, nil
	}
	text, err = at.DeploymentFile(ctx, at.live.Number, files[i].Path)
	return files[i].Path, text, err
}

// definitionTree reads a definition that was live, so that nothing is wrong with it.
func definitionTree(file string, text []byte) *schema.Node {
	var tree *schema.Node
	if strings.HasSuffix(file, ".cue") {
		tree, _ = schema.ReadCUE(schema.Source{Name: file, Data: text})
	} else {
		tree, _ = schema.ReadYAML(text)
	}
	return tree
}

// stateLine is the field state of a definition, in a line.
func stateLine(states []specs.Declared) string {
	var list []string
	for _, s := range states {
		text := s.Type
		if len(s.From) > 0 {
			var from []string
			for _, t := range slices.Sorted(maps.Keys(s.From)) {
				from = append(from, t+": "+s.From[t])
			}
			text = fmt.Sprintf("{type: %s, from: {%s}", s.Type, strings.Join(from, ", "))
			if s.Back != "" {
				text += ", back: " + s.Back
			}
			text += "}"
		}
		if s.Pattern == "" {
			return "state: " + text + "\n"
		}
		list = append(list, schema.Join("", s.Pattern)+": "+text)
	}
	return "state: {" + strings.Join(list, ", ") + "}\n"
}

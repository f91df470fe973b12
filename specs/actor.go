package specs

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/grow-platform/grow/specs/shape"
)

// Defaults of an actor that depend on more than its own field, and so are not
// in the schema.
const (
	maxDefault  = 8 // instances
	durationMax = "1h"
)

// loadActors reads actors/*/actor.yaml.
func (l *loader) loadActors() {
	for _, e := range l.list("actors") {
		dir := path.Join("actors", e.Name())
		if !l.isDir(dir) {
			if name, ok := yamlName(e.Name()); ok {
				l.broken[name] = true
				l.problem(dir, schema.Pos{}, "", "spec.file", "is not read: an actor is a folder with its definition and its code", fmt.Sprintf("move it to actors/%s/actor.yaml", name))
			}
			continue
		}
		file, tree := l.definition(path.Join(dir, "actor"), "#Actor")
		if tree == nil {
			l.broken[e.Name()] = true
			if !l.exists(file) {
				hint := l.misnamed(dir, "actor", strings.ToLower(e.Name()))
				l.problem(file, schema.Pos{}, "", "spec.file", "there is no such file, so the folder is no actor", hint)
			}
			continue
		}
		name := tree.Get("actor").String()
		if name == "" {
			l.broken[e.Name()] = true
			continue
		}
		if have := l.actors[name]; have != nil {
			l.problem(file, tree.Get("actor").Place(), "actor", "spec.duplicate", fmt.Sprintf("there is another actor %s, in %s", name, have.file))
			continue
		}
		if name != e.Name() {
			l.warn(file, tree.Get("actor").Place(), "actor", "spec.name", fmt.Sprintf("the actor is %s and its folder %s", name, e.Name()), "they are found more easily under one name")
		}
		if !schema.Lookup("#Name").Fits(name) {
			l.broken[e.Name()] = true
		}
		a := &actorFile{file: file, tree: tree, def: l.actor(file, dir, tree)}
		l.actors[name] = a
		l.service.Actors[name] = a.def
	}
}

// yamlName is the name of a file without its ending, when that is one of a definition.
func yamlName(file string) (string, bool) {
	ext := path.Ext(file)
	return strings.TrimSuffix(file, ext), ext == ".yaml" || ext == ".yml" || ext == ".cue"
}

func (l *loader) isDir(dir string) bool {
	info, err := l.root.Stat(filepath.FromSlash(dir))
	if outside(err) {
		l.problem(dir, schema.Pos{}, "", "spec.path", "leads out of the service's folder")
	}
	return err == nil && info.IsDir()
}

// actor fills a definition with what its own file says.
func (l *loader) actor(file, dir string, tree *schema.Node) *Actor {
	a := &Actor{
		Name: tree.Get("actor").String(), About: tree.Get("about").String(),
		Dir:  filepath.Join(l.service.Dir, filepath.FromSlash(dir)),
		Docs: l.docs(file, tree, dir), At: at(file, tree.Get("actor").Place()),
	}
	a.Code = l.code(file, dir, tree.Get("code"))
	a.Uses = l.grants(file, tree.Get("uses"))
	a.Scale = l.scale(file, tree.Get("scale"), "scale", Scale{Min: 0, Max: maxDefault, Mailbox: abi.MailboxDefault})
	a.Limits = l.limits(file, tree.Get("limits"), a.Code.Language)
	a.Isolated = tree.Get("isolation").String() == isolationProcess
	a.Retry = l.retry(file, tree)
	a.Targets = targets(tree.Get("targets"))
	a.Rehearse = rehearse(tree.Get("rehearse"))
	return a
}

// languages are other names of languages.
var languages = map[string]string{
	"golang": "go", "tinygo": "go", "rs": "rust", "py": "python", "python3": "python", "micropython": "python", "webassembly": "wasm",
	"js": "javascript", "node": "javascript", "nodejs": "javascript", "ts": "typescript", "cpp": "c",
}

func (l *loader) code(file, dir string, n *schema.Node) Code {
	c := Code{Language: n.Get("language").String()}
	if lang := n.Get("language"); c.Language != "" && l.opts.Languages != nil && !slices.Contains(l.opts.Languages, c.Language) {
		hint := schema.Mean(c.Language, l.opts.Languages)
		if known := languages[c.Language]; slices.Contains(l.opts.Languages, known) {
			hint = fmt.Sprintf("did you mean %q?", known)
		}
		if hint == "" {
			hint = "it builds " + enumerate(l.opts.Languages)
		}
		l.problem(file, lang.Pos, "code.language", "spec.unserved", fmt.Sprintf("the language %s is not served by this version of grow", c.Language), hint)
		return c
	}
	w := wantDir
	if c.Language == "wasm" {
		w = wantFile
	}
	c.Digest = strings.TrimPrefix(n.Get("digest").String(), "sha256:")
	l.whereFrom(file, n, c)
	if source := n.Get("source"); source != nil && c.Language != "" && !l.opts.NoSources {
		if p := l.resolve(file, source, "code.source", w, dir); p != "" {
			c.Source = filepath.Join(l.service.Dir, filepath.FromSlash(p))
		}
	}
	return c
}

// whereFrom holds that code has a source or is on the host.
func (l *loader) whereFrom(file string, n *schema.Node, c Code) {
	source, digest := n.Get("source"), n.Get("digest")
	switch {
	case n == nil || n.Kind != schema.Map:
	case source == nil && digest == nil:
		l.problem(file, n.Pos, "code.source", "spec.missing", "is missing: the folder of its source, or the .wasm file, relative to actor.yaml")
	case source != nil && digest != nil:
		l.problem(file, digest.Pos, "code.digest", "spec.value", "says that the module lies on the host, and source that it is made here", "leave one of them out")
	case digest != nil && c.Language != "wasm":
		l.problem(file, digest.Pos, "code.digest", "spec.value", "is for modules that were compiled elsewhere", "write {language: wasm, digest: …}")
	}
}

// enumerate joins words as a sentence does.
func enumerate(words []string) string {
	switch len(words) {
	case 0:
		return "none"
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

func (l *loader) grants(file string, n *schema.Node) []Grant {
	if n == nil || n.Kind != schema.Map {
		return nil
	}
	var out []Grant
	for _, f := range n.Fields {
		kind := f.Value.Get("kind")
		if kind.String() == "" {
			continue
		}
		g := Grant{Name: f.Key, Kind: kind.Text, Params: map[string]any{}, At: at(file, f.Pos)}
		for _, p := range f.Value.Fields {
			if p.Key != "kind" {
				g.Params[p.Key] = p.Value.Value()
			}
		}
		out = append(out, g)
		where := schema.Join("uses", f.Key)
		if l.opts.Kinds != nil && !slices.Contains(l.opts.Kinds, g.Kind) {
			hint := schema.Mean(g.Kind, l.opts.Kinds)
			if hint == "" {
				hint = "it serves " + enumerate(l.opts.Kinds)
			}
			l.problem(file, kind.Pos, where+".kind", "spec.unserved", fmt.Sprintf("the kind %s is not served by this version of grow", g.Kind), hint)
			continue
		}
		if l.opts.CheckGrant != nil {
			if err := l.opts.CheckGrant(g, l.service.Dir); err != nil {
				l.problem(file, f.Value.Pos, where, "spec.grant", err.Error())
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// scale lays what n says over the scale given.
func (l *loader) scale(file string, n *schema.Node, where string, s Scale) Scale {
	if n == nil {
		return s
	}
	inst := n.Get("instances")
	if v := inst.Get("min"); v != nil {
		s.Min = int(v.Int())
	}
	if v := inst.Get("max"); v != nil {
		s.Max = int(v.Int())
	} else if s.Max < s.Min {
		s.Max = s.Min
	}
	if v := n.Get("mailbox"); v != nil {
		s.Mailbox = int(v.Int())
	}
	if s.Min > s.Max && inst != nil { // otherwise it is said where the scale comes from
		l.problem(file, inst.Place(), where+".instances", "spec.value", fmt.Sprintf("min %d is more than max %d", s.Min, s.Max))
	}
	return s
}

// retry reads the policy; without the key it is the schema's defaults.
func (l *loader) retry(file string, tree *schema.Node) Retry {
	n := tree.Get("retry")
	if n == nil || n.Kind != schema.Map {
		n = &schema.Node{Kind: schema.Map}
		schema.Lookup("#Retry").Check(n)
	}
	r := Retry{Max: int(n.Get("max").Int()), Factor: n.Get("factor").Float(), Hold: n.Get("hold").Bool()}
	if v := n.Get("backoff"); v != nil && schema.Lookup("#Duration").Fits(v.String()) {
		if r.Backoff = duration(v.String()); r.Backoff > duration(durationMax) {
			l.problem(file, v.Pos, "retry.backoff", "spec.value", fmt.Sprintf("%s is too long; it must be at most %s", v, durationMax))
		}
	}
	return r
}

// resolveActors checks what actors say of types.
func (l *loader) resolveActors() {
	for _, name := range names(l.actors) {
		a := l.actors[name]
		a.def.In = l.typeList(name, a.file, a.tree, "in")
		a.def.Out = l.typeList(name, a.file, a.tree, "out")
		l.state(a)
		l.keys(a)
		l.config(a)
	}
	l.resolveMigrations()
	l.resolveProvisions()
}

func names[T any](m map[string]T) []string {
	out := make([]string, 0, len(m))
	for name := range m {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// shapesOf returns the shapes of types, those that are known.
func (l *loader) shapesOf(types []string) []*shape.Type {
	var out []*shape.Type
	for _, name := range types {
		if t := l.service.Types[name]; t != nil {
			out = append(out, t)
		}
	}
	return out
}

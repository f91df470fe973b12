package site

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"github.com/grow-platform/grow/specs/graph"
)

// typeOf is one type on the page of types.
type typeOf struct {
	Name, About string
	Parts       parts
	Sample      string
	Uses        []use
}

// use is in what way a type is used, and where.
type use struct {
	Term  string
	Links []link
}

// indexTypes notes where each type is used.
func (b *builder) indexTypes() {
	b.uses = map[string][]use{}
	for _, e := range b.service.Endpoints {
		l := link{Text: e.Name(), Href: href(typesPage, indexPage+"#Page-endpoints")}
		b.note(e.Send, "made by", l)
		for _, r := range graph.Replies(e) {
			b.note(r.Type, "answers", l)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.service.Workflows)) {
		w, l := b.service.Workflows[name], link{Text: name, Href: href(typesPage, workflowPage(name))}
		b.noteAll(w.In, "taken by", l)
		b.noteAll(w.Out, "sent by", l)
	}
	for _, name := range slices.Sorted(maps.Keys(b.service.Actors)) {
		a, l := b.service.Actors[name], link{Text: name, Href: href(typesPage, actorPage(name))}
		b.noteAll(a.In, "taken by", l)
		b.noteAll(a.Out, "sent by", l)
		for _, s := range a.State {
			b.note(s.Name, "kept by", l)
		}
	}
}

func (b *builder) noteAll(types []string, term string, l link) {
	for _, t := range types {
		b.note(t, term, l)
	}
}

func (b *builder) note(name, term string, l link) {
	uses := b.uses[name]
	i := slices.IndexFunc(uses, func(u use) bool { return u.Term == term })
	if i < 0 {
		b.uses[name] = append(uses, use{term, []link{l}})
	} else if !slices.Contains(uses[i].Links, l) {
		uses[i].Links = append(uses[i].Links, l)
	}
}

// types is the body of the page of types.
func (b *builder) types() []typeOf {
	var out []typeOf
	for _, name := range slices.Sorted(maps.Keys(b.service.Types)) {
		t := b.service.Types[name]
		one := typeOf{Name: name, About: t.Describe()[0].About, Parts: partsOf("Field", t), Uses: b.uses[name]}
		if sample := t.Sample(); len(sample) > 0 {
			one.Sample = pretty(sample)
		}
		out = append(out, one)
	}
	return out
}

// pretty writes JSON on several lines; what is none stays as it is.
func pretty(data []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, data, "", "  ") != nil {
		return string(data)
	}
	return out.String()
}

package shape

import (
	"fmt"
	"slices"
)

// objects compares the rules for an object.
func (c *comparison) objects(s *spot) {
	a, b := s.old.fields(), s.new.fields()
	if a == b {
		return
	}
	var gone, fresh []*field
	for _, f := range a.list {
		if b.index[f.name] != nil || f.name == s.tag {
			continue
		}
		if all := b.unlisted(f.name); all != nil {
			c.unlistedNow(s, f, all)
		} else {
			gone = append(gone, f)
		}
	}
	for _, g := range b.list {
		if g.name == s.tag {
			continue
		}
		if f := a.index[g.name]; f != nil {
			c.field(s, f, g)
		} else if all := a.unlisted(g.name); all != nil {
			c.listedNow(s, g, all)
		} else {
			fresh = append(fresh, g)
		}
	}
	c.goneAndFresh(s, gone, fresh)
	c.patterns(s, a, b)
	if a.open != b.open {
		c.opened(s, a)
	}
}

// fields are the rules for an object, none spelled out.
func (t *Type) fields() *fields {
	if t.obj == nil {
		return anyFields
	}
	return t.obj
}

var anyFields = &fields{open: true}

// unlisted is what a struct says of a field that it does not name: the types of
// the patterns that the name fits, or what an open struct lets through.
func (r *fields) unlisted(name string) []*Type {
	var all []*Type
	for _, p := range r.patterns {
		if p.key.admitsText(name) {
			all = append(all, p.typ)
		}
	}
	if all == nil && r.open {
		return []*Type{unnamed}
	}
	return all
}

// needed reports whether a field must be given.
func (c *comparison) needed(f *field) bool {
	return f.required && (!c.opts.Config || f.fallback() == nil)
}

// field compares a field that both types name.
func (c *comparison) field(s *spot, f, g *field) {
	at := s.below(fieldStep, f.name, f.typ, g.typ)
	was, is := c.needed(f), c.needed(g)
	switch {
	case !was && is:
		c.add(finding{at: at, code: "required.added", message: "is required now", narrows: lost, without: f.name, above: true})
	case was && !is && g.typ.def != nil:
		c.add(finding{at: at, code: "required.removed", message: "may be left out now, which stands for " + shorten(string(g.typ.def)), widens: lost, without: f.name, above: true})
	case was && !is:
		c.add(finding{at: at, code: "required.removed", message: "may be left out now", widens: lost, without: f.name, above: true})
	}
	if was == is {
		c.defaults(at, f.typ.def, g.typ.def)
	}
	c.types(at)
}

// unlistedNow is about a field that the new type no longer names but has a rule for.
func (c *comparison) unlistedNow(s *spot, f *field, all []*Type) {
	at := s.below(fieldStep, f.name, f.typ, all[0])
	if c.needed(f) {
		c.add(finding{at: at, code: "required.removed", message: "is no field of its own any more, and may be left out", widens: lost, without: f.name, above: true})
	} else {
		c.add(finding{at: at, code: "optional.removed", message: "is no field of its own any more"})
	}
	for _, t := range all {
		c.types(s.below(fieldStep, f.name, f.typ, t))
	}
}

// listedNow is about a field that the old type had a rule for without naming it.
func (c *comparison) listedNow(s *spot, g *field, all []*Type) {
	at := s.below(fieldStep, g.name, all[0], g.typ)
	if c.needed(g) {
		c.add(finding{at: at, code: "required.added", message: "is new and required", narrows: lost, without: g.name, above: true})
	} else {
		c.add(finding{at: at, code: "optional.added", message: "is new and optional" + standsFor(g)})
	}
	for _, t := range all {
		c.types(s.below(fieldStep, g.name, t, g.typ))
	}
}

// goneAndFresh is about fields of which the other type knows nothing.
func (c *comparison) goneAndFresh(s *spot, gone, fresh []*field) {
	for _, f := range gone {
		i := c.renamed(f, gone, fresh)
		if i < 0 {
			c.gone(s, f)
			continue
		}
		c.rename(s, f, fresh[i])
		fresh = slices.Delete(fresh, i, i+1)
	}
	for _, g := range fresh {
		at := s.below(fieldStep, g.name, unnamed, g.typ)
		if c.needed(g) {
			c.add(finding{at: at, code: "required.added", message: "is new and required", narrows: lost, without: g.name, above: true})
		} else {
			c.add(finding{at: at, code: "optional.added", message: "is new and optional" + standsFor(g)})
		}
	}
}

func standsFor(f *field) string {
	if f.typ.def == nil {
		return ""
	}
	return "; left out it is " + shorten(string(f.typ.def))
}

func (c *comparison) gone(s *spot, f *field) {
	found := finding{at: s.below(fieldStep, f.name, f.typ, unnamed), code: "optional.removed", message: "is gone; it was optional"}
	if c.needed(f) {
		found.code, found.message, found.widens = "required.removed", "is gone; it was required", lost
		found.without, found.above = f.name, true
	}
	if c.opts.Config {
		found.narrows = lost // what is not known is a mistake there
	}
	c.add(found)
}

// renamed finds the one among fresh fields that may be f under another name:
// it is the only one of its type on both sides, or is spelled much like it.
func (c *comparison) renamed(f *field, gone, fresh []*field) int {
	near := Near(f.name, (&fields{list: fresh}).names())
	found, alike := -1, 0
	for i, g := range fresh {
		if !c.same(f.typ, g.typ) {
			continue
		}
		if g.name == near {
			return i
		}
		found = i
		alike++
	}
	for _, other := range gone {
		if other != f && c.same(other.typ, f.typ) {
			alike++
		}
	}
	if alike != 1 {
		return -1
	}
	return found
}

func (c *comparison) rename(s *spot, f, g *field) {
	found := finding{at: s.below(fieldStep, f.name, f.typ, unnamed), code: "optional.renamed", narrows: hint, widens: hint,
		message: fmt.Sprintf("is gone, and %q of the same type is new: what is sent under the old name is not read", g.name)}
	if c.needed(g) {
		found.narrows = lost
	}
	if c.needed(f) {
		found.widens = lost
	}
	if c.needed(f) || c.needed(g) {
		found.code, found.message = "required.renamed", fmt.Sprintf("is gone, and %q of the same type is there instead", g.name)
		found.above = true // any object of the one side lacks what the other wants
	}
	if c.opts.Config {
		found.narrows, found.code = lost, "required.renamed"
	}
	c.add(found)
}

// patterns compares the rules for fields by the form of their name.
func (c *comparison) patterns(s *spot, a, b *fields) {
	paired := map[int]bool{}
	for _, p := range a.patterns {
		i := slices.IndexFunc(b.patterns, func(q keyed) bool { return c.same(p.key, q.key) })
		if i >= 0 {
			paired[i] = true
			c.types(s.below(keyStep, "*", p.typ, b.patterns[i].typ))
			continue
		}
		at := s.below(keyStep, "*", p.typ, unnamed)
		c.add(finding{at: at, code: "keys.removed", message: "fields with " + p.key.keys() + " have no type of their own any more",
			narrows: when(c.opts.Config && !b.open, unsure), widens: c.unmatched(b, p), above: true})
	}
	for i, q := range b.patterns {
		if !paired[i] {
			at := s.below(keyStep, "*", unnamed, q.typ)
			c.add(finding{at: at, code: "keys.added", message: "fields with " + q.key.keys() + " have a type of their own now",
				narrows: c.unmatched(a, q), widens: when(c.opts.Config && !a.open, unsure), above: true})
		}
	}
}

// unmatched is what a pattern that only the receiver has refuses of what the
// sender sends under no name of its own.
func (c *comparison) unmatched(sender *fields, p keyed) loss {
	worst := none
	if sender.open && !p.typ.any {
		worst = open
	}
	for _, q := range sender.patterns {
		if values, few := q.key.texts().few(); few && !slices.ContainsFunc(values, p.key.admitsText) {
			continue
		}
		if c.misses(q.typ, p.typ) != none {
			worst = max(worst, unsure)
		}
	}
	return worst
}

// keys describes the names that a pattern takes.
func (t *Type) keys() string {
	if r := t.str; r != nil && len(r.patterns) == 1 && !r.patterns[0].negate {
		return "names like " + r.patterns[0].re.String()
	}
	if t.str == nil {
		return "any name"
	}
	return "some names"
}

// opened is about `...`, which matters where unknown fields are mistakes; what
// either type lets through by no name was compared field by field.
func (c *comparison) opened(s *spot, a *fields) {
	f := finding{at: s, code: "open", message: "takes fields that it does not name now"}
	if a.open {
		f.message = "no longer takes fields that it does not name"
		f.narrows = when(c.opts.Config, lost)
	} else {
		f.widens = when(c.opts.Config, lost)
	}
	c.add(f)
}

package shape

import "slices"

// join is the union of types, of which there is one at least. Alternatives that
// differ in kind, and enums, are folded into one Type, so that few real unions
// are left to try in turn.
func join(types ...*Type) *Type {
	var arms []*Type
	for _, t := range types {
		if t.any {
			return anything
		}
		arms = merge(arms, t.branches())
	}
	if len(arms) == 1 {
		return arms[0]
	}
	u := &Type{arms: arms}
	for _, x := range arms {
		u.kinds |= x.kinds
	}
	u.tag = findTag(arms)
	return u
}

// merge adds alternatives to others, with which they are folded where that can be.
func merge(arms, more []*Type) []*Type {
next:
	for _, y := range more {
		for i, x := range arms {
			if m := fold(x, y); m != nil {
				arms[i] = m
				continue next
			}
		}
		arms = append(arms, y)
	}
	return arms
}

// fold makes one Type of two alternatives, or nil when they cannot be.
func fold(a, b *Type) *Type {
	if a.kinds&(List|Object)&b.kinds != 0 && a != b {
		return nil
	}
	c := &Type{kinds: a.kinds | b.kinds, str: a.str, num: a.num, list: a.list, obj: a.obj}
	if a.kinds&List == 0 {
		c.list = b.list
	}
	if a.kinds&Object == 0 {
		c.obj = b.obj
	}
	switch {
	case a.kinds&String == 0:
		c.str = b.str
	case b.kinds&String == 0:
	case a.str == nil || b.str == nil:
		c.str = nil
	case a.str.enumOnly() && b.str.enumOnly():
		c.str = &texts{max: -1, enum: unique(a.str.enum, b.str.enum)}
	case a.str != b.str:
		return nil
	}
	switch {
	case a.kinds&Number == 0:
		c.num = b.num
	case b.kinds&Number == 0:
	case a.num == nil && (b.num == nil || b.kinds&Number&^a.kinds == 0):
		c.num = nil // the one without rules takes all that the other does
	case b.num == nil && a.kinds&Number&^b.kinds == 0:
		c.num = nil
	case a.num != nil && b.num != nil && a.num.enumOnly() && b.num.enumOnly():
		c.num = &numbers{enum: append(slices.Clone(a.num.enum), b.num.enum...)}
	case a.num != b.num || (a.kinds^b.kinds)&Number != 0:
		return nil
	}
	return c
}

func (r *texts) enumOnly() bool {
	return r.enum != nil && r.not == nil && r.patterns == nil && r.formats == nil && r.min == 0 && r.max < 0
}

func (r *numbers) enumOnly() bool {
	return r.enum != nil && r.not == nil && r.multiple == nil && r.min == nil && r.max == nil
}

func unique(a, b []string) []string {
	c := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(c, s) {
			c = append(c, s)
		}
	}
	return c
}

// findTag finds a required field whose texts differ in all object arms.
func findTag(arms []*Type) *tag {
	var objects []*Type
	for _, a := range arms {
		if a.kinds&Object != 0 {
			if a.obj == nil {
				return nil
			}
			objects = append(objects, a)
		}
	}
	if len(objects) < 2 {
		return nil
	}
	for _, f := range objects[0].obj.list {
		g := &tag{name: f.name, byVal: map[string]*Type{}}
		if g.fill(objects) {
			return g
		}
	}
	return nil
}

func (g *tag) fill(arms []*Type) bool {
	for _, a := range arms {
		f := a.obj.index[g.name]
		if f == nil || !f.required || f.typ.arms != nil || f.typ.kinds != String || f.typ.str == nil || f.typ.str.enum == nil {
			return false
		}
		for _, s := range f.typ.str.enum {
			if g.byVal[s] != nil {
				return false
			}
			g.byVal[s] = a
			g.order = append(g.order, s)
		}
	}
	return true
}

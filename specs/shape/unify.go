package shape

import (
	"errors"
	"fmt"
	"slices"
)

// unifier makes one type of two that both hold.
type unifier struct {
	left *int // alternatives that may still be compared
	// structs says that two structs may be put together; CUE does that itself,
	// and what is left is not to be said by a type.
	structs bool
}

var errTooLarge = fmt.Errorf("it has more than %d values, references written out", NodesMax)

// meet is what fits both types.
func (u *unifier) meet(a, b *Type) (*Type, error) {
	switch {
	case a.any:
		return b, nil
	case b.any:
		return a, nil
	case a.arms != nil || b.arms != nil:
		return u.meetArms(a, b)
	}
	if *u.left--; *u.left < 0 {
		return nil, errTooLarge
	}
	c := &Type{kinds: a.kinds & b.kinds, str: a.str, num: a.num, list: a.list, obj: a.obj}
	var err error
	if b.str != nil {
		c.str = a.str.meet(b.str)
	}
	if b.num != nil {
		c.num = a.num.meet(b.num)
	}
	if b.list != nil {
		if c.list, err = u.meetLists(a.list, b.list); err != nil {
			return nil, err
		}
	}
	if b.obj != nil {
		if c.obj, err = u.meetStructs(a.obj, b.obj); err != nil {
			return nil, err
		}
	}
	c.sift()
	if c.kinds == 0 {
		if a.kinds&b.kinds != 0 {
			return nil, errors.New("no value fits both: their constants or bounds exclude each other")
		}
		return nil, fmt.Errorf("nothing can be both %v and %v", a.kinds, b.kinds)
	}
	return c, nil
}

// sift leaves of constants those that fit the other rules, which they then say
// as well. It drops a kind of which no value can fit.
func (t *Type) sift() {
	if t.str != nil && t.str.excludeLengths() {
		t.kinds, t.str = t.kinds&^String, nil
	}
	if t.num != nil && t.num.min != nil && t.num.max != nil {
		if c := t.num.min.compare(t.num.max.number); c > 0 || c == 0 && (t.num.min.strict || t.num.max.strict) {
			t.kinds, t.num = t.kinds&^Number, nil
		}
	}
	if t.str != nil && t.str.enum != nil {
		rules := *t.str
		rules.enum = nil // of which each is one
		kept := slices.DeleteFunc(slices.Clone(t.str.enum), func(s string) bool { return !rules.admits([]byte(s)) })
		t.str = &texts{max: -1, enum: kept}
		if len(kept) == 0 {
			t.kinds, t.str = t.kinds&^String, nil
		}
	}
	if t.num != nil && t.num.enum != nil {
		rules := *t.num
		rules.enum = nil // of which each is one
		bare := &Type{kinds: t.kinds, num: &rules}
		kept := slices.DeleteFunc(slices.Clone(t.num.enum), func(n number) bool { return !bare.admitsNumber(n) })
		t.num = &numbers{enum: kept}
		if len(kept) == 0 {
			t.kinds, t.num = t.kinds&^Number, nil
		}
	}
}

// excludeLengths reports whether no text has a length that the bounds and the
// formats allow.
func (r *texts) excludeLengths() bool {
	low, high := r.min, r.max
	for _, f := range r.formats {
		low = max(low, f.least)
		if f.most > 0 {
			high = least(high, f.most)
		}
	}
	return high >= 0 && low > high
}

func (u *unifier) meetArms(a, b *Type) (*Type, error) {
	var all []*Type
	var last error
	for _, x := range a.branches() {
		for _, y := range b.branches() {
			m, err := u.meet(x, y)
			switch {
			case errors.Is(err, errTooLarge):
				return nil, err
			case err != nil:
				last = err
			default:
				all = append(all, m)
			}
		}
	}
	if len(all) == 0 {
		return nil, last
	}
	return join(all...), nil
}

// meetLists is a list whose items fit both. Where no item can, the list ends.
func (u *unifier) meetLists(a, b *items) (*items, error) {
	if a == nil {
		return b, nil
	}
	l := &items{min: max(a.min, b.min), max: least(a.max, b.max)}
	for i := range max(len(a.prefix), len(b.prefix)) {
		t, err := u.meetItems(a.slot(i), b.slot(i))
		if errors.Is(err, errTooLarge) {
			return nil, err
		}
		if t == nil {
			l.max = least(l.max, i)
			return l.bounded()
		}
		l.prefix = append(l.prefix, t)
	}
	var err error
	if l.rest, err = u.meetItems(a.rest, b.rest); errors.Is(err, errTooLarge) {
		return nil, err
	}
	if l.rest == nil {
		l.max = least(l.max, len(l.prefix))
	}
	return l.bounded()
}

// slot is the type that is written for an item, whatever the length may be; nil
// for none.
func (r *items) slot(i int) *Type {
	if i < len(r.prefix) {
		return r.prefix[i]
	}
	return r.rest
}

func (u *unifier) meetItems(a, b *Type) (*Type, error) {
	if a == nil || b == nil {
		return nil, nil
	}
	return u.meet(a, b)
}

func (r *items) bounded() (*items, error) {
	if r.max >= 0 && r.min > r.max {
		return nil, fmt.Errorf("a list that fits both has at least %d items and at most %d", r.min, r.max)
	}
	return r, nil
}

// meetStructs is a struct with the fields of both.
func (u *unifier) meetStructs(a, b *fields) (*fields, error) {
	if a == nil {
		return b, nil
	}
	if !u.structs {
		return nil, errors.New("two structs are unified in a way that a message type cannot say")
	}
	c := &fields{index: map[string]*field{}, open: a.open || b.open, patterns: slices.Clone(a.patterns)}
	for _, p := range b.patterns {
		if err := u.meetPattern(c, p); err != nil {
			return nil, err
		}
	}
	for _, f := range a.list {
		if err := u.meetField(c, f, b); err != nil {
			return nil, err
		}
	}
	for _, f := range b.list {
		if a.index[f.name] != nil {
			continue
		}
		if err := u.meetField(c, f, a); err != nil {
			return nil, err
		}
	}
	if len(c.list) > FieldsMax {
		return nil, fmt.Errorf("it has more than %d fields", FieldsMax)
	}
	return c, nil
}

// meetPattern adds what holds for fields of a pattern.
func (u *unifier) meetPattern(c *fields, p keyed) error {
	key, _ := p.key.str.expression()
	for i, have := range c.patterns {
		if other, ok := have.key.str.expression(); !ok || other != key {
			continue
		}
		t, err := u.meet(have.typ, p.typ)
		if err != nil {
			return fmt.Errorf("fields that match %s: %w", key, err)
		}
		c.patterns[i].typ = t
		return nil
	}
	c.patterns = append(c.patterns, p)
	return nil
}

// meetField adds a field of one struct to c, with what another says of it.
func (u *unifier) meetField(c *fields, f *field, other *fields) error {
	t, required, must, about := f.typ, f.required, f.must, f.about
	meet := func(with *Type) error {
		m, err := u.meet(t.withoutDefault(), with.withoutDefault())
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		if d := first(t.def, with.def); d != nil && m.Check(d) == nil {
			m = m.withDefault(d)
		}
		t = m
		return nil
	}
	if g := other.index[f.name]; g != nil {
		if err := meet(g.typ); err != nil {
			return err
		}
		required, must = required || g.required, must || g.must
		if about == "" {
			about = g.about
		}
	} else {
		for _, p := range other.patterns {
			if !p.key.admitsText(f.name) {
				continue
			}
			if err := meet(p.typ); err != nil {
				return err
			}
		}
	}
	if must {
		t = t.withoutDefault()
	}
	c.add(f.name, t, required, must).about = about
	return nil
}

func first(a, b []byte) []byte {
	if a != nil {
		return a
	}
	return b
}

func (r *texts) meet(b *texts) *texts {
	if r == nil {
		return b
	}
	c := &texts{
		enum: r.enum, not: unique(r.not, b.not), min: max(r.min, b.min), max: least(r.max, b.max),
		patterns: append(slices.Clone(r.patterns), b.patterns...), formats: append(slices.Clone(r.formats), b.formats...),
	}
	if r.enum == nil {
		c.enum = b.enum
	} else if b.enum != nil {
		c.enum = slices.DeleteFunc(slices.Clone(r.enum), func(s string) bool { return !slices.Contains(b.enum, s) })
	}
	return c
}

func (r *numbers) meet(b *numbers) *numbers {
	if r == nil {
		return b
	}
	c := &numbers{
		enum: r.enum, not: append(slices.Clone(r.not), b.not...), multiple: append(slices.Clone(r.multiple), b.multiple...),
		min: r.min.tighter(b.min, 1), max: r.max.tighter(b.max, -1),
	}
	if r.enum == nil {
		c.enum = b.enum
	} else if b.enum != nil {
		c.enum = slices.DeleteFunc(slices.Clone(r.enum), func(n number) bool { return !equalAny(b.enum, n) })
	}
	return c
}

// tighter picks the bound that excludes more; sign is 1 for lower bounds.
func (b *bound) tighter(o *bound, sign int) *bound {
	switch {
	case b == nil:
		return o
	case o == nil:
		return b
	}
	if c := sign * b.compare(o.number); c < 0 || c == 0 && o.strict {
		return o
	}
	return b
}

// least is the lower of two limits, of which negative ones are none.
func least(a, b int) int {
	switch {
	case a < 0:
		return b
	case b < 0:
		return a
	}
	return min(a, b)
}

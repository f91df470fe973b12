package shape

import (
	"fmt"
	"slices"
	"strconv"
)

// types compares the types at a place, but for their defaults.
func (c *comparison) types(s *spot) {
	a, b := s.old, s.new
	if a == b {
		return
	}
	if c.left--; c.left < 0 {
		if c.left == -1 {
			c.add(finding{at: s, code: "size", message: "there is more to compare than is looked at", narrows: unsure, widens: unsure})
		}
		return
	}
	switch {
	case a.raw || b.raw:
		c.bytes(s)
	case a.any && b.any:
	case a.any:
		c.add(finding{at: s, code: "type.narrowed", message: "could be anything, must be " + b.kinds.String() + " now", narrows: openly(a)})
	case b.any:
		c.add(finding{at: s, code: "type.widened", message: "had to be " + a.kinds.String() + ", may be anything now", widens: openly(b)})
	default:
		c.kinds(s)
		for _, k := range []Kind{String, Number, List, Object} {
			if a.kinds&k != 0 && b.kinds&k != 0 {
				c.class(s, k, a.having(k), b.having(k))
			}
		}
	}
}

// openly is what is lost where one side takes anything: only as much as an
// open struct promised, where it is one that let the field through.
func openly(sender *Type) loss {
	if sender == unnamed {
		return open
	}
	return lost
}

// unnamed is the type of what an open struct lets through by no name.
var unnamed = &Type{kinds: all, any: true}

// having are the alternatives with values of a kind.
func (t *Type) having(k Kind) []*Type {
	return slices.DeleteFunc(slices.Clone(t.branches()), func(a *Type) bool { return a.kinds&k == 0 })
}

func (c *comparison) bytes(s *spot) {
	switch a, b := s.old, s.new; {
	case a.raw && b.raw:
	case a.any || b.any:
		c.add(finding{at: s, code: "type.changed", message: bytesOr(a) + " before, " + bytesOr(b) + " now", narrows: hint, widens: hint})
	case a.raw:
		c.add(finding{at: s, code: "type.changed", message: "was bytes, must be JSON now: " + b.kinds.String(), narrows: lost, widens: hint})
	default:
		c.add(finding{at: s, code: "type.changed", message: "was JSON, is bytes now", narrows: hint, widens: lost})
	}
}

func bytesOr(t *Type) string {
	if t.raw {
		return "bytes"
	}
	return "anything"
}

// kinds compares which kinds of value there are. Whole numbers and others are
// told apart with the rules for numbers.
func (c *comparison) kinds(s *spot) {
	a, b := s.old.kinds, s.new.kinds
	if a&Number != 0 && b&Number != 0 {
		a, b = a|Number, b|Number
	}
	switch gone, more := a&^b, b&^a; {
	case gone == 0 && more == 0:
	case a&b == 0:
		c.add(finding{at: s, code: "type.changed", message: "was " + s.old.kinds.String() + ", is " + s.new.kinds.String() + " now", narrows: lost, widens: lost})
	default:
		if gone != 0 {
			c.add(finding{at: s, code: "type.narrowed", message: "may no longer be " + (s.old.kinds & gone).String(), narrows: lost})
		}
		if more != 0 {
			c.add(finding{at: s, code: "type.widened", message: "may be " + (s.new.kinds & more).String() + " too now", widens: lost})
		}
	}
}

// class compares the alternatives of one kind.
func (c *comparison) class(s *spot, k Kind, as, bs []*Type) {
	if len(as) == 1 && len(bs) == 1 {
		c.rules(s.arm(as[0], bs[0]), k)
		return
	}
	if k == Object && c.tagged(s, as, bs) {
		return
	}
	as, bs = c.paired(s, k, as, bs, func(a, b *Type) bool { return c.fits(a, b, k) && c.fits(b, a, k) })
	if k == Object {
		as, bs = c.paired(s, k, as, bs, func(a, b *Type) bool { return c.fits(a, b, k) || c.fits(b, a, k) })
		as, bs = c.paired(s, k, as, bs, func(a, b *Type) bool { return slices.Equal(a.fields().wanted(), b.fields().wanted()) })
	}
	spread := func(t *Type) func(*Type) bool { return func(a *Type) bool { return a.spread(t, k, c.regular) } }
	if len(as) == 1 && len(bs) == 1 && !slices.ContainsFunc(as, spread(s.new)) && !slices.ContainsFunc(bs, spread(s.old)) {
		c.rules(s.arm(as[0], bs[0]), k)
		return
	}
	for _, a := range slices.DeleteFunc(c.unfit(as, s.new.having(k), k), spread(s.new)) {
		c.add(finding{at: s.arm(a, s.new), code: "form.removed", message: "one of its forms may no longer be: " + a.form(k), narrows: unsure})
	}
	for _, b := range slices.DeleteFunc(c.unfit(bs, s.old.having(k), k), spread(s.old)) {
		c.add(finding{at: s.arm(s.old, b), code: "form.added", message: "has one more form now: " + b.form(k), widens: unsure})
	}
}

// fits reports whether b takes all values of a kind that a does.
func (c *comparison) fits(a, b *Type, k Kind) bool {
	return a == b || c.within(func(sub *comparison) { sub.rules(&spot{old: a, new: b}, k) }) == none
}

// paired compares alternatives that belong together, and returns the others.
func (c *comparison) paired(s *spot, k Kind, as, bs []*Type, belong func(a, b *Type) bool) (restA, restB []*Type) {
	restB = slices.Clone(bs)
	for _, a := range as {
		i := slices.IndexFunc(restB, func(b *Type) bool { return belong(a, b) })
		if i < 0 {
			restA = append(restA, a)
			continue
		}
		c.rules(s.arm(a, restB[i]), k)
		restB = slices.Delete(restB, i, i+1)
	}
	return restA, restB
}

// wanted are the names of the required fields, sorted.
func (r *fields) wanted() []string {
	var names []string
	for _, f := range r.list {
		if f.required {
			names = append(names, f.name)
		}
	}
	slices.Sort(names)
	return names
}

// unfit are those of as that fit none of bs whole.
func (c *comparison) unfit(as, bs []*Type, k Kind) []*Type {
	return slices.DeleteFunc(slices.Clone(as), func(a *Type) bool {
		return slices.ContainsFunc(bs, func(b *Type) bool { return c.fits(a, b, k) })
	})
}

// spread reports whether b's alternatives take together what none may alone:
// few values, or texts by expressions.
func (t *Type) spread(b *Type, k Kind, left *int) bool {
	switch k {
	case String:
		if values, few := t.texts().few(); few {
			return !slices.ContainsFunc(values, func(v string) bool { return !b.admitsText(v) })
		}
		var all []textRule
		for _, o := range b.having(String) {
			rules := o.texts().rules()
			if len(rules) != 1 || rules[0].expr == "" {
				return false
			}
			all = append(all, *rules[0])
		}
		_, l := t.texts().beyond(left, all...)
		return l == none
	case Number:
		values, few := t.few()
		return few && !slices.ContainsFunc(values, func(n number) bool { return !b.takes(n) })
	}
	return false
}

// form names an alternative.
func (t *Type) form(k Kind) string {
	if k != Object || t.obj == nil || len(t.obj.list) == 0 {
		return (t.kinds & k).String()
	}
	names := t.obj.names()
	const most = 4
	if len(names) > most {
		names = append(slices.Clone(names[:most]), "…")
	}
	text := "an object with "
	for i, n := range names {
		if i > 0 {
			text += ", "
		}
		text += n
	}
	return text
}

// tagged compares objects that one field tells apart; false when they are not such.
func (c *comparison) tagged(s *spot, as, bs []*Type) bool {
	for _, g := range []*tag{s.old.tag, s.new.tag} {
		if g == nil {
			continue
		}
		x, y := byTag(g.name, as), byTag(g.name, bs)
		if x != nil && y != nil {
			c.arms(s, x, y)
			return true
		}
	}
	return false
}

// byTag sorts objects by the texts of one field; nil when they cannot be.
func byTag(name string, arms []*Type) *tag {
	g := &tag{name: name, byVal: map[string]*Type{}}
	for _, a := range arms {
		if a.obj == nil {
			return nil
		}
	}
	if !g.fill(arms) {
		return nil
	}
	return g
}

func (c *comparison) arms(s *spot, x, y *tag) {
	done := map[[2]*Type]bool{}
	for _, v := range x.order {
		a, b := x.byVal[v], y.byVal[v]
		if b == nil {
			at := s.arm(a.fixed(x.name, v), s.new)
			c.add(finding{at: at, code: "form.removed", message: fmt.Sprintf("the form where %s is %q is gone", x.name, v), narrows: lost})
			continue
		}
		if done[[2]*Type{a, b}] {
			continue
		}
		done[[2]*Type{a, b}] = true
		at := s.arm(a.fixed(x.name, v), b.fixed(x.name, v))
		at.tag, at.where = x.name, s.where+fmt.Sprintf(" (where %s is %q)", x.name, v)
		c.objects(at)
	}
	for _, v := range y.order {
		if x.byVal[v] == nil {
			at := s.arm(s.old, y.byVal[v].fixed(y.name, v))
			c.add(finding{at: at, code: "form.added", message: fmt.Sprintf("has one more form now, where %s is %q", x.name, v), widens: lost})
		}
	}
}

// fixed is an object whose text field has but one value.
func (t *Type) fixed(name, v string) *Type {
	r := &fields{index: map[string]*field{}, patterns: t.obj.patterns, open: t.obj.open}
	for _, f := range t.obj.list {
		typ := f.typ
		if f.name == name {
			typ = &Type{kinds: String, str: &texts{max: -1, enum: []string{v}}}
		}
		r.add(f.name, typ, f.required, f.must)
	}
	return &Type{kinds: Object, obj: r}
}

// rules compares the rules for one kind of value.
func (c *comparison) rules(s *spot, k Kind) {
	switch k {
	case String:
		c.textRules(s)
	case Number:
		c.numberRules(s)
	case List:
		c.listRules(s)
	case Object:
		c.objects(s)
	}
}

func (c *comparison) listRules(s *spot) {
	a, b := s.old.items(), s.new.items()
	if a.min != b.min {
		c.add(finding{at: s, code: "length", message: moved("the least number of items", a.min, b.min),
			narrows: when(b.min > a.min && !a.empty(), lost), widens: when(a.min > b.min && !b.empty(), lost)})
	}
	if a.max != b.max {
		c.add(finding{at: s, code: "length", message: moved("the greatest number of items", a.max, b.max),
			narrows: when(b.max >= 0 && (a.max < 0 || a.max > b.max), lost), widens: when(a.max >= 0 && (b.max < 0 || b.max > a.max), lost)})
	}
	last := max(len(a.prefix), len(b.prefix))
	for i := range last + 1 {
		x, y := a.at(i), b.at(i)
		if x == nil || y == nil {
			continue // the lengths say it
		}
		name := "*"
		if i < last {
			name = strconv.Itoa(i)
		}
		at := s.below(itemStep, name, x, y)
		at.index = i
		c.types(at)
	}
}

// items are the rules for a list, none spelled out.
func (t *Type) items() *items {
	if t.list == nil {
		return &items{rest: anything, max: -1}
	}
	return t.list
}

func (r *items) empty() bool { return r.max >= 0 && r.max < r.min }

// at is the type of an item, nil when there can be none.
func (r *items) at(i int) *Type {
	switch {
	case r.max >= 0 && i >= r.max:
		return nil
	case i < len(r.prefix):
		return r.prefix[i]
	}
	return r.rest
}

// moved says how a limit moved; a negative one is none.
func moved(what string, from, to int) string {
	switch {
	case from < 0:
		return fmt.Sprintf("%s is %d now; there was no limit", what, to)
	case to < 0:
		return fmt.Sprintf("%s was %d; there is no limit now", what, from)
	case to > from:
		return fmt.Sprintf("%s rose from %d to %d", what, from, to)
	}
	return fmt.Sprintf("%s fell from %d to %d", what, from, to)
}

func when(is bool, l loss) loss {
	if is {
		return l
	}
	return none
}

package shape

import (
	"math"
	"slices"
)

// Range is where the numbers of a type lie. Without a bound it is infinite.
type Range struct {
	Least, Most           float64
	AboveLeast, BelowMost bool // the bound itself is outside
}

// Range returns the least and the most that a number of the type may be; false
// when it may be no number.
func (t *Type) Range() (Range, bool) {
	var all Range
	found := false
	for _, a := range t.branches() {
		if a.kinds&Number == 0 {
			continue
		}
		r := Range{Least: math.Inf(-1), Most: math.Inf(1)}
		if a.num != nil {
			r = a.num.span()
		}
		if !found {
			all, found = r, true
			continue
		}
		if r.Least < all.Least || r.Least == all.Least && !r.AboveLeast {
			all.Least, all.AboveLeast = r.Least, r.AboveLeast
		}
		if r.Most > all.Most || r.Most == all.Most && !r.BelowMost {
			all.Most, all.BelowMost = r.Most, r.BelowMost
		}
	}
	return all, found
}

func (r *numbers) span() Range {
	s := Range{Least: math.Inf(-1), Most: math.Inf(1)}
	if r.min != nil {
		s.Least, s.AboveLeast = r.min.f, r.min.strict
	}
	if r.max != nil {
		s.Most, s.BelowMost = r.max.f, r.max.strict
	}
	if len(r.enum) > 0 {
		less := func(a, b number) int {
			switch {
			case a.f < b.f:
				return -1
			case a.f > b.f:
				return 1
			}
			return 0
		}
		s = Range{Least: slices.MinFunc(r.enum, less).f, Most: slices.MaxFunc(r.enum, less).f}
	}
	return s
}

// Words lists the texts that a type of a few texts admits; nil when it admits others too.
func (t *Type) Words() []string {
	var words []string
	for _, a := range t.branches() {
		switch {
		case a.kinds&String == 0:
		case a.any || a.str == nil || a.str.enum == nil:
			return nil
		default:
			words = append(words, a.str.enum...)
		}
	}
	return words
}

// Always reports whether every value of the type has the field at path: one
// that may be left out, or only stands in some alternative of a union, is not.
func (t *Type) Always(path ...string) bool {
	if len(path) == 0 {
		return true
	}
	if t.any || t.kinds&^Object != 0 {
		return false
	}
	for _, a := range t.branches() {
		if a.any || a.obj == nil {
			return false
		}
		f := a.obj.index[path[0]]
		if f == nil || !f.required || !f.typ.Always(path[1:]...) {
			return false
		}
	}
	return true
}

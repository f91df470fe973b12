package capability

import (
	"slices"
	"strings"
	"weak"

	"github.com/grow-platform/grow/specs"
)

// Older is a value of an older type than the one that is declared.
type Older struct {
	Name  string
	Value Value
	From  *specs.Migration // by which it becomes one of To
	To    string           // name of the type that is declared
	Print uint64           // of that
}

// Older lists the values that have to be migrated, in order of name; nil: none.
func (s *State) Older() []Older {
	var list []Older
	for name, v := range s.base {
		d, ok := s.declared(name)
		if !ok || len(d.From) == 0 || d.Print == v.Type {
			continue
		}
		if from := s.migration(&d, v); from != nil {
			list = append(list, Older{name, v, from, d.Name, d.Print})
		}
	}
	slices.SortFunc(list, func(a, b Older) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// fit is a value that was found to be of a declared type, whatever it says of itself. It
// keeps no value in memory.
type fit struct {
	data  weak.Pointer[byte]
	print uint64 // of the type
}

// fitsMax is how many of those a State remembers: a value that is only read stays what it
// is, and is not checked again for each message that reads it.
const fitsMax = 256

// taken reports whether a value is one of the type that is declared.
func (s *State) taken(d *specs.State, v Value) bool {
	if len(v.Data) == 0 {
		return d.Type.Check(v.Data) == nil
	}
	k := fit{weak.Make(&v.Data[0]), d.Print}
	if s.fits[k] {
		return true
	}
	if d.Type.Check(v.Data) != nil {
		return false
	}
	if s.fits == nil || len(s.fits) == fitsMax {
		s.fits = map[fit]bool{}
	}
	s.fits[k] = true
	return true
}

// migration is what a value that is not of the declared type becomes one by; nil: it is
// taken as it is. A value of none of the types that are named there is one of a type that
// was compatible with one of them, or is older than the journal's notes of types: what it
// fits decides, the declared type first.
func (s *State) migration(d *specs.State, v Value) *specs.Migration {
	for i := range d.From {
		if d.From[i].Print == v.Type {
			return &d.From[i]
		}
	}
	if s.taken(d, v) {
		return nil
	}
	for i := range d.From {
		if d.From[i].Type.Check(v.Data) == nil {
			return &d.From[i]
		}
	}
	return nil
}

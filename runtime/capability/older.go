package capability

import (
	"slices"
	"strings"

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
		if from := migration(&d, v); from != nil {
			list = append(list, Older{name, v, from, d.Name, d.Print})
		}
	}
	slices.SortFunc(list, func(a, b Older) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// migration is what a value that is not of the declared type becomes one by; nil: it is
// taken as it is. A value of none of the types that are named there is one of a type that
// was compatible with one of them, or is older than the journal's notes of types: what it
// fits decides, the declared type first.
func migration(d *specs.State, v Value) *specs.Migration {
	for i := range d.From {
		if d.From[i].Print == v.Type {
			return &d.From[i]
		}
	}
	if d.Type.Check(v.Data) == nil {
		return nil
	}
	for i := range d.From {
		if d.From[i].Type.Check(v.Data) == nil {
			return &d.From[i]
		}
	}
	return nil
}

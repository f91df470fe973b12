package capability

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"sort"
	"strings"

	"github.com/grow-platform/grow/specs"
)

// Value is one state value. Data is not changed once it is set.
type Value struct {
	Data     []byte
	Revision uint64 // counts the sets of this name, from 1
	Type     uint64 // specs.State.Print of what it was checked against; 0: not known
}

// Change is a value set, or deleted when Data is nil.
type Change struct {
	Name     string
	Data     []byte
	Revision uint64
	Type     uint64 // as in Value
}

// ErrFull: the values of a key would take more than abi.StateMax together.
var ErrFull = errors.New("the state of the key is full")

// valueBytes is about what a value takes besides its name and its bytes.
const valueBytes = 64

// Size is about what the values of a key take, in bytes.
func Size(values map[string]Value) (n int) {
	for name, v := range values {
		n += sizeOf(name, v.Data)
	}
	return n
}

// sizeOf is about what one value takes; none: nothing.
func sizeOf(name string, data []byte) int {
	if data == nil {
		return 0
	}
	return len(name) + len(data) + valueBytes
}

// State is the state of one key as one message sees it: what was committed
// before, under the message's own writes. It belongs to the goroutine that
// handles the message.
type State struct {
	decl    []specs.State
	base    map[string]Value
	changes []Change
	size    int     // of base and changes, as [Size] counts
	most    *bounds // nil: standard; only tests set others
	fits    map[fit]bool
}

// Reset prepares the state for a message: decl says which names there may be
// and of what type, base holds the values before it, which State never changes, and
// size is their [Size].
func (s *State) Reset(decl []specs.State, base map[string]Value, size int) {
	s.decl, s.base, s.size = decl, base, size
	clear(s.changes)
	s.changes = s.changes[:0]
}

// Size is the [Size] of the values with the message's writes.
func (s *State) Size() int { return s.size }

// Changes are the message's writes, the last one of each name, in the order of
// first writing. Valid until Reset.
func (s *State) Changes() []Change { return s.changes }

func (s *State) written(name string) int {
	for i := range s.changes {
		if s.changes[i].Name == name {
			return i
		}
	}
	return -1
}

// Get returns the value of name; revision 0 means there is none.
func (s *State) Get(name string) Value {
	if i := s.written(name); i >= 0 {
		if s.changes[i].Data == nil {
			return Value{}
		}
		return Value{s.changes[i].Data, s.changes[i].Revision, s.changes[i].Type}
	}
	return s.base[name]
}

// Set writes a value, which is copied, and returns its new revision. The error
// tells the guest what is wrong; [ErrFull] is one.
func (s *State) Set(name string, data []byte) (uint64, error) {
	most := cmp.Or(s.most, &standard)
	if len(name) > most.name {
		return 0, fmt.Errorf("name is longer than %d bytes", most.name)
	}
	if len(data) > most.value {
		return 0, fmt.Errorf("value of %d bytes is larger than %d", len(data), most.value)
	}
	d, ok := s.declared(name)
	if !ok {
		return 0, fmt.Errorf("the definition declares no state named %q", name)
	}
	if d.Type == nil || d.Type.Any() {
		if !json.Valid(data) { // a type that says nothing does not look
			return 0, errors.New("value is not JSON")
		}
	} else if err := d.Type.Check(data); err != nil {
		return 0, fmt.Errorf("value is not a %s: %w", d.Name, err)
	}
	if more := s.more(name, data); more > 0 && s.size+more > most.state {
		return 0, fmt.Errorf("%w: its values would take %d bytes; at most %d are allowed", ErrFull, s.size+more, most.state)
	}
	return s.put(name, append(make([]byte, 0, len(data)), data...), d.Print), nil
}

// Delete removes a value; one that is not there is no error.
func (s *State) Delete(name string) {
	if s.Get(name).Revision != 0 {
		s.put(name, nil, 0)
	}
}

// more is how much the state grows when a value becomes data.
func (s *State) more(name string, data []byte) int {
	return sizeOf(name, data) - sizeOf(name, s.Get(name).Data)
}

func (s *State) put(name string, data []byte, kind uint64) uint64 {
	s.size += s.more(name, data)
	if i := s.written(name); i >= 0 {
		s.changes[i].Data, s.changes[i].Type = data, kind
		return s.changes[i].Revision
	}
	revision := s.base[name].Revision + 1
	s.changes = append(s.changes, Change{Name: strings.Clone(name), Data: data, Revision: revision, Type: kind})
	return revision
}

// List returns the names that begin with prefix and, when after is not nil,
// come after it, in order, at most limit of them.
func (s *State) List(prefix string, after *string, limit int) []string {
	var names []string
	add := func(name string) {
		if strings.HasPrefix(name, prefix) && (after == nil || name > *after) {
			names = append(names, name)
		}
	}
	for name := range s.base {
		if s.written(name) < 0 {
			add(name)
		}
	}
	for _, c := range s.changes {
		if c.Data != nil {
			add(c.Name)
		}
	}
	sort.Strings(names)
	return names[:min(len(names), limit)]
}

func (s *State) declared(name string) (specs.State, bool) {
	for _, d := range s.decl {
		if d.Pattern == name {
			return d, true
		}
		if ok, err := path.Match(d.Pattern, name); ok && err == nil && d.Pattern != "" {
			return d, true
		}
	}
	return specs.State{}, false
}

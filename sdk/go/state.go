package grow

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// State is the state of the message's key, or of the whole actor when it has
// no key: a set of named JSON values. The name "" is the usual single value.
// Reads see the message's own writes; nobody else does before the message is
// handled. A value is at most 1 MiB, a name 256 bytes.
//
// Methods fail with a *[CallError]: denied when the actor declares no state,
// invalid for a value that does not fit the declared type.
type State struct {
	ctx *Context
}

// Value is a state value as it is kept.
type Value struct {
	Data     []byte // JSON; nil when absent
	Revision uint64 // 0 when absent
}

// Get decodes the value called name into the value into points to. It returns
// false, and leaves into as it is, when there is no value of that name.
func (s *State) Get(name string, into any) (bool, error) {
	v, err := s.get(name)
	if err != nil || v.Revision == 0 {
		return false, err
	}
	if err := json.Unmarshal(v.Data, into); err != nil {
		return false, fmt.Errorf("decode state %q: %w", name, err)
	}
	return true, nil
}

// Read returns the value called name as it is kept.
func (s *State) Read(name string) (Value, error) {
	v, err := s.get(name)
	if v.Data != nil {
		v.Data = append([]byte{}, v.Data...)
	}
	return v, err
}

func (s *State) get(name string) (Value, error) {
	m, err := s.ctx.one("state.get", "", nil, "name", name)
	if err != nil {
		return Value{}, err
	}
	text, _ := m.Attr("revision")
	revision, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return Value{}, fmt.Errorf("state.get: revision: %w", err)
	}
	if revision == 0 {
		return Value{}, nil
	}
	return Value{Data: m.Data, Revision: revision}, nil
}

// Set makes v, encoded as JSON, the value called name.
func (s *State) Set(name string, v any) error {
	data, err := s.ctx.marshal(v)
	if err != nil {
		return fmt.Errorf("encode state %q: %w", name, err)
	}
	return s.Write(name, data)
}

// Write makes data, which must be JSON, the value called name, byte for byte.
func (s *State) Write(name string, data []byte) error {
	_, err := s.ctx.one("state.set", "", data, "name", name)
	return err
}

// Delete removes the value called name, if there is one.
func (s *State) Delete(name string) error {
	_, err := s.ctx.one("state.delete", "", nil, "name", name)
	return err
}

// List returns the names of all values that begin with prefix, in order of
// their bytes.
func (s *State) List(prefix string) ([]string, error) {
	var all []string
	page, err := s.page("prefix", prefix)
	for err == nil && len(page) > 0 {
		all = append(all, page...)
		last := page[len(page)-1]
		page, err = s.page("prefix", prefix, "after", last)
		if len(page) > 0 && page[0] <= last {
			return all, fmt.Errorf("state.list: the host listed %q twice", page[0])
		}
	}
	return all, err
}

// Page returns up to limit names that begin with prefix and follow after, or
// the first ones when after is "". They are in order of their bytes. The host
// may return fewer than limit; an empty page means that no more follow.
func (s *State) Page(prefix, after string, limit int) ([]string, error) {
	if after == "" {
		return s.page("prefix", prefix, "limit", strconv.Itoa(limit))
	}
	return s.page("prefix", prefix, "after", after, "limit", strconv.Itoa(limit))
}

func (s *State) page(attrs ...string) ([]string, error) {
	m, err := s.ctx.one("state.list", "", nil, attrs...)
	if err != nil {
		return nil, err
	}
	var names []string
	if err := json.Unmarshal(m.Data, &names); err != nil {
		return nil, fmt.Errorf("state.list: %w", err)
	}
	return names, nil
}

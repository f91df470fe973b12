package shard

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal/fold"
)

// KeyState is what a key keeps at a node, without the values.
type KeyState struct {
	Key    string
	Values []ValueSize // by name
}

// ValueSize is a value of a state without its data.
type ValueSize struct {
	Name     string
	Bytes    int
	Revision uint64
}

// StateFilter picks keys.
type StateFilter struct {
	Node   string
	Prefix string
	After  *string // nil: from the first on
	Limit  int     // keys
}

// ListStates lists the keys of a node that have state, in order: those that begin
// with the prefix and come after another, at most as many as the limit says. They
// are as messages handled so far have left them, committed or not.
func (s *Shard) ListStates(ctx context.Context, f *StateFilter) ([]KeyState, error) {
	p := s.plan.Load()
	spec, ok := p.table.Node(f.Node)
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownTarget, f.Node)
	}
	list := keyList{filter: f, newer: map[string]bool{}}
	for _, l := range s.lanes {
		at := make(chan []KeyState, 1)
		l.post(event{note: noteKeys{p.nodes[spec.Index], f, at}})
		select {
		case have := <-at:
			s.resume(ctx, "list states")
			for i := range have {
				list.newer[have[i].Key] = true
				list.add(&have[i])
			}
		case <-s.context.Done():
			return nil, ErrStopping
		}
	}
	if s.keeper != nil {
		if err := s.keeper.each(ctx, list.cells); err != nil {
			return nil, err
		}
		return list.first(), nil
	}
	s.states.mu.Lock()
	defer s.states.mu.Unlock()
	list.cells(s.states.of)
	return list.first(), nil
}

// takes reports whether a key is one that the filter picks.
func (f *StateFilter) takes(key string) bool {
	return strings.HasPrefix(key, f.Prefix) && (f.After == nil || key > *f.After)
}

// keyList gathers the first keys that a filter picks. It holds a few times as
// many as are wanted, however many there are.
type keyList struct {
	filter *StateFilter
	newer  map[string]bool // keys that a lane has told of
	keys   []KeyState
}

func (k *keyList) add(s *KeyState) {
	if len(s.Values) == 0 {
		return
	}
	k.keys = append(k.keys, *s)
	if enough := 4*k.filter.Limit + 1000; len(k.keys) >= enough {
		k.first()
	}
}

// cells adds what lies where no lane has it.
func (k *keyList) cells(cells fold.Cells) {
	for c, values := range cells {
		if c.Node != k.filter.Node || !k.filter.takes(c.Key) || k.newer[c.Key] {
			continue
		}
		one := KeyState{Key: strings.Clone(c.Key)}
		for name, v := range values {
			one.Values = append(one.Values, ValueSize{strings.Clone(name), len(v.Data), v.Revision})
		}
		k.add(&one)
	}
}

// first are the least of the keys so far, and all that are remembered then.
func (k *keyList) first() []KeyState {
	slices.SortFunc(k.keys, func(a, b KeyState) int { return strings.Compare(a.Key, b.Key) })
	k.keys = k.keys[:min(len(k.keys), k.filter.Limit)]
	for i := range k.keys {
		slices.SortFunc(k.keys[i].Values, func(a, b ValueSize) int { return strings.Compare(a.Name, b.Name) })
	}
	return k.keys
}

// noteKeys asks a lane which keys of a node it has, those without state too.
type noteKeys struct {
	node   *node
	filter *StateFilter
	at     chan []KeyState
}

func (n noteKeys) run(l *lane) {
	var have []KeyState
	add := func(key string, state map[string]capability.Value) {
		if !n.filter.takes(key) {
			return
		}
		one := KeyState{Key: key}
		for name, v := range state {
			one.Values = append(one.Values, ValueSize{name, len(v.Data), v.Revision})
		}
		have = append(have, one)
	}
	local := l.local(n.node)
	if local.open.loaded && l.index == n.node.lane {
		add("", local.open.state)
	}
	for key, c := range local.cells {
		if c.loaded {
			add(key, c.state)
		}
	}
	n.at <- have
}

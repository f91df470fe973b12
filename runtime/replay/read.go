package replay

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/shard"
)

// Case is one handled message as the journal has it.
type Case struct {
	Sequence uint64 // of its record
	ID       string
	Key      string
	Message  *abi.Message
	Clock    int64 // that it saw, nanoseconds since 1970
	Seed     []byte
	Revision string
	State    map[string]capability.Value // before it
	Unknown  []string                    // names of values of which it is not known what they were
	Answers  []capability.Recorded
	Then     Outcome // what came of it
	// Dead says that it became a dead letter, of which no answers are recorded.
	Dead bool
}

// place is where a handled message lies.
type place struct {
	sequence uint64
	index    int // of the entry among those of its record
}

// chosen are the messages to run and the states of their keys.
type chosen struct {
	places []place // in the journal's order
	keys   map[string]*cell
	whole  bool // the journal goes back to its begin
}

// cell is a key's state as it is followed through the journal.
type cell struct {
	now     map[string]capability.Value
	unknown map[string]bool // names that had a value before the journal begins, which it does not tell
	seen    map[string]bool // names that were changed; nil once all was read
}

// entries visits those of records from a sequence on, with the index of each in its record.
func (o *Options) entries(ctx context.Context, from uint64, visit func(p place, e journal.Entry) error) error {
	var at place
	return shard.Entries(ctx, o.Journal, from, func(seq uint64, e journal.Entry) error {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if seq != at.sequence {
			at = place{sequence: seq}
		} else {
			at.index++
		}
		return visit(at, e)
	})
}

// choose finds the messages that are selected.
func (o *Options) choose(ctx context.Context) (*chosen, error) {
	first, _, err := o.Journal.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	type found struct {
		place
		key string
	}
	var list []found
	count, dice := 0, rand.New(rand.NewPCG(1, 2)) // so that the same journal gives the same sample
	names := map[string]string{}                  // keys, each once
	err = o.entries(ctx, o.Select.After+1, func(p place, e journal.Entry) error {
		h, _ := o.handling(e)
		if h == nil || !o.Select.takes(h) {
			return nil
		}
		key, known := names[h.Key]
		if !known {
			key = strings.Clone(h.Key)
			names[key] = key
		}
		at := count
		if count++; at >= o.Select.Last {
			if at %= o.Select.Last; o.Select.Sample {
				at = dice.IntN(count)
			}
			if at < len(list) {
				list[at] = found{p, key}
			}
			return nil
		}
		list = append(list, found{p, key})
		return nil
	})
	if err != nil {
		return nil, err
	}
	c := &chosen{keys: map[string]*cell{}, whole: first <= 1}
	for _, f := range list {
		c.places = append(c.places, f.place)
		c.keys[f.key] = &cell{now: map[string]capability.Value{}, unknown: map[string]bool{}, seen: map[string]bool{}}
	}
	slices.SortFunc(c.places, func(a, b place) int {
		if a.sequence != b.sequence {
			return int(int64(a.sequence - b.sequence))
		}
		return a.index - b.index
	})
	return c, nil
}

// handling is what an entry says of a message of the node that an actor has handled; nil:
// it is of something else. A dead letter is one if dead letters are wanted, and if it is
// one because an actor had it.
func (o *Options) handling(e journal.Entry) (h *journal.Handled, dead bool) {
	switch e := e.(type) {
	case *journal.Handled:
		if e.Node == o.Node {
			return e, false
		}
	case *journal.Dead:
		if o.Dead && e.Node == o.Node && e.Revision != "" {
			h = &journal.Handled{ID: e.ID, Node: e.Node, Key: e.Key, Input: e.Input, Time: e.Time, Attempt: e.Attempt, Revision: e.Revision, Fuel: e.Fuel, Code: e.Code, Reason: e.Reason}
			if e.Refused {
				h.Outcome = journal.OutcomeRefused
			}
			return h, true
		}
	}
	return nil, false
}

// takes reports whether a handled message is selected.
func (s *Select) takes(h *journal.Handled) bool {
	at := time.Unix(0, h.Time)
	return (s.ID == "" || s.ID == h.ID) && (s.Key == nil || *s.Key == h.Key) &&
		(s.From.IsZero() || !at.Before(s.From)) && (s.To.IsZero() || !at.After(s.To))
}

// changes is what an entry does to states of the node.
func (o *Options) changes(e journal.Entry) (key string, list []journal.StateChange) {
	switch e := e.(type) {
	case *journal.Handled:
		if e.Node == o.Node {
			return e.Key, e.State
		}
	case *journal.Action:
		if e.Node == o.Node {
			return e.Key, e.State
		}
	}
	return "", nil
}

// begin finds out what the states were when the journal begins: what has not
// changed since is as it is now; what has, and is at its first revision then, was not there.
func (c *chosen) begin(ctx context.Context, o *Options) error {
	if c.whole {
		return nil
	}
	current := map[string]map[string]capability.Value{}
	if o.State != nil {
		for key := range c.keys {
			values, err := o.State(ctx, key)
			if err != nil {
				return err
			}
			current[key] = values
		}
	}
	err := o.entries(ctx, 0, func(_ place, e journal.Entry) error {
		key, list := o.changes(e)
		k := c.keys[key]
		if k == nil {
			return nil
		}
		for i := range list {
			if ch := &list[i]; !k.seen[ch.Name] {
				name := strings.Clone(ch.Name)
				k.seen[name] = true
				if ch.Revision != 1 || ch.Deleted {
					k.unknown[name] = true
				}
			}
		}
		return nil
	})
	for key, k := range c.keys {
		for name, v := range current[key] {
			if !k.seen[name] {
				k.now[name] = v
			}
		}
		if o.State == nil {
			k.unknown[""] = true
		}
		k.seen = nil
	}
	return err
}

// errRead ends the reading: nothing more is wanted.
var errRead = errors.New("all was read")

// read follows the states and gives out the messages.
func (c *chosen) read(ctx context.Context, o *Options, give func(*Case) error) error {
	left := c.places
	err := o.entries(ctx, 0, func(p place, e journal.Entry) error {
		for len(left) > 0 && left[0].sequence < p.sequence { // it was trimmed meanwhile
			left = left[1:]
		}
		if len(left) == 0 {
			return errRead
		}
		key, list := o.changes(e)
		k := c.keys[key]
		if h, dead := o.handling(e); h != nil && left[0] == p {
			left = left[1:]
			m, err := caseOf(p.sequence, h, k)
			if err == nil {
				if m.Dead = dead; dead && m.Then.What == "handled" {
					m.Then.What = "failed"
				}
				err = give(m)
			}
			if err != nil {
				return err
			}
		}
		if k != nil {
			k.change(list)
		}
		return nil
	})
	if errors.Is(err, errRead) {
		return nil
	}
	return err
}

func (k *cell) change(list []journal.StateChange) {
	for i := range list {
		ch := &list[i]
		name := strings.Clone(ch.Name)
		delete(k.unknown, name)
		if delete(k.now, name); !ch.Deleted {
			k.now[name] = capability.Value{Data: append([]byte{}, ch.Value...), Revision: ch.Revision, Type: ch.Type}
		}
	}
}

// caseOf copies what an entry says of a message.
func caseOf(seq uint64, h *journal.Handled, k *cell) (*Case, error) {
	m, err := abi.ParseMessage(slices.Clone(h.Input))
	if err != nil {
		return nil, err
	}
	c := &Case{
		Sequence: seq, ID: strings.Clone(h.ID), Key: strings.Clone(h.Key), Message: m, Clock: h.Time, Seed: slices.Clone(h.Seed),
		Revision: strings.Clone(h.Revision), State: maps.Clone(k.now), Unknown: slices.Sorted(maps.Keys(k.unknown)),
	}
	for i := range h.Answers {
		a := &h.Answers[i]
		c.Answers = append(c.Answers, capability.Recorded{
			Call: int(a.Call), Operation: strings.Clone(a.Operation), Use: strings.Clone(a.Use), Request: slices.Clone(a.Request),
			Frame: slices.Clone(a.Frame), Duration: time.Duration(a.Duration),
		})
	}
	return c, c.Then.recorded(h)
}

package shard

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
)

// Inspection is what one node is doing at about one moment: each lane tells its part between
// two messages.
type Inspection struct {
	Status    NodeStatus
	Bytes     int64 // of the messages that wait
	BytesMax  int64
	Keys      []KeyMailbox // the fullest first
	More      int          // keys that are not in the list
	Oldest    time.Time    // when the oldest message that waits in memory came into being; zero: none does
	Flight    []InFlight   // the one that began first first
	Instances []actor.InstanceStatus
}

// KeyMailbox is the mailbox of one key; of a node without keys, that of all it has.
type KeyMailbox struct {
	Key     string
	Waiting int
	Busy    int  // messages being handled
	Held    bool // a message that is to be tried again holds up the others
	Oldest  time.Time
}

// InFlight is a message that is being handled: one that takes so long that its lane has gone
// on without it, or waits for something outside. Shorter ones are over before a lane tells.
type InFlight struct {
	ID, Type, Key string
	Since         time.Time // when this handling of it began, also of an attempt that sees the clock of one before it
	Attempt       int
	Revision      string
}

// InspectFilter picks what of a node is told.
type InspectFilter struct {
	Node string
	Key  *string // nil: all
	Keys int     // mailboxes that are listed
}

// Inspect tells what a node is doing. It fails with ErrUnknownTarget, ErrStopping, or as ctx
// does.
func (s *Shard) Inspect(ctx context.Context, f *InspectFilter) (*Inspection, error) {
	p := s.plan.Load()
	spec, ok := p.table.Node(f.Node)
	if !ok {
		return nil, fmt.Errorf("%w: %q", ErrUnknownTarget, f.Node)
	}
	n := p.nodes[spec.Index]
	r := n.run.Load()
	if r == nil {
		return nil, fmt.Errorf("%w: %q", ErrUnknownTarget, f.Node)
	}
	in := &Inspection{Status: n.status(r), Bytes: max(0, n.bytes.Load()), BytesMax: r.bytes, Instances: r.actor.Look()}
	for _, l := range s.lanes {
		at := make(chan laneView, 1)
		l.post(event{note: noteInspect{n, f, at}})
		select {
		case v := <-at:
			s.resume(ctx, "inspect "+f.Node)
			in.add(&v)
		case <-ctx.Done():
			return nil, fmt.Errorf("inspect %s: %w", f.Node, ctx.Err())
		case <-s.context.Done():
			return nil, ErrStopping
		}
	}
	in.sort(f.Keys)
	return in, nil
}

// laneView is what one lane knows of a node.
type laneView struct {
	keys   []KeyMailbox
	more   int
	flight []InFlight
	oldest time.Time
}

func (in *Inspection) add(v *laneView) {
	in.Keys, in.More, in.Flight = append(in.Keys, v.keys...), in.More+v.more, append(in.Flight, v.flight...)
	in.Oldest = earlier(in.Oldest, v.oldest)
}

// earlier is the first of two times, of which zero ones are none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func (in *Inspection) sort(most int) {
	slices.SortFunc(in.Flight, func(a, b InFlight) int { return a.Since.Compare(b.Since) })
	slices.SortFunc(in.Keys, fullest)
	if over := len(in.Keys) - most; over > 0 {
		in.Keys, in.More = in.Keys[:most], in.More+over
	}
}

func fullest(a, b KeyMailbox) int {
	return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(b.Busy, a.Busy), strings.Compare(a.Key, b.Key))
}

// noteInspect asks a lane what it knows of a node.
type noteInspect struct {
	node   *node
	filter *InspectFilter
	at     chan laneView
}

func (n noteInspect) run(l *lane) {
	v := laneView{}
	local := l.local(n.node)
	v.add(&local.open, n.filter)
	for _, c := range local.cells {
		v.add(c, n.filter)
	}
	for _, w := range l.away {
		if w.cell.local == local && n.filter.takes(w.item.msg.Key()) {
			v.flight = append(v.flight, InFlight{
				ID: strings.Clone(w.item.msg.ID()), Type: strings.Clone(w.item.msg.Type()), Key: strings.Clone(w.item.msg.Key()),
				Since: time.Unix(0, w.since), Attempt: int(w.item.attempt), Revision: w.run.actor.Revision,
			})
		}
	}
	slices.SortFunc(v.keys, fullest)
	if over := len(v.keys) - n.filter.Keys; over > 0 {
		v.keys, v.more = v.keys[:n.filter.Keys], over
	}
	n.at <- v
}

// takes reports whether a key is one that is asked for.
func (f *InspectFilter) takes(key string) bool { return f.Key == nil || *f.Key == key }

// add tells of one mailbox, unless it is empty and nothing of it is being handled.
func (v *laneView) add(c *cell, f *InspectFilter) {
	if c.queue.len() == 0 && c.busy == 0 && !c.parked || !f.takes(c.key) {
		return
	}
	m := KeyMailbox{Key: c.key, Waiting: c.queue.len(), Busy: c.busy, Held: c.parked}
	if m.Waiting > 0 {
		made, _ := (*c.queue.at(0)).msg.Attr(abi.Time)
		m.Oldest, _ = time.Parse(time.RFC3339Nano, made) // zero where it does not say
	}
	v.oldest = earlier(v.oldest, m.Oldest)
	v.keys = append(v.keys, m)
}

package shard

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
)

// historyChanges is how many changes a history names, the last ones.
const historyChanges = 100

// Point is a place in a journal: a record, a time, or the handling of a message
// and of what that caused. The zero Point is the journal's begin, or its end.
type Point struct {
	Sequence uint64
	Time     time.Time
	ID       string
}

// Span is what is between two points, both included.
type Span struct{ From, To Point }

// History is how the state of one key has changed.
type History struct {
	Changes []StateStep // the last ones, oldest first
	Count   int         // of all of them
	Values  []ValueSpan // what they changed in all, by name
	First   uint64      // sequence of the first record that the journal keeps
	Since   time.Time   // when that was, as far as it is known
}

// StateStep is one change of a key's state: by a message, or by a person.
type StateStep struct {
	Sequence   uint64
	Time       time.Time
	ID         string // of the message; empty: a person did it
	By, Reason string // likewise
	Names      []string
}

// ValueSpan is a value before and after. Revision 0: there was none.
type ValueSpan struct {
	Name    string
	Was, Is capability.Value
	Unknown bool // what it was, since the journal goes back no further
}

// ErrSpan: the first of two points comes after the second.
var ErrSpan = errors.New("it begins after its end")

// StateHistory tells how the state of a key at a node has changed, as the
// function of that name does. What is not committed yet is not in it.
func (s *Shard) StateHistory(ctx context.Context, node, key string, span Span) (*History, error) {
	return StateHistory(ctx, s.opts.Journal, node, key, span)
}

// StateHistory tells how the state of a key at a node has changed between two
// points, from what a journal still keeps. It reads all of that. A message that
// the journal does not know is an [AbsentError].
func StateHistory(ctx context.Context, j journal.Journal, node, key string, span Span) (*History, error) {
	from, to := &span.From, &span.To
	if from.Sequence > to.Sequence && to.Sequence > 0 || from.Time.After(to.Time) && !to.Time.IsZero() {
		return nil, ErrSpan
	}
	first, _, err := j.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	w := historian{node: node, key: key, span: span, now: map[string]capability.Value{}, initial: map[string]bool{}}
	if err := visitEntries(ctx, j, w.entry); err != nil && !errors.Is(err, errEnd) {
		return nil, err
	}
	for id, met := range map[string]bool{span.From.ID: w.begun, span.To.ID: w.ended} {
		if id != "" && !met {
			return nil, &AbsentError{id, first, w.since}
		}
	}
	if w.early {
		return nil, ErrSpan
	}
	return w.told(first), nil
}

// historian follows one key through a journal.
type historian struct {
	node, key string
	span      Span
	since     time.Time

	begun, ended bool // the points were met
	early        bool // the message that ends it was met, but not since it began
	fresh        bool // there are changes after the end that was met last

	now     map[string]capability.Value // revision 0: none
	initial map[string]bool             // names; false: not known what was before the first change
	before  map[string]capability.Value // as now was when the span began
	steps   []StateStep                 // since then
	count   int

	end struct { // as it was when the end was met last
		values map[string]capability.Value
		steps  []StateStep
		count  int
	}
}

func (w *historian) entry(seq uint64, e journal.Entry) error {
	at := StateStep{Sequence: seq}
	var state []journal.StateChange
	var node, key string
	switch e := e.(type) {
	case *journal.Handled:
		at.ID, at.Time, node, key, state = e.ID, unix(e.Time), e.Node, e.Key, e.State
	case *journal.Dead:
		at.ID, at.Time = e.ID, unix(e.Time)
	case *journal.Accepted:
		if w.since.IsZero() {
			w.since = unix(e.Time)
		}
		return nil
	case *journal.Action:
		at.Time, at.By, at.Reason, node, key, state = unix(e.Time), e.By, e.Reason, e.Node, e.Key, e.State
	default:
		return nil
	}
	if w.since.IsZero() {
		w.since = at.Time
	}
	if !w.begun && w.span.From.reached(&at) {
		w.begun, w.before = true, maps.Clone(w.now)
	}
	after := w.span.To.passed(&at)
	if after && w.span.To.ID == "" {
		return nil // and go on: times may go back a little
	}
	if node == w.node && key == w.key && len(state) > 0 {
		w.change(&at, state)
	}
	if !after {
		w.meet()
	}
	return nil
}

// reached reports whether a point lies at an entry or before it.
func (p *Point) reached(at *StateStep) bool {
	switch {
	case p.ID != "":
		return p.of(at.ID)
	case !p.Time.IsZero():
		return !at.Time.Before(p.Time)
	}
	return at.Sequence >= p.Sequence
}

// passed reports whether an entry lies behind a point that ends a span; of a
// message, whether it is not of that.
func (p *Point) passed(at *StateStep) bool {
	switch {
	case p.ID != "":
		return !p.of(at.ID)
	case !p.Time.IsZero():
		return at.Time.After(p.Time)
	}
	return p.Sequence > 0 && at.Sequence > p.Sequence
}

// of reports whether an id is the point's message, or one that it caused.
func (p *Point) of(id string) bool {
	rest, ok := strings.CutPrefix(id, p.ID)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '-')
}

func (w *historian) change(at *StateStep, state []journal.StateChange) {
	for i := range state {
		ch := &state[i]
		name := strings.Clone(ch.Name)
		if _, ok := w.initial[name]; !ok {
			w.initial[name] = ch.Revision == 1 && !ch.Deleted
		}
		w.now[name] = capability.Value{}
		if !ch.Deleted {
			w.now[name] = capability.Value{Data: append([]byte{}, ch.Value...), Revision: ch.Revision, Type: ch.Type}
		}
		at.Names = append(at.Names, name)
	}
	w.fresh = true
	if !w.begun {
		return
	}
	at.ID, at.By, at.Reason = strings.Clone(at.ID), strings.Clone(at.By), strings.Clone(at.Reason)
	w.steps = append(w.steps, *at)
	w.count++
	if len(w.steps) >= 2*historyChanges {
		w.steps = slices.Clone(w.steps[len(w.steps)-historyChanges:])
	}
}

// meet notes that the end may be here.
func (w *historian) meet() {
	if !w.begun {
		w.early = w.span.To.ID != ""
		w.ended = true
		return
	}
	w.early = false
	if w.fresh || !w.ended {
		w.end.values, w.end.steps, w.end.count = maps.Clone(w.now), slices.Clone(w.steps), w.count
	}
	w.ended, w.fresh = true, false
}

func (w *historian) told(first uint64) *History {
	steps := w.end.steps[max(0, len(w.end.steps)-historyChanges):]
	h := &History{Changes: steps, Count: w.end.count, First: first, Since: w.since}
	for _, name := range slices.Sorted(maps.Keys(w.end.values)) {
		v := ValueSpan{Name: name, Is: w.end.values[name]}
		was, ok := w.before[name]
		if v.Was = was; !ok {
			v.Unknown = !w.initial[name]
		}
		if ok && was.Revision == v.Is.Revision && string(was.Data) == string(v.Is.Data) {
			continue
		}
		h.Values = append(h.Values, v)
	}
	return h
}

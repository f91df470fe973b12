package shard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
)

// ErrNoTrace: the journal, as far as it is kept, knows no message of that id.
var ErrNoTrace = errors.New("no message of that id is in the journal")

// Hop is one thing that happened to a message, as the journal has it.
type Hop struct {
	Sequence uint64  // of the record
	What     HopKind //
	ID       string  // of the message
	Cause    string  // id of the message that caused it; empty: it came from outside
	Node     string  // node path
	Key      string
	Type     string
	Data     []byte        // of the message; nil when another hop of it has it
	Time     time.Time     //
	Took     time.Duration // as far as it was measured: 0 for what was quick
	Attempt  int
	Revision string // of definition and code
	Routes   uint32 // number of those that its outputs went by; 0: the first that the journal had
	Fuel     uint64
	Code     string    // when refused, failed or given up on
	Reason   string    // likewise
	Due      time.Time // of the next attempt
	By       string    // who did it, of an action
	State    []journal.StateChange
	Answers  []journal.Answer // what capabilities answered
	Outputs  []HopOutput
}

// HopOutput is where a message led to.
type HopOutput struct {
	ID     string
	To     string // node path, or output, drop, deadletter
	Key    string
	Type   string
	Data   []byte
	Due    time.Time // zero: at once
	Code   string    // why it is a dead letter
	Reason string
}

// HopKind is what happened.
type HopKind string

// What happens to a message.
const (
	HopAccepted HopKind = "accepted"
	HopHandled  HopKind = "handled"
	HopRefused  HopKind = "refused"
	HopAttempt  HopKind = "attempt"
	HopBegun    HopKind = "begun" // an attempt is about to change something outside: Answers are what it was told, as far as no hop has them
	HopDead     HopKind = "dead"
	HopAction   HopKind = "action"
)

// Limits of what a trace holds; what comes after them is left out.
const (
	traceHops  = 10_000
	traceBytes = 64 << 20 // of data, values and answers
	traceIDs   = 10       // that an [AmbiguousError] names
)

// Traced is what a journal has of one request.
type Traced struct {
	ID   string // of the message asked for, in full
	Flow string // id of the request's first message
	Hops []Hop  // in the journal's order
	More bool   // there are others, which were too many
}

// AbsentError is an ErrNoTrace that says how far back the journal goes.
type AbsentError struct {
	ID    string
	First uint64    // sequence of the first record that is kept
	Since time.Time // of the first entry with a time; zero: there is none
}

// Error implements error.
func (e *AbsentError) Error() string { return ErrNoTrace.Error() + ": " + e.ID }

// Unwrap is ErrNoTrace.
func (e *AbsentError) Unwrap() error { return ErrNoTrace }

// AmbiguousError: ids of several requests begin with what was given.
type AmbiguousError struct {
	Prefix string
	IDs    []string // some of them, in order
}

// Error implements error.
func (e *AmbiguousError) Error() string {
	return "several messages have an id that begins with " + e.Prefix
}

// Trace tells what happened to a message, and to everything of the same request,
// as the function of that name does.
func (s *Shard) Trace(ctx context.Context, id string) (*Traced, error) {
	return Trace(ctx, s.opts.Journal, id)
}

// Trace tells what happened to a message, and to everything of the same request,
// from what a journal still keeps. It reads all of that, twice. The beginning of
// an id is enough where no other request's has it too: otherwise it fails with
// an [AmbiguousError], and with an [AbsentError] when there is none.
func Trace(ctx context.Context, j journal.Journal, id string) (*Traced, error) {
	f := finder{id: id, flows: map[string]string{}}
	if err := eachHop(ctx, j, f.hop); err != nil && !errors.Is(err, errEnd) {
		return nil, err
	}
	t, err := f.found(ctx, j)
	if err != nil {
		return nil, err
	}
	known, size := map[string]bool{}, 0
	err = eachHop(ctx, j, func(h *Hop, in string) error {
		if in != t.Flow && !known[h.ID] {
			return nil
		}
		if size += h.size(); len(t.Hops) == traceHops || size > traceBytes {
			t.More = true
			return errEnd
		}
		kept := h.clone()
		known[kept.ID] = true
		for _, o := range kept.Outputs {
			known[o.ID] = true
		}
		t.Hops = append(t.Hops, *kept)
		return nil
	})
	if errors.Is(err, errEnd) {
		err = nil
	}
	return t, err
}

// finder looks for the request that a message is of.
type finder struct {
	id    string
	exact string            // flow of the message that has the very id
	flows map[string]string // those with an id that begins so: the least of them
	since time.Time
}

func (f *finder) hop(h *Hop, in string) error {
	if f.since.IsZero() {
		f.since = h.Time
	}
	if in == "" {
		return nil // an entry with the flow was there before, or is not any more
	}
	for _, id := range [...]string{h.ID, in} {
		f.see(id, in)
	}
	for i := range h.Outputs {
		f.see(h.Outputs[i].ID, in)
	}
	if f.exact != "" {
		return errEnd
	}
	return nil
}

func (f *finder) see(id, flow string) {
	if !strings.HasPrefix(id, f.id) {
		return
	}
	if id == f.id {
		f.exact = strings.Clone(flow)
		return
	}
	if least, ok := f.flows[flow]; ok && least <= id || !ok && len(f.flows) > traceIDs {
		return
	}
	f.flows[strings.Clone(flow)] = strings.Clone(id)
}

// found is a trace without its hops yet.
func (f *finder) found(ctx context.Context, j journal.Journal) (*Traced, error) {
	switch {
	case f.exact != "":
		return &Traced{ID: f.id, Flow: f.exact}, nil
	case len(f.flows) == 0:
		first, _, err := j.Bounds(ctx)
		if err != nil {
			return nil, err
		}
		return nil, &AbsentError{f.id, first, f.since}
	case len(f.flows) > 1:
		ids := slices.Sorted(maps.Values(f.flows))
		return nil, &AmbiguousError{f.id, ids[:min(len(ids), traceIDs)]}
	}
	for flow, id := range f.flows {
		return &Traced{ID: id, Flow: flow}, nil
	}
	panic("a map of one is empty")
}

// size is about how many bytes of memory a hop refers to.
func (h *Hop) size() int {
	n := len(h.Data) + len(h.Reason)
	for i := range h.State {
		n += len(h.State[i].Value)
	}
	for i := range h.Answers {
		n += len(h.Answers[i].Frame)
	}
	for i := range h.Outputs {
		n += len(h.Outputs[i].Data)
	}
	return n
}

// eachHop visits what a journal has of messages, and the flow each is of, ""
// when the entry does not say. Both are valid during the visit only.
func eachHop(ctx context.Context, j journal.Journal, visit func(h *Hop, flow string) error) error {
	return visitEntries(ctx, j, hopsOf(visit))
}

// hopsOf visits those entries that are about a message.
func hopsOf(visit func(h *Hop, flow string) error) func(uint64, journal.Entry) error {
	return func(seq uint64, e journal.Entry) error {
		h := Hop{Sequence: seq}
		flow, ok, err := h.read(e)
		if err != nil {
			return fmt.Errorf("read record %d: %w", seq, err)
		}
		if !ok {
			return nil
		}
		return visit(&h, flow)
	}
}

// visitEntries visits all entries that a journal keeps, each valid during its visit only.
func visitEntries(ctx context.Context, j journal.Journal, visit func(seq uint64, e journal.Entry) error) error {
	_, err := visitLast(ctx, j, math.MaxUint64, visit)
	return err
}

// visitLast visits the entries of a journal's last records, n at the least, and
// reports whether there are older ones.
func visitLast(ctx context.Context, j journal.Journal, n uint64, visit func(seq uint64, e journal.Entry) error) (older bool, err error) {
	var c journal.Cursor
	for {
		first, last, err := j.Bounds(ctx)
		if err != nil || last < first {
			return false, err
		}
		from, began := first, false
		if last-first >= n {
			from = last - n + 1
		}
		err = j.Read(ctx, from, func(seq uint64, record []byte) error {
			began = true
			return visitRecord(ctx, j, &c, seq, record, visit)
		})
		if began || !errors.Is(err, journal.ErrTrimmed) { // otherwise it was just now
			return from > first, err
		}
	}
}

// visitRecord visits those of a record, by a cursor that may be used again for the next one.
func visitRecord(ctx context.Context, j journal.Journal, c *journal.Cursor, seq uint64, record []byte, visit func(seq uint64, e journal.Entry) error) error {
	r, err := journal.Parse(record)
	if err != nil {
		return fmt.Errorf("read record %d: %w", seq, err)
	}
	c.Reset(r)
	for {
		e, err := c.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if p, ok := e.(*journal.Packed); ok && err == nil {
			if e, err = journal.Unpack(ctx, j, p); errors.Is(err, journal.ErrNotFound) {
				continue // it was trimmed with its blob, and a crash has brought the record back
			}
		}
		if err != nil {
			return fmt.Errorf("read record %d: %w", seq, err)
		}
		if err := visit(seq, e); err != nil {
			return err
		}
	}
}

// read makes a hop of an entry; false: the entry is about no message.
func (h *Hop) read(e journal.Entry) (flow string, ok bool, err error) {
	switch e := e.(type) {
	case *journal.Accepted:
		h.What, h.ID, h.Node, h.Key, h.Time = HopAccepted, e.ID, e.Node, e.Key, unix(e.Time)
		flow, err = h.message(e.Input)
		return flow, true, errors.Join(err, h.outputs(e.Copies))
	case *journal.Handled:
		h.What, h.ID, h.Node, h.Key, h.Time = HopHandled, e.ID, e.Node, e.Key, unix(e.Time)
		if e.Outcome == journal.OutcomeRefused {
			h.What, h.Code, h.Reason = HopRefused, e.Code, e.Reason
		}
		h.Took, h.Attempt, h.Revision, h.Fuel, h.Routes = time.Duration(e.Duration), int(e.Attempt), e.Revision, e.Fuel, e.Routes
		h.State, h.Answers = e.State, e.Answers
		flow, err = h.message(e.Input)
		return flow, true, errors.Join(err, h.outputs(e.Outputs))
	case *journal.AttemptMade:
		h.What, h.ID, h.Node, h.Key, h.Time, h.Due = HopAttempt, e.ID, e.Node, e.Key, unix(e.Time), unix(e.Due)
		h.Attempt, h.Revision, h.Fuel, h.Code, h.Reason, h.Answers = int(e.Attempt), e.Revision, e.Fuel, e.Code, e.Reason, e.Answers
		return "", true, nil
	case *journal.Begun:
		h.What, h.ID, h.Node, h.Key, h.Time, h.Attempt, h.Answers = HopBegun, e.ID, e.Node, e.Key, unix(e.Time), int(e.Attempt), e.Answers
		return "", true, nil
	case *journal.Dead:
		h.What, h.ID, h.Node, h.Key, h.Time = HopDead, e.ID, e.Node, e.Key, unix(e.Time)
		h.Attempt, h.Revision, h.Fuel, h.Code, h.Reason = int(e.Attempt), e.Revision, e.Fuel, e.Code, e.Reason
		flow, err = h.message(e.Input)
		return flow, true, err
	case *journal.Action:
		if e.ID == "" {
			return "", false, nil
		}
		h.What, h.ID, h.Node, h.Key, h.Time, h.Code, h.Reason, h.By = HopAction, e.ID, e.Node, e.Key, unix(e.Time), e.Name, e.Reason, e.By
		if len(e.Input) == 0 {
			return "", true, nil
		}
		m, err := abi.ParseMessage(e.Input)
		if err != nil {
			return "", false, err
		}
		if e.Name == journal.ActionRedrive {
			return m.Correlation(), true, h.outputs([]journal.Output{{To: e.Node, Key: e.Key, Frame: e.Input}})
		}
		h.Data = m.Data()
		return m.Correlation(), true, nil
	}
	return "", false, nil
}

// message notes what the frame of the hop's message says, and returns its flow.
func (h *Hop) message(frame []byte) (flow string, err error) {
	m, err := abi.ParseMessage(frame)
	if err != nil {
		return "", err
	}
	h.ID, h.Type, h.Data = m.ID(), m.Type(), m.Data()
	h.Cause, _ = m.Attr(abi.Causation)
	return m.Correlation(), nil
}

func (h *Hop) outputs(list []journal.Output) error {
	for i := range list {
		o := &list[i]
		m, err := abi.ParseMessage(o.Frame)
		if err != nil {
			return err
		}
		out := HopOutput{ID: m.ID(), To: o.To, Key: o.Key, Type: m.Type(), Data: m.Data(), Due: unix(o.Due)}
		if g := o.Grave; g != nil {
			out.Code, out.Reason = g.Code, g.Reason
		}
		h.Outputs = append(h.Outputs, out)
	}
	return nil
}

func unix(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// clone copies what a hop refers to.
func (h *Hop) clone() *Hop {
	c := *h
	for _, text := range [...]*string{&c.ID, &c.Cause, &c.Node, &c.Key, &c.Type, &c.Revision, &c.Code, &c.Reason, &c.By} {
		*text = strings.Clone(*text)
	}
	c.Data = slices.Clone(c.Data)
	c.State, c.Answers, c.Outputs = slices.Clone(c.State), slices.Clone(c.Answers), slices.Clone(c.Outputs)
	for i := range c.State {
		x := &c.State[i]
		x.Name, x.Value = strings.Clone(x.Name), slices.Clone(x.Value)
	}
	for i := range c.Answers {
		x := &c.Answers[i]
		x.Operation, x.Use, x.Request, x.Frame = strings.Clone(x.Operation), strings.Clone(x.Use), slices.Clone(x.Request), slices.Clone(x.Frame)
	}
	for i := range c.Outputs {
		x := &c.Outputs[i]
		for _, text := range [...]*string{&x.ID, &x.To, &x.Key, &x.Type, &x.Code, &x.Reason} {
			*text = strings.Clone(*text)
		}
		x.Data = slices.Clone(x.Data)
	}
	return &c
}

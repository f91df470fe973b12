package shard

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	HopDead     HopKind = "dead"
	HopAction   HopKind = "action"
)

// Trace tells what happened to a message, and to everything of the same request,
// from what the journal still keeps, in the journal's order. It reads all of it.
func (s *Shard) Trace(ctx context.Context, id string) ([]Hop, error) {
	flow := ""
	err := s.eachHop(ctx, func(h *Hop, in string) error {
		if h.ID == id || in == id || slices.ContainsFunc(h.Outputs, func(o HopOutput) bool { return o.ID == id }) {
			flow = strings.Clone(in)
			if flow != "" {
				return errEnd
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnd) {
		return nil, err
	}
	if flow == "" {
		return nil, fmt.Errorf("%w: %s", ErrNoTrace, id)
	}
	var hops []Hop
	known := map[string]bool{}
	err = s.eachHop(ctx, func(h *Hop, in string) error {
		if in != flow && !known[h.ID] {
			return nil
		}
		kept := h.clone()
		known[kept.ID] = true
		for _, o := range kept.Outputs {
			known[o.ID] = true
		}
		hops = append(hops, *kept)
		return nil
	})
	return hops, err
}

// eachHop visits what the journal has of messages, and the flow each is of, ""
// when the entry does not say. Both are valid during the visit only.
func (s *Shard) eachHop(ctx context.Context, visit func(h *Hop, flow string) error) error {
	j := s.opts.Journal
	first, last, err := j.Bounds(ctx)
	if err != nil || last < first {
		return err
	}
	var c journal.Cursor
	return j.Read(ctx, first, func(seq uint64, record []byte) error {
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
				e, err = journal.Unpack(ctx, j, p)
			}
			if err != nil {
				return fmt.Errorf("read record %d: %w", seq, err)
			}
			h := Hop{Sequence: seq}
			flow, ok, err := h.read(e)
			if err != nil {
				return fmt.Errorf("read record %d: %w", seq, err)
			}
			if ok {
				if err := visit(&h, flow); err != nil {
					return err
				}
			}
		}
	})
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
		h.Took, h.Attempt, h.Revision, h.Fuel = time.Duration(e.Duration), int(e.Attempt), e.Revision, e.Fuel
		h.State, h.Answers = e.State, e.Answers
		flow, err = h.message(e.Input)
		return flow, true, errors.Join(err, h.outputs(e.Outputs))
	case *journal.AttemptMade:
		h.What, h.ID, h.Node, h.Key, h.Time, h.Due = HopAttempt, e.ID, e.Node, e.Key, unix(e.Time), unix(e.Due)
		h.Attempt, h.Revision, h.Fuel, h.Code, h.Reason, h.Answers = int(e.Attempt), e.Revision, e.Fuel, e.Code, e.Reason, e.Answers
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
		if e.Name == journal.ActionRedrive {
			return "", true, h.outputs([]journal.Output{{To: e.Node, Key: e.Key, Frame: e.Input}})
		}
		return "", true, nil
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

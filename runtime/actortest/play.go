package actortest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
)

// play does what the test says, step by step. What the shard does not take ends
// it, and is a failure of the test.
func (s *stage) play(ctx context.Context) error {
	for i := range s.test.Steps {
		step := &s.test.Steps[i]
		began := time.Now()
		if err := s.step(ctx, step); err != nil || s.fault != "" {
			return err
		}
		if err := s.settle(ctx); err != nil {
			return err
		}
		s.busy += time.Since(began)
	}
	if s.desk != nil {
		if err := s.desk.end(ctx); err != nil {
			return err
		}
	}
	waiting, err := s.shard.Stop(ctx)
	s.waiting = waiting
	return err
}

func (s *stage) step(ctx context.Context, step *specs.Step) error {
	switch {
	case step.Advance > 0:
		ok, err := s.clock.advance(ctx, step.Advance, s.settle)
		if !ok {
			s.fault = fmt.Sprintf("more than %d messages came due while time moved on by %v", TimersMax, step.Advance)
		}
		return err
	case step.Request != nil:
		return s.desk.request(ctx, step.Request)
	case step.Type != "":
		_, err := s.shard.Accept(ctx, &shard.Request{To: s.test.Subject, Source: "test", Type: step.Type, Attrs: step.Attrs, Data: step.Data})
		if errors.Is(err, shard.ErrUnknownTarget) || errors.Is(err, shard.ErrNotTaken) || errors.Is(err, shard.ErrFull) {
			s.fault = err.Error()
			return nil
		}
		return err
	}
	return nil
}

// settle waits until nothing is left to do while time stands.
func (s *stage) settle(ctx context.Context) error {
	if err := s.shard.Settle(ctx); err != nil {
		return err
	}
	return s.shard.Err()
}

// seen puts together what happened.
func (s *stage) seen() Seen {
	var seen Seen
	out, dead, err := s.read()
	if err != nil {
		s.fault = err.Error()
	}
	s.tape.Lock()
	defer s.tape.Unlock()
	last := map[place]int{} // attempt at a message of a node
	for i, h := range s.tape.handlings {
		last[place{h.node, h.id}] = i
	}
	for i, h := range s.tape.handlings {
		seen.Fuel += h.fuel
		if s.test.Of == specs.OfActor {
			seen.Messages = append(seen.Messages, h.outputs...)
		}
		if last[place{h.node, h.id}] != i {
			continue // it was tried again
		}
		seen.Path = append(seen.Path, s.local(h.node))
		seen.Handled = append(seen.Handled, Handled{Node: s.local(h.node), Type: h.typ, Sent: h.outputs})
		if h.outcome != actor.Handled {
			seen.Faults = append(seen.Faults, Fault{Outcome: h.outcome, Node: s.local(h.node), Type: h.typ, Code: h.code, Text: h.text, After: h.after})
			delete(dead, h.id)
		}
	}
	if s.test.Of != specs.OfActor {
		seen.Messages = out
	}
	for _, id := range slices.Sorted(maps.Keys(dead)) {
		d := dead[id]
		seen.Faults = append(seen.Faults, Fault{Outcome: actor.Failed, Node: s.local(d.Node), Type: d.typ, Code: d.Code, Text: d.Reason})
	}
	for _, at := range s.tape.asked {
		values := s.tape.state[at]
		for _, name := range slices.Sorted(maps.Keys(values)) {
			seen.State = append(seen.State, Value{Node: s.local(at.node), Key: at.key, Name: name, Data: values[name].Data})
		}
	}
	now := s.clock.Now()
	for _, w := range s.waiting {
		seen.Waiting = append(seen.Waiting, Waiting{Node: s.local(w.Node), In: w.Due.Sub(now)})
	}
	if s.desk != nil {
		seen.Replies = s.desk.replies()
	}
	return seen
}

// deadLetter is one, and the type of its message.
type deadLetter struct {
	*journal.Dead
	typ string
}

// read reads the journal: what went out of the subject, and what was given up on.
func (s *stage) read() (out []Message, dead map[string]deadLetter, err error) {
	dead = map[string]deadLetter{}
	err = s.journal.Read(context.Background(), 1, func(_ uint64, record []byte) error {
		r, err := journal.Parse(slices.Clone(record)) // which everything read from it refers to
		if err != nil {
			return err
		}
		var c journal.Cursor
		c.Reset(r)
		for {
			e, err := c.Next()
			if errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if p, ok := e.(*journal.Packed); ok {
				if e, err = journal.Unpack(context.Background(), s.journal, p); err != nil {
					return err
				}
			}
			switch e := e.(type) {
			case *journal.Handled:
				messages, err := outputs(e)
				if err != nil {
					return err
				}
				out = append(out, messages...)
				bury(dead, e.Outputs)
			case *journal.Accepted:
				bury(dead, e.Copies)
			case *journal.Dead:
				d := deadLetter{Dead: e}
				if m, err := abi.ParseMessage(e.Input); err == nil {
					d.typ = m.Type()
				}
				dead[e.ID] = d
			}
		}
	})
	if errors.Is(err, journal.ErrTrimmed) {
		err = errors.New("the test sends more than the journal of a test keeps")
	}
	return out, dead, err
}

// bury adds the dead letters among the outputs of an entry.
func bury(dead map[string]deadLetter, outputs []journal.Output) {
	for _, o := range outputs {
		if o.Grave == nil {
			continue
		}
		if m, err := abi.ParseMessage(o.Frame); err == nil {
			dead[m.ID()] = deadLetter{&journal.Dead{ID: m.ID(), Node: o.Grave.Node, Code: o.Grave.Code, Reason: o.Grave.Reason}, m.Type()}
		}
	}
}

// hosts are the attributes that the host sets, not the actor.
var hosts = map[string]bool{
	abi.ID: true, abi.Source: true, abi.Type: true, abi.Time: true, abi.Subject: true, abi.TraceParent: true,
	abi.Correlation: true, abi.Causation: true, abi.Attempt: true,
}

// outputs are the messages of an entry that went out.
func outputs(e *journal.Handled) (list []Message, err error) {
	for _, o := range e.Outputs {
		if o.To != specs.Output {
			continue
		}
		m, err := abi.ParseMessage(o.Frame)
		if err != nil {
			return nil, err
		}
		out := Message{Type: m.Type(), Data: m.Data()}
		for name, value := range m.All() {
			if !hosts[name] {
				out.Attrs = append(out.Attrs, name, value)
			}
		}
		list = append(list, out)
	}
	return list, nil
}

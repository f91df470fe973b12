package app

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
)

// Trace implements control.Backend.
func (b backend) Trace(ctx context.Context, id string) (control.Trace, error) {
	t, err := b.shard.Trace(ctx, id)
	if err != nil {
		return control.Trace{}, traceError(err)
	}
	return toldOf(t, b.mask(b.service.Load())), nil
}

// secretNames are the secrets that a service names, without the host's own.
func secretNames(s *specs.Service) []string {
	var all []string
	for _, u := range SecretUses(s) {
		if !capability.HostSecret(u.Name) {
			all = append(all, u.Name)
		}
	}
	return all
}

// tracing puts together what a journal says of each message of a request.
type tracing struct {
	mask mask
	of   map[string]*traced
	list []*traced // in the order they came up
	last time.Time
	fuel uint64
}

type traced struct {
	control.TraceMessage
	order  int
	caused []*traced
	set    bool // it was put under what caused it
}

// toldOf is what a person is told of a request.
func toldOf(t *shard.Traced, m mask) control.Trace {
	w := tracing{mask: m, of: map[string]*traced{}}
	for i := range t.Hops {
		w.hop(&t.Hops[i])
	}
	out := control.Trace{ID: t.ID, Flow: t.Flow, Fuel: w.fuel, Messages: []control.TraceMessage{}, More: t.More}
	for _, m := range w.list {
		if by := w.of[m.Cause]; by != nil && by != m {
			by.caused, m.set = append(by.caused, m), true
		}
	}
	var add func(m *traced, depth int)
	add = func(m *traced, depth int) {
		m.Depth = depth
		out.Messages = append(out.Messages, m.TraceMessage)
		slices.SortStableFunc(m.caused, func(a, b *traced) int { return cmp.Or(a.Time.Compare(b.Time), a.order-b.order) })
		for _, c := range m.caused {
			add(c, depth+1)
		}
	}
	for _, m := range w.list {
		if !m.set {
			add(m, 0)
		}
	}
	if len(w.list) > 0 {
		out.Began = w.list[0].Time
		out.Took = milliseconds(w.last.Sub(out.Began))
	}
	return out
}

// message is the message of an id.
func (w *tracing) message(id string) *traced {
	m := w.of[id]
	if m == nil {
		m = &traced{order: len(w.list)}
		m.ID, m.Outcome, m.Tries = id, control.TraceWaits, []control.TraceTry{}
		w.of[id] = m
		w.list = append(w.list, m)
	}
	return m
}

// see notes what several entries may say of a message.
func (w *tracing) see(m *traced, h *shard.Hop) {
	m.Node, m.Key = cmp.Or(h.Node, m.Node), cmp.Or(w.mask.text(h.Key), m.Key)
	m.Type, m.Cause = cmp.Or(h.Type, m.Type), cmp.Or(m.Cause, h.Cause)
	if m.Time.IsZero() {
		m.Time = h.Time
	}
	if h.Data != nil && m.Data == nil && m.Raw == nil {
		m.Data, m.Raw = w.mask.value(h.Data)
	}
	if end := h.Time.Add(h.Took); end.After(w.last) {
		w.last = end
	}
}

func (w *tracing) hop(h *shard.Hop) {
	if h.What == shard.HopAction && (h.Code == journal.ActionDebug || h.Code == journal.ActionDebugEnd) {
		if m := w.of[h.ID]; m != nil { // else it came before what was looked at, and what became of it is not known
			m.Acts = append(m.Acts, w.acted(h))
		}
		return
	}
	m := w.message(h.ID)
	if h.What == shard.HopAction {
		w.act(m, h)
		return
	}
	w.see(m, h)
	switch h.What {
	case shard.HopHandled:
		m.Outcome = control.TraceHandled
	case shard.HopRefused:
		m.Outcome = control.TraceRefused
	case shard.HopDead:
		m.Outcome = control.TraceDead
	}
	switch h.What {
	case shard.HopAccepted:
	case shard.HopBegun:
		w.begun(m, h)
	default:
		w.tried(m, h)
		m.Code, m.Reason = w.mask.text(h.Code), w.mask.text(h.Reason)
		w.fuel += h.Fuel
	}
	w.outputs(h)
}

// begun notes what an attempt was told before it changed something outside. There may be
// several of one attempt, also from before and after a restart.
func (w *tracing) begun(m *traced, h *shard.Hop) {
	n := len(m.Tries) - 1
	if n < 0 || !m.Tries[n].Open || m.Tries[n].Attempt != h.Attempt {
		m.Tries = append(m.Tries, control.TraceTry{Attempt: h.Attempt, Record: h.Sequence, Time: h.Time, Begun: true, Open: true})
		n++
	}
	for i := range h.Answers {
		m.Tries[n].Told = append(m.Tries[n].Told, w.answer(&h.Answers[i]))
	}
}

// tried notes an attempt that has ended, in place of what was known of it when it began to
// change something outside.
func (w *tracing) tried(m *traced, h *shard.Hop) {
	t := w.try(h)
	if n := len(m.Tries) - 1; n >= 0 && m.Tries[n].Open && m.Tries[n].Attempt == h.Attempt {
		t.Begun, t.Told = true, m.Tries[n].Told
		m.Tries = m.Tries[:n]
		if t.Time.Before(m.Time) { // what was kept in the midst has the time of that, not of the message
			m.Time = t.Time
		}
	}
	m.Tries = append(m.Tries, t)
}

// outputs notes the messages that one led to.
func (w *tracing) outputs(h *shard.Hop) {
	from := h.Time.Add(h.Took)
	for i := range h.Outputs {
		o := &h.Outputs[i]
		out, cause := w.message(o.ID), h.ID
		if h.What == shard.HopAccepted { // these came from outside too
			cause = ""
		}
		w.see(out, &shard.Hop{Type: o.Type, Key: o.Key, Data: o.Data, Time: from, Cause: cause})
		out.Due = o.Due
		switch o.To {
		case "output":
			out.Outcome = control.TraceLeft
		case "drop":
			out.Outcome = control.TraceDropped
		case "deadletter":
			out.Outcome, out.Code, out.Reason = control.TraceDead, w.mask.text(o.Code), w.mask.text(o.Reason)
		default:
			out.Node = o.To
		}
	}
}

func (w *tracing) acted(h *shard.Hop) control.TraceAct {
	return control.TraceAct{Name: h.Code, Time: h.Time, By: h.By, Reason: w.mask.text(h.Reason)}
}

// act notes what was done to a dead letter.
func (w *tracing) act(m *traced, h *shard.Hop) {
	a := w.acted(h)
	m.Outcome = control.TraceDead // also when the journal has no more that it was
	seen := shard.Hop{Time: h.Time}
	if m.Node == "" { // it came before what was looked at; an action names where the message sent in its place goes
		seen.Node, seen.Key = h.Node, h.Key
	}
	w.see(m, &seen)
	for i := range h.Outputs {
		o := &h.Outputs[i]
		a.Again = o.ID
		again := w.message(o.ID)
		w.see(again, &shard.Hop{Type: o.Type, Node: o.To, Key: o.Key, Data: o.Data, Time: h.Time, Cause: m.ID})
	}
	m.Acts = append(m.Acts, a)
}

func (w *tracing) try(h *shard.Hop) control.TraceTry {
	t := control.TraceTry{
		Attempt: h.Attempt, Record: h.Sequence, Time: h.Time, Took: milliseconds(h.Took), Fuel: h.Fuel, Revision: h.Revision, Routes: h.Routes,
		Code: w.mask.text(h.Code), Reason: w.mask.text(h.Reason), Due: h.Due,
	}
	for i := range h.State {
		c := &h.State[i]
		v := control.StateValue{Name: w.mask.text(c.Name)}
		if !c.Deleted {
			v.Revision, v.Bytes = c.Revision, len(c.Value)
			v.Data, v.Raw = w.mask.value(c.Value)
		}
		t.State = append(t.State, v)
	}
	for i := range h.Answers {
		t.Answers = append(t.Answers, w.answer(&h.Answers[i]))
	}
	return t
}

func (w *tracing) answer(a *journal.Answer) control.TraceAnswer {
	out := control.TraceAnswer{Call: a.Call, Operation: w.mask.text(a.Operation), Use: a.Use, Took: milliseconds(time.Duration(a.Duration))}
	m, err := abi.ParseMessage(a.Frame)
	if err != nil { // the host made it
		out.Raw = w.mask.hide(a.Frame)
		out.Bytes = len(out.Raw)
		return out
	}
	code, _ := m.Attr(abi.Code)
	out.Code = w.mask.text(code)
	if len(m.Data()) > 0 {
		out.Data, out.Raw = w.mask.value(m.Data())
		out.Bytes = len(out.Data) + len(out.Raw)
	}
	return out
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
}

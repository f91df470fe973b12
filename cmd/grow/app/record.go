package app

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/replay"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs"
)

// CodeUnfaithful is the code of a message that no test can show as it was.
const CodeUnfaithful = "record.unfaithful"

// recordBytes bounds what the messages of a record hold together.
const recordBytes = 64 << 20

// Record implements control.Backend.
func (b backend) Record(ctx context.Context, r control.RecordRequest) (control.Record, error) {
	service := b.service.Load()
	a := service.Actors[r.Actor]
	if a == nil {
		return control.Record{}, &control.Error{Code: control.CodeNotFound, Message: "there is no actor " + r.Actor, At: r.Actor, Next: "see those there are: grow status"}
	}
	of, nodes := replay.Select{Last: min(cmp.Or(max(r.Last, 0), 1), control.RecordMax)}, []string(nil)
	if r.ID != "" {
		id, node, err := b.handledAt(ctx, r.ID)
		if err != nil {
			return control.Record{}, err
		}
		of.ID, nodes = id, []string{node}
	}
	for _, n := range b.shard.Status() {
		switch {
		case r.ID == "" && n.Actor == a.Name:
			nodes = append(nodes, n.Node)
		case r.ID != "" && n.Node == nodes[0] && n.Actor != a.Name:
			return control.Record{}, &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("message %s was handled by %s, not by %s", of.ID, n.Actor, a.Name), At: of.ID, Next: "name its actor: grow record --to-test " + n.Actor + " " + of.ID}
		}
	}
	rec := recorder{distinct: r.Distinct, service: service, actor: a, mask: b.mask(service)}
	for _, node := range nodes {
		if err := rec.node(ctx, b, node, of); err != nil {
			return control.Record{}, err
		}
	}
	return rec.told(r, of)
}

// recorder puts together what is told of messages of an actor.
type recorder struct {
	service *specs.Service
	actor   *specs.Actor
	mask    mask
	looked  int
	skipped int
	bytes   int
	found   []recorded
	left    []control.RecordLeft

	distinct bool
	blocks   int // of the module; 0: they cannot be counted
}

// node has messages of a node be handled again.
func (r *recorder) node(ctx context.Context, b backend, node string, of replay.Select) error {
	table, err := router.Compile(r.service)
	if err != nil {
		return err
	}
	var config []byte
	if n, ok := table.Node(node); ok && !bytes.Equal(n.Config, r.actor.ConfigDefault) {
		config = r.mask.hide(n.Config)
	}
	now, err := b.wanted(r.service, *b.built.Load())
	if err != nil {
		return err
	}
	q := &again{node: node, now: now, of: of, listen: true, each: func(c *replay.Comparison) { r.add(c, node, config) }}
	if r.distinct {
		r.cover(q)
	}
	report, err := b.replayed(ctx, q)
	if q.words > 0 && report == nil && ctx.Err() == nil && !errors.Is(err, replay.ErrNone) { // the larger module cannot run
		q.old, q.words, r.blocks = nil, 0, 0
		report, err = b.replayed(ctx, q)
	}
	if errors.Is(err, replay.ErrNone) {
		return nil
	}
	if report != nil {
		r.looked, r.skipped = r.looked+report.Selected, r.skipped+report.Skipped
	}
	return err
}

// add takes a message that was handled again, if it came out as it did then.
func (r *recorder) add(c *replay.Comparison, node string, config []byte) {
	m := r.message(c)
	m.Node, m.Config = node, config
	why := ""
	if r.bytes += sizeOf(&m); r.bytes > recordBytes {
		why = fmt.Sprintf("the messages hold more than %d bytes together", recordBytes)
	} else if len(c.Differences) > 0 {
		d := c.Differences[0]
		why = fmt.Sprintf("it does not come out the same when it is handled again by what runs now: %s was %s and is %s", d.Path, cmp.Or(d.Was, "nothing"), cmp.Or(d.Is, "nothing"))
	}
	if why != "" {
		r.left = append(r.left, control.RecordLeft{ID: m.ID, Reason: why})
		return
	}
	r.found = append(r.found, recorded{m, c.Blocks})
}

func sizeOf(m *control.RecordedMessage) int {
	n := len(m.Data)
	for _, list := range [][]control.RecordedValue{m.Before, m.After} {
		for i := range list {
			n += len(list[i].Data)
		}
	}
	for i := range m.Outputs {
		n += len(m.Outputs[i].Data)
	}
	for i := range m.Given {
		n += len(m.Given[i].Data) + len(m.Given[i].Answer.Data)
	}
	return n
}

// message tells of one message.
func (r *recorder) message(c *replay.Comparison) control.RecordedMessage {
	m := control.RecordedMessage{
		ID: c.ID, Key: r.mask.text(c.Key), Time: time.Unix(0, c.Clock).UTC(), Revision: c.Revision, Type: c.Message.Type(), Data: r.mask.hide(c.Message.Data()),
		Outcome: c.Then.What, Code: r.mask.text(c.Then.Code), Reason: r.mask.text(c.Then.Text), Outputs: []control.RecordedSent{},
		Random: len(c.Seed) > 0, Attempt: c.Message.Attempt(),
	}
	for name, value := range c.Message.All() {
		if comesAlong(name, value) {
			m.Attrs = append(m.Attrs, r.attr(name, value))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.State)) {
		m.Before = append(m.Before, control.RecordedValue{Name: name, Data: r.mask.hide(c.State[name].Data)})
	}
	for i := range c.Now.Heard {
		m.Given = append(m.Given, r.call(&c.Now.Heard[i]))
	}
	for i := range c.Then.Outputs {
		m.Outputs = append(m.Outputs, r.sent(&c.Then.Outputs[i]))
	}
	for _, s := range c.Then.State {
		v := control.RecordedValue{Name: s.Name}
		if s.Data != nil {
			v.Data = r.mask.hide(s.Data)
		}
		m.After = append(m.After, v)
	}
	return m
}

// comesAlong reports an attribute that is of a message itself, and not of its way here.
func comesAlong(name, value string) bool {
	if name == abi.ContentType {
		return value != abi.ContentJSON
	}
	return strings.HasPrefix(name, "http.") || strings.HasPrefix(name, abi.OwnPrefix)
}

func (r *recorder) attr(name, value string) control.RecordAttr {
	return control.RecordAttr{Name: r.mask.text(name), Value: r.mask.text(value)}
}

// attrs are attributes in turns: name, value.
func (r *recorder) attrs(list []string) (out []control.RecordAttr) {
	for i := 0; i+1 < len(list); i += 2 {
		out = append(out, r.attr(list[i], list[i+1]))
	}
	return out
}

func (r *recorder) sent(o *replay.Output) control.RecordedSent {
	s := control.RecordedSent{Type: o.Type, Data: r.mask.hide(o.Data)}
	for _, name := range slices.Sorted(maps.Keys(o.Attrs)) {
		s.Attrs = append(s.Attrs, r.attr(name, o.Attrs[name]))
	}
	if o.Delay > 0 {
		s.Attrs = append(s.Attrs, control.RecordAttr{Name: abi.Delay, Value: fmt.Sprint(o.Delay.Milliseconds())})
	}
	return s
}

func (r *recorder) call(h *replay.Heard) control.RecordedCall {
	return control.RecordedCall{
		Use: h.Use, Operation: h.Operation, Attrs: r.attrs(h.Attrs), Data: r.mask.hide(h.Data), Secret: h.Secret,
		Answer: control.RecordAnswer{Attrs: r.attrs(h.Answer.Attrs), Data: r.mask.hide(h.Answer.Data), Code: r.mask.text(h.Answer.Code), Text: r.mask.text(h.Answer.Text), Retry: h.Answer.Retry},
	}
}

// told is the record of what was asked for.
func (r *recorder) told(q control.RecordRequest, of replay.Select) (control.Record, error) {
	if q.ID != "" {
		switch {
		case len(r.left) > 0:
			return control.Record{}, &control.Error{Code: CodeUnfaithful, Message: "message " + of.ID + " is no test: " + r.left[0].Reason, At: of.ID, Next: "see what differs: grow replay " + of.ID}
		case len(r.found) == 0 && r.skipped > 0:
			return control.Record{}, forgotten(of.ID)
		case len(r.found) == 0:
			return control.Record{}, unhandled(of.ID)
		}
	}
	slices.SortStableFunc(r.found, func(a, b recorded) int { return a.Time.Compare(b.Time) })
	if n := len(r.found); n > of.Last { // of several nodes
		r.found = r.found[n-of.Last:]
	}
	out := control.Record{Messages: []control.RecordedMessage{}, Looked: r.looked, Left: r.left}
	if q.Distinct {
		var run int
		r.found, run = distinct(r.found)
		out.Paths = &control.RecordPaths{Blocks: run, Module: r.blocks}
	}
	for i := range r.found {
		out.Messages = append(out.Messages, r.found[i].RecordedMessage)
	}
	return out, nil
}

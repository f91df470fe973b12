package simulation

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
	"github.com/grow-platform/grow/runtime/shard"
)

// model is what the journal says, worked out as its records come to be, and what
// must hold of it. It is written after what is promised, shares nothing with
// package fold, and forgets nothing that is trimmed.
type model struct {
	world    *world
	journal  journal.Journal // for blobs
	revision int             // in force

	waits    map[string]*message // by id
	settled  map[string]string   // id: how
	order    uint64
	states   map[cell]map[string]value
	letters  map[string]*letter
	left     map[string]int    // flow: messages of it that wait
	outs     map[string]string // id of what went out: data
	promises map[string]string // idempotency key: flow
	acts     map[string]bool   // by whom an action in the journal is
	effects  map[string]string // stable key of what was done outside: what for
	moments  map[string]string // stable key and attempt of that: when
	answers  map[string]bool   // stable keys whose answer is kept with an attempt
	clients  map[string][2]int // id: client and index of its request
	done     map[turn]int      // index of the client's last request settled there at its first attempt
	epoch    uint64
	routes   map[uint32]*revision // by number

	records, handledEver, attemptsEver, lettersEver, actionsEver, snapshotsEver, packedEver int
}

type cell struct{ node, key string }

// turn is where the requests of a client stay in order.
type turn struct {
	client int
	cell
}

type value struct {
	data     string
	revision uint64
}

// message waits.
type message struct {
	cell
	id, flow string
	from     cell // whose handling sent it; zero: it came from outside
	order    uint64
	attempt  uint32
	due      int64
	held     bool
	delayed  bool // ever
	begun    bool // its attempt may have changed something outside
	routes   uint32
}

// letter is a dead letter.
type letter struct {
	cell
	id, code, typ, data string
	attempt             uint32
}

func newModel(w *world, j journal.Journal) *model {
	return &model{
		world: w, journal: j, waits: map[string]*message{}, settled: map[string]string{}, states: map[cell]map[string]value{},
		letters: map[string]*letter{}, left: map[string]int{}, outs: map[string]string{}, promises: map[string]string{}, acts: map[string]bool{},
		effects: map[string]string{}, moments: map[string]string{}, answers: map[string]bool{}, clients: map[string][2]int{}, done: map[turn]int{}, routes: map[uint32]*revision{},
	}
}

// record takes in what has just become part of the journal.
func (m *model) record(seq uint64, record []byte) {
	m.records++
	r, err := journal.Parse(slices.Clone(record))
	if err != nil {
		m.world.violate("record %d: %v", seq, err)
		return
	}
	var c journal.Cursor
	c.Reset(r)
	for {
		e, err := c.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if p, ok := e.(*journal.Packed); ok && err == nil {
			m.packedEver++
			e, err = journal.Unpack(context.Background(), m.journal, p)
		}
		if err != nil {
			m.world.violate("record %d: %v", seq, err)
			return
		}
		m.entry(e)
	}
	if r.Epoch != m.epoch {
		m.world.violate("record %d is of epoch %d, in epoch %d", seq, r.Epoch, m.epoch)
	}
}

// entry takes in one entry; its strings and bytes are valid only now.
func (m *model) entry(e journal.Entry) {
	switch e := e.(type) {
	case *journal.Epoch:
		if e.Number <= m.epoch {
			m.world.violate("epoch %d after %d", e.Number, m.epoch)
		}
		m.epoch = e.Number
	case *journal.Accepted:
		m.promised(e.Idempotency, e.Asked)
		if e.Node != "" { // otherwise it is the first of the copies
			m.add(e.Node, e.Key, e.Input, cell{}, 0, e.Routes)
		}
		for i := range e.Copies {
			m.output(&e.Copies[i], cell{}, e.Source, e.Routes)
		}
	case *journal.Handled:
		m.handled(e)
	case *journal.Dead:
		m.gaveUp(e)
	case *journal.AttemptMade:
		m.attempt(e)
	case *journal.Begun:
		m.begun(e)
	case *journal.Asked:
	case *journal.Routes:
		m.routed(e)
	case *journal.Action:
		m.action(e)
	case *journal.SnapshotTaken:
		m.snapshotsEver++
	default:
		m.world.violate("an entry %T, which no shard writes", e)
	}
}

func (m *model) promised(i *journal.Idempotency, a *journal.Asked) {
	if i == nil {
		return
	}
	key := i.Scope + " " + i.Key
	if before := m.promises[key]; before != "" {
		m.world.violate("key %q is promised to %s, after %s", key, a.Flow, before)
	}
	m.promises[key] = strings.Clone(a.Flow)
}

// parse reads a message of the journal, of which nothing else is kept.
func (m *model) parse(frame []byte) *abi.Message {
	parsed, err := abi.ParseMessage(slices.Clone(frame))
	if err != nil {
		m.world.violate("a message in the journal: %v", err)
		return abi.NewMessage(nil, abi.ID, "none")
	}
	return parsed
}

// add has a message wait.
func (m *model) add(node, key string, frame []byte, from cell, due int64, routes uint32) {
	parsed := m.parse(frame)
	id := parsed.ID()
	if how := m.settled[id]; how != "" || m.waits[id] != nil {
		m.world.violate("%s comes to %s again; it was %s", id, node, how)
		return
	}
	m.order++
	m.waits[id] = &message{
		cell: cell{strings.Clone(node), strings.Clone(key)}, id: id, flow: parsed.Correlation(), from: from, order: m.order, attempt: 1, due: due, delayed: due > 0, routes: routes,
	}
	m.left[parsed.Correlation()]++
}

// output takes in what a message led to.
func (m *model) output(o *journal.Output, from cell, source string, routes uint32) {
	switch o.To {
	case "output":
		parsed := m.parse(o.Frame)
		m.settle(parsed.ID(), "sent out")
		m.outs[parsed.ID()] = string(parsed.Data())
	case "drop":
		m.settle(m.parse(o.Frame).ID(), "dropped")
	case "deadletter":
		parsed := m.parse(o.Frame)
		m.settle(parsed.ID(), "dead")
		d := &letter{cell: cell{strings.Clone(source), parsed.Key()}, id: parsed.ID(), typ: parsed.Type(), data: string(parsed.Data()), attempt: 1}
		if o.Grave != nil {
			d.node, d.code = strings.Clone(o.Grave.Node), strings.Clone(o.Grave.Code)
		}
		m.bury(d)
	default:
		m.add(o.To, o.Key, o.Frame, from, o.Due, routes)
	}
}

// settle notes how a message ended, which it does once.
func (m *model) settle(id, how string) {
	if before := m.settled[id]; before != "" {
		m.world.violate("%s was %s, and now is %s", id, before, how)
	}
	m.settled[id] = how
}

// take ends the waiting of a message that is settled by an entry.
func (m *model) take(id, node, key string, attempt uint32, settles bool, now int64, how string) *message {
	id = strings.Clone(id)
	w := m.waits[id]
	m.settle(id, how)
	switch {
	case w == nil && settles:
		m.world.violate("%s is %s at %s and never came there", id, how, node)
	case w == nil:
		w = &message{cell: cell{strings.Clone(node), strings.Clone(key)}, id: id, attempt: 1}
	case !settles:
		m.world.violate("%s waits at %s, and is %s at %s as if it had just come", id, w.node, how, node)
	case w.node != node || w.key != key || w.attempt != attempt:
		m.world.violate("%s is %s at %s %q at attempt %d; attempt %d waits at %s %q", id, how, node, key, attempt, w.attempt, w.node, w.key)
	}
	if m.waits[id] != nil {
		delete(m.waits, id)
		if m.left[w.flow]--; m.left[w.flow] == 0 {
			delete(m.left, w.flow)
		}
	}
	return w
}

// tried holds an attempt at a message against the time and the others of its key.
func (m *model) tried(w *message, now int64) {
	if now+int64(m.world.back) < w.due {
		m.world.violate("attempt %d at %s came %v before its time", w.attempt, w.id, time.Duration(w.due-now))
	}
	exclusive := w.key != "" || strings.HasSuffix(w.node, "alone")
	if !exclusive {
		return
	}
	for _, other := range m.waits {
		if other.cell != w.cell || other == w {
			continue
		}
		if other.begun {
			m.world.violate("%s at %s %q was tried while %s had begun", w.id, w.node, w.key, other.id)
		}
		if other.held {
			m.world.violate("%s at %s %q was tried while %s holds the key", w.id, w.node, w.key, other.id)
		}
		inOrder := w.order > 0 && other.order < w.order && !w.delayed && !other.delayed
		if inOrder && w.from == other.from && w.from != (cell{}) && (w.from.key != "" || strings.HasSuffix(w.from.node, "alone")) {
			m.world.violate("%s at %s %q was tried before %s, which the same sent before", w.id, w.node, w.key, other.id)
		}
	}
	who, known := m.clients[w.id]
	if !known || w.attempt > 1 {
		return
	}
	at := turn{who[0], w.cell}
	if last, ok := m.done[at]; ok && last > who[1] {
		m.world.violate("request %d of client %d was tried after request %d, at %s %q", who[1], who[0], last, w.node, w.key)
	}
	m.done[at] = who[1]
}

func (m *model) handled(e *journal.Handled) {
	m.handledEver++
	m.promised(e.Idempotency, e.Asked)
	w := m.take(e.ID, e.Node, e.Key, e.Attempt, e.Settles, e.Time, "handled")
	m.tried(w, e.Time)
	if e.Outcome == journal.OutcomeHandled {
		m.change(w.cell, e.State, w.id)
	}
	for i := range e.Outputs {
		m.output(&e.Outputs[i], w.cell, e.Node, e.Routes)
	}
	if w.order > 0 && w.routes != e.Routes && !m.forgets() {
		m.world.violate("%s came by routes %d, and goes on by %d", w.id, w.routes, e.Routes)
	}
	m.along(e)
}

// change takes in what an entry changes of a state; by is the message that did
// so, which is at the end of the list that guests keep, "" for a person.
func (m *model) change(at cell, list []journal.StateChange, by string) {
	have := m.states[at]
	if have == nil {
		have = map[string]value{}
	}
	before := idsOf([]byte(have[""].data))
	for _, ch := range list {
		name := strings.Clone(ch.Name)
		if ch.Revision != have[name].revision+1 {
			m.world.violate("state %q of %q at %s goes from revision %d to %d", name, at.key, at.node, have[name].revision, ch.Revision)
		}
		if ch.Deleted {
			delete(have, name)
		} else {
			have[name] = value{string(ch.Value), ch.Revision}
		}
	}
	if len(have) == 0 {
		delete(m.states, at)
	} else {
		m.states[at] = have
	}
	if by == "" {
		return
	}
	if after := idsOf([]byte(have[""].data)); len(list) > 0 && !slices.Equal(after, append(before, by)) {
		m.world.violate("%s left the list %v of %q at %s, which was %v", by, after, at.key, at.node, before)
	}
}

func (m *model) gaveUp(e *journal.Dead) {
	w := m.take(e.ID, e.Node, e.Key, e.Attempt, e.Settles, e.Time, "dead")
	if e.Code != shard.CodeGone {
		m.tried(w, e.Time)
	}
	parsed := m.parse(e.Input)
	m.bury(&letter{
		cell: w.cell, id: w.id, code: strings.Clone(e.Code), typ: parsed.Type(), data: string(parsed.Data()), attempt: e.Attempt,
	})
}

func (m *model) bury(d *letter) {
	m.lettersEver++
	m.letters[d.id] = d
}

// attempted is the message that an attempt is at; nil: there is none.
func (m *model) attempted(id, node, key string, attempt uint32) *message {
	w := m.waits[id]
	switch {
	case w == nil:
		m.world.violate("attempt %d at %s, which does not wait", attempt, id)
	case w.node != node || w.key != key || w.attempt != attempt:
		m.world.violate("attempt %d at %s at %s %q; attempt %d waits at %s %q", attempt, id, node, key, w.attempt, w.node, w.key)
	}
	return w
}

func (m *model) attempt(e *journal.AttemptMade) {
	m.attemptsEver++
	w := m.attempted(e.ID, e.Node, e.Key, e.Attempt)
	if w == nil {
		return
	}
	m.tried(w, e.Time)
	w.attempt++
	w.due, w.held, w.begun = e.Due, e.Hold, false
	w.delayed = w.delayed || !e.Hold
	m.kept(w, e.Answers)
}

// begun takes in what an attempt was told before it changes something outside.
func (m *model) begun(e *journal.Begun) {
	w := m.attempted(e.ID, e.Node, e.Key, e.Attempt)
	if w == nil {
		return
	}
	m.tried(w, e.Time)
	w.begun = true
	m.kept(w, e.Answers)
}

// kept notes the successful answers that are given again.
func (m *model) kept(w *message, list []journal.Answer) {
	for _, a := range list {
		if m.parse(a.Frame).Type() != abi.TypeError {
			m.answers[fmt.Sprintf("%s/%d", w.id, a.Call)] = true
		}
	}
}

func (m *model) action(e *journal.Action) {
	m.actionsEver++
	m.acts[strings.Clone(e.By)] = true
	if e.Name == journal.ActionSetState {
		m.change(cell{strings.Clone(e.Node), strings.Clone(e.Key)}, e.State, "")
		return
	}
	d := m.letters[e.ID]
	if d == nil && strings.HasPrefix(e.ID, direct) {
		d = &letter{}
	}
	if d == nil {
		m.world.violate("%s of %s, which is no dead letter", e.Name, e.ID)
		return
	}
	switch e.Name {
	case journal.ActionEdit:
		d.data = string(m.parse(e.Input).Data())
		return
	case journal.ActionRedrive:
		m.add(e.Node, e.Key, e.Input, cell{}, 0, e.Routes)
	}
	delete(m.letters, d.id)
}

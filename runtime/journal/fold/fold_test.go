package fold

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"
)

var bounds = Limits{Flows: 1000, FlowBytes: 1 << 20, Dead: 1000, DeadBytes: 1 << 20, KeyLife: time.Hour}

// model is a service that handles messages in the plainest way, and what it
// tells its journal. It is what the fold is held against.
type model struct {
	*rapid.T
	ids     int
	waits   []*wait
	state   map[Cell]map[string]Value
	ever    []string          // every value that was set
	dead    []string          // ids
	flows   map[string]string // of the messages that died, by id
	asked   map[string]*asked
	entries []journal.Entry // not in a record yet
}

type wait struct {
	id, flow, node, key string
	attempt             uint32
	due                 int64
	held, first         bool
	apart               bool // it comes of a message that was sent again
	answers             map[uint32]string
	clock               int64 // of the attempt that has begun
	given               map[uint32]string
	lasts               map[uint32]bool // that are given to another attempt too
}

// of is the flow that what becomes of a message counts for; empty: none.
func (w *wait) of() string {
	if w.apart {
		return ""
	}
	return w.flow
}

type asked struct{ fault, answer string }

func (m *model) draw(what string, n int) int { return rapid.IntRange(0, n-1).Draw(m.T, what) }

func (m *model) tell(e journal.Entry) { m.entries = append(m.entries, e) }

func frameOf(id, flow string) []byte {
	return abi.NewMessage([]byte("data of "+id), abi.Type, "t", abi.ID, id, abi.Correlation, flow).Frame()
}

// node draws where something goes, and its key there.
func (m *model) node() (node, key string) {
	return fmt.Sprint("n", m.draw("node", 2)), fmt.Sprint("k", m.draw("key", 3))
}

// accept is a request, which may be asked about and go to several places.
func (m *model) accept() {
	m.ids++
	id := fmt.Sprint("m", m.ids)
	e := &journal.Accepted{ID: id, Input: frameOf(id, id), Time: int64(m.ids)}
	e.Node, e.Key = m.node()
	m.ask(id, &e.Asked, &e.Idempotency)
	w := &wait{id: id, flow: id, node: e.Node, key: e.Key, attempt: 1, first: true}
	m.waits = append(m.waits, w)
	for i := range m.draw("copies", 3) {
		e.Copies = append(e.Copies, m.output(fmt.Sprint(id, "-", i+2), w, true))
	}
	m.tell(e)
	m.settle(id)
}

// ask may have a request be one that can be asked about.
func (m *model) ask(id string, a **journal.Asked, i **journal.Idempotency) {
	if m.draw("asked", 2) == 0 {
		return
	}
	*a = &journal.Asked{Flow: id, Replies: []string{"t"}}
	m.asked[id] = &asked{}
	if m.draw("promised", 2) == 1 {
		*i = &journal.Idempotency{Scope: "s", Key: id, Digest: []byte(id)}
	}
}

// output draws where one output of a message goes.
func (m *model) output(id string, from *wait, first bool) journal.Output {
	o := journal.Output{Frame: frameOf(id, from.flow)}
	a := m.asked[from.of()]
	switch m.draw("to", 6) {
	case 0:
		o.To = "output"
		if a != nil && a.answer == "" && m.draw("answers", 2) == 1 {
			o.Answers, a.answer = true, "1 data of "+id
		}
	case 1:
		o.To = "drop"
	case 2:
		o.To, o.Grave = "deadletter", &journal.Grave{Node: from.node, Code: "c"}
		m.bury(id, from.flow)
		m.blame(from.of(), "4 c")
	default:
		o.To, o.Key = m.node()
		w := &wait{id: id, flow: from.flow, node: o.To, key: o.Key, attempt: 1, first: first, apart: from.apart}
		if !first && m.draw("delay", 3) == 0 {
			o.Due, w.due = 77, 77
		}
		m.waits = append(m.waits, w)
	}
	return o
}

func (m *model) bury(id, flow string) {
	m.dead = append(m.dead, id)
	m.flows[id] = flow
}

func (m *model) blame(flow, fault string) {
	if a := m.asked[flow]; a != nil && a.fault == "" {
		a.fault = fault
	}
}

// settle ends a flow of which nothing waits.
func (m *model) settle(flow string) {
	a := m.asked[flow]
	if a == nil || a.answer != "" || slices.ContainsFunc(m.waits, func(w *wait) bool { return w.of() == flow }) {
		return
	}
	if a.answer = a.fault; a.answer == "" {
		a.answer = "2 "
	}
}

// handle is a message handled: one that waits, or one that never did.
func (m *model) handle() {
	e := &journal.Handled{Outcome: journal.OutcomeHandled}
	var w *wait
	if len(m.waits) > 0 && m.draw("which", 4) > 0 {
		w = m.take()
		e.Settles = true
	} else {
		m.ids++
		w = &wait{id: fmt.Sprint("m", m.ids), attempt: 1}
		w.flow = w.id
		w.node, w.key = m.node()
		m.ask(w.id, &e.Asked, &e.Idempotency)
	}
	e.ID, e.Node, e.Key, e.Attempt, e.Input = w.id, w.node, w.key, w.attempt, frameOf(w.id, w.flow)
	if m.draw("refused", 5) == 0 {
		e.Outcome, e.Code = journal.OutcomeRefused, "no"
		m.blame(w.of(), "3 no")
	} else {
		e.State = m.change(Cell{w.node, w.key})
		for i := range m.draw("outputs", 3) {
			e.Outputs = append(e.Outputs, m.output(fmt.Sprint(w.id, ".", i+1), w, false))
		}
	}
	m.tell(e)
	m.settle(w.of())
}

// take removes one that waits.
func (m *model) take() *wait {
	i := m.draw("waiting", len(m.waits))
	w := m.waits[i]
	m.waits = slices.Delete(m.waits, i, i+1)
	return w
}

// change sets and deletes values of a cell.
func (m *model) change(c Cell) (list []journal.StateChange) {
	for _, name := range []string{"", "a", "b"} {
		have := m.state[c][name]
		ch := journal.StateChange{Name: name, Revision: have.Revision + 1}
		switch m.draw("change", 4) {
		case 0:
			ch.Value = []byte(strings.Repeat("v", m.draw("size", 9)*8000))
			ch.Type = uint64(m.draw("type", 3))
			if m.state[c] == nil {
				m.state[c] = map[string]Value{}
			}
			m.state[c][name] = Value{ch.Value, ch.Revision, ch.Type}
			m.ever = append(m.ever, valueText(c, name, m.state[c][name]))
		case 1:
			if have.Revision == 0 {
				continue
			}
			ch.Deleted = true
			delete(m.state[c], name)
		default:
			continue
		}
		list = append(list, ch)
	}
	return list
}

// valueText is a value in words.
func valueText(c Cell, name string, v Value) string {
	return fmt.Sprint(c, " ", name, " ", v.Revision, " ", v.Type, " ", len(v.Data))
}

// die gives up on one that waits.
func (m *model) die() {
	if len(m.waits) == 0 {
		return
	}
	w := m.take()
	m.bury(w.id, w.flow)
	m.blame(w.of(), "4 dead")
	m.tell(&journal.Dead{ID: w.id, Node: w.node, Key: w.key, Code: "dead", Attempt: w.attempt, Input: frameOf(w.id, w.flow), Settles: true})
	m.settle(w.of())
}

// fail is an attempt that failed.
func (m *model) fail() {
	if len(m.waits) == 0 {
		return
	}
	w := m.waits[m.draw("waiting", len(m.waits))]
	e := &journal.AttemptMade{ID: w.id, Node: w.node, Key: w.key, Attempt: w.attempt, Due: int64(w.attempt) * 100, Hold: m.draw("hold", 2) == 1}
	for call, text := range w.given {
		if w.lasts[call] && w.answers == nil {
			w.answers = map[uint32]string{}
		}
		if w.lasts[call] {
			w.answers[call] = text
		}
	}
	e.Answers = m.answers(w, &w.answers)
	w.attempt, w.due, w.held, w.clock, w.given = w.attempt+1, e.Due, e.Hold, 0, nil
	m.tell(e)
}

// begin is an attempt that is about to change something outside.
func (m *model) begin() {
	if len(m.waits) == 0 {
		return
	}
	w := m.waits[m.draw("waiting", len(m.waits))]
	w.due, w.held, w.clock = 0, false, int64(w.attempt)*100+1
	m.tell(&journal.Begun{ID: w.id, Node: w.node, Key: w.key, Attempt: w.attempt, Time: w.clock, Answers: m.answers(w, &w.given)})
}

// answers draws some to requests of a message, and adds them to those that it has.
func (m *model) answers(w *wait, have *map[uint32]string) (list []journal.Answer) {
	for call := range uint32(3) {
		if m.draw("answered", 2) == 1 {
			a := journal.Answer{Call: call + 1, Operation: "o", Use: "u", Frame: fmt.Append(nil, w.id, w.attempt, call, m.draw("answer", 3))}
			switch m.draw("kind", 5) {
			case 0:
				a.Use = "" // of the runtime itself
			case 1:
				a.Passing = true
			case 2:
				a.Operation = "stream.read" // which the world does not keep
				list = append(list, a)
				continue
			}
			list = append(list, a)
			if *have == nil {
				*have = map[uint32]string{}
			}
			if w.lasts == nil {
				w.lasts = map[uint32]bool{}
			}
			w.lasts[call+1] = a.Use != "" && !a.Passing
			(*have)[call+1] = string(list[len(list)-1].Frame)
		}
	}
	return list
}

// act is something that a person does.
func (m *model) act() {
	if m.draw("state", 3) == 0 {
		c := Cell{}
		c.Node, c.Key = m.node()
		m.tell(&journal.Action{Name: journal.ActionSetState, Node: c.Node, Key: c.Key, State: m.change(c)})
		return
	}
	if len(m.dead) == 0 {
		return
	}
	i := m.draw("dead", len(m.dead))
	e := &journal.Action{Name: journal.ActionDrop, ID: m.dead[i]}
	if m.draw("redrive", 2) == 1 {
		m.ids++
		id := fmt.Sprint("m", m.ids)
		flow := m.flows[m.dead[i]]
		e.Name, e.Input = journal.ActionRedrive, frameOf(id, flow)
		e.Node, e.Key = m.node()
		m.waits = append(m.waits, &wait{id: id, flow: flow, node: e.Node, key: e.Key, attempt: 1, first: true, apart: true})
	}
	m.dead = slices.Delete(m.dead, i, i+1)
	m.tell(e)
}

// record makes a record of what was told since the last.
func (m *model) record(epoch uint64) []byte {
	var w journal.Writer
	w.Reset(epoch)
	for _, e := range m.entries {
		if !w.Add(e) {
			m.Fatalf("%T does not fit", e)
		}
	}
	m.entries = nil
	return slices.Clone(w.Bytes())
}

// history draws records and the model that they leave.
func history(t *rapid.T) (*model, [][]byte) {
	m := &model{T: t, state: map[Cell]map[string]Value{}, asked: map[string]*asked{}, flows: map[string]string{}}
	var records [][]byte
	epoch := uint64(0)
	for i := range m.draw("records", 40) + 1 {
		if i == 0 || m.draw("epoch", 15) == 0 {
			epoch = uint64(i + 1)
			m.tell(&journal.Epoch{Number: epoch})
		}
		for range m.draw("entries", 4) {
			[]func(){m.accept, m.accept, m.handle, m.handle, m.handle, m.die, m.fail, m.begin, m.act}[m.draw("what", 9)]()
		}
		records = append(records, m.record(epoch))
	}
	return m, records
}

// text is what a model comes to, in lines.
func (m *model) text() string {
	var list []string
	for i, w := range m.waits {
		list = append(list, fmt.Sprint("waits ", i, w.id, w.of(), w.node, w.key, w.attempt, w.due, w.held, w.first, w.apart, w.answers, w.clock, w.given))
	}
	for c, values := range m.state {
		for name, v := range values {
			list = append(list, fmt.Sprint("state ", c, name, len(v.Data), v.Revision))
		}
	}
	for _, id := range m.dead {
		list = append(list, "dead "+id)
	}
	for id, a := range m.asked {
		list = append(list, fmt.Sprint("flow ", id, " ", a.answer))
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

// textsOf are answers by the number of their request; nil: there are none.
func textsOf(list []journal.Answer) (texts map[uint32]string) {
	for _, a := range list {
		if texts == nil {
			texts = map[uint32]string{}
		}
		texts[a.Call] = string(a.Frame)
	}
	return texts
}

// text is the same of a world.
func (w *World) text(t *rapid.T, load func(string) (Cells, error)) string {
	var list []string
	for i, m := range w.Pending() {
		list = append(list, fmt.Sprint("waits ", i, m.ID, m.Flow, m.Node, m.Key, m.Attempt, m.Due, m.Held, m.First, m.Apart, textsOf(m.Answers), m.Clock, textsOf(m.Given)))
	}
	cells, err := w.Cells(load)
	if err != nil {
		t.Fatal(err)
	}
	for c, values := range cells {
		for name, v := range values {
			list = append(list, fmt.Sprint("state ", c, name, len(v.Data), v.Revision))
		}
		if one, err := w.State(c, load); err != nil || !maps.EqualFunc(one, values, func(a, b Value) bool { return a.Revision == b.Revision }) {
			t.Fatalf("state of %v alone is %v, %v; with all others %v", c, one, err, values)
		}
	}
	dead, _ := w.Dead()
	for _, d := range dead {
		list = append(list, "dead "+d.ID)
	}
	flows, _ := w.Flows()
	for _, f := range flows {
		text := ""
		if f.Answer != nil {
			text = fmt.Sprint(uint32(f.Answer.Outcome), " ", f.Answer.Code)
			if f.Answer.Outcome == Replied {
				m, err := abi.ParseMessage(f.Answer.Reply)
				if err != nil {
					t.Fatal(err)
				}
				text += string(m.Data())
			}
		}
		list = append(list, fmt.Sprint("flow ", f.ID, " ", text))
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

// blobs are those of a test.
type blobs map[string][]byte

func (b blobs) Put(data []byte) (string, error) {
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	b[digest] = slices.Clone(data)
	return digest, nil
}

func (b blobs) get(digest string) ([]byte, error) {
	if data, ok := b[digest]; ok {
		return slices.Clone(data), nil
	}
	return nil, journal.ErrNotFound
}

func (b blobs) Page(digest string) (Cells, error) {
	data, err := b.get(digest)
	if err != nil {
		return nil, err
	}
	return ReadCells(data)
}

// kept is where the snapshots and the records of a test lie.
type kept struct {
	blobs
	records [][]byte
}

func (k *kept) Blob(digest string) ([]byte, error) { return k.get(digest) }

func (k *kept) Records(from uint64, visit func(uint64, []byte) error) error {
	for i := int(from) - 1; i < len(k.records); i++ {
		if err := visit(uint64(i+1), k.records[i]); err != nil {
			return err
		}
	}
	return nil
}

func (k *kept) Unpack(p *journal.Packed) (journal.Entry, error) { return unpack(p) }

// fetched checks that each message that waits is found again, in whatever order.
func (k *kept) fetched(t *rapid.T, w *World) {
	var places []Place
	for _, m := range rapid.Permutation(w.Waits()).Draw(t, "order") {
		places = append(places, w.Place(m))
	}
	err := Fetch(places, k, func(m *Message) error {
		parsed, err := abi.ParseMessage(slices.Clone(m.Frame))
		if err != nil || parsed.ID() != m.ID || !m.Apart && parsed.Correlation() != m.Flow {
			t.Errorf("%s has frame %q", m.ID, m.Frame)
		}
		places = places[1:]
		return nil
	})
	if err != nil || len(places) > 0 {
		t.Fatalf("%v; %d messages were not found", err, len(places))
	}
}

func unpack(*journal.Packed) (journal.Entry, error) { return nil, errors.New("nothing is packed here") }

// TestModel folds histories and compares what comes of them with the model:
// folded in one go, and with a snapshot, or a life that begins from one, now and then.
func TestModel(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		m, records := history(t)
		store := &kept{blobs{}, records}
		whole, cut := New(bounds), New(bounds)
		var last Snapshot
		for i, r := range records {
			for _, w := range []*World{whole, cut} {
				if _, err := w.Record(uint64(i+1), r, unpack); err != nil {
					t.Fatal(err)
				}
			}
			if m.draw("snapshot", 4) == 0 {
				var err error
				if last, err = cut.Snapshot(store); err != nil {
					t.Fatal(err)
				}
				for _, digest := range last.Garbage {
					delete(store.blobs, digest)
				}
			}
			if last.Sequence == uint64(i+1) && m.draw("restart", 2) == 0 {
				var err error
				if cut, err = Load(bounds, last.Root, store.get); err != nil {
					t.Fatal(err)
				}
			}
		}
		if diff := cmp.Diff(m.text(), whole.text(t, store.Page)); diff != "" {
			t.Fatalf("in one go (-model +fold):\n%s", diff)
		}
		if diff := cmp.Diff(m.text(), cut.text(t, store.Page)); diff != "" {
			t.Fatalf("with snapshots (-model +fold):\n%s", diff)
		}
		store.fetched(t, whole)
		store.fetched(t, cut)
	})
}

// TestTwice: whatever settles a message, moves it on or changes a state is
// noticed when it comes twice, and when it is left out what follows of the same is.
func TestTwice(t *testing.T) {
	cell := Cell{"n", "k"}
	epoch := &journal.Epoch{Number: 1}
	accepted := &journal.Accepted{ID: "m1", Node: "n", Key: "k", Input: frameOf("m1", "m1")}
	attempt := &journal.AttemptMade{ID: "m1", Node: "n", Key: "k", Attempt: 1, Due: 5}
	begun := &journal.Begun{ID: "m1", Node: "n", Key: "k", Attempt: 1, Time: 3}
	set := func(revision uint64) []journal.StateChange {
		return []journal.StateChange{{Value: []byte("1"), Revision: revision}}
	}
	handled := &journal.Handled{ID: "m1", Node: "n", Key: "k", Attempt: 2, Settles: true, State: set(1), Input: accepted.Input}
	again := &journal.Handled{ID: "m2", Node: "n", Key: "k", Attempt: 1, State: set(2), Input: frameOf("m2", "m2")}
	for _, c := range []struct {
		name    string
		entries []journal.Entry
		ok      bool
	}{
		{"whole", []journal.Entry{epoch, accepted, begun, begun, attempt, handled, again}, true},
		{"begun late", []journal.Entry{epoch, accepted, attempt, begun}, false},
		{"begun before it came", []journal.Entry{epoch, begun}, false},
		{"accepted twice", []journal.Entry{epoch, accepted, accepted}, false},
		{"attempt twice", []journal.Entry{epoch, accepted, attempt, attempt}, false},
		{"handled twice", []journal.Entry{epoch, accepted, attempt, handled, handled}, false},
		{"state twice", []journal.Entry{epoch, accepted, attempt, handled, again, again}, false},
		{"epoch twice", []journal.Entry{epoch, epoch}, false},
		{"no epoch", []journal.Entry{accepted}, false},
		{"not accepted", []journal.Entry{epoch, handled}, false},
		{"not tried", []journal.Entry{epoch, accepted, handled}, false},
		{"state before left out", []journal.Entry{epoch, again}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, snapshots := range []bool{false, true} {
				w, store := New(bounds), &kept{blobs: blobs{}}
				var err error
				for i, e := range c.entries {
					var r journal.Writer
					r.Reset(1)
					r.Add(e)
					store.records = append(store.records, slices.Clone(r.Bytes()))
					if _, err = w.Record(uint64(i+1), r.Bytes(), unpack); err != nil {
						break
					}
					if snapshots {
						_, err = w.Snapshot(store)
					} else {
						_, err = w.State(cell, store.Page)
					}
					if err != nil {
						break
					}
				}
				if c.ok && err != nil || !c.ok && !errors.Is(err, ErrContradicts) {
					t.Errorf("%v", err)
				}
			}
		})
	}
}

// TestRevert: a page that is again what it was two snapshots ago is no garbage.
func TestRevert(t *testing.T) {
	w, store := New(bounds), &kept{blobs: blobs{}}
	var s Snapshot
	for i, entries := range [][]journal.Entry{
		{&journal.Epoch{Number: 1}, &journal.Accepted{ID: "m1", Node: "n", Input: frameOf("m1", "m1")}},
		{&journal.Accepted{ID: "m2", Node: "n", Input: frameOf("m2", "m2")}},
		{&journal.Handled{ID: "m2", Node: "n", Attempt: 1, Settles: true}},
	} {
		var r journal.Writer
		r.Reset(1)
		for _, e := range entries {
			r.Add(e)
		}
		store.records = append(store.records, slices.Clone(r.Bytes()))
		if _, err := w.Record(uint64(i+1), r.Bytes(), unpack); err != nil {
			t.Fatal(err)
		}
		var err error
		if s, err = w.Snapshot(store); err != nil {
			t.Fatal(err)
		}
		for _, digest := range s.Garbage {
			delete(store.blobs, digest)
		}
	}
	again, err := Load(bounds, s.Root, store.get)
	if err != nil || len(again.Pending()) != 1 {
		t.Fatalf("%v, %d pending", err, len(again.Pending()))
	}
}

// TestBounds: what is over is forgotten, the oldest first, and a promise keeps its flow.
func TestBounds(t *testing.T) {
	w := New(Limits{Flows: 2, FlowBytes: 1 << 20, Dead: 2, DeadBytes: 1 << 20, KeyLife: 100})
	var r journal.Writer
	for i := range 5 {
		r.Reset(1)
		if i == 0 {
			r.Add(&journal.Epoch{Number: 1})
		}
		id := fmt.Sprint("m", i)
		r.Add(&journal.Handled{
			ID: id, Node: "n", Attempt: 1, Time: int64(i * 30), Asked: &journal.Asked{Flow: id}, Idempotency: &journal.Idempotency{Key: id},
			Outputs: []journal.Output{{To: "deadletter", Frame: frameOf(id+".1", id)}},
		})
		if _, err := w.Record(uint64(i+1), r.Bytes(), unpack); err != nil {
			t.Fatal(err)
		}
	}
	dead, ever := w.Dead()
	flows, promises := w.Flows()
	if len(dead) != 2 || ever != 5 || len(flows) != 2 || flows[0].ID != "m3" {
		t.Errorf("%d dead of %d, %d flows", len(dead), ever, len(flows))
	}
	if len(promises) != 4 || promises[0].Flow.ID != "m1" || promises[0].Flow.Answer == nil { // the first ran out at 100
		t.Errorf("promises: %+v", promises)
	}
}

// TestSourceBounds: of each schedule and subscription the newest keys are kept, also in a
// snapshot, and those of others stay.
func TestSourceBounds(t *testing.T) {
	limits := Limits{Flows: 2, FlowBytes: 1 << 20, Dead: 2, DeadBytes: 1 << 20, KeyLife: 100, SourceKeys: 2, SourceLife: 1000}
	w := New(limits)
	var r journal.Writer
	store := &kept{blobs: blobs{}}
	for i := range 9 {
		r.Reset(1)
		if i == 0 {
			r.Add(&journal.Epoch{Number: 1})
		}
		id, scope := fmt.Sprint("m", i), []string{"POST /x", "subscribe a", "schedule b"}[i%3]
		r.Add(&journal.Handled{
			ID: id, Node: "n", Attempt: 1, Time: int64(i * 30), Asked: &journal.Asked{Flow: id}, Idempotency: &journal.Idempotency{Scope: scope, Key: id},
		})
		if _, err := w.Record(uint64(i+1), r.Bytes(), unpack); err != nil {
			t.Fatal(err)
		}
	}
	s, err := w.Snapshot(store)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(limits, s.Root, store.get)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []*World{w, again} {
		var keys []string
		_, promises := w.Flows()
		for _, p := range promises {
			keys = append(keys, p.Scope+" "+p.Key)
		}
		// Of the endpoint m3 ran out at 190 and m0 at 100.
		want := []string{"POST /x m6", "subscribe a m4", "schedule b m5", "subscribe a m7", "schedule b m8"}
		if !slices.Equal(keys, want) {
			t.Errorf("%q, want %q", keys, want)
		}
		if n := len(w.flows.sources); n != 2 {
			t.Errorf("%d sources, want 2", n)
		}
	}
}

// FuzzRecord: no record makes the fold do anything but say what is wrong.
func FuzzRecord(f *testing.F) {
	var w journal.Writer
	w.Reset(1)
	w.Add(&journal.Epoch{Number: 1})
	w.Add(&journal.Accepted{ID: "m1", Node: "n", Input: frameOf("m1", "m1"), Asked: &journal.Asked{Flow: "m1"}, Idempotency: &journal.Idempotency{Key: "k"}})
	w.Add(&journal.Begun{ID: "m1", Node: "n", Attempt: 1, Time: 1, Answers: []journal.Answer{{Call: 1}}})
	w.Add(&journal.AttemptMade{ID: "m1", Node: "n", Attempt: 1, Answers: []journal.Answer{{Call: 1}}})
	w.Add(&journal.Handled{ID: "m1", Node: "n", Attempt: 2, Settles: true, State: []journal.StateChange{{Revision: 1}}, Outputs: []journal.Output{
		{To: "output", Answers: true, Frame: frameOf("m1.1", "m1")}, {To: "deadletter", Frame: frameOf("m1.2", "m1")}, {To: "n", Frame: frameOf("m1.3", "m1")},
	}})
	w.Add(&journal.Action{Name: journal.ActionRedrive, ID: "m1.2", Node: "n", Input: frameOf("m2", "m2")})
	header := slices.Clone(w.Bytes()[:headerSize])
	f.Add(byte(w.Entries()), w.Bytes()[headerSize:])
	f.Fuzz(func(t *testing.T, entries byte, body []byte) {
		header[13] = entries
		world := New(bounds)
		record := journal.Seal(header, body)
		_, err := world.Record(1, record, unpack)
		if err == nil {
			_, err = world.Snapshot(&kept{blobs{}, [][]byte{record}})
		}
		if err != nil && !errors.Is(err, ErrContradicts) && !errors.Is(err, journal.ErrDamaged) && !strings.Contains(err.Error(), "packed") {
			t.Error(err)
		}
	})
}

// headerSize is that of a record.
const headerSize = 21

// FuzzLoad: no page makes Load do anything but say what is wrong.
func FuzzLoad(f *testing.F) {
	w, store := New(bounds), &kept{blobs: blobs{}}
	var r journal.Writer
	r.Reset(1)
	r.Add(&journal.Epoch{Number: 1})
	r.Add(&journal.Accepted{ID: "m1", Node: "n", Input: frameOf("m1", "m1"), Asked: &journal.Asked{Flow: "m1"}, Idempotency: &journal.Idempotency{Key: "k"}})
	r.Add(&journal.Handled{ID: "m2", Node: "n", Attempt: 1, State: []journal.StateChange{{Revision: 1}}, Outputs: []journal.Output{{To: "deadletter", Frame: frameOf("m2.1", "m2")}}})
	store.records = [][]byte{r.Bytes()}
	if _, err := w.Record(1, r.Bytes(), unpack); err != nil {
		f.Fatal(err)
	}
	s, err := w.Snapshot(store)
	if err != nil {
		f.Fatal(err)
	}
	for kind, digest := range slices.Sorted(maps.Keys(store.blobs)) {
		f.Add(byte(kind), store.blobs[digest])
	}
	f.Fuzz(func(t *testing.T, which byte, data []byte) {
		digests := slices.Sorted(maps.Keys(store.blobs))
		replaced := digests[int(which)%len(digests)]
		get := func(digest string) ([]byte, error) {
			if digest == replaced {
				return slices.Clone(data), nil
			}
			return store.get(digest)
		}
		w, err := Load(bounds, s.Root, get)
		if err == nil {
			_, err = w.Cells(func(digest string) (Cells, error) {
				data, err := get(digest)
				if err != nil {
					return nil, err
				}
				return ReadCells(data)
			})
		}
		if err != nil && !errors.Is(err, journal.ErrDamaged) && !errors.Is(err, journal.ErrNotFound) && !errors.Is(err, ErrContradicts) {
			t.Error(err)
		}
	})
}

// BenchmarkRecord folds records of a chain of small messages with state.
func BenchmarkRecord(b *testing.B) {
	const each = 500
	w := New(bounds)
	var r journal.Writer
	var records [][]byte
	in := frameOf("m", "m")
	for i := range 200 {
		r.Reset(1)
		if i == 0 {
			r.Add(&journal.Epoch{Number: 1})
			r.Add(&journal.Accepted{ID: "m", Node: "n", Input: in})
		}
		for k := range each {
			id := "m"
			if n := i*each + k; n > 0 {
				id = fmt.Sprint("m.", n)
			}
			next := frameOf(fmt.Sprint("m.", i*each+k+1), "m")
			r.Add(&journal.Handled{
				ID: id, Node: "n", Key: fmt.Sprint(k), Attempt: 1, Settles: true, Input: frameOf(id, "m"),
				State: []journal.StateChange{{Value: []byte("12345"), Revision: uint64(i + 1)}}, Outputs: []journal.Output{{To: "n", Key: fmt.Sprint(k), Frame: next}},
			})
		}
		records = append(records, slices.Clone(r.Bytes()))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%len(records) == 0 {
			w = New(bounds)
		}
		if _, err := w.Record(uint64(i%len(records)+1), records[i%len(records)], unpack); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/each, "ns/entry")
}

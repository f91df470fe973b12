package fold

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unsafe"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
)

// Wait is a message that waits, as a world keeps it: without the message itself,
// which lies in the journal, or in a page of the last snapshot. There may be
// millions of them, so they are small.
type Wait struct {
	chunk   *chunk[*Wait]
	text    *byte  // id and key
	more    *more  // nil: nothing
	placeID uint64 // its place among all that were ever added, and bytes of text that are the id
	seqNth  uint64 // the record that brought it, and which of those that the record brings it is; 0: it lies in the chunk's blob
	node    uint32 // in World.nodes
	attempt uint32 // of the next handling, from 1
	routes  uint32 // as in Message
	key     uint16 // bytes of text
	flow    uint8  // bytes of text that are the flow's id; 0: more has it
	flags   uint8
}

// What two numbers in one have for the second of them.
const (
	secondBits = 16
	firstMax   = 1<<(64-secondBits) - 1
)

// The flags of a Wait.
const (
	goneFlag  = 1 << iota // it waits no more
	firstFlag             // it came from outside to this node
	apartFlag             // it is of no flow: see Message.Apart
)

// more is what is to be said of few messages that wait.
type more struct {
	flow    string
	due     int64
	held    bool
	answers []journal.Answer
	clock   int64            // as in Message
	given   []journal.Answer // likewise
}

// Message is one that waits to be handled.
type Message struct {
	Cell
	ID      string
	Flow    string           // id of the first message of the request that caused it; empty when Apart
	Frame   []byte           // where it was asked for
	Order   uint64           // its place among all that were ever added
	Attempt uint32           // of the next handling, from 1
	Due     int64            // not before, nanoseconds since 1970; 0: at once
	Held    bool             // nothing else of its key is handled before it
	First   bool             // it came from outside to this node
	Apart   bool             // it is, or comes of, a message that a person sent again: what a request is told does not come of it
	Answers []journal.Answer // that earlier attempts were given
	Clock   int64            // that the attempt sees which had begun: see journal.Begun; 0: none had
	Given   []journal.Answer // to that attempt
	Routes  uint32           // number of those that it goes by: see journal.Routes
}

func (m *Wait) home() *chunk[*Wait]    { return m.chunk }
func (m *Wait) gone() bool             { return m.flags&goneFlag != 0 }
func (m *Wait) settle(c *chunk[*Wait]) { m.chunk = c }
func (m *Wait) leave()                 { m.flags |= goneFlag }
func (m *Wait) written()               { m.seqNth = 0 }
func (m *Wait) messageID() string      { return m.words()[:m.id()] }
func (m *Wait) apart() bool            { return m.flags&apartFlag != 0 }

// Begun reports whether an attempt at the message had begun to change something outside.
func (m *Wait) Begun() bool { return m.more != nil && m.more.clock != 0 }

// id is how many bytes of text it has.
func (m *Wait) id() int { return int(uint16(m.placeID)) }

func (m *Wait) order() uint64 { return m.placeID >> secondBits }

func (m *Wait) setOrder(n uint64) error {
	if n > firstMax {
		return fmt.Errorf("%w: message %s is number %d", journal.ErrDamaged, m.messageID(), n)
	}
	m.placeID = n<<secondBits | uint64(m.id())
	return nil
}

// words are id and key.
func (m *Wait) words() string { return unsafe.String(m.text, m.id()+int(m.key)) }

func (m *Wait) extra() *more {
	if m.more == nil {
		m.more = new(more)
	}
	return m.more
}

func (m *Wait) flowID() string {
	switch {
	case m.apart():
		return ""
	case m.flow > 0:
		return m.words()[:m.flow]
	case m.more != nil:
		return m.more.flow
	}
	return ""
}

// Message is what a world says of a message that waits; its frame is not there.
func (w *World) Message(m *Wait) Message {
	v := Message{
		Cell: Cell{w.nodes[m.node], m.words()[m.id():]}, ID: m.messageID(), Flow: m.flowID(), Order: m.order(), Attempt: m.attempt,
		First: m.flags&firstFlag != 0, Apart: m.apart(), Routes: m.routes,
	}
	if e := m.more; e != nil {
		v.Due, v.Held, v.Answers, v.Clock, v.Given = e.due, e.held, e.answers, e.clock, e.given
	}
	return v
}

// Waits lists the messages that wait, in the order in which they were added.
func (w *World) Waits() []*Wait {
	list := make([]*Wait, 0, w.pending.n)
	for _, c := range w.waiting.chunks {
		for _, m := range c.items {
			if !m.gone() {
				list = append(list, m)
			}
		}
	}
	return list
}

// Pending is what is to be said of Waits.
func (w *World) Pending() []*Message {
	var list []*Message
	for _, m := range w.Waits() {
		v := w.Message(m)
		list = append(list, &v)
	}
	return list
}

// What is allocated at once for messages that wait: little, since one of them
// that waits for long keeps all of it.
const (
	slabWaits = 16
	slabText  = 512
)

// slab is where the next messages go.
type slab struct {
	waits []Wait
	bytes []byte
}

func (s *slab) wait() *Wait {
	if len(s.waits) == 0 {
		s.waits = make([]Wait, slabWaits)
	}
	m := &s.waits[0]
	s.waits = s.waits[1:]
	return m
}

// text is id and key in memory that never changes again.
func (s *slab) text(id []byte, key string) *byte {
	n := len(id) + len(key)
	if n > slabText/4 {
		return unsafe.StringData(string(id) + key)
	}
	if n > len(s.bytes) {
		s.bytes = make([]byte, slabText)
	}
	b := s.bytes[:n:n]
	s.bytes = s.bytes[n:]
	copy(b[copy(b, id):], key)
	return unsafe.SliceData(b)
}

// head is what a world has to know of a message.
func head(frame []byte) (id, flow []byte, err error) {
	r, err := abi.NewReader(frame)
	if err != nil {
		return nil, nil, err
	}
	if r.Left() != 1 {
		return nil, nil, fmt.Errorf("%d messages in the frame, not one: %w", r.Left(), abi.ErrCount)
	}
	var v abi.View
	if _, err := r.Next(&v); err != nil {
		return nil, nil, err
	}
	id, _ = v.Attr(abi.ID)
	flow, _ = v.Attr(abi.Correlation)
	return id, flow, nil
}

// node is the number of a node path.
func (w *World) node(path string) uint32 {
	n, ok := w.nodeOf[path]
	if !ok {
		n = uint32(len(w.nodes))
		path = strings.Clone(path)
		w.nodes, w.nodeOf[path] = append(w.nodes, path), n
	}
	return n
}

// wait makes the Wait of a message, which is not in the world yet.
func (w *World) wait(node, key string, frame []byte) (*Wait, error) {
	id, flow, err := head(frame)
	if err != nil {
		return nil, fmt.Errorf("%w: a message for %s: %w", journal.ErrDamaged, node, err)
	}
	if len(id) > math.MaxUint16 || len(key) > math.MaxUint16 {
		return nil, fmt.Errorf("%w: a message for %s: its id or its key is too long", journal.ErrDamaged, node)
	}
	if other := w.pending.get(unsafe.String(unsafe.SliceData(id), len(id))); other != nil {
		return nil, fmt.Errorf("%w: message %s comes to %s and waits at %s already", ErrContradicts, id, node, w.nodes[other.node])
	}
	m := w.slab.wait()
	*m = Wait{text: w.slab.text(id, key), node: w.node(node), attempt: 1, placeID: uint64(len(id)), key: uint16(len(key))}
	switch {
	case len(flow) <= math.MaxUint8 && len(flow) <= len(id) && string(id[:len(flow)]) == string(flow):
		m.flow = uint8(len(flow))
	default:
		m.extra().flow = string(flow)
	}
	return m, nil
}

// way is how a message comes to wait.
type way struct {
	routes uint32 // as in Message
	flags  uint8  // firstFlag, apartFlag or both
}

// add has a message wait. The record that is being folded brings it.
func (w *World) add(node, key string, frame []byte, due int64, along way) error {
	m, err := w.wait(node, key, frame)
	if err != nil {
		return err
	}
	if w.nth == math.MaxUint16 || w.sequence >= firstMax {
		return fmt.Errorf("%w: more than %d messages in one record, or %d records", journal.ErrDamaged, math.MaxUint16, uint64(firstMax))
	}
	if due != 0 {
		m.extra().due = due
	}
	if err := m.setOrder(w.order + 1); err != nil {
		return err
	}
	w.order++
	m.seqNth, m.flags, m.routes = (w.sequence+1)<<secondBits|uint64(w.nth), along.flags, along.routes
	w.nth++
	w.pending.add(m)
	w.waiting.add(m, len(frame)+itemSize)
	w.flows.count(m.flowID(), 1)
	return nil
}

// added visits the messages that an entry has wait, in the order in which add gets them.
func added(e journal.Entry, visit func(frame []byte)) {
	outputs := func(list []journal.Output) {
		for i := range list {
			if o := &list[i]; o.To != toOutput && o.To != toDrop && o.To != toDeadLetter {
				visit(o.Frame)
			}
		}
	}
	switch e := e.(type) {
	case *journal.Accepted:
		if e.Node != "" {
			visit(e.Input)
		}
		outputs(e.Copies)
	case *journal.Handled:
		outputs(e.Outputs)
	case *journal.Action:
		if e.Name == journal.ActionRedrive {
			visit(e.Input)
		}
	}
}

// Source is where the messages lie that a world keeps no more than the place of.
type Source interface {
	// Blob reads what Blobs.Put kept.
	Blob(digest string) ([]byte, error)
	// Records visits the journal's records from a sequence on, until visit returns
	// an error, which is returned.
	Records(from uint64, visit func(seq uint64, record []byte) error) error
	// Unpack gives the entry that a packed one stands for.
	Unpack(p *journal.Packed) (journal.Entry, error)
}

// Place is where a message that waits is to be found. It is good until the
// snapshot after the next one; a world may have moved on from it meanwhile.
type Place struct {
	Message
	seq  uint64
	nth  uint16
	blob string
}

// Place says where a message is, and what is to be said of it.
func (w *World) Place(m *Wait) Place {
	p := Place{Message: w.Message(m), seq: m.seqNth >> secondBits, nth: uint16(m.seqNth)}
	if m.seqNth == 0 {
		p.blob = m.chunk.digest
	}
	return p
}

// Same reports whether two places are one.
func (p *Place) Same(q *Place) bool { return p.seq == q.seq && p.nth == q.nth && p.blob == q.blob }

// Before orders places as they lie, so that Fetch reads nothing twice.
func (p *Place) Before(q *Place) int {
	return cmp.Or(cmp.Compare(p.seq, q.seq), strings.Compare(p.blob, q.blob), cmp.Compare(p.nth, q.nth))
}

// gapMax is how many records that are of no use are read over to get to the next.
const gapMax = 16

var errPause = errors.New("the next message lies elsewhere")

// Fetch visits the messages of places in their order, with their frames, which
// are valid during the visit, until visit returns an error. Places that are
// near each other are read together.
func Fetch(places []Place, from Source, visit func(*Message) error) error {
	f := fetch{places: places, from: from, visit: visit}
	for len(f.places) > 0 {
		var err error
		if f.places[0].seq == 0 {
			err = f.page()
		} else {
			err = f.records()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fetch is one Fetch.
type fetch struct {
	places []Place // not visited yet
	from   Source
	visit  func(*Message) error
	cursor journal.Cursor
	frames [][]byte
}

// records visits what lies in one stretch of the journal.
func (f *fetch) records() error {
	begin := f.places[0].seq
	gap := 0
	err := f.from.Records(begin, func(seq uint64, record []byte) error {
		switch p := &f.places[0]; {
		case p.seq > seq:
			if gap++; gap > gapMax {
				return errPause
			}
			return nil
		case p.seq != seq:
			return fmt.Errorf("%w: record %d is read in place of %d", journal.ErrDamaged, seq, p.seq)
		}
		gap = 0
		n := 1
		for n < len(f.places) && f.places[n].seq == seq {
			n++
		}
		if err := f.record(record, n); err != nil {
			return err
		}
		if len(f.places) == 0 || f.places[0].seq <= seq {
			return errPause
		}
		return nil
	})
	switch {
	case errors.Is(err, errPause):
		return nil
	case err == nil && len(f.places) > 0 && f.places[0].seq != 0:
		return fmt.Errorf("%w: record %d cannot be read", journal.ErrDamaged, f.places[0].seq)
	}
	return err
}

// record visits the next n messages, all of which lie in one record.
func (f *fetch) record(record []byte, n int) error {
	r, err := journal.Parse(record)
	if err != nil {
		return err
	}
	f.frames = f.frames[:0]
	take := func(frame []byte) { f.frames = append(f.frames, frame) }
	f.cursor.Reset(r)
	for range r.Entries {
		e, err := f.cursor.Next()
		if err != nil {
			return err
		}
		if p, ok := e.(*journal.Packed); ok {
			if e, err = f.from.Unpack(p); err != nil {
				return err
			}
		}
		added(e, take)
	}
	return f.each(n, func(p *Place) []byte {
		if int(p.nth) < len(f.frames) {
			return f.frames[p.nth]
		}
		return nil
	})
}

// page visits the messages that lie in one page.
func (f *fetch) page() error {
	n := 1
	for n < len(f.places) && f.places[n].seq == 0 && f.places[n].blob == f.places[0].blob {
		n++
	}
	data, err := f.from.Blob(f.places[0].blob)
	if err != nil {
		return fmt.Errorf("read messages that wait: %w", err)
	}
	of := map[uint64][]byte{}
	err = journal.Entries(data, func(e journal.Entry) error {
		if e, ok := e.(*journal.Waiting); ok {
			of[e.Order] = e.Frame
		}
		return nil
	})
	if err != nil {
		return err
	}
	return f.each(n, func(p *Place) []byte { return of[p.Order] })
}

// each visits the next n messages, and makes sure that they are the right ones.
func (f *fetch) each(n int, frame func(*Place) []byte) error {
	for range n {
		p := &f.places[0]
		p.Frame = frame(p)
		if id, _, err := head(p.Frame); err != nil || string(id) != p.ID {
			return fmt.Errorf("%w: message %s is not where it should be", journal.ErrDamaged, p.ID)
		}
		if err := f.visit(&p.Message); err != nil {
			return err
		}
		p.Frame = nil
		f.places = f.places[1:]
	}
	return nil
}

// messages are the entries of what waits, for its page.
func (w *World) messages(waits []*Wait, from Source) (list []journal.Entry, err error) {
	var places []Place
	for _, m := range waits {
		places = append(places, w.Place(m))
	}
	err = Fetch(places, from, func(m *Message) error {
		list = append(list, &journal.Waiting{
			Node: m.Node, Key: m.Key, Frame: slices.Clone(m.Frame), Order: m.Order, Attempt: m.Attempt, Due: m.Due, Hold: m.Held, First: m.First,
			Answers: m.Answers, Apart: m.Apart, Clock: m.Clock, Given: m.Given, Routes: m.Routes,
		})
		return nil
	})
	return list, err
}

// reload takes a message over from a snapshot.
func (w *World) reload(e *journal.Waiting) (*Wait, error) {
	m, err := w.wait(e.Node, e.Key, e.Frame)
	if err != nil {
		return nil, err
	}
	if err := m.setOrder(e.Order); err != nil {
		return nil, err
	}
	m.attempt, m.routes = e.Attempt, e.Routes
	if e.First {
		m.flags |= firstFlag
	}
	if e.Apart {
		m.flags |= apartFlag
	}
	if e.Due != 0 || e.Hold || len(e.Answers) > 0 || e.Clock != 0 {
		x := m.extra()
		x.due, x.held, x.clock = e.Due, e.Hold, e.Clock
		x.answers, x.given = merged(nil, e.Answers), merged(nil, e.Given)
	}
	w.pending.add(m)
	w.flows.count(m.flowID(), 1)
	return m, nil
}

// cloned is an answer that refers to nothing of the record it comes from.
func cloned(a *journal.Answer) journal.Answer {
	return journal.Answer{
		Call: a.Call, Operation: strings.Clone(a.Operation), Use: strings.Clone(a.Use), Request: slices.Clone(a.Request), Frame: slices.Clone(a.Frame), Duration: a.Duration, Passing: a.Passing,
	}
}

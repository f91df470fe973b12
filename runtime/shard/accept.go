package shard

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs/rule"
	"github.com/oklog/ulid/v2"
)

type grave struct{ code, reason string }

// Codes of dead letters that no actor caused.
const (
	CodeNoRoute  = "route.none"       // no route fits
	CodeRouted   = "route.deadletter" // a route says so
	CodeNoKey    = "key.missing"      // the key's expression gave none
	CodeGone     = "node.gone"        // the node is no more
	CodeOverflow = "mailbox.full"     // a cycle produces more than it handles
)

// What the attributes that the shard adds to a request take, and what each
// attribute takes besides its name and value: so much room a message is given
// that nothing of it has to move, a key included.
const (
	rootSize = 160
	attrSize = 3
)

// admission is one request on its way in.
type admission struct {
	shard    *Shard
	flow     *flow
	parcels  []*parcel
	lane     *lane // where parcels without a home go
	reserved int
	only     [1]*parcel // room for parcels
	along    []int32    // edges of a table that lead there
	by       *plan      // that it goes by
	arm      *arm       // counts what becomes of it; nil: nothing does
	few      [2]int32   // room for along
}

// entropy makes ids that sort by time and cannot be guessed, from any goroutine.
var entropy = struct {
	sync.Mutex
	source *ulid.MonotonicEntropy
	id     ulid.ULID // the last one: what a source of bytes writes to escapes
}{source: ulid.Monotonic(rand.Reader, 0)}

// ulidTime is how many bytes of a ULID are its time; the rest is random.
const ulidTime = 6

// newID makes a ULID (github.com/ulid/spec).
func newID(ms uint64) string {
	entropy.Lock()
	defer entropy.Unlock()
	id := &entropy.id
	err := id.SetTime(ms)
	if err == nil {
		err = entropy.source.MonotonicRead(ms, id[ulidTime:])
	}
	if errors.Is(err, ulid.ErrMonotonicOverflow) {
		entropy.source = ulid.Monotonic(rand.Reader, 0)
		err = entropy.source.MonotonicRead(ms, id[ulidTime:])
	}
	if err != nil {
		panic("shard: no random bytes for an id: " + err.Error())
	}
	return id.String()
}

// id makes the id of a message from outside.
func (s *Shard) id(now time.Time) string {
	if s.opts.ID != nil {
		return s.opts.ID()
	}
	return newID(uint64(now.UnixMilli()))
}

// newTrace makes a trace context that is not sampled (W3C Trace Context, section 3.2).
func newTrace() string {
	var id [24]byte
	for i := 0; i < len(id); i += 8 {
		binary.LittleEndian.PutUint64(id[i:], mathrand.Uint64())
	}
	text := [...]byte{0: '0', 1: '0', 2: '-', 35: '-', 52: '-', 53: '0', 54: '0'}
	hex.Encode(text[3:], id[:16])
	hex.Encode(text[36:], id[16:])
	return string(text[:])
}

// first makes the request's message.
func (s *Shard) first(r *Request, id string, now time.Time) *parcel {
	first := parcels.Get().(*parcel)
	first.attempt, first.direct, first.first, first.kept, first.out = 1, r.Direct, true, false, false
	m := &first.msg
	size := len(r.Type) + len(r.Source) + len(r.Data) + rootSize
	for i := range r.Attrs {
		size += len(r.Attrs[i]) + attrSize
	}
	m.Start()
	m.Grow(size)
	m.Add(abi.Type, r.Type)
	m.Add(abi.Source, r.Source)
	trace, content := "", abi.ContentJSON
	for i := 0; i+1 < len(r.Attrs); i += 2 {
		switch r.Attrs[i] {
		case abi.TraceParent:
			trace = r.Attrs[i+1]
		case abi.ContentType:
			content = r.Attrs[i+1]
		}
	}
	if trace == "" {
		trace = newTrace()
	}
	m.AddRoot(id, trace)
	m.Add(abi.ContentType, content)
	for i := 0; i+1 < len(r.Attrs); i += 2 {
		if name := r.Attrs[i]; name != abi.TraceParent && name != abi.ContentType {
			m.Add(name, r.Attrs[i+1])
		}
	}
	m.AddMoment(s.second.moment(now.UnixNano()))
	m.Finish(r.Data)
	first.places = r.Places
	return first
}

// admit makes the request's message and finds out where it goes. What is on the
// stack meanwhile is little: callers that wait have small stacks, and one that has to
// grow costs as much as the rest of this.
func (s *Shard) admit(plan *plan, entry *router.Entry, r *Request) *admission {
	now := s.clock.Now()
	id := s.id(now)
	first := s.first(r, id, now)
	m := &first.msg
	a := &admission{shard: s, flow: &flow{id: id, replies: r.Replies, any: r.AnyReply, waits: !r.Kept, direct: r.Direct, done: make(chan struct{})}}
	a.flow.handle.flow, a.flow.past.request = a.flow, r
	first.past = &a.flow.past
	a.parcels = a.only[:0]
	if !r.Direct {
		a.flow.asked = r.Kept || r.Idempotency != nil
		if r.Kept {
			a.flow.kept = make(chan struct{})
		}
	}
	a.lane = s.lanes[int(s.next.Add(1))%len(s.lanes)]
	var buffer [4]router.Target
	way := router.Way{Targets: buffer[:0], Edges: a.few[:0]}
	entry.Enter(m, &r.Places, &way)
	a.choose(plan, entry, m, r, &way)
	if way.Faults > 0 {
		s.log.Warn("a rule could not be evaluated and was not taken", "node", entry.Name, "message", id, "times", way.Faults, "error", way.Last)
	}
	targets := way.Targets
	a.along = way.Edges
	first.flow = a.flow
	for k := range targets {
		p := first
		if k > 0 {
			p = &parcel{attempt: 1, direct: r.Direct, first: true, flow: a.flow}
			m.Fork(&p.msg, k+1)
			p.places = r.Places
		}
		a.parcels = append(a.parcels, p)
	}
	for k, t := range targets { // once every copy is made: it may add the key
		a.parcels[k].aim(a.by, plan, t)
		a.parcels[k].by, a.parcels[k].routes = a.arm, a.by.number
	}
	a.flow.pending.Store(int32(len(a.parcels)))
	return a
}

// aim sets where a parcel goes by a plan, evaluating the key at a node as the plan in
// force does.
func (it *parcel) aim(by, force *plan, t router.Target) {
	switch t.Place {
	case router.ToNode:
		it.node = by.nodes[t.Node.Index]
		spec := t.Node
		if by != force {
			spec = force.specOf(by, spec, nil)
		}
		if spec.Keyed() {
			it.grave = it.key(spec.Key(it.msg.Type()), spec.Path)
		}
	case router.ToOutput:
		it.out = true
	case router.ToDeadLetter:
		it.grave = &grave{CodeRouted, "a route from " + t.From + " sends it to the dead letters"}
	case router.Nowhere:
		it.grave = &grave{CodeNoRoute, fmt.Sprintf("no route from %s fits a message of type %s", t.From, it.msg.Type())}
	}
}

// key evaluates the message's key and notes it in the message.
func (it *parcel) key(k *rule.Key, path string) *grave {
	if k == nil {
		return nil
	}
	var scratch [128]byte
	key, err := k.AppendAt(scratch[:0], &it.msg, &it.places)
	if err != nil {
		return &grave{CodeNoKey, fmt.Sprintf("no key at %s: %v", path, err)}
	}
	if len(key) > abi.AttrValueMax {
		return &grave{CodeNoKey, fmt.Sprintf("key at %s has %d bytes; at most %d are allowed", path, len(key), abi.AttrValueMax)}
	}
	it.msg.Insert(key)
	return nil
}

// stands reports whether what it goes by is still there for new messages, once it is
// counted: then it is kept until the message has come to its end.
func (a *admission) stands(p *plan) bool {
	if a.shard.plan.Load() != p {
		return false
	}
	x := a.shard.trial.Load()
	return a.by == p || x != nil && x.next == a.by
}

// reserve takes room in every mailbox, or in none.
func (a *admission) reserve() error {
	for i, it := range a.parcels {
		if it.node == nil {
			continue
		}
		r := it.node.run.Load()
		if r == nil || it.node.full(r) {
			a.release()
			if it.node.shut() {
				return &shutError{it.node.path, Mode(it.node.mode.Load())}
			}
			return fmt.Errorf("%w: %s", ErrFull, it.node.path)
		}
		it.node.shift(1, int64(it.msg.Size()))
		a.reserved = i + 1
		if it.node.depth.Load() > r.capacity {
			a.release()
			return fmt.Errorf("%w: %s", ErrFull, it.node.path)
		}
	}
	return nil
}

func (a *admission) release() {
	for _, it := range a.parcels[:a.reserved] {
		if it.node != nil {
			it.node.shift(-1, -int64(it.msg.Size()))
			a.shard.relieve(it.node)
		}
	}
	a.reserved = 0
}

// whole reports whether the request has to be in the journal as a whole before
// any of it is handled: it was asked for, or what it leads to would be known in part.
func (a *admission) whole() bool {
	f, first := a.flow, a.parcels[0]
	return !first.direct && (f.kept != nil || len(a.parcels) > 1 || f.asked && (first.node == nil || first.grave != nil))
}

// post hands the parcels over. The last one's lane, if it is asleep, is helped.
func (a *admission) post() {
	if a.whole() {
		l := a.lane
		if it := a.parcels[0]; it.node != nil {
			l = a.shard.home(it, it.node.run.Load(), l)
		}
		if a.flow.kept != nil { // who has it kept is told so before it is handled, which may take long
			l.post(event{note: noteWhole{a}})
		} else if l.put(event{note: noteWhole{a}}) {
			l.help()
		}
		return
	}
	for i, it := range a.parcels {
		l := a.lane
		if it.node != nil {
			l = a.shard.home(it, it.node.run.Load(), l)
		}
		if i < len(a.parcels)-1 {
			l.post(event{parcel: it})
		} else if l.put(event{parcel: it}) {
			l.help()
		}
	}
}

// home is the lane that a parcel for a node belongs to: that of its key, which
// is the same at every node so that what one key causes stays where it is, or
// other when it may be handled anywhere. r runs there; nil: nothing does.
func (s *Shard) home(it *parcel, r *running, other *lane) *lane {
	switch {
	case r == nil || !r.spec.Exclusive():
		return other
	case r.spec.Keyed():
		return s.lanes[spread(it.msg.Key(), len(s.lanes))]
	}
	return s.lanes[it.node.lane]
}

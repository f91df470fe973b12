package shard

import (
	"context"
	"crypto/subtle"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
)

// Flow is one request and everything it causes, until it ends. It is safe for
// concurrent use.
type Flow struct {
	*flow
	repeated bool
}

// ID is the id of the request's first message, which is the correlation of all.
func (f *Flow) ID() string { return f.id }

// Done is closed when the flow has an answer.
func (f *Flow) Done() <-chan struct{} { return f.done }

// Answer is what came of the flow; Pending until Done is closed.
func (f *Flow) Answer() Answer { return f.result() }

// Fuel is how many units were used for the request and what it caused, so far.
func (f *Flow) Fuel() uint64 { return f.fuel.Load() }

// Repeat reports whether the request repeated an earlier one and shares its answer.
func (f *Flow) Repeat() bool { return f.repeated }

type flow struct {
	id      string
	replies []string
	any     bool
	asked   bool        // the journal knows that somebody may ask what came of it
	waits   bool        // somebody waits for what comes of it
	direct  bool        // the journal knows nothing of it
	late    atomic.Bool // it was found after it began that somebody may ask
	told    atomic.Bool // the journal has the answer of a late one, or is about to

	timed   *timed                   // nil: it is no part of a trial
	stood   atomic.Pointer[standing] // nil: it never did
	pending atomic.Int32             // messages not settled yet
	fuel    atomic.Uint64
	claimed atomic.Bool // an answer is on its way
	fault   atomic.Pointer[Answer]
	kept    chan struct{} // closed when the message is in the journal; nil unless asked for
	lost    atomic.Bool   // the journal failed before it was
	done    chan struct{}
	answer  Answer      // once done is closed
	reply   abi.Message // what answer refers to
	handle  Flow        // what the first request is given
	past    past        // of its first message
}

// await waits until the flow's first message is in the journal, where that was asked for.
// over is closed when the shard has ended: what is not there by then never will be.
func (f *flow) await(ctx context.Context, over <-chan struct{}) error {
	if f.kept == nil {
		return nil
	}
	select {
	case <-f.kept:
	case <-ctx.Done():
		return fmt.Errorf("wait for the journal: %w", ctx.Err())
	case <-over:
		select {
		case <-f.kept:
		default:
			return ErrStopping
		}
	}
	if f.lost.Load() {
		return ErrJournal
	}
	return nil
}

func (f *flow) result() Answer {
	select {
	case <-f.done:
		return f.answer
	default:
		return Answer{}
	}
}

// wants reports whether a message of this type answers the flow.
func (f *flow) wants(messageType string) bool {
	if f.any {
		return true
	}
	for _, t := range f.replies {
		if t == messageType {
			return true
		}
	}
	return false
}

// question is what the journal is told of a flow that may be asked about.
func (f *flow) question() *journal.Asked {
	if !f.asked {
		return nil
	}
	return &journal.Asked{Flow: f.id, Replies: f.replies, Any: f.any, Waits: f.waits}
}

// tell makes the entry that says of a flow that it may be asked about although it
// began without it, and what came of it if that is known; nil: it has been made.
func (f *flow) tell(a Answer) *journal.Asked {
	e := &journal.Asked{Flow: f.id, Replies: f.replies, Any: f.any, Waits: f.waits}
	if a.Outcome == Pending {
		return e
	}
	if !f.told.CompareAndSwap(false, true) {
		return nil
	}
	e.Outcome, e.Code, e.Text, e.Node = uint32(a.Outcome), a.Code, a.Text, a.Node
	if a.Reply != nil {
		e.Reply = a.Reply.Frame()
	}
	return e
}

// noteAsked has the journal told of a flow that may be asked about.
type noteAsked struct{ flow *flow }

func (n noteAsked) run(l *lane) {
	if e := n.flow.tell(n.flow.result()); e != nil {
		l.write(e)
	}
}

// claim reserves the one answer of the flow for the caller.
func (f *flow) claim() bool { return f.claimed.CompareAndSwap(false, true) }

// publish gives the answer; only for who claimed it.
func (f *flow) publish(a Answer) {
	f.answer = a
	close(f.done)
}

// blame remembers the first fault, which is the answer if no reply comes.
func (f *flow) blame(a Answer) { f.fault.CompareAndSwap(nil, &a) }

// end is the answer of a flow whose every branch has ended.
func (f *flow) end() Answer {
	if a := f.fault.Load(); a != nil {
		return *a
	}
	return Answer{Outcome: Ended}
}

// flows remembers flows whose clients may ask again; the oldest go first when
// there are too many.
type flows struct {
	mu    sync.Mutex
	byID  map[string]*flow
	order []*flow // oldest first
}

func (k *flows) add(f *flow) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byID == nil {
		k.byID = map[string]*flow{}
	}
	if _, ok := k.byID[f.id]; ok {
		return
	}
	k.byID[f.id] = f
	k.order = append(k.order, f)
	if len(k.order) > flowsMax {
		k.drop(len(k.order) - flowsMax)
	}
	if len(k.order)%flowsCount == 0 {
		k.count()
	}
}

// count drops the oldest flows when the replies of all take too much memory.
func (k *flows) count() {
	bytes := 0
	for i := len(k.order) - 1; i >= 0; i-- {
		if m := k.order[i].result().Reply; m != nil {
			bytes += m.Size()
		}
		if bytes > flowsBytes {
			k.drop(i + 1)
			return
		}
	}
}

func (k *flows) drop(n int) {
	for i, f := range k.order[:n] {
		delete(k.byID, f.id)
		k.order[i] = nil
	}
	k.order = k.order[n:]
}

func (k *flows) get(id string) (*flow, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, ok := k.byID[id]
	return f, ok
}

// idempotency remembers the requests that clients promised to be one.
type idempotency struct {
	mu      sync.Mutex
	byKey   map[[2]string]*promise
	clients promises
	sources map[string]*promises // schedules and subscriptions, by scope
}

// promises are those of some scopes, oldest first.
type promises []*promise

type promise struct {
	key    [2]string // scope, key
	digest []byte
	flow   *flow
	until  time.Time
}

// join returns the flow of an earlier request with the same key, or adds this one.
func (k *idempotency) join(i *journal.Idempotency, f *flow, now time.Time) (*flow, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := k.of(i.Scope)
	k.expire(list, now)
	p := &promise{key: [2]string{i.Scope, i.Key}, digest: i.Digest, flow: f, until: now.Add(keyLife)}
	if before := k.byKey[p.key]; before != nil {
		if subtle.ConstantTimeCompare(before.digest, i.Digest) != 1 {
			return nil, ErrReused
		}
		return before.flow, nil
	}
	if list != &k.clients {
		p.until = now.Add(sourceLife)
		k.drop(list, len(*list)-(sourceKeys-1))
	} else if len(*list) >= keysMax {
		return nil, ErrTooManyKeys
	}
	k.add(p, list)
	return nil, nil
}

// of is the list for a scope. Each schedule and subscription has its own, of its newest, so
// that it never takes the room of clients.
func (k *idempotency) of(scope string) *promises {
	if !journal.OfSource(scope) {
		return &k.clients
	}
	list := k.sources[scope]
	if list == nil {
		if k.sources == nil {
			k.sources = map[string]*promises{}
		}
		list = new(promises)
		k.sources[scope] = list
	}
	return list
}

func (k *idempotency) add(p *promise, list *promises) {
	if k.byKey == nil {
		k.byKey = map[[2]string]*promise{}
	}
	k.byKey[p.key] = p
	*list = append(*list, p)
}

// restore adds a promise of an earlier life of the shard.
func (k *idempotency) restore(p *fold.Promise, f *flow) {
	k.add(&promise{key: [2]string{p.Scope, p.Key}, digest: p.Digest, flow: f, until: time.Unix(0, p.Until)}, k.of(p.Scope))
}

func (k *idempotency) expire(list *promises, now time.Time) {
	n := 0
	for n < len(*list) && !(*list)[n].until.After(now) {
		n++
	}
	k.drop(list, n)
}

// drop forgets the n oldest of a list, when there are so many.
func (k *idempotency) drop(list *promises, n int) {
	for i := range max(n, 0) {
		delete(k.byKey, (*list)[i].key)
		(*list)[i] = nil
	}
	*list = (*list)[max(n, 0):]
}

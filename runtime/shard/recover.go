package shard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
)

// limits are what the fold of this shard's journal is bounded by: the same as
// the shard itself, so that both remember the same.
var limits = fold.Limits{Flows: flowsMax, FlowBytes: flowsBytes, Dead: deadMax, DeadBytes: deadBytes, KeyLife: keyLife}

// recovered is what a journal holds that needs a table to go on.
type recovered struct {
	pending []*fold.Message
	flows   map[string]*flow
}

// states are the states of keys of which no message has come since the shard was
// opened, when there is no keeper to ask for them.
type states struct {
	mu sync.Mutex
	of map[fold.Cell]map[string]fold.Value
}

// take gives the state of a key away; nil: there is none.
func (s *states) take(node, key string) map[string]capability.Value {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.of) == 0 {
		return nil
	}
	values := s.of[fold.Cell{Node: node, Key: key}]
	if values == nil {
		return nil
	}
	delete(s.of, fold.Cell{Node: node, Key: key})
	return stateOf(values)
}

// recover works out what the journal holds, and returns the sequence of its last record.
func (s *Shard) recover(ctx context.Context) (last uint64, err error) {
	w, revision, err := recoverWorld(ctx, s.opts.Journal, s.committer.count)
	if err != nil {
		return 0, err
	}
	return w.Sequence(), s.remember(ctx, w, revision)
}

// recoverWorld works out what a journal holds. It calls count with each record
// that it reads after the snapshot and its bytes.
func recoverWorld(ctx context.Context, j journal.Journal, count func(seq uint64, bytes int64)) (w *fold.World, revision uint64, err error) {
	first, last, err := j.Bounds(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("find the journal's end: %w", err)
	}
	w, revision, err = readSnapshot(ctx, j)
	if err != nil {
		return nil, 0, fmt.Errorf("recover: %w; grow fsck says what can be saved", err)
	}
	switch had := w.Sequence(); {
	case last < had:
		return nil, 0, fmt.Errorf("recover: %w: it ends at record %d and its snapshot was taken after record %d: what came last is gone; grow fsck says what can be saved",
			journal.ErrDamaged, last, had)
	case first > had+1:
		return nil, 0, fmt.Errorf("recover: %w: it begins at record %d and what was before is kept up to record %d; grow fsck says what can be saved",
			journal.ErrTrimmed, first, had)
	case last > had:
		err = j.Read(ctx, had+1, func(seq uint64, record []byte) error {
			count(seq, int64(len(record)))
			_, err := w.Record(seq, record, func(p *journal.Packed) (journal.Entry, error) { return journal.Unpack(ctx, j, p) })
			return err
		})
		if err != nil {
			return nil, 0, fmt.Errorf("recover: %w; grow fsck says what can be saved", err)
		}
	}
	if w.Sequence() != last {
		return nil, 0, fmt.Errorf("recover: %w: record %d of %d cannot be read", journal.ErrDamaged, w.Sequence()+1, last)
	}
	return w, revision, nil
}

// readSnapshot reads the world that the last snapshot holds; without one, that
// before the first record.
func readSnapshot(ctx context.Context, j journal.Journal) (w *fold.World, revision uint64, err error) {
	pointer, revision, err := j.Snapshot(ctx)
	if errors.Is(err, journal.ErrNotFound) {
		return fold.New(limits), 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("find the snapshot: %w", err)
	}
	var taken *journal.SnapshotTaken
	err = journal.Entries(pointer, func(e journal.Entry) error { taken, _ = e.(*journal.SnapshotTaken); return nil })
	if err != nil || taken == nil {
		return nil, 0, fmt.Errorf("%w: the snapshot pointer is none: %w", journal.ErrDamaged, err)
	}
	w, err = fold.Load(limits, taken.Object, func(digest string) ([]byte, error) { return j.Blob(ctx, digest) })
	return w, revision, err
}

// remember takes over what a world holds.
func (s *Shard) remember(ctx context.Context, w *fold.World, revision uint64) (err error) {
	if s.opts.Snapshots != (Snapshots{}) {
		s.keeper = newKeeper(s, w, revision)
	} else {
		s.states.of, err = w.Cells(func(digest string) (fold.Cells, error) {
			cells, _, err := readPage(ctx, s.opts.Journal, digest)
			return cells, err
		})
		if err != nil {
			return fmt.Errorf("recover: %w; grow fsck says what can be saved", err)
		}
	}
	letters, ever := w.Dead()
	pending, letters := misremember(w.Pending(), letters)
	for _, d := range letters {
		s.dead.add(revived(d))
	}
	s.dead.total, s.dead.dropped = ever, s.dead.dropped+ever-uint64(len(letters))
	flows, promises := w.Flows()
	r := &recovered{pending: pending, flows: make(map[string]*flow, len(flows))}
	for _, f := range flows {
		s.flows.add(r.flow(f))
	}
	now := s.clock.Now().UnixNano()
	for _, p := range promises {
		if p.Until > now && planted != forgetKeys {
			s.promises.restore(p, r.flow(p.Flow))
		}
	}
	s.recovered = r
	return nil
}

func revived(d *fold.Dead) *DeadLetter {
	m, err := abi.ParseMessage(slices.Clone(d.Frame))
	if err != nil { // it was put there by a shard, or checked when it was changed
		m = abi.NewMessage(d.Frame, abi.ID, d.ID)
	}
	return &DeadLetter{
		ID: d.ID, Node: d.Node, Key: d.Key, Type: m.Type(), Code: d.Code, Reason: d.Reason,
		Attempt: int(d.Attempt), Fuel: d.Fuel, Time: time.Unix(0, d.Time), Message: m,
	}
}

// flow is the shard's form of a flow, made once.
func (r *recovered) flow(of *fold.Flow) *flow {
	if f := r.flows[of.ID]; f != nil {
		return f
	}
	f := &flow{id: of.ID, replies: of.Replies, any: of.Any, asked: true, waits: of.Waits, done: make(chan struct{})}
	f.handle.flow = f
	f.pending.Store(int32(of.Left))
	if of.Fault != nil {
		fault := answerOf(of.Fault)
		f.fault.Store(&fault)
	}
	switch {
	case of.Answer != nil:
		f.claimed.Store(true)
		f.publish(answerOf(of.Answer))
	case of.Left == 0: // it ended before anybody asked
		f.claimed.Store(true)
		f.publish(f.end())
	}
	r.flows[of.ID] = f
	return f
}

func answerOf(of *fold.Answer) Answer {
	a := Answer{Outcome: Outcome(of.Outcome), Code: of.Code, Text: of.Text, Node: of.Node}
	if a.Outcome == Replied {
		m, err := abi.ParseMessage(slices.Clone(of.Reply))
		if err != nil { // it was made by a shard
			return Answer{Outcome: Failed, Code: "journal.unavailable", Text: "the reply cannot be read: " + err.Error()}
		}
		a.Reply = m
	}
	return a
}

// restore hands what waited when the journal ended to the lanes: in front of
// everything that comes after it, and without waking them, since the table that
// it is handled by is not in force yet. Apply does so afterwards.
func (s *Shard) restore() {
	r := s.recovered
	if r == nil {
		return
	}
	s.recovered = nil
	lists := make([][]*waiting, len(s.lanes))
	for i, m := range r.pending {
		it := s.parcelOf(m)
		it.flow = r.flows[m.Flow]
		home := s.home(it, it.node.run.Load(), s.lanes[i%len(s.lanes)])
		lists[home.index] = append(lists[home.index], &waiting{it, m.Due, m.Held})
		if m.Due == 0 {
			it.node.shift(1, int64(it.msg.Size()))
		} else {
			it.node.waiting.Add(1)
		}
	}
	for i, list := range lists {
		l := s.lanes[i]
		l.mu.Lock()
		l.inbox = append(l.inbox, event{note: noteRestored{list}})
		l.mu.Unlock()
	}
}

// parcelOf is the shard's form of a message that waits.
func (s *Shard) parcelOf(m *fold.Message) *parcel {
	it := &parcel{node: s.node(m.Node), attempt: int32(m.Attempt), first: m.First, kept: true}
	parsed, err := abi.ParseMessage(slices.Clone(m.Frame))
	if err != nil {
		panic("shard: a message that the fold has read: " + err.Error())
	}
	it.msg = *parsed
	if m.Attempt > 1 {
		it.msg.SetAttempt(int(m.Attempt))
	}
	for i := range m.Answers {
		a := &m.Answers[i]
		if it.past == nil {
			it.past = &past{}
		}
		it.past.add(capability.Recorded{
			Call: int(a.Call), Operation: a.Operation, Use: a.Use, Request: a.Request, Frame: a.Frame, Duration: time.Duration(a.Duration),
		})
	}
	return it
}

// waiting is a message that waited when the journal ended.
type waiting struct {
	item *parcel
	due  int64 // 0: at once
	held bool  // nothing else of its key is handled before it
}

// noteRestored brings a lane what waited when the journal ended, in its order.
type noteRestored struct{ list []*waiting }

func (n noteRestored) run(l *lane) {
	for _, w := range n.list {
		local, r := l.local(w.item.node), w.item.node.run.Load()
		if w.due == 0 || r == nil {
			if w.due != 0 {
				w.item.node.waiting.Add(-1)
				w.item.node.shift(1, int64(w.item.msg.Size()))
			}
			l.enqueue(w.item, local, r)
			continue
		}
		next := timer{due: w.due, item: w.item}
		if w.held {
			next.cell = l.cell(w.item, local, r)
			next.cell.parked = true
		}
		l.timers.add(l, next)
	}
	l.fire()
}

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
var limits = fold.Limits{Flows: flowsMax, FlowBytes: flowsBytes, Dead: deadMax, DeadBytes: deadBytes, Routes: routesMax, KeyLife: keyLife, SourceKeys: sourceKeys, SourceLife: sourceLife}

// recovered is what a journal holds that needs a table to go on.
type recovered struct {
	world *fold.World
	waits []*fold.Wait
	flows map[string]*flow
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

// recoverWorld works out what a journal holds, which may be in use: it is as it was at some
// moment since the call. It calls count with each record that it reads after the snapshot and its
// bytes.
func recoverWorld(ctx context.Context, j journal.Journal, count func(seq uint64, bytes int64)) (w *fold.World, revision uint64, err error) {
	w, revision, err = readSnapshot(ctx, j)
	if err != nil {
		return nil, 0, fmt.Errorf("recover: %w; grow fsck says what can be saved", err)
	}
	first, last, err := j.Bounds(ctx) // not before the snapshot, which must not be of later records
	if err != nil {
		return nil, 0, fmt.Errorf("find the journal's end: %w", err)
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
	if w.Sequence() < last {
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
	s.find(w)
	letters, ever := w.Dead()
	waits, letters := misremember(begunFirst(w.Waits()), letters)
	for _, d := range letters {
		s.dead.add(revived(d))
	}
	s.dead.total, s.dead.dropped = ever, s.dead.dropped+ever-uint64(len(letters))
	flows, promises := w.Flows()
	r := &recovered{world: w, waits: waits, flows: make(map[string]*flow, len(flows))}
	for _, f := range flows {
		if f.Left > 0 || f.Answer != nil { // otherwise the journal got to know that it is asked about, and nothing else of it
			s.flows.add(r.flow(f))
		}
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
	if of.Answer != nil {
		f.claimed.Store(true)
		f.publish(answerOf(of.Answer))
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

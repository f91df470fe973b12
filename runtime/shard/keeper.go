package shard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
)

// Snapshots says when a shard writes down what its journal has come to, so that
// recovery need not read all of it: after so many bytes, or entries, or so long,
// whichever comes first.
type Snapshots struct {
	Bytes   int64
	Entries int
	Every   time.Duration
	// StateBytes is how much state of keys stays in memory, about; what is idle
	// beyond that is read again from the snapshot when it is needed.
	StateBytes int64
}

// DefaultSnapshots is for a journal that outlives its process.
var DefaultSnapshots = Snapshots{Bytes: 64 << 20, Entries: 500_000, Every: 5 * time.Minute, StateBytes: 256 << 20}

// keeper follows the journal behind the lanes, which it never asks for anything:
// one goroutine folds what has been committed, writes snapshots of it, and trims
// the journal. It is also where the states of keys are that no lane has.
//
// mu guards world and cache. Only the keeper's goroutine changes the world.
type keeper struct {
	shard    *Shard
	policy   Snapshots
	wake     chan struct{}         // gets a token when there is something to fold, or it is time
	folded   atomic.Uint64         // sequence of the last record folded
	revision uint64                // of the snapshot pointer
	bytes    int64                 // folded since the last snapshot
	entries  int                   // likewise
	taken    int64                 // when that was, nanoseconds since 1970
	last     atomic.Pointer[Taken] // in this life of the shard; nil: none yet
	garbage  []string              // blobs that no snapshot will need once the next one is in force
	hold     hold

	mu    sync.Mutex
	world *fold.World
	cache pageCache
}

// newKeeper makes the keeper of a world that has been recovered.
func newKeeper(s *Shard, w *fold.World, revision uint64) *keeper {
	k := &keeper{shard: s, policy: s.opts.Snapshots, wake: make(chan struct{}, 1), world: w, revision: revision, taken: s.clock.Now().UnixNano()}
	k.cache.max = max(k.policy.StateBytes/4, 1<<20)
	k.folded.Store(w.Sequence())
	return k
}

// nudge tells the keeper that there is something to do.
func (k *keeper) nudge() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// run is the keeper's life: until the shard is closed, or the journal's.
func (k *keeper) run() {
	ctx := k.shard.context
	for {
		stop := func() bool { return true }
		if k.policy.Every > 0 {
			due := time.Duration(k.taken + int64(k.policy.Every) - k.shard.clock.Now().UnixNano())
			stop = k.shard.clock.AfterFunc(max(due, k.policy.Every/16), k.nudge)
		}
		select {
		case <-k.wake:
		case <-ctx.Done():
		}
		stop()
		if ctx.Err() != nil {
			return
		}
		k.shard.resume(ctx, "keeper")
		if err := k.follow(ctx); err != nil {
			if ctx.Err() == nil {
				k.shard.fail(fmt.Errorf("follow the journal: %w", err))
			}
			return
		}
		if !k.due() {
			continue
		}
		if err := k.snapshot(ctx); err != nil && ctx.Err() == nil {
			k.shard.log.Error("take a snapshot", "error", err) // and try again when there is more to fold, or it is time
		}
	}
}

// follow folds what has been committed since.
func (k *keeper) follow(ctx context.Context) error {
	limit := k.shard.committer.committed.Load()
	if limit <= k.folded.Load() {
		return nil
	}
	j := k.shard.opts.Journal
	err := j.Read(ctx, k.folded.Load()+1, func(seq uint64, record []byte) error {
		if seq > limit {
			return errEnd
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		n, err := k.world.Record(seq, record, func(p *journal.Packed) (journal.Entry, error) { return journal.Unpack(ctx, j, p) })
		if err != nil {
			return err
		}
		k.bytes += int64(len(record))
		k.entries += n
		k.folded.Store(seq)
		return nil
	})
	switch {
	case errors.Is(err, errEnd):
		return nil
	case err == nil || errors.Is(err, fold.ErrContradicts) || errors.Is(err, journal.ErrDamaged) || errors.Is(err, journal.ErrTrimmed):
		return err
	case ctx.Err() == nil:
		k.shard.log.Warn("follow the journal", "error", err) // it cannot be read at the moment
	}
	return nil
}

var errEnd = errors.New("enough has been read")

// due reports whether it is time for a snapshot.
func (k *keeper) due() bool {
	if k.entries == 0 || !k.world.Whole() {
		return false
	}
	p := &k.policy
	return p.Bytes > 0 && k.bytes >= p.Bytes || p.Entries > 0 && k.entries >= p.Entries ||
		p.Every > 0 && k.shard.clock.Now().UnixNano()-k.taken >= int64(p.Every)
}

// snapshot writes one, puts it in force, and drops what nobody needs any more.
// Wherever this ends, the journal can be recovered from: the pointer is moved
// when all it leads to is there, and only then is anything dropped.
func (k *keeper) snapshot(ctx context.Context) error {
	k.mu.Lock()
	snap, err := k.world.Snapshot(keeperBlobs{k, ctx})
	k.mu.Unlock()
	if err != nil {
		return err
	}
	k.garbage = append(k.garbage, snap.Garbage...)
	taken := &journal.SnapshotTaken{Sequence: snap.Sequence, Object: snap.Root, Digest: snap.Root}
	if err := k.point(ctx, journal.AppendEntry(nil, taken)); err != nil {
		return err
	}
	k.bytes, k.entries, k.taken = 0, 0, k.shard.clock.Now().UnixNano()
	k.last.Store(&Taken{After: snap.Sequence, Time: time.Unix(0, k.taken)})
	k.shard.lanes[0].post(event{note: noteTaken{taken}})
	return k.hold.drop(func() error { return k.drop(ctx, snap.Older) })
}

// drop drops the records up to that of the older snapshot, and the blobs that
// nobody needs any more.
func (k *keeper) drop(ctx context.Context, older uint64) error {
	if older > 0 {
		if err := k.trim(ctx, older+1); err != nil {
			return err
		}
	}
	for len(k.garbage) > 0 {
		if k.world.Needs(k.garbage[0]) { // again, since it could not be deleted when nobody did
			k.garbage = k.garbage[1:]
			continue
		}
		if err := k.shard.opts.Journal.DeleteBlob(ctx, k.garbage[0]); err != nil {
			return fmt.Errorf("delete blob %s: %w", k.garbage[0], err)
		}
		k.garbage = k.garbage[1:]
	}
	return nil
}

// point moves the snapshot pointer.
func (k *keeper) point(ctx context.Context, pointer []byte) error {
	j := k.shard.opts.Journal
	revision, err := j.SetSnapshot(ctx, pointer, k.revision)
	if err != nil { // it may have been moved all the same
		found, at, again := j.Snapshot(ctx)
		switch {
		case again == nil && bytes.Equal(found, pointer):
			revision = at
		case errors.Is(err, journal.ErrConflict):
			k.shard.fail(fmt.Errorf("somebody else takes snapshots: %w", journal.ErrFenced))
			return fmt.Errorf("set the snapshot pointer: %w", err)
		default:
			return fmt.Errorf("set the snapshot pointer: %w", err)
		}
	}
	k.revision = revision
	return nil
}

// trim drops the records before one that are older, too, than what is kept for replay.
func (k *keeper) trim(ctx context.Context, before uint64) error {
	before = min(before, k.shard.committer.retained())
	j := k.shard.opts.Journal
	first, _, err := j.Bounds(ctx)
	if err != nil || before <= first {
		return err
	}
	var blobs []string
	err = j.Read(ctx, first, func(seq uint64, record []byte) error {
		if seq >= before {
			return errEnd
		}
		return journal.EachPacked(record, func(digest string) { blobs = append(blobs, digest) })
	})
	if err != nil && !errors.Is(err, errEnd) {
		return fmt.Errorf("find what to trim: %w", err)
	}
	if err := j.Trim(ctx, before); err != nil {
		return fmt.Errorf("trim before %d: %w", before, err)
	}
	k.garbage = append(k.garbage, blobs...)
	return nil
}

// keeperBlobs is where a snapshot's pages go. While one is written the world may be read.
type keeperBlobs struct {
	keeper *keeper
	ctx    context.Context
}

func (b keeperBlobs) Put(data []byte) (string, error) {
	b.keeper.mu.Unlock()
	defer b.keeper.mu.Lock()
	return b.keeper.shard.opts.Journal.PutBlob(b.ctx, data)
}

// source is where what a world keeps no more is read from, with the world free;
// relock takes it back.
func (b keeperBlobs) source() (from journalSource, relock func()) {
	b.keeper.mu.Unlock()
	return journalSource{b.ctx, b.keeper.shard.opts.Journal}, b.keeper.mu.Lock
}

func (b keeperBlobs) Blob(digest string) ([]byte, error) {
	from, relock := b.source()
	defer relock()
	return from.Blob(digest)
}

func (b keeperBlobs) Records(first uint64, visit func(uint64, []byte) error) error {
	from, relock := b.source()
	defer relock()
	return from.Records(first, visit)
}

// Unpack is called while Records runs.
func (b keeperBlobs) Unpack(p *journal.Packed) (journal.Entry, error) {
	return journalSource{b.ctx, b.keeper.shard.opts.Journal}.Unpack(p)
}

// Page reads past the cache, which is for what is asked for.
func (b keeperBlobs) Page(digest string) (fold.Cells, error) {
	cells, _, err := readPage(b.ctx, b.keeper.shard.opts.Journal, digest)
	return cells, err
}

func readPage(ctx context.Context, j journal.Journal, digest string) (fold.Cells, int64, error) {
	data, err := j.Blob(ctx, digest)
	if err != nil {
		return nil, 0, fmt.Errorf("read a page of states: %w", err)
	}
	cells, err := fold.ReadCells(data)
	return cells, int64(len(data)), err
}

// errAway: a state lies in a page that is not in memory.
var errAway = errors.New("page is not in memory")

// peek gives a key's state when that takes no waiting.
func (k *keeper) peek(node, key string) (state map[string]capability.Value, ok bool) {
	if !k.mu.TryLock() {
		return nil, false
	}
	defer k.mu.Unlock()
	values, err := k.world.State(fold.Cell{Node: node, Key: key}, func(digest string) (fold.Cells, error) {
		if cells := k.cache.get(digest); cells != nil {
			return cells, nil
		}
		return nil, errAway
	})
	return stateOf(values), err == nil
}

// state gives a key's state, reading it if need be.
func (k *keeper) state(ctx context.Context, node, key string) (map[string]capability.Value, error) {
	for {
		missing := ""
		k.mu.Lock()
		values, err := k.world.State(fold.Cell{Node: node, Key: key}, func(digest string) (fold.Cells, error) {
			if cells := k.cache.get(digest); cells != nil {
				return cells, nil
			}
			missing = digest
			return nil, errAway
		})
		k.mu.Unlock()
		if !errors.Is(err, errAway) {
			return stateOf(values), err
		}
		cells, size, err := readPage(ctx, k.shard.opts.Journal, missing)
		if errors.Is(err, journal.ErrNotFound) && k.replaced(fold.Cell{Node: node, Key: key}, missing) {
			continue // by a snapshot that was taken meanwhile
		}
		if err != nil {
			return nil, err
		}
		k.mu.Lock()
		k.cache.put(missing, cells, size)
		k.mu.Unlock()
	}
}

// replaced reports whether a cell lies in another page by now.
func (k *keeper) replaced(c fold.Cell, digest string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, err := k.world.State(c, func(now string) (fold.Cells, error) {
		if now == digest {
			return nil, errAway
		}
		return nil, errEnd
	})
	return !errors.Is(err, errAway)
}

// stateOf is a lane's form of a state.
func stateOf(values map[string]fold.Value) map[string]capability.Value {
	if len(values) == 0 {
		return nil
	}
	state := make(map[string]capability.Value, len(values))
	for name, v := range values {
		state[name] = capability.Value{Data: v.Data, Revision: v.Revision, Type: v.Type}
	}
	return state
}

// noteTaken has the journal say that a snapshot was taken.
type noteTaken struct{ taken *journal.SnapshotTaken }

func (n noteTaken) run(l *lane) {
	if !l.ended {
		l.write(n.taken)
	}
}

// each visits the states of all keys, page by page.
func (k *keeper) each(ctx context.Context, visit func(fold.Cells)) error {
	for i := 0; ; i++ {
		k.mu.Lock()
		cells, more, err := k.world.PageCells(i, keeperBlobs{k, ctx}.Page)
		k.mu.Unlock()
		if err != nil || !more {
			return err
		}
		visit(cells)
	}
}

// Package mem keeps journals in memory: for tests, simulations, and services
// that need not outlive their process. Everything is gone with the store.
package mem

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/object"
)

// ErrFull: the journal has reached its capacity; trim it.
var ErrFull = fmt.Errorf("%w: a journal in memory has reached its capacity", journal.ErrFull)

// CapacityDefault is a journal's capacity in bytes when nothing else is said.
const CapacityDefault = 1 << 30

// Options of a store.
type Options struct {
	Capacity int64            // bytes of records and blobs a journal may hold; 0: CapacityDefault
	Now      func() time.Time // for leases; nil: time.Now
	// Fault decides what befalls the nth append of a journal, from 1; nil:
	// nothing ever does. It may be called by several goroutines.
	Fault func(n uint64) Fault
}

// Fault is what befalls an append in a simulation.
type Fault uint8

// The faults.
const (
	None   Fault = iota
	Late         // done is called by another goroutine, after Append has returned
	Lost         // ErrUnknown, and the record is not there
	Unsure       // ErrUnknown, and the record is there
	Fenced       // somebody else appends a record first
)

// objects are those of a Store, which has two things called Memory otherwise.
type objects = object.Memory

// Store is a journal.Store, a bucket.Store and an object.Store in memory.
type Store struct {
	bucket.Memory
	objects
	options Options

	mu       sync.Mutex
	journals map[journal.Name]*log
	closed   bool
	late     sync.WaitGroup // appends whose done is still to be called
}

// New returns an empty store.
func New(o Options) *Store {
	if o.Capacity == 0 {
		o.Capacity = CapacityDefault
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Store{Memory: bucket.Memory{Now: o.Now}, objects: objects{Now: o.Now}, options: o, journals: map[journal.Name]*log{}}
}

// Open implements journal.Store. Opening a name again gives the same journal.
func (s *Store) Open(ctx context.Context, n journal.Name) (journal.Journal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, journal.ErrClosed
	}
	j := s.journals[n]
	if j == nil {
		j = &log{store: s, next: 1, blobs: map[string][]byte{}}
		s.journals[n] = j
	}
	return j, ctx.Err()
}

// Health implements journal.Store. Memory is always well; a journal that is
// full says so by itself.
func (s *Store) Health() error { return nil }

// Close implements journal.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	for _, j := range s.journals {
		j.mu.Lock()
		j.closed = true
		j.chunks, j.spare, j.blobs = nil, nil, nil
		j.mu.Unlock()
	}
	s.mu.Unlock()
	s.late.Wait()
	return nil
}

const (
	chunkSize = 1 << 20 // bytes; holds at least one record, since RecordMax is less
	spareMax  = 4       // chunks kept for reuse
)

// chunk holds records one after the other.
type chunk struct {
	first uint64 // sequence of its first record
	ends  []int  // where each record ends
	buf   []byte
}

func (c *chunk) record(seq uint64) []byte {
	i := int(seq - c.first)
	begin := 0
	if i > 0 {
		begin = c.ends[i-1]
	}
	return c.buf[begin:c.ends[i]]
}

// log is one journal. mu guards all of it, and is never held while done runs.
type log struct {
	store *Store

	mu       sync.Mutex
	closed   bool
	first    uint64 // 0: as long as nothing was trimmed, the first record's
	next     uint64 // sequence of the next record
	appends  uint64
	flight   int      // appends whose done has not been called
	doubt    bool     // an append failed, and Bounds has not been called since
	chunks   []*chunk // oldest first
	spare    []*chunk
	readers  int // while there are some, chunks are not reused
	bytes    int64
	blobs    map[string][]byte
	pointer  []byte
	revision uint64
	lease    *lease
}

// Append implements journal.Journal.
func (j *log) Append(record []byte, last uint64, done func(uint64, error)) {
	j.mu.Lock()
	j.appends++
	fault := None
	if j.store.options.Fault != nil {
		fault = j.store.options.Fault(j.appends)
	}
	if fault == Fenced && !j.closed {
		j.keep(nil)
	}
	err := j.check(record, last)
	if err == nil && fault != Lost {
		j.keep(record)
	}
	if err == nil && (fault == Lost || fault == Unsure) {
		err = journal.ErrUnknown
	}
	seq := last + 1
	if err != nil {
		seq, err = 0, fmt.Errorf("append after %d: %w", last, err)
		if !errors.Is(err, journal.ErrFenced) && !errors.Is(err, journal.ErrTooLarge) && !errors.Is(err, journal.ErrBusy) {
			j.doubt = true
		}
	}
	if fault != Late || errors.Is(err, journal.ErrBusy) {
		j.mu.Unlock()
		done(seq, err)
		return
	}
	j.flight++
	j.mu.Unlock()
	j.store.late.Go(func() {
		j.mu.Lock()
		j.flight--
		j.mu.Unlock()
		done(seq, err)
	})
}

func (j *log) check(record []byte, last uint64) error {
	switch {
	case j.closed:
		return journal.ErrClosed
	case len(record) > journal.RecordMax:
		return journal.ErrTooLarge
	case j.flight == journal.InFlight:
		return journal.ErrBusy
	case j.doubt:
		return journal.ErrUnknown
	case last != j.next-1:
		return journal.ErrFenced
	case j.bytes+int64(len(record)) > j.store.options.Capacity:
		return ErrFull
	}
	return nil
}

// keep appends a record.
func (j *log) keep(record []byte) {
	n := len(j.chunks)
	if n == 0 || len(j.chunks[n-1].buf)+len(record) > chunkSize {
		j.chunks = append(j.chunks, j.chunk())
		n++
	}
	c := j.chunks[n-1]
	c.buf = append(c.buf, record...)
	c.ends = append(c.ends, len(c.buf))
	j.bytes += int64(len(record))
	j.next++
}

func (j *log) chunk() *chunk {
	if n := len(j.spare); n > 0 {
		c := j.spare[n-1]
		j.spare = j.spare[:n-1]
		*c = chunk{first: j.next, ends: c.ends[:0], buf: c.buf[:0]}
		return c
	}
	return &chunk{first: j.next, buf: make([]byte, 0, chunkSize)}
}

// Bounds implements journal.Journal.
func (j *log) Bounds(context.Context) (first, last uint64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return 0, 0, journal.ErrClosed
	}
	j.doubt = false
	return max(j.first, 1), j.next - 1, nil
}

// Read implements journal.Journal.
func (j *log) Read(ctx context.Context, from uint64, visit func(uint64, []byte) error) error {
	j.mu.Lock()
	j.readers++
	j.mu.Unlock()
	defer func() {
		j.mu.Lock()
		j.readers--
		j.mu.Unlock()
	}()
	for seq := from; ; seq++ {
		record, err := j.record(seq)
		if err != nil {
			return fmt.Errorf("read %d: %w", seq, err)
		}
		if record == nil {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := visit(seq, record); err != nil {
			return err
		}
	}
}

// record returns a record, or nil past the last.
func (j *log) record(seq uint64) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return nil, journal.ErrClosed
	case seq < max(j.first, 1):
		return nil, journal.ErrTrimmed
	case seq >= j.next:
		return nil, nil
	}
	i, found := slices.BinarySearchFunc(j.chunks, seq, func(c *chunk, seq uint64) int {
		return int(int64(c.first) - int64(seq))
	})
	if !found {
		i--
	}
	r := j.chunks[i].record(seq)
	return r[:len(r):len(r)], nil
}

// Trim implements journal.Journal.
func (j *log) Trim(_ context.Context, before uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return journal.ErrClosed
	}
	before = min(before, j.next)
	j.first = max(j.first, before)
	n := 0
	for n < len(j.chunks) && j.chunks[n].first+uint64(len(j.chunks[n].ends)) <= before {
		c := j.chunks[n]
		j.bytes -= int64(len(c.buf))
		if j.readers == 0 && len(j.spare) < spareMax {
			j.spare = append(j.spare, c)
		}
		n++
	}
	j.chunks = slices.Delete(j.chunks, 0, n)
	return nil
}

// PutBlob implements journal.Blobs.
func (j *log) PutBlob(_ context.Context, data []byte) (string, error) {
	if len(data) > journal.BlobMax {
		return "", fmt.Errorf("blob of %d bytes: %w", len(data), journal.ErrTooLarge)
	}
	sum := sha256.Sum256(data)
	digest := "sha256:" + hex.EncodeToString(sum[:])
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return "", journal.ErrClosed
	}
	if _, ok := j.blobs[digest]; ok {
		return digest, nil
	}
	if j.bytes+int64(len(data)) > j.store.options.Capacity {
		return "", ErrFull
	}
	j.bytes += int64(len(data))
	j.blobs[digest] = slices.Clone(data)
	return digest, nil
}

// Blob implements journal.Blobs.
func (j *log) Blob(_ context.Context, digest string) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil, journal.ErrClosed
	}
	data, ok := j.blobs[digest]
	if !ok {
		return nil, fmt.Errorf("blob %s: %w", digest, journal.ErrNotFound)
	}
	return slices.Clone(data), nil
}

// DeleteBlob implements journal.Blobs.
func (j *log) DeleteBlob(_ context.Context, digest string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return journal.ErrClosed
	}
	j.bytes -= int64(len(j.blobs[digest]))
	delete(j.blobs, digest)
	return nil
}

// Snapshot implements journal.Snapshots.
func (j *log) Snapshot(context.Context) ([]byte, uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return nil, 0, journal.ErrClosed
	case j.revision == 0:
		return nil, 0, journal.ErrNotFound
	}
	return slices.Clone(j.pointer), j.revision, nil
}

// SetSnapshot implements journal.Snapshots.
func (j *log) SetSnapshot(_ context.Context, pointer []byte, revision uint64) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case j.closed:
		return 0, journal.ErrClosed
	case len(pointer) > journal.PointerMax:
		return 0, fmt.Errorf("snapshot pointer of %d bytes: %w", len(pointer), journal.ErrTooLarge)
	case revision != j.revision:
		return 0, journal.ErrConflict
	}
	j.pointer = slices.Clone(pointer)
	j.revision++
	return j.revision, nil
}

// lease is what Acquire gives; the journal's mu guards it.
type lease struct {
	journal *log
	owner   string
	ttl     time.Duration
	until   time.Time
}

// Acquire implements journal.Leases.
func (j *log) Acquire(_ context.Context, owner string, ttl time.Duration) (journal.Lease, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now := j.store.options.Now()
	switch {
	case j.closed:
		return nil, journal.ErrClosed
	case j.lease != nil && j.lease.until.After(now):
		return nil, fmt.Errorf("%w by %s", journal.ErrHeld, j.lease.owner)
	}
	j.lease = &lease{j, owner, ttl, now.Add(ttl)}
	return j.lease, nil
}

// Renew implements journal.Lease.
func (l *lease) Renew(context.Context) error {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	now := l.journal.store.options.Now()
	switch {
	case l.journal.closed:
		return journal.ErrClosed
	case l.journal.lease != l || !l.until.After(now):
		return journal.ErrHeld
	}
	l.until = now.Add(l.ttl)
	return nil
}

// Release implements journal.Lease.
func (l *lease) Release(context.Context) error {
	l.journal.mu.Lock()
	defer l.journal.mu.Unlock()
	if l.journal.lease == l {
		l.journal.lease = nil
	}
	return nil
}

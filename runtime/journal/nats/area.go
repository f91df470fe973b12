package nats

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Limits of areas.
const (
	keepEvery = 10_000      // writes after which what is known of older ones is looked through
	lookEvery = time.Second // how long an area's size is believed
)

// errOld: the server is too old for buckets.
var errOld = errors.New("buckets need a NATS server of version 2.11 or later")

// area is a stream with what actors share: values or objects, and notes of the writes that
// were done for something. Its methods are safe for concurrent use.
type area struct {
	store  *Store
	title  string // for people
	config jetstream.StreamConfig
	size   int64         // bytes that it may have
	trims  []trim        // of the notes
	writes chan struct{} // one for each that runs
	copies chan struct{} // one for the copy that keeps all others from writing
	handle atomic.Pointer[handle]

	mu    sync.Mutex // guards what follows
	bytes int64      // at most so many are there, when nobody else writes
	asked time.Time  // when the server was asked for bytes
	count int        // writes since what is known of older ones was looked through
}

// trim says how many notes are kept.
type trim struct {
	subjects string
	most     uint64
}

func newArea(s *Store, title string, size int64, writers int, trims []trim, c jetstream.StreamConfig) *area {
	return &area{store: s, title: title, size: size, trims: trims, config: c, writes: make(chan struct{}, writers), copies: make(chan struct{}, 1), count: keepEvery}
}

// handle is a stream as one session knows it.
type handle struct {
	session   *session
	stream    jetstream.Stream
	gathering *gathering
	made      time.Time     // when the stream was: another of its name may take its place
	seen      atomic.Uint64 // the newest sequence of values that it is known to have had
	recent    recent        // of a bucket of values
	groups    groups        // likewise
}

// see notes that the stream has had a sequence.
func (h *handle) see(sequence uint64) {
	for seen := h.seen.Load(); sequence > seen && !h.seen.CompareAndSwap(seen, sequence); seen = h.seen.Load() {
	}
}

// call runs one call of the server on the stream, which is made when it is missing.
func (a *area) call(ctx context.Context, what string, f func(ctx context.Context, h *handle) error) error {
	return a.store.call(ctx, what+" in "+a.title, func(ctx context.Context, s *session) error {
		h := a.handle.Load()
		if h == nil || h.session != s {
			stream, err := a.open(ctx, s)
			if err != nil {
				return err
			}
			info := stream.CachedInfo()
			h = &handle{
				session: s, stream: stream, gathering: &gathering{session: s, timeout: a.store.options.CallTimeout, batches: a.config.AllowAtomicPublish},
				made: info.Created, groups: groups{turn: make(chan struct{}, 1)},
			}
			a.handle.Store(h)
		}
		return f(ctx, h)
	})
}

func (a *area) open(ctx context.Context, s *session) (jetstream.Stream, error) {
	if f := a.store.folder; f != nil && f.isAside(a.config.Name) {
		return nil, fmt.Errorf("%w: %w: it was set aside, in %s: see grow fsck", journal.ErrDamaged, bucket.ErrDamaged, filepath.Join(f.path, asideDir, a.config.Name))
	}
	stream, err := s.aside.Stream(ctx, a.config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if stream, err = s.aside.CreateStream(ctx, a.config); errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			stream, err = s.aside.Stream(ctx, a.config.Name)
		}
	}
	if err != nil {
		return nil, err
	}
	have := stream.CachedInfo().Config
	if err := unsettled(&have, a.store.options.Restore); err != nil {
		return nil, fmt.Errorf("%w: %w", bucket.ErrDamaged, err)
	}
	if have.AllowMsgTTL != a.config.AllowMsgTTL || a.config.MaxMsgsPerSubject > 0 && have.MaxMsgsPerSubject != a.config.MaxMsgsPerSubject {
		return nil, errOld
	}
	if a.config.AllowAtomicPublish && !have.AllowAtomicPublish { // an earlier version has made it
		have.AllowAtomicPublish = true
		return s.aside.UpdateStream(ctx, have)
	}
	return stream, nil
}

// enter waits until the write may run, which ends with leave.
func (a *area) enter(ctx context.Context) (leave func(), err error) {
	select {
	case a.writes <- struct{}{}:
		return func() { <-a.writes }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hold waits until no write runs, and keeps others waiting until leave.
func (a *area) hold(ctx context.Context) (leave func(), err error) {
	select {
	case a.copies <- struct{}{}: // two would wait for each other
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	held := 0
	leave = func() {
		for range held {
			<-a.writes
		}
		<-a.copies
	}
	for range cap(a.writes) {
		if _, err := a.enter(ctx); err != nil {
			leave()
			return nil, err
		}
		held++
	}
	return leave, nil
}

// room makes sure that so many bytes may be kept, or returns full. What removes something
// always has room.
func (a *area) room(ctx context.Context, bytes int, removes bool, full error) error {
	need := int64(bytes)
	if err := a.store.room(bytes); err != nil {
		return err
	}
	a.mu.Lock()
	ask := a.bytes+need > a.size || time.Since(a.asked) > lookEvery
	a.mu.Unlock()
	if a.due() {
		err := a.call(ctx, "look through writes", func(ctx context.Context, h *handle) error {
			for _, t := range a.trims {
				if err := h.stream.Purge(ctx, jetstream.WithPurgeSubject(t.subjects), jetstream.WithPurgeKeep(t.most)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if ask {
		if err := a.measure(ctx); err != nil {
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.bytes+need > a.size && !removes {
		return fmt.Errorf("%w: %d bytes are allowed", full, a.size)
	}
	a.bytes += need
	return nil
}

// due reports whether what is known of older writes is to be looked through, and counts one.
func (a *area) due() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.count++; a.count > keepEvery {
		a.count = 0
		return true
	}
	return false
}

// measure asks the server how much is there, and whether it is the stream that is known.
func (a *area) measure(ctx context.Context) error {
	return a.call(ctx, "measure", func(ctx context.Context, h *handle) error {
		seen := h.seen.Load()
		info, err := h.stream.Info(ctx)
		if err != nil {
			return err
		}
		if !info.Created.Equal(h.made) || info.State.LastSeq < seen {
			a.handle.CompareAndSwap(h, nil) // what is known is of a stream that is no more
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.bytes, a.asked = int64(info.State.Bytes), time.Now()
		return nil
	})
}

// last is the message of a subject; nil: there is none. It fails with ErrDamaged for one that cannot
// be read, of which the server says that it is not there.
func (a *area) last(ctx context.Context, h *handle, subject string) (*jetstream.RawStreamMsg, error) {
	m, err := h.stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return a.missing(ctx, h, subject)
	}
	return m, err
}

// noted is the note of a former write; nil: there is none. One that cannot be read is not told from
// one that is not there, for each first write would ask for it: a note is needed after a kill, when
// all of a bucket is looked over before.
func noted(ctx context.Context, h *handle, subject string) (*jetstream.RawStreamMsg, error) {
	m, err := h.stream.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return m, err
}

// missingTries is how often a message is looked for that others write and remove meanwhile.
const missingTries = 10

// missing looks at whether a message that was not found is not there. How many a subject has the
// server knows by an index apart from the messages: one that is counted and was not given, while
// nothing was written, cannot be read.
func (a *area) missing(ctx context.Context, h *handle, subject string) (*jetstream.RawStreamMsg, error) {
	counted := uint64(0) // last sequence of the stream when one was counted
	for range missingTries {
		info, err := h.stream.Info(ctx, jetstream.WithSubjectFilter(subject))
		if err != nil || info.State.Subjects[subject] == 0 {
			return nil, err
		}
		if counted != 0 && counted == info.State.LastSeq {
			return nil, a.damaged()
		}
		counted = info.State.LastSeq
		m, err := h.stream.GetLastMsgForSubject(ctx, subject)
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			return m, err
		}
	}
	return nil, nil
}

func (a *area) damaged() error {
	return fmt.Errorf("%w: %w: a message of %s cannot be read: see grow fsck", journal.ErrDamaged, bucket.ErrDamaged, a.title)
}

// send keeps a message, and returns its sequence; conflict and noRoom are the errors for
// what another has written first and for a server that has no room.
func send(ctx context.Context, h *handle, m *client.Msg, conflict, noRoom error) (uint64, error) {
	sequence, err := h.gathering.send(ctx, m)
	var no *refused
	switch {
	case !errors.As(err, &no):
		return sequence, err
	case no.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || no.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		return 0, conflict
	case full(strings.ToLower(no.Description)):
		return 0, fmt.Errorf("%w: %w", noRoom, no)
	}
	return 0, err
}

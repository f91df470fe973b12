package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Names that everything of ours begins with.
const (
	journalPrefix = "GROW_J_"
	blobPrefix    = "GROW_B_"
)

// Headers of a message that holds a record. The record says the same; here
// tools can read it that know nothing of records.
const (
	headerFormat = "Grow-Format"
	headerEpoch  = "Grow-Epoch"
)

// streamFormat is the metadata of a stream that says its format is known.
const streamFormat = "grow-journal-format"

// code of the error that is the fence, in both forms the server gives it.
const (
	wrongSequence         = jetstream.JSErrCodeStreamWrongLastSequence
	wrongSequenceConstant = jetstream.JSErrCodeStreamWrongLastSequenceConstant
	storeFailed           = jetstream.ErrorCode(10077)
	noResources           = jetstream.ErrorCode(10023)
)

// log is one journal. mu guards what is below it, and is never held while done runs.
type log struct {
	store   *Store
	name    journal.Name
	stream  string // of records
	subject string // of records
	blobs   string // stream of blobs
	blob    string // prefix of the subjects of blobs
	key     string // in the buckets
	format  string

	mu     sync.Mutex
	flight []*op
	doubt  bool
	spots  spots // where Reads of blocks ended
	// What Read need not ask the server for: all that was appended or found since
	// this journal was opened. last 0: it is not known.
	first, last uint64
}

// op is an append under way.
type op struct {
	last  uint64
	shaky bool   // an append before it has an unknown outcome, so the fence says nothing
	held  []byte // the record, until the append before it has landed; nil: it is sent
	done  func(uint64, error)
}

// precededError: an append was not sent, since the one before it failed.
type precededError struct{ cause error }

// Error implements error.
func (e *precededError) Error() string { return "the one before it failed: " + e.cause.Error() }

func newLog(s *Store, n journal.Name) *log {
	id := fmt.Sprintf("%s_%s_%02d", n.Namespace, n.Service, n.Number)
	dotted := fmt.Sprintf("%s.%s.%02d", n.Namespace, n.Service, n.Number)
	return &log{
		store: s, name: n, stream: journalPrefix + id, subject: "grow.j." + dotted, blobs: blobPrefix + id, blob: "grow.b." + dotted + ".",
		key: fmt.Sprintf("%s.%02d", n.Service, n.Number), format: strconv.Itoa(journal.FormatVersion),
	}
}

// open makes the journal's streams and buckets, or checks those that are there.
func (l *log) open(ctx context.Context) error {
	for _, c := range l.configs() {
		if err := l.store.call(ctx, "open stream "+c.Name, func(ctx context.Context, s *session) error { return openStream(ctx, s.js, c) }); err != nil {
			return err
		}
	}
	return l.openBuckets(ctx)
}

// configs are the settings of the streams of records and of blobs.
func (l *log) configs() [2]jetstream.StreamConfig {
	replicas := l.store.options.Replicas
	shared := jetstream.StreamConfig{
		Storage: jetstream.FileStorage, Replicas: replicas, AllowDirect: true, Duplicates: 100 * time.Millisecond,
		MaxMsgSize: 1 << 20, Metadata: map[string]string{streamFormat: l.format},
	}
	records := shared
	records.Name, records.Subjects, records.DenyDelete = l.stream, []string{l.subject}, true
	blobs := shared
	blobs.Name, blobs.Subjects, blobs.MaxMsgsPerSubject = l.blobs, []string{l.blob + ">"}, 1
	return [2]jetstream.StreamConfig{records, blobs}
}

// openStream makes a stream, or checks that the one that is there is ours.
func openStream(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) error {
	stream, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if stream, err = js.CreateStream(ctx, want); errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			stream, err = js.Stream(ctx, want.Name)
		}
	}
	if err != nil {
		return err
	}
	return checkStream(stream.CachedInfo().Config, want)
}

// checkStream refuses a stream whose settings would lose or change records.
func checkStream(got, want jetstream.StreamConfig) error {
	if err := unsettled(&got, ""); err != nil {
		return err
	}
	switch format := got.Metadata[streamFormat]; format {
	case want.Metadata[streamFormat]:
	case "":
		return fmt.Errorf("%w: stream %s was made by something else", journal.ErrForeign, want.Name)
	case unfinishedFormat:
		return fmt.Errorf("%w: a restore into stream %s did not come to its end: repeat it, or delete it on the server and restore again", journal.ErrDamaged, want.Name)
	default:
		return fmt.Errorf("%w: stream %s is of version %s; this version of grow reads %s", journal.ErrFormat, want.Name, format, want.Metadata[streamFormat])
	}
	for what, pair := range map[string][2]any{
		"subjects": {fmt.Sprint(got.Subjects), fmt.Sprint(want.Subjects)}, "storage": {got.Storage, want.Storage}, "retention": {got.Retention, want.Retention},
		"max_age": {got.MaxAge, want.MaxAge}, "max_msgs_per_subject": {max(got.MaxMsgsPerSubject, 0), want.MaxMsgsPerSubject}, "deny_delete": {got.DenyDelete, want.DenyDelete},
		"max_msgs": {max(got.MaxMsgs, 0), max(want.MaxMsgs, 0)}, "max_bytes": {max(got.MaxBytes, 0), max(want.MaxBytes, 0)}, "allow_direct": {got.AllowDirect, true},
		"sealed": {got.Sealed, false}, "mirror": {got.Mirror != nil, false}, "sources": {len(got.Sources), 0}, "subject_transform": {got.SubjectTransform != nil, false},
	} {
		if pair[0] != pair[1] {
			return fmt.Errorf("%w: %s of stream %s is %v and must be %v", journal.ErrForeign, what, want.Name, pair[0], pair[1])
		}
	}
	if got.MaxMsgSize > 0 && got.MaxMsgSize < journal.RecordMax+overhead {
		return fmt.Errorf("%w: max_msg_size of stream %s is %d", journal.ErrPayload, want.Name, got.MaxMsgSize)
	}
	return nil
}

// Append implements journal.Journal.
func (l *log) Append(record []byte, last uint64, done func(uint64, error)) {
	o := &op{last: last, done: done}
	held, err := l.begin(o, record)
	if err != nil {
		done(0, fmt.Errorf("append to %s after %d: %w", l.name, last, err))
		return
	}
	if !held {
		l.publish(o, record)
	}
}

// publish sends the record of an append.
func (l *log) publish(o *op, record []byte) {
	header := client.Header{jetstream.ExpectedLastSeqHeader: {strconv.FormatUint(o.last, 10)}, headerFormat: {l.format}}
	if epoch, format, ok := journal.Version(record); ok {
		header[headerEpoch] = []string{strconv.FormatUint(epoch, 10)}
		header[headerFormat] = []string{strconv.Itoa(int(format))}
	}
	failpoint("append.before")
	l.store.session.Load().publish(l.subject, header, record, l.store.options.AppendTimeout, func(seq uint64, err error) { l.landed(o, seq, err) })
}

// begin takes an append on, or says why not. It is held when it is to be sent after
// the one before it has landed.
func (l *log) begin(o *op, record []byte) (held bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case len(record) > journal.RecordMax:
		return false, fmt.Errorf("a record of %d bytes: %w", len(record), journal.ErrTooLarge)
	case len(l.flight) == journal.InFlight:
		return false, journal.ErrBusy
	}
	err = l.store.room(len(record))
	if err == nil && l.doubt {
		err = journal.ErrUnknown
	}
	if err != nil {
		l.doubt = true
		return false, err
	}
	if held = len(l.flight) > 0 && l.store.disk == nil; held {
		// Servers that others write to, too, may have got a record of theirs in the place
		// of the one under way. It would be refused then, and this one fit.
		o.held = bytes.Clone(record)
	}
	l.flight = append(l.flight, o)
	return held, nil
}

// landed ends an append; on whatever goroutine.
func (l *log) landed(o *op, seq uint64, err error) {
	if err == nil && seq != o.last+1 {
		err = fmt.Errorf("the server kept it as %d", seq)
	}
	l.mu.Lock()
	for i, other := range l.flight {
		if other == o {
			l.flight = slices.Delete(l.flight, i, i+1) // what it was done for is let go
			break
		}
	}
	err = l.appendError(o, err)
	if err == nil && l.last != 0 {
		l.last = max(l.last, seq)
	}
	if err != nil && !errors.Is(err, journal.ErrFenced) && !errors.Is(err, journal.ErrTooLarge) {
		l.doubt = true
		for _, other := range l.flight {
			other.shaky = true
		}
	}
	next, record := l.next()
	l.mu.Unlock()
	if err != nil {
		seq, err = 0, fmt.Errorf("append to %s after %d: %w", l.name, o.last, err)
	}
	failpoint("append.kept")
	o.done(seq, err)
	failpoint("append.told")
	switch {
	case next == nil:
	case err != nil:
		l.landed(next, 0, &precededError{err})
	default:
		l.publish(next, record)
	}
}

// next is the append that was held until another had landed. The caller holds mu.
func (l *log) next() (*op, []byte) {
	if len(l.flight) == 0 || l.flight[0].held == nil {
		return nil, nil
	}
	o := l.flight[0]
	record := o.held
	o.held = nil
	return o, record
}

// appendError names what became of an append.
func (l *log) appendError(o *op, err error) error {
	var no *refused
	var preceded *precededError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &preceded):
		if errors.Is(preceded.cause, journal.ErrFenced) {
			return fmt.Errorf("%w: %w", journal.ErrFenced, err)
		}
		return fmt.Errorf("%w: %w", journal.ErrUnknown, err)
	case errors.As(err, &no):
		switch {
		case no.ErrorCode == wrongSequence || no.ErrorCode == wrongSequenceConstant:
			if o.shaky {
				return fmt.Errorf("%w: the one before it failed", journal.ErrUnknown)
			}
			return fmt.Errorf("%w: %s", journal.ErrFenced, no.Description)
		case no.ErrorCode == jetstream.JSErrCodeStreamMessageExceedsMaximum:
			return journal.ErrTooLarge
		}
		// A store that failed takes nothing more until it is opened anew, and
		// may have written the record before it did.
		cause := fmt.Errorf("%w: %w", journal.ErrUnhealthy, no)
		if full(no.Description) || no.ErrorCode == noResources {
			cause = fmt.Errorf("%w: %w", journal.ErrFull, no)
		}
		l.store.keeper.fail(cause, true)
		return fmt.Errorf("%w: %w", journal.ErrUnknown, cause)
	case l.store.closed.Load():
		return journal.ErrClosed
	case errors.Is(err, errNotSent):
		l.store.keeper.fail(err, true)
		return fmt.Errorf("%w: %w", journal.ErrUnhealthy, err)
	case errors.Is(err, errNoAnswer):
		l.store.keeper.strike(time.Now())
	}
	return fmt.Errorf("%w: %w", journal.ErrUnknown, err)
}

// Bounds implements journal.Journal.
func (l *log) Bounds(ctx context.Context) (first, last uint64, err error) {
	first, last, err = l.bounds(ctx)
	if err == nil {
		l.mu.Lock()
		l.doubt = false
		l.mu.Unlock()
	}
	return first, last, err
}

func (l *log) bounds(ctx context.Context) (first, last uint64, err error) {
	err = l.store.call(ctx, "find the bounds of "+l.name.String(), func(ctx context.Context, s *session) error {
		stream, err := s.js.Stream(ctx, l.stream)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return fmt.Errorf("%w: stream %s is gone", journal.ErrDamaged, l.stream)
		}
		if err != nil {
			return err
		}
		state := stream.CachedInfo().State
		first, last = max(state.FirstSeq, 1), state.LastSeq
		if state.Msgs == 0 {
			first = last + 1
		}
		return nil
	})
	if err == nil {
		l.mu.Lock()
		l.first, l.last = max(l.first, first), max(l.last, last)
		l.mu.Unlock()
	}
	return first, last, err
}

// extent is the bounds as far as this journal's one owner knows them, who has
// the folder to itself; the server is asked when that is not enough.
func (l *log) extent(ctx context.Context) (first, last uint64, err error) {
	l.mu.Lock()
	first, last = l.first, l.last
	known := last != 0 && !l.doubt && l.store.folder != nil
	l.mu.Unlock()
	if known && l.store.usable() == nil {
		return first, last, nil
	}
	return l.bounds(ctx)
}

// Trim implements journal.Journal.
func (l *log) Trim(ctx context.Context, before uint64) error {
	first, last, err := l.bounds(ctx)
	if err != nil {
		return err
	}
	if before = min(before, last+1); before <= first {
		return nil
	}
	failpoint("trim.before")
	err = l.purge(ctx, l.stream, jetstream.WithPurgeSequence(before))
	failpoint("trim.after")
	l.mu.Lock()
	if err == nil {
		l.first = max(l.first, before)
	} else {
		l.last = 0 // to be asked for
	}
	l.mu.Unlock()
	return err
}

func (l *log) purge(ctx context.Context, stream string, opts ...jetstream.StreamPurgeOpt) error {
	return l.store.call(ctx, "trim "+stream, func(ctx context.Context, s *session) error {
		held, err := s.js.Stream(ctx, stream)
		if err != nil {
			return err
		}
		return held.Purge(ctx, opts...)
	})
}

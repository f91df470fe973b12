package nats

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/grow-platform/grow/runtime/bucket"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// writeTries is how often a write is tried that others get into the way of.
const writeTries = 100

// finding is what was there of a key when a write of it was looked for. It is not changed.
type finding struct {
	done   uint64   // the revision that the write made when it was done before; 0: it was not
	there  uint64   // the revision of the value; 0: there is none
	expect uint64   // the sequence of the value, or of what is left of one; 0: nothing is
	told   uint64   // the sequence of a note of the write; 0: there is none, or it is the first
	before []former // what the value was written for and took the place of; the oldest are noted
}

// find looks a write up. If it was not done before, there is room for what the value is for that it
// takes the place of, so that each write is known by a value, or by what is with it, or by a note.
// That nobody has asked for the first says that it was not done, and what this process has written
// last need not be asked for: then the finding is not fresh.
func (v *values) find(ctx context.Context, h *handle, w *bucket.Write, first bool) (f *finding, fresh bool, err error) {
	if first {
		f = h.recent.get(w.Key)
	}
	if f == nil {
		fresh = true
		if f, err = v.look(ctx, h, w, first); err != nil || f.done != 0 {
			return f, true, err
		}
	}
	if len(f.before) < formersMax && (w.TTL == 0 || len(f.before) == 0) {
		return f, fresh, nil
	}
	if err := v.note(ctx, h, f.before); err != nil { // a value that goes by itself takes nothing with it
		return nil, false, err
	}
	return &finding{there: f.there, expect: f.expect, told: f.told}, fresh, nil
}

// look asks the server what is there.
func (v *values) look(ctx context.Context, h *handle, w *bucket.Write, first bool) (*finding, error) {
	m, err := v.last(ctx, h, v.subject(encodeKey(w.Key)))
	if err != nil {
		return nil, err
	}
	f := &finding{}
	if m != nil {
		if f.before, err = v.formers(m); err != nil {
			return nil, err
		}
		if f.expect = m.Sequence; m.Header.Get(operation) == "" {
			f.there = revisionOf(m)
		}
	}
	if !first {
		f.done, err = v.known(ctx, h, w, m, f)
	}
	return f, err
}

// write does a write that was not done before. What was prepared, or is remembered, may be no
// longer so: then it is in conflict with what is there, and looked up again.
func (v *values) write(ctx context.Context, h *handle, w *bucket.Write) (revision uint64, err error) {
	f, _ := w.Prepared.(*finding)
	fresh := false
	for try := 1; ; try++ {
		if f == nil {
			if f, fresh, err = v.find(ctx, h, w, w.First && try == 1); err != nil {
				return 0, err
			}
		}
		if f.done != 0 {
			return f.done, nil
		}
		if w.If != nil && *w.If != f.there {
			if fresh {
				return 0, bucket.ErrConflict
			}
			f = nil
			continue
		}
		if revision, err = v.put(ctx, h, w, f); !errors.Is(err, bucket.ErrConflict) || try == writeTries {
			return revision, err
		}
		f = nil
	}
}

// put does a write for what was found, or fails with ErrConflict.
func (v *values) put(ctx context.Context, h *handle, w *bucket.Write, f *finding) (revision uint64, err error) {
	noted, err := v.foretell(ctx, h, w, f)
	if err != nil {
		return 0, err
	}
	revision, err = v.publish(ctx, h, w, f, noted)
	if noted > 0 && (errors.Is(err, bucket.ErrConflict) || errors.Is(err, bucket.ErrFull)) {
		err = errors.Join(err, v.withdraw(ctx, h, w, noted))
	}
	list := f.before
	if w.Once != "" {
		list = append(list[:len(list):len(list)], former{w.Once, revision})
	}
	if err != nil || w.Delete || w.TTL > 0 {
		h.recent.set(w.Key, nil)
	} else {
		h.recent.set(w.Key, &finding{there: revision, expect: revision, before: list})
	}
	if err != nil || !w.Delete {
		return revision, err
	}
	if err := v.note(ctx, h, list); err != nil { // what is with it goes
		return 0, err
	}
	return revision, v.unmark(ctx, h, w.Key, revision)
}

// unmark removes what says that a key was removed, now that there is a note of it. What a
// crash leaves of it stays, so that the removal is known, until the key is written.
func (v *values) unmark(ctx context.Context, h *handle, key string, revision uint64) error {
	return h.stream.Purge(ctx, jetstream.WithPurgeSubject(v.subject(encodeKey(key))), jetstream.WithPurgeSequence(revision+1))
}

// publish sends a write, for what was found, and returns its revision: as, or what the server
// gives it when that is 0.
func (v *values) publish(ctx context.Context, h *handle, w *bucket.Write, f *finding, as uint64) (uint64, error) {
	m := client.NewMsg(v.subject(encodeKey(w.Key)))
	m.Data = w.Data
	if w.TTL > 0 {
		m.Header.Set(messageTTL, w.TTL.String())
	}
	if w.Delete {
		m.Data = nil
		m.Header.Set(operation, removed)
	}
	if w.Once != "" {
		m.Header.Set(writtenFor, w.Once)
	}
	if len(f.before) > 0 {
		m.Header.Set(replaced, writeFormers(f.before))
	}
	if as > 0 {
		m.Header.Set(restoredAs, strconv.FormatUint(as, 10))
	}
	m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(f.expect, 10))
	sequence, err := send(ctx, h, m, bucket.ErrConflict, bucket.ErrFull)
	if err == nil {
		h.see(sequence)
	}
	if err != nil || as == 0 {
		return sequence, err
	}
	return as, nil
}

// recentMax is how many keys have what was written last remembered.
const recentMax = 4096

// recent is what this process wrote last, by key: what a write need not ask for, as the server
// refuses it when another has written since. It is safe for concurrent use.
type recent struct {
	mu sync.Mutex
	of map[string]*finding
}

func (r *recent) get(key string) *finding {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.of[key]
}

// set remembers what is there of a key; nil: nobody knows.
func (r *recent) set(key string, f *finding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f == nil {
		delete(r.of, key)
		return
	}
	if r.of == nil {
		r.of = map[string]*finding{}
	}
	if _, ok := r.of[key]; !ok && len(r.of) >= recentMax {
		for other := range r.of {
			delete(r.of, other)
			break
		}
	}
	r.of[key] = f
}

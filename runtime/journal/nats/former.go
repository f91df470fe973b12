package nats

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// former is a write that was done for something: of a value that is there, or was before.
type former struct {
	once     string
	revision uint64 // that the write made
}

// A value has with it what it took the place of, so that a write is known by the value or by what
// is with it, and no note is written for each. When there are formersMax of them they go into one
// note, before the next write leaves them out.
const (
	formersMax  = 8
	formersSize = formersMax * (bucket.OnceMax + len("=18446744073709551615 ")) // bytes, at most
)

// writeFormers makes a text of formers, which readFormers reads.
func writeFormers(list []former) string {
	var b strings.Builder
	for i, f := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%d", f.once, f.revision)
	}
	return b.String()
}

// readFormers adds to a list what writeFormers wrote.
func (v *values) readFormers(list []former, text string) ([]former, error) {
	for word := range strings.FieldsSeq(text) {
		once, number, _ := strings.Cut(word, "=")
		revision, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: %w: a note of %s cannot be read: %w", journal.ErrDamaged, bucket.ErrDamaged, v.title, err)
		}
		list = append(list, former{once, revision})
	}
	return list, nil
}

// formers are what a message of a key was written for, and what it took the place of.
func (v *values) formers(m *jetstream.RawStreamMsg) ([]former, error) {
	list, err := v.readFormers(nil, m.Header.Get(replaced))
	if once := m.Header.Get(writtenFor); once != "" && err == nil {
		list = append(list, former{once, revisionOf(m)})
	}
	return list, err
}

// known is the revision of a write that was done before; 0: it was not. m is what is there
// of its key, if anything, and f what was found of it.
func (v *values) known(ctx context.Context, h *handle, w *bucket.Write, m *jetstream.RawStreamMsg, f *finding) (uint64, error) {
	if w.Once == "" {
		return 0, nil
	}
	for _, b := range f.before {
		if b.once == w.Once {
			return b.revision, nil
		}
	}
	note, err := noted(ctx, h, v.done(w.Once))
	if err != nil {
		return 0, err
	}
	after, foretold := "", false
	if note != nil {
		f.told = note.Sequence
		if after, foretold = strings.CutPrefix(string(note.Data), goesAfter); !foretold {
			return strconv.ParseUint(string(note.Data), 10, 64)
		}
	}
	if revision, err := h.groups.find(ctx, h, v, w.Once); revision != 0 || err != nil || !foretold {
		return revision, err
	}
	return v.gone(ctx, h, note, after, m)
}

// goesAfter begins a note of a value that goes by itself, and the time that it has follows. It
// is written before the value, which may be gone before anybody could note that it was there;
// the value has the revision of the note.
const goesAfter = "goes after "

// foretell notes a write whose value goes by itself, before it is done, and returns the
// revision that the value shall have; 0: what the server gives it. It fails with ErrConflict
// when somebody has noted the write meanwhile.
func (v *values) foretell(ctx context.Context, h *handle, w *bucket.Write, f *finding) (uint64, error) {
	if w.Once == "" || w.TTL == 0 || w.Delete {
		return 0, nil
	}
	m := client.NewMsg(v.done(w.Once))
	m.Data = []byte(goesAfter + w.TTL.String())
	m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(f.told, 10))
	return send(ctx, h, m, bucket.ErrConflict, bucket.ErrFull)
}

// withdraw removes the note of a write that the server has refused, which would say later that
// it was done. One that was done is in its own way when it is sent once more.
func (v *values) withdraw(ctx context.Context, h *handle, w *bucket.Write, noted uint64) error {
	m, err := v.last(ctx, h, v.subject(encodeKey(w.Key)))
	if err != nil || m != nil && m.Header.Get(writtenFor) == w.Once {
		return err
	}
	return h.stream.Purge(ctx, jetstream.WithPurgeSubject(v.done(w.Once)), jetstream.WithPurgeSequence(noted+1))
}

// gone is the revision of a value that was foretold and is not there, if its time is over. m is
// what is there instead. Had the value been there when that was written, it would be with it, or
// a note would say so; and one whose time is over by the server's clock may as well have been there.
func (v *values) gone(ctx context.Context, h *handle, note *jetstream.RawStreamMsg, after string, m *jetstream.RawStreamMsg) (uint64, error) {
	ttl, err := time.ParseDuration(after)
	if err != nil {
		return 0, fmt.Errorf("%w: %w: a note of %s cannot be read: %w", journal.ErrDamaged, bucket.ErrDamaged, v.title, err)
	}
	began := note.Time
	if at, err := time.Parse(time.RFC3339Nano, note.Header.Get(notedAt)); err == nil {
		began = at
	}
	var now time.Time
	if m != nil {
		now = m.Time
	} else {
		info, err := h.stream.Info(ctx)
		if err != nil {
			return 0, err
		}
		now = info.TimeStamp
	}
	if m != nil && m.Sequence < note.Sequence || now.Before(began.Add(ttl)) {
		return 0, nil
	}
	return revisionOf(note), nil
}

// note keeps what writes were for, and the revisions that they made.
func (v *values) note(ctx context.Context, h *handle, list []former) error {
	send := func(subject, text string) error {
		m := client.NewMsg(subject)
		m.Data = []byte(text)
		_, err := send(ctx, h, m, bucket.ErrConflict, bucket.ErrFull)
		return err
	}
	if len(list) == formersMax { // a revision is of one write, so there is one note of that name
		return send(v.together(strconv.FormatUint(list[len(list)-1].revision, 10)), writeFormers(list))
	}
	for _, f := range list {
		if err := send(v.done(f.once), strconv.FormatUint(f.revision, 10)); err != nil {
			return err
		}
	}
	return nil
}

// groups is what the notes of several writes say, as far as they were read. Only a write that may
// have been done before is looked for in them. It is safe for concurrent use.
type groups struct {
	turn      chan struct{}     // whoever has put something in may use what follows
	next      uint64            // the sequence from which on they were not read
	revisions map[string]uint64 // by what a write was for; nil: nothing was read
}

// find is the revision of a write; 0: no note has it.
func (g *groups) find(ctx context.Context, h *handle, v *values, once string) (uint64, error) {
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if g.revisions == nil || len(g.revisions) > 2*bucket.OnceKept { // of which the server has forgotten half
		if err := g.readAll(ctx, h, v); err != nil {
			return 0, err
		}
	}
	for { // what came since
		m, err := h.stream.GetMsg(ctx, g.next, jetstream.WithGetMsgSubject(v.together("*")))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return g.revisions[once], nil
		}
		if err == nil {
			err = g.add(v, m.Data, m.Sequence)
		}
		if err != nil {
			return 0, err
		}
	}
}

// readAll reads what there is in a few large batches. If the server leaves something out, all is read
// one by one after that.
func (g *groups) readAll(ctx context.Context, h *handle, v *values) error {
	g.revisions, g.next = map[string]uint64{}, 1
	whole, err := v.newest(ctx, h, jetstream.ConsumerConfig{FilterSubject: v.together("*")}, valuesBatch, func(m jetstream.Msg, at *jetstream.MsgMetadata) error {
		return g.add(v, m.Data(), at.Sequence.Stream)
	})
	switch {
	case err != nil:
		g.revisions = nil
	case !whole:
		g.next = 1
	}
	return err
}

// add takes in a note of a sequence.
func (g *groups) add(v *values, text []byte, sequence uint64) error {
	list, err := v.readFormers(nil, string(text))
	for _, f := range list {
		g.revisions[f.once] = f.revision
	}
	g.next = max(g.next, sequence+1)
	return err
}

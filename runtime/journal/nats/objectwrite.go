package nats

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/object"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// Write implements object.Bucket.
func (o *objects) Write(ctx context.Context, w *object.Write) (object.Info, error) {
	if err := w.Check(); err != nil {
		return object.Info{}, err
	}
	leave, err := o.enter(ctx)
	if err != nil {
		return object.Info{}, err
	}
	defer leave()
	if err := o.space(ctx, 8*entrySize+4*len(w.Key)+len(w.Data), w.Delete); err != nil {
		return object.Info{}, err
	}
	return o.write(ctx, w)
}

// space is room for bytes. Parts that have waited too long are looked for every so many writes
// and, if not a moment ago, when there is none.
func (o *objects) space(ctx context.Context, bytes int, removes bool) error {
	if o.swept.Add(1) > sweepEvery {
		o.swept.Store(0)
		if err := o.sweep(ctx); err != nil {
			return err
		}
	}
	err := o.room(ctx, bytes, removes, object.ErrFull)
	last, now := o.full.Load(), o.now().UnixNano()
	if !errors.Is(err, object.ErrFull) || now-last < int64(sweptFull) || !o.full.CompareAndSwap(last, now) {
		return err
	}
	if err := o.sweep(ctx); err != nil {
		return err
	}
	return o.room(ctx, bytes, removes, object.ErrFull)
}

// write does a write that was not done before. As with values, what is replaced has its note
// first, so that a write is known by its object or by a note.
func (o *objects) write(ctx context.Context, w *object.Write) (object.Info, error) {
	var g *gathered
	for try := 1; ; try++ {
		have, err := o.look(ctx, w.Key)
		if err != nil {
			return object.Info{}, err
		}
		if info, ok, err := o.known(ctx, w, &have); ok || err != nil {
			return info, err
		}
		switch {
		case !w.Expects(have.revision()):
			return object.Info{}, errors.Join(object.ErrConflict, o.discard(ctx, w, g))
		case w.Upload != "" && have.NUID == w.Upload:
			return object.Info{}, object.ErrNoUpload // it has become an object
		case w.Delete && !have.there():
			return object.Info{}, o.note(ctx, w.Once, object.Info{})
		case g == nil:
			if g, err = o.content(ctx, w); err != nil {
				return object.Info{}, err
			}
		}
		if err := o.note(ctx, have.once, have.info()); err != nil {
			return object.Info{}, err
		}
		now, err := o.publish(ctx, w, g, have.seq)
		if err == nil {
			return now.info(), o.replaced(ctx, w, g, &have, now)
		}
		if !errors.Is(err, object.ErrConflict) {
			return object.Info{}, err
		}
		if try == writeTries {
			return object.Info{}, errors.Join(err, o.discard(ctx, w, g))
		}
		if w.Upload != "" {
			g = nil // another may have made an object of the same parts
		}
	}
}

// known is what came of a write that was done before; false: it was not.
func (o *objects) known(ctx context.Context, w *object.Write, have *written) (info object.Info, ok bool, err error) {
	if w.Once == "" {
		return info, false, nil
	}
	if have.once == w.Once {
		return have.info(), true, nil
	}
	err = o.call(ctx, "look for a former write", func(ctx context.Context, h *handle) error {
		note, err := noted(ctx, h, o.done(w.Once))
		if note == nil || err != nil {
			return err
		}
		ok = true
		return json.Unmarshal(note.Data, &info)
	})
	return info, ok, err
}

// content keeps what an object is to be made of, where it is not kept yet.
func (o *objects) content(ctx context.Context, w *object.Write) (*gathered, error) {
	if w.Upload != "" {
		return o.gather(ctx, w)
	}
	g := &gathered{id: nuid.Next(), size: int64(len(w.Data)), sum: sha256.New()}
	g.sum.Write(w.Data)
	var err error
	g.list, err = o.keep(ctx, g.id, w.Key, 1, w.Data)
	return g, err
}

// discard removes what was kept for an object that does not come about. An upload stays.
func (o *objects) discard(ctx context.Context, w *object.Write, g *gathered) error {
	if g == nil || w.Upload != "" {
		return nil
	}
	return o.purge(ctx, o.chunks(g.id), 0)
}

// publish makes an object, or removes one, in place of what has the sequence expected.
func (o *objects) publish(ctx context.Context, w *object.Write, g *gathered, expect uint64) (*written, error) {
	now := &written{once: w.Once, ObjectInfo: jetstream.ObjectInfo{
		ObjectMeta: jetstream.ObjectMeta{Name: w.Key, Metadata: map[string]string{chunkList: writeChunks(g.list)}, Opts: &jetstream.ObjectMetaOptions{ChunkSize: chunkSize}},
		Bucket:     o.name, NUID: g.id, Size: uint64(g.size), Chunks: uint32(len(g.list)), Digest: jetstream.GetObjectDigestValue(g.sum), ModTime: time.Now().UTC(), Deleted: w.Delete,
	}}
	m := client.NewMsg(o.meta(w.Key))
	var err error
	if m.Data, err = json.Marshal(&now.ObjectInfo); err != nil {
		return nil, err
	}
	m.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(expect, 10))
	if w.Once != "" {
		m.Header.Set(writtenFor, w.Once)
	}
	err = o.call(ctx, "write", func(ctx context.Context, h *handle) error {
		now.seq, err = send(ctx, h, m, object.ErrConflict, object.ErrFull)
		return err
	})
	return now, err
}

// replaced removes what is of no use any more after a write. What is left of it, should it be
// broken off, sweep removes.
func (o *objects) replaced(ctx context.Context, w *object.Write, g *gathered, former, now *written) error {
	var err error
	if w.Delete {
		// The mark of the removal goes when there is a note in its place.
		if err = o.note(ctx, w.Once, object.Info{}); err == nil {
			err = o.purge(ctx, o.meta(w.Key), now.seq)
		}
	}
	if former.there() && err == nil {
		err = o.purge(ctx, o.chunks(former.NUID), 0)
	}
	for _, seq := range g.extra {
		if err != nil {
			break
		}
		err = o.call(ctx, "remove a part", func(ctx context.Context, h *handle) error {
			if err := h.stream.DeleteMsg(ctx, seq); !errors.Is(err, jetstream.ErrMsgNotFound) {
				return err
			}
			return nil
		})
	}
	return err
}

// purge removes what a subject has, up to a sequence when that is not 0.
func (o *objects) purge(ctx context.Context, subject string, to uint64) error {
	return o.call(ctx, "remove", func(ctx context.Context, h *handle) error {
		list := []jetstream.StreamPurgeOpt{jetstream.WithPurgeSubject(subject)}
		if to != 0 {
			list = append(list, jetstream.WithPurgeSequence(to+1))
		}
		return h.stream.Purge(ctx, list...)
	})
}

// note keeps what a write was for, and what came of it.
func (o *objects) note(ctx context.Context, once string, now object.Info) error {
	if once == "" {
		return nil
	}
	m := client.NewMsg(o.done(once))
	var err error
	if m.Data, err = json.Marshal(now); err != nil {
		return err
	}
	m.Header.Set(jetstream.MsgRollup, jetstream.MsgRollupSubject)
	return o.call(ctx, "note", func(ctx context.Context, h *handle) error {
		_, err := send(ctx, h, m, object.ErrConflict, object.ErrFull)
		return err
	})
}

// sweep removes chunks that belong to no object: parts that have waited too long, and what
// crashes have left.
func (o *objects) sweep(ctx context.Context) error {
	var names []string
	err := o.call(ctx, "list parts", func(ctx context.Context, h *handle) error {
		info, err := h.stream.Info(ctx, jetstream.WithSubjectFilter(o.chunks(">")))
		if err != nil {
			return err
		}
		for subject := range info.State.Subjects {
			names = append(names, strings.TrimPrefix(subject, o.chunks("")))
		}
		return nil
	})
	if err != nil || len(names) == 0 {
		return err
	}
	var used, damaged map[string]bool // names of chunks, and keys of objects that do not say which are theirs
	err = o.each(ctx, func() { used, damaged = map[string]bool{}, map[string]bool{} }, func(i *jetstream.ObjectInfo) { used[i.NUID] = true }, func(key string) { damaged[key] = true })
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(slices.Values(names)) {
		if used[id] {
			continue
		}
		err := o.call(ctx, "remove parts", func(ctx context.Context, h *handle) error {
			m, err := o.last(ctx, h, o.chunks(id))
			if errors.Is(err, bucket.ErrDamaged) {
				return nil // it is for fsck to tell of
			}
			if m == nil || err != nil || o.now().Sub(m.Time) < sweptAfter {
				return err
			}
			if p, ok := readPlace(m.Header.Get(chunkPlace)); len(damaged) > 0 && (!ok || damaged[p.key]) {
				return nil
			}
			return h.stream.Purge(ctx, jetstream.WithPurgeSubject(o.chunks(id)), jetstream.WithPurgeSequence(m.Sequence+1))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

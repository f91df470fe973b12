// Package archive looks a journal over, and carries it from one place to another:
// out of a data folder that is damaged, into a backup, out of one again.
//
// A journal is carried as what recovery needs: a snapshot, the records that follow
// it, and the blobs of both. Whatever kind of store it comes from, it can go to any
// other.
package archive

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
)

// Source is a journal that is read, whole or damaged: a journal.Journal, one in a
// nats.Salvage, or a backup. Errors are those of a journal.
type Source interface {
	Bounds(ctx context.Context) (first, last uint64, err error)
	Read(ctx context.Context, from uint64, visit func(seq uint64, record []byte) error) error
	Blob(ctx context.Context, digest string) ([]byte, error)
	Snapshot(ctx context.Context) (pointer []byte, revision uint64, err error)
}

// errEnough ends a reading that has seen what it wanted.
var errEnough = errors.New("enough has been read")

// readUntil visits the records from one to another, both included.
func readUntil(ctx context.Context, src Source, from, to uint64, visit func(seq uint64, record []byte) error) error {
	if from > to {
		return nil
	}
	err := src.Read(ctx, from, func(seq uint64, record []byte) error {
		if err := visit(seq, record); err != nil {
			return err
		}
		if seq == to {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%w: it ends before record %d", journal.ErrShort, to)
	}
	return err
}

// pointed is the snapshot that the pointer leads to; nil: there is none.
func pointed(ctx context.Context, src Source) (*journal.SnapshotTaken, error) {
	pointer, _, err := src.Snapshot(ctx)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find the snapshot: %w", err)
	}
	return readPointer(pointer)
}

func readPointer(pointer []byte) (taken *journal.SnapshotTaken, err error) {
	err = journal.Entries(pointer, func(e journal.Entry) error {
		if t, ok := e.(*journal.SnapshotTaken); ok {
			taken = &journal.SnapshotTaken{Sequence: t.Sequence, Object: strings.Clone(t.Object), Digest: strings.Clone(t.Digest)}
		}
		return nil
	})
	if err == nil && taken == nil {
		err = fmt.Errorf("%w: it names no snapshot", journal.ErrDamaged)
	}
	if err != nil {
		return nil, fmt.Errorf("read the snapshot pointer: %w", err)
	}
	return taken, nil
}

// readRoot reads the root of a snapshot, or returns ErrDamaged.
func readRoot(data []byte) (root *journal.Root, err error) {
	err = journal.Entries(data, func(e journal.Entry) error {
		r, ok := e.(*journal.Root)
		if !ok || root != nil {
			return fmt.Errorf("%w: %T in the root of a snapshot", journal.ErrDamaged, e)
		}
		root = r
		return nil
	})
	if err == nil && root == nil {
		err = fmt.Errorf("%w: the root of a snapshot is empty", journal.ErrDamaged)
	}
	return root, err
}

// needs are the digests of a snapshot's blobs, its root first.
func needs(ctx context.Context, src Source, root string) ([]string, error) {
	data, err := src.Blob(ctx, root)
	if err != nil {
		return nil, fmt.Errorf("read the root of the snapshot: %w", err)
	}
	r, err := readRoot(data)
	if err != nil {
		return nil, err
	}
	list := []string{root}
	for _, p := range r.Pages {
		if p.Digest != "" {
			list = append(list, strings.Clone(p.Digest))
		}
	}
	return list, nil
}

// replay folds what a snapshot holds and the records that follow it, up to one; root
// "" is the world before the first record. The world is nil when the snapshot itself
// cannot be used, otherwise it tells how far it came, and err what stopped it.
func replay(ctx context.Context, src Source, limits fold.Limits, root string, until uint64) (w *fold.World, err error) {
	get := func(digest string) ([]byte, error) { return src.Blob(ctx, digest) }
	if root == "" {
		w = fold.New(limits)
	} else if w, err = fold.Load(limits, root, get); err != nil {
		return nil, err
	}
	if err := cells(w, get); err != nil {
		return nil, err
	}
	if w.Sequence() >= until {
		return w, nil
	}
	err = readUntil(ctx, src, w.Sequence()+1, until, func(seq uint64, record []byte) error {
		_, err := w.Record(seq, record, func(p *journal.Packed) (journal.Entry, error) { return unpack(get, p) })
		return err
	})
	if err == nil {
		err = cells(w, get)
	}
	return w, err
}

// World is what the records that a plan names leave, and what it keeps beyond them.
func World(ctx context.Context, src Source, limits fold.Limits, p *Plan) (*fold.World, error) {
	if p.Rest > 0 {
		return beyond(ctx, src, limits, p, func(loss) error { return nil })
	}
	return replay(ctx, src, limits, p.Root, p.Last)
}

// cells reads the state of every key, page by page.
func cells(w *fold.World, get func(digest string) ([]byte, error)) error {
	for i := 0; ; i++ {
		_, more, err := w.PageCells(i, func(digest string) (fold.Cells, error) {
			data, err := get(digest)
			if err != nil {
				return nil, fmt.Errorf("read a page of states: %w", err)
			}
			return fold.ReadCells(data)
		})
		if err != nil || !more {
			return err
		}
	}
}

// getter is what unpacking needs of a store of blobs.
type getter func(digest string) ([]byte, error)

func (g getter) Blob(_ context.Context, digest string) ([]byte, error) { return g(digest) }
func (g getter) PutBlob(context.Context, []byte) (string, error) {
	return "", errors.New("nothing is kept here")
}
func (g getter) DeleteBlob(context.Context, string) error {
	return errors.New("nothing is kept here")
}

func unpack(get getter, p *journal.Packed) (journal.Entry, error) {
	return journal.Unpack(context.Background(), get, p)
}

package archive

import (
	"context"
	"fmt"
	"slices"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
)

// pagesMax is how many pages of states are remembered while what follows lost
// records is folded.
const pagesMax = 256

// pageLoader reads pages of states, and remembers some.
func pageLoader(get func(digest string) ([]byte, error)) func(digest string) (fold.Cells, error) {
	pages := map[string]fold.Cells{}
	return func(digest string) (fold.Cells, error) {
		if cells, ok := pages[digest]; ok {
			return cells, nil
		}
		data, err := get(digest)
		if err != nil {
			return nil, fmt.Errorf("read a page of states: %w", err)
		}
		cells, err := fold.ReadCells(data)
		if err != nil {
			return nil, err
		}
		if len(pages) == pagesMax {
			clear(pages)
		}
		pages[digest] = cells
		return cells, nil
	}
}

// loss is what of the records after a plan's last one is not kept: an entry, valid
// during the visit, or a whole record, of which rest is what can be read.
type loss struct {
	seq   uint64
	entry journal.Entry // nil: the record
	rest  []byte
}

// beyond folds what follows a plan's last record, up to p.Rest, as far as it does not
// depend on what is lost. Records of p.Skip are left out whole.
func beyond(ctx context.Context, src Source, limits fold.Limits, p *Plan, visit func(loss) error) (*fold.World, error) {
	get := func(digest string) ([]byte, error) { return src.Blob(ctx, digest) }
	w, err := replay(ctx, src, limits, p.Root, p.Last)
	if err != nil {
		return nil, err
	}
	rest := w.Rest(pageLoader(get))
	var failed error
	for next := p.Last + 1; next <= p.Rest; next++ {
		err := readUntil(ctx, src, next, p.Rest, func(seq uint64, record []byte) error {
			next = seq
			if slices.Contains(p.Skip, seq) {
				return visit(loss{seq: seq, rest: record})
			}
			left := func(e journal.Entry, _ error) {
				if failed == nil {
					failed = visit(loss{seq: seq, entry: e})
				}
			}
			err := rest.Record(seq, record, func(p *journal.Packed) (journal.Entry, error) { return unpack(get, p) }, left)
			if err == nil {
				err = failed
			}
			if err != nil {
				failed = err
			}
			return err
		})
		if err == nil {
			break
		}
		if failed != nil {
			return nil, failed
		}
		if !isDamage(err) {
			return nil, err
		}
	}
	rest.End(p.Rest)
	return w, nil
}

// keepRest has the plan go on with what does not depend on lost records, and tells
// what is lost all the same. Where that cannot be done all after them is lost.
func (x *examiner) keepRest(ctx context.Context) error {
	if x.LostFrom == 0 || !slices.ContainsFunc(x.runs, func(r [2]uint64) bool { return r[1] > x.LostFrom }) {
		return nil
	}
	p := *x.Plan
	p.Rest, p.First = x.Last, x.Last+1
	for seq := range x.damaged {
		if seq > p.Last {
			p.Skip = append(p.Skip, seq)
		}
	}
	slices.Sort(p.Skip)
	var lost []Touched
	all := 0
	_, err := beyond(ctx, x.src, x.limits, &p, func(l loss) error {
		list := Held(l.seq, l.rest)
		if l.entry != nil {
			list = nil
			if t, ok := touched(l.seq, l.entry); ok {
				list = []Touched{t}
			}
		}
		all += len(list)
		lost = append(lost, list[:min(len(list), TouchedMax-len(lost))]...)
		return nil
	})
	if err != nil {
		return x.only(err)
	}
	x.Plan, x.Lost, x.LostAll = &p, lost, all
	return nil
}

// mending is where the snapshot of a journal goes that is carried without records.
type mending struct {
	ctx context.Context
	src Source
	dst journal.Journal
	m   *meter
	put map[string]bool
}

func (b *mending) Put(data []byte) (string, error) {
	digest, err := b.dst.PutBlob(b.ctx, data)
	if err == nil {
		b.put[digest] = true
		b.m.add(0, 1, len(data))
	}
	return digest, err
}

func (b *mending) Blob(digest string) ([]byte, error) {
	if b.put[digest] {
		return b.dst.Blob(b.ctx, digest)
	}
	return b.src.Blob(b.ctx, digest)
}

func (b *mending) Page(digest string) (fold.Cells, error) {
	data, err := b.Blob(digest)
	if err != nil {
		return nil, err
	}
	return fold.ReadCells(data)
}

// Records steps over those that cannot be read: nothing that waits lies there.
func (b *mending) Records(from uint64, visit func(seq uint64, record []byte) error) error {
	_, last, err := b.src.Bounds(b.ctx)
	if err != nil {
		return err
	}
	for next := from; next <= last; next++ {
		stopped := false
		err := b.src.Read(b.ctx, next, func(seq uint64, record []byte) error {
			next = seq
			err := visit(seq, record)
			stopped = err != nil
			return err
		})
		if err == nil || stopped || !isDamage(err) {
			return err
		}
	}
	return nil
}

func (b *mending) Unpack(p *journal.Packed) (journal.Entry, error) { return unpack(b.Blob, p) }

// carryRest fills a new journal, whose first record is to be p.Rest + 1, with a
// snapshot of what the plan's records and what is kept beyond them leave.
func carryRest(ctx context.Context, dst journal.Journal, src Source, limits fold.Limits, p *Plan, owner string, m *meter) error {
	w, err := beyond(ctx, src, limits, p, func(loss) error { return nil })
	if err != nil {
		return err
	}
	b := &mending{ctx: ctx, src: src, dst: dst, m: m, put: map[string]bool{}}
	snapshot, err := w.Snapshot(b)
	if err != nil {
		return err
	}
	list, err := needs(ctx, dst, snapshot.Root)
	if err != nil {
		return err
	}
	for _, digest := range list {
		if b.put[digest] {
			continue
		}
		data, err := src.Blob(ctx, digest)
		if err == nil {
			_, err = b.Put(data)
		}
		if err != nil {
			return err
		}
	}
	pointer := journal.AppendEntry(nil, &journal.SnapshotTaken{Sequence: p.Rest, Object: snapshot.Root, Digest: snapshot.Root})
	if _, err := dst.SetSnapshot(ctx, pointer, 0); err != nil {
		return fmt.Errorf("set the snapshot pointer: %w", err)
	}
	_, err = journal.Begin(ctx, dst, owner, p.Rest+1, func(uint64, journal.Record) error { return nil })
	return err
}

package fold

import (
	"fmt"
	"slices"

	"github.com/grow-platform/grow/runtime/journal"
)

// chunkMax is the size in bytes from which a chunk takes no more.
const chunkMax = 128 << 10

// shelf keeps what comes and goes about in its order, in chunks: a snapshot
// writes those that have changed.
type shelf[T item[T]] struct{ chunks []*chunk[T] }

type chunk[T any] struct {
	items  []T
	live   int // items that have not been taken away
	bytes  int // about, of all that were ever put there
	dirty  bool
	digest string // of the blob that holds what it was when it was last written
	size   uint64 // of it
}

// item is something on a shelf.
type item[T any] interface {
	home() *chunk[T]    // nil: it is on none yet
	settle(c *chunk[T]) // that it is in from now on
	gone() bool
	leave()   // it is gone
	written() // it lies in its chunk's blob
}

// place is where an item is.
type place[T any] struct {
	chunk *chunk[T]
	left  bool
}

func (p *place[T]) home() *chunk[T]    { return p.chunk }
func (p *place[T]) settle(c *chunk[T]) { p.chunk = c }
func (p *place[T]) gone() bool         { return p.left }
func (p *place[T]) leave()             { p.left = true }
func (*place[T]) written()             {}

// touch notes that an item has changed.
func touch[T item[T]](it T) {
	if c := it.home(); c != nil {
		c.dirty = true
	}
}

// remove takes an item away.
func remove[T item[T]](it T) {
	c := it.home()
	if c == nil || it.gone() {
		return
	}
	it.leave()
	c.dirty = true
	if c.live--; c.live == 0 {
		c.items = nil
	}
}

// add puts an item, of about so many bytes, at the end.
func (s *shelf[T]) add(it T, bytes int) {
	n := len(s.chunks)
	if n == 0 || s.chunks[n-1].bytes > chunkMax {
		if n > 0 {
			s.chunks[n-1].items = slices.Clone(s.chunks[n-1].items) // which gives back what it grew by too much
		}
		s.chunks = append(s.chunks, &chunk[T]{})
		n++
	}
	c := s.chunks[n-1]
	put(c, it, bytes)
	c.dirty = true
}

func put[T item[T]](c *chunk[T], it T, bytes int) {
	c.items = append(c.items, it)
	c.live++
	c.bytes += bytes
	it.settle(c)
}

// write puts the chunks that have changed into blobs. entries are those of what
// a chunk still holds, in its order.
func (s *shelf[T]) write(b Blobs, entries func([]T) ([]journal.Entry, error)) error {
	kept := s.chunks[:0:0]
	var data []byte
	for _, c := range s.chunks {
		if c.live == 0 {
			continue
		}
		kept = append(kept, c)
		if !c.dirty {
			continue
		}
		live := slices.DeleteFunc(slices.Clone(c.items), T.gone)
		list, err := entries(live)
		if err != nil {
			return err
		}
		data = data[:0]
		for _, e := range list {
			data = journal.AppendEntry(data, e)
		}
		digest, err := b.Put(data)
		if err != nil {
			return err
		}
		for _, it := range live {
			it.written()
		}
		c.items, c.digest, c.size, c.bytes, c.dirty = live, digest, uint64(len(data)), len(data), false
	}
	s.chunks = kept
	return nil
}

// told are the entries of items that know them.
func told[T interface{ entry() journal.Entry }](items []T) (list []journal.Entry, err error) {
	for _, it := range items {
		list = append(list, it.entry())
	}
	return list, nil
}

// reload fills a chunk with what is in its blob, in which there are entries of one sort. make makes an item of one.
func reload[T item[T], E journal.Entry](s *shelf[T], p journal.Page, blob []byte, make func(E) (T, error)) error {
	c := &chunk[T]{digest: p.Digest, size: p.Size}
	s.chunks = append(s.chunks, c)
	return journal.Entries(blob, func(e journal.Entry) error {
		of, ok := e.(E)
		if !ok {
			return fmt.Errorf("%w: %T in a page of kind %d", journal.ErrDamaged, e, p.Kind)
		}
		it, err := make(of)
		if err == nil {
			put(c, it, len(blob)/4)
		}
		return err
	})
}

// pages names the chunks' blobs.
func (s *shelf[T]) pages(list []journal.Page, kind uint32) []journal.Page {
	for _, c := range s.chunks {
		list = append(list, journal.Page{Kind: kind, Digest: c.digest, Size: c.size})
	}
	return list
}

package fold

import (
	"slices"

	"github.com/grow-platform/grow/runtime/journal"
)

// chunkMax is the size in bytes from which a chunk takes no more.
const chunkMax = 128 << 10

// shelf keeps what comes and goes about in its order, in chunks: a snapshot
// writes those that have changed.
type shelf struct{ chunks []*chunk }

type chunk struct {
	items  []item
	live   int // items that have not been taken away
	bytes  int // about, of all that were ever put there
	dirty  bool
	digest string // of the blob that holds what it was when it was last written
	size   uint64 // of it
}

// item is something on a shelf.
type item interface {
	home() *chunk    // nil: it is on none yet
	settle(c *chunk) // that it is in from now on
	gone() bool
	leave() // it is gone
}

// place is where an item is.
type place struct {
	chunk *chunk
	left  bool
}

func (p *place) home() *chunk    { return p.chunk }
func (p *place) settle(c *chunk) { p.chunk = c }
func (p *place) gone() bool      { return p.left }
func (p *place) leave()          { p.left = true }

// touch notes that an item has changed.
func touch(it item) {
	if c := it.home(); c != nil {
		c.dirty = true
	}
}

// remove takes an item away.
func remove(it item) {
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
func (s *shelf) add(it item, bytes int) {
	n := len(s.chunks)
	if n == 0 || s.chunks[n-1].bytes > chunkMax {
		if n > 0 {
			s.chunks[n-1].items = slices.Clone(s.chunks[n-1].items) // which gives back what it grew by too much
		}
		s.chunks = append(s.chunks, &chunk{})
		n++
	}
	c := s.chunks[n-1]
	c.put(it, bytes)
	c.dirty = true
}

func (c *chunk) put(it item, bytes int) {
	c.items = append(c.items, it)
	c.live++
	c.bytes += bytes
	it.settle(c)
}

// write puts the chunks that have changed into blobs. entries are those of what
// a chunk still holds, in its order.
func (s *shelf) write(b Blobs, entries func(*chunk) ([]journal.Entry, error)) error {
	kept := s.chunks[:0:0]
	for _, c := range s.chunks {
		if c.live == 0 {
			continue
		}
		kept = append(kept, c)
		if !c.dirty {
			continue
		}
		list, err := entries(c)
		if err != nil {
			return err
		}
		var data []byte
		for _, e := range list {
			data = journal.AppendEntry(data, e)
		}
		digest, err := b.Put(data)
		if err != nil {
			return err
		}
		c.items = slices.DeleteFunc(c.items, item.gone)
		for _, it := range c.items {
			if m, ok := it.(*Wait); ok {
				m.seq = 0
			}
		}
		c.digest, c.size, c.bytes, c.dirty = digest, uint64(len(data)), len(data), false
	}
	s.chunks = kept
	return nil
}

// told are the entries of items that know them.
func told(c *chunk) (list []journal.Entry, err error) {
	for _, it := range c.items {
		if !it.gone() {
			list = append(list, it.(interface{ entry() journal.Entry }).entry())
		}
	}
	return list, nil
}

// pages names the chunks' blobs.
func (s *shelf) pages(list []journal.Page, kind uint32) []journal.Page {
	for _, c := range s.chunks {
		list = append(list, journal.Page{Kind: kind, Digest: c.digest, Size: c.size})
	}
	return list
}

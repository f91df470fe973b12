package fold

import (
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
	digest string // of the blob, unless it is dirty
	size   uint64 // of it
}

// item is something on a shelf.
type item interface {
	entry() journal.Entry
	where() *place
}

// place is where an item is.
type place struct {
	chunk *chunk
	gone  bool
}

func (p *place) where() *place { return p }

// touch notes that the item has changed.
func (p *place) touch() {
	if p.chunk != nil {
		p.chunk.dirty = true
	}
}

// remove takes the item away.
func (p *place) remove() {
	if p.chunk == nil || p.gone {
		return
	}
	p.gone = true
	p.chunk.dirty = true
	if p.chunk.live--; p.chunk.live == 0 {
		p.chunk.items = nil
	}
}

// add puts an item, of about so many bytes, at the end.
func (s *shelf) add(it item, bytes int) {
	n := len(s.chunks)
	if n == 0 || s.chunks[n-1].bytes > chunkMax {
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
	*it.where() = place{chunk: c}
}

// write puts the chunks that have changed into blobs.
func (s *shelf) write(b Blobs) error {
	kept := s.chunks[:0:0]
	for _, c := range s.chunks {
		if c.live == 0 {
			continue
		}
		kept = append(kept, c)
		if !c.dirty {
			continue
		}
		var data []byte
		live := c.items[:0:0]
		for _, it := range c.items {
			if !it.where().gone {
				live = append(live, it)
				data = journal.AppendEntry(data, it.entry())
			}
		}
		digest, err := b.Put(data)
		if err != nil {
			return err
		}
		c.items, c.digest, c.size, c.bytes, c.dirty = live, digest, uint64(len(data)), len(data), false
	}
	s.chunks = kept
	return nil
}

// pages names the chunks' blobs.
func (s *shelf) pages(list []journal.Page, kind uint32) []journal.Page {
	for _, c := range s.chunks {
		list = append(list, journal.Page{Kind: kind, Digest: c.digest, Size: c.size})
	}
	return list
}

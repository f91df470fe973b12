package fold

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/runtime/journal"
)

// Cells are the states of some cells: the values by name. They are not changed.
type Cells map[Cell]map[string]Value

// pageMin is the size in bytes from which a page of states may be cut off. It
// then has at most this and one cell more.
const pageMin = 128 << 10

// states are the values of every cell, in pages by the hash of the cell: what a
// blob of the last snapshot holds, and what has changed since.
type states struct{ pages []*page } // by low; the first one's is 0

type page struct {
	low     uint64 // the least hash of its cells
	digest  string // of the blob; empty: there is none
	size    uint64 // of it
	changes map[Cell]map[string]change
}

// change is what became of a value since the last snapshot.
type change struct {
	Value
	deleted bool
	base    uint64 // the revision that the snapshot has; 0: it has none
}

// hash spreads cells over the pages (FNV-1a; Fowler, Noll, Vo), for ever: pages
// are kept.
func (c Cell) hash() uint64 {
	const prime = 1099511628211
	x := uint64(14695981039346656037)
	for i := range len(c.Node) {
		x = (x ^ uint64(c.Node[i])) * prime
	}
	x *= prime // a zero byte between the two
	for i := range len(c.Key) {
		x = (x ^ uint64(c.Key[i])) * prime
	}
	return x ^ x>>32 // whose high bits mix poorly for short text
}

func (s *states) page(c Cell) *page {
	i, found := slices.BinarySearchFunc(s.pages, c.hash(), func(p *page, h uint64) int { return cmp.Compare(p.low, h) })
	if !found {
		i--
	}
	return s.pages[i]
}

// change makes the changes of one entry. Revisions count the sets of a name, so
// that a change applied twice, or left out, is noticed: here, or when it meets
// what the last snapshot has.
func (s *states) change(c Cell, list []journal.StateChange) error {
	if len(list) == 0 {
		return nil
	}
	p := s.page(c)
	values := p.changes[c]
	if values == nil {
		values = map[string]change{}
		p.changes[Cell{strings.Clone(c.Node), strings.Clone(c.Key)}] = values
	}
	for i := range list {
		ch := &list[i]
		v, known := values[ch.Name]
		switch {
		case known && ch.Revision != v.Revision+1, !known && p.digest == "" && ch.Revision != 1, ch.Revision == 0:
			return fmt.Errorf("%w: state %q of %q at %s changes to revision %d; it has %d", ErrContradicts, ch.Name, c.Key, c.Node, ch.Revision, v.Revision)
		case !known:
			v.base = ch.Revision - 1
		}
		if v.deleted = ch.Deleted; ch.Deleted {
			v.Value = Value{}
			if v.base == 0 {
				delete(values, ch.Name)
				continue
			}
		} else {
			v.Value = Value{slices.Clone(ch.Value), ch.Revision, ch.Type}
		}
		if known {
			values[ch.Name] = v
		} else {
			values[strings.Clone(ch.Name)] = v
		}
	}
	if len(values) == 0 {
		delete(p.changes, c)
	}
	return nil
}

// merge makes the changes of a page in what its blob holds, which is not changed.
func (p *page) merge(c Cell, base map[string]Value) (map[string]Value, error) {
	changes := p.changes[c]
	if len(changes) == 0 {
		return base, nil
	}
	values := make(map[string]Value, len(base)+len(changes))
	for name, v := range base {
		values[name] = v
	}
	for name, ch := range changes {
		if have := base[name].Revision; have != ch.base {
			return nil, fmt.Errorf("%w: state %q of %q at %s has revision %d in the snapshot; what follows begins at %d", ErrContradicts, name, c.Key, c.Node, have, ch.base)
		}
		if ch.deleted {
			delete(values, name)
		} else {
			values[name] = ch.Value
		}
	}
	return values, nil
}

// State is the state of a cell, nil when it has none. load reads a page of the last snapshot.
func (w *World) State(c Cell, load func(digest string) (Cells, error)) (map[string]Value, error) {
	p := w.states.page(c)
	var base map[string]Value
	if p.digest != "" {
		cells, err := load(p.digest)
		if err != nil {
			return nil, err
		}
		base = cells[c]
	}
	values, err := p.merge(c, base)
	if len(values) == 0 {
		return nil, err
	}
	return values, err
}

// Cells is the state of every cell.
func (w *World) Cells(load func(digest string) (Cells, error)) (Cells, error) {
	all := Cells{}
	for _, p := range w.states.pages {
		cells, err := p.all(load)
		if err != nil {
			return nil, err
		}
		for c, values := range cells {
			all[c] = values
		}
	}
	return all, nil
}

// PageCells is the state of every cell of the ith page, from 0; false: there is
// no such page.
func (w *World) PageCells(i int, load func(digest string) (Cells, error)) (Cells, bool, error) {
	if i >= len(w.states.pages) {
		return nil, false, nil
	}
	cells, err := w.states.pages[i].all(load)
	return cells, true, err
}

// all is what a page holds, changes included.
func (p *page) all(load func(digest string) (Cells, error)) (Cells, error) {
	var base Cells
	if p.digest != "" {
		var err error
		if base, err = load(p.digest); err != nil {
			return nil, err
		}
	}
	cells := make(Cells, len(base)+len(p.changes))
	for c, values := range base {
		cells[c] = values
	}
	for c := range p.changes {
		values, err := p.merge(c, base[c])
		if err != nil {
			return nil, err
		}
		if len(values) == 0 {
			delete(cells, c)
		} else {
			cells[c] = values
		}
	}
	return cells, nil
}

// ReadCells reads a page of states.
func ReadCells(data []byte) (Cells, error) {
	cells := Cells{}
	err := journal.Entries(data, func(e journal.Entry) error {
		c, ok := e.(*journal.Cell)
		if !ok {
			return fmt.Errorf("%w: %T in a page of states", journal.ErrDamaged, e)
		}
		values := make(map[string]Value, len(c.State))
		for i := range c.State {
			values[c.State[i].Name] = Value{c.State[i].Value, c.State[i].Revision, c.State[i].Type}
		}
		cells[Cell{c.Node, c.Key}] = values
		return nil
	})
	return cells, err
}

// write puts a page whose states have changed into blobs, as many as it takes,
// and returns what stands in its place.
func (p *page) write(b Blobs) ([]*page, error) {
	cells, err := p.all(b.Page)
	if err != nil {
		return nil, err
	}
	type hashed struct {
		hash uint64
		cell Cell
	}
	list := make([]hashed, 0, len(cells))
	for c := range cells {
		list = append(list, hashed{c.hash(), c})
	}
	slices.SortFunc(list, func(a, b hashed) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), strings.Compare(a.cell.Node, b.cell.Node), strings.Compare(a.cell.Key, b.cell.Key))
	})
	var parts []*page
	var data []byte
	low := p.low
	put := func() error {
		part := &page{low: low, size: uint64(len(data)), changes: map[Cell]map[string]change{}}
		if len(data) > 0 {
			digest, err := b.Put(data)
			if err != nil {
				return err
			}
			part.digest = digest
		}
		parts, data = append(parts, part), data[:0]
		return nil
	}
	for i, h := range list {
		if len(data) >= pageMin && h.hash != list[i-1].hash {
			if err := put(); err != nil {
				return nil, err
			}
			low = h.hash
		}
		data = journal.AppendEntry(data, entryOf(h.cell, cells[h.cell]))
	}
	return parts, put()
}

// entryOf is a cell's entry in a page: its values by name.
func entryOf(c Cell, values map[string]Value) *journal.Cell {
	e := &journal.Cell{Node: c.Node, Key: c.Key}
	for name, v := range values {
		e.State = append(e.State, journal.StateChange{Name: name, Value: v.Data, Revision: v.Revision, Type: v.Type})
	}
	slices.SortFunc(e.State, func(a, b journal.StateChange) int { return strings.Compare(a.Name, b.Name) })
	return e
}

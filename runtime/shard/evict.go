package shard

import (
	"container/list"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal/fold"
)

// pageCache keeps pages of states that were read, those used last, within a
// bound in bytes of their blobs. The keeper's mu guards it.
type pageCache struct {
	max   int64
	bytes int64
	of    map[string]*list.Element
	used  list.List // of *cachedPage, the one used last first
}

type cachedPage struct {
	digest string
	cells  fold.Cells
	size   int64
}

func (c *pageCache) get(digest string) fold.Cells {
	e := c.of[digest]
	if e == nil {
		return nil
	}
	c.used.MoveToFront(e)
	return e.Value.(*cachedPage).cells
}

func (c *pageCache) put(digest string, cells fold.Cells, size int64) {
	if c.of == nil {
		c.of = map[string]*list.Element{}
	}
	if c.of[digest] != nil {
		return
	}
	c.of[digest] = c.used.PushFront(&cachedPage{digest, cells, size})
	c.bytes += size
	for c.bytes > c.max && c.used.Len() > 1 {
		last := c.used.Remove(c.used.Back()).(*cachedPage)
		delete(c.of, last.digest)
		c.bytes -= last.size
	}
}

// ensureState sees to it that a cell's state is there. If not, the cell waits
// for it, and false is returned.
func (l *lane) ensureState(c *cell, r *running) bool {
	k := l.shard.keeper
	if k == nil || len(r.state) == 0 {
		return true
	}
	if state, ok := k.peek(c.local.node.path, c.key); ok {
		l.loadedState(c, state)
		return true
	}
	c.listed = true
	l.fetch(c, true)
	return false
}

// fetch reads a cell's state elsewhere; it comes back as an event. waits says that the cell
// waits for it; without, it is for people only, and where the cell waits is left as it is.
func (l *lane) fetch(c *cell, waits bool) {
	l.shard.begin()
	l.shard.start(func() {
		state, err := l.shard.keeper.state(l.shard.context, c.local.node.path, c.key)
		l.post(event{note: noteLoaded{c, waits, state, err}})
		l.shard.finish()
	})
}

// loadedState gives a cell the state that was read.
func (l *lane) loadedState(c *cell, state map[string]capability.Value) {
	c.loaded, c.state = true, state
	if state == nil && l.shard.opts.State != nil {
		c.state = l.shard.opts.State(c.local.node.path, c.key)
	}
	c.kept, c.size = &kept{}, capability.Size(c.state)
	l.resident += cellBytes + c.size
}

// noteLoaded brings the state of a cell, or why there is none yet.
type noteLoaded struct {
	cell  *cell
	waits bool
	state map[string]capability.Value
	err   error
}

func (n noteLoaded) run(l *lane) {
	c := n.cell
	if n.err != nil && !c.loaded {
		if l.shard.context.Err() == nil {
			l.shard.log.Error("read state", "node", c.local.node.path, "key", c.key, "error", n.err)
			l.shard.clock.AfterFunc(loadAgain, func() { l.post(event{note: noteFetch{c, n.waits}}) })
		}
		return
	}
	c.listed = c.listed && !n.waits
	if !c.loaded { // who wants to see it may have found it sooner, and changed it since
		l.loadedState(c, n.state)
	}
	l.attend(c)
	l.list(c)
}

// noteFetch has a state read that could not be.
type noteFetch struct {
	cell  *cell
	waits bool
}

func (n noteFetch) run(l *lane) {
	switch {
	case n.cell.loaded: // by who wanted it meanwhile
		noteLoaded{cell: n.cell, waits: n.waits}.run(l)
	case !l.ended:
		l.fetch(n.cell, n.waits)
	}
}

// landing says in which record a batch of a lane lies.
type landing struct{ batch, seq uint64 }

// safe is the number of the lane's last batch that the keeper has folded: what
// cells changed up to it can be read from the keeper.
func (l *lane) safe() uint64 {
	folded := l.shard.keeper.folded.Load()
	n := 0
	for n < len(l.landings) && l.landings[n].seq <= folded {
		l.known = l.landings[n].batch
		n++
	}
	l.landings = append(l.landings[:0], l.landings[n:]...)
	return l.known
}

// idle reports whether a cell is not in use at all.
func (c *cell) idle() bool {
	return c.busy == 0 && c.queue.len() == 0 && !c.parked && !c.listed && c != &c.local.open
}

// evict forgets idle cells whose state the keeper has, as long as there is more
// state in memory than there may be. It looks at a few cells only, for it is
// called often.
func (l *lane) evict() {
	budget := int(l.shard.keeper.policy.StateBytes) / len(l.shard.lanes)
	if l.resident <= budget {
		return
	}
	safe, looks := l.safe(), evictLooks
	for _, local := range l.locals {
		if local == nil {
			continue
		}
		for key, c := range local.cells { // in no particular order
			if looks--; looks < 0 || l.resident <= budget {
				return
			}
			if c.idle() && c.safe(safe) && len(l.acts[c]) == 0 {
				l.forget(local, key, c)
			}
		}
	}
}

func (l *lane) forget(local *local, key string, c *cell) {
	if local.cells[key] != c {
		return
	}
	if c.kept != nil {
		l.resident -= cellBytes + c.size
	}
	delete(local.cells, key)
}

// safe reports whether the keeper has the cell's state: the batches up to safe.
func (c *cell) safe(safe uint64) bool { return c.kept == nil || c.kept.changed <= safe }

const (
	cellBytes  = 200 // about what a key takes besides its state
	evictLooks = 64  // cells looked at, at most, each time
	loadAgain  = time.Second
)

package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
)

// disk is what outlives the process: a journal in memory, and who looks on.
type disk struct {
	world   *world
	journal journal.Journal
	model   *model
	ghosts  []ghost
	full    bool
}

// ghost is an append that its owner was told nothing of, and that is on its way still.
type ghost struct {
	record []byte
	last   uint64
}

// append appends a record, which becomes part of what must hold.
func (d *disk) append(record []byte, last uint64) (err error) {
	d.journal.Append(record, last, func(_ uint64, e error) { err = e })
	if err == nil {
		d.world.trace("record %d of %d bytes", last+1, len(record))
		d.model.record(last+1, record)
	}
	return err
}

// haunt has an append that was given up on arrive, now and then.
func (d *disk) haunt() {
	if len(d.ghosts) == 0 || !d.world.oneIn(10) {
		return
	}
	i := d.world.random.IntN(len(d.ghosts))
	g := d.ghosts[i]
	d.ghosts = slices.Delete(d.ghosts, i, i+1)
	err := d.append(g.record, g.last)
	if err == nil {
		d.world.found.Ghosts++
	}
	d.world.trace("late append after %d: %v", g.last, err)
}

// rival has another owner begin an epoch.
func (d *disk) rival() {
	_, last, err := d.journal.Bounds(context.Background())
	if err != nil {
		panic(err)
	}
	var w journal.Writer
	w.Reset(last + 1)
	w.Add(&journal.Epoch{Number: last + 1, Owner: "rival", Format: journal.FormatVersion})
	d.world.trace("rival: %v", d.append(w.Bytes(), last))
}

// handle is the journal as one life of the process has it open. What it does
// takes time, and fails, as the world draws.
type handle struct {
	disk *disk
	life *life
	// Of those that run one at a time in a living process:
	appends []*operation // not done yet, in their order
	others  []*operation // likewise
	doubt   bool
}

// operation is a write under way.
type operation struct {
	apply   func() error // writes; at most once
	applied bool
	err     error
}

func (o *operation) run() error {
	if !o.applied {
		o.applied, o.err = true, o.apply()
	}
	return o.err
}

// die decides what becomes of the writes under way when the process dies.
func (h *handle) die() {
	for _, o := range append(slices.Clone(h.appends), h.others...) {
		if kept := h.disk.world.oneIn(2); kept && !o.applied {
			h.disk.world.trace("a write under way is kept: %v", o.run())
		}
	}
	h.appends, h.others = nil, nil
}

// appendFault is what befalls an append.
type appendFault uint8

const (
	appended appendFault = iota
	lost                 // unknown, and not there
	unsure               // unknown, and there
	late                 // unknown, and there later, or not
	noRoom
)

func (h *handle) drawAppend() appendFault {
	w := h.disk.world
	switch {
	case h.disk.full:
		return noRoom
	case !w.faulty(w.plan.appendFaults):
		return appended
	}
	return appendFault(1 + w.random.IntN(3))
}

// Append implements journal.Journal.
func (h *handle) Append(record []byte, last uint64, done func(uint64, error)) {
	w := h.disk.world
	switch {
	case h.life.dead():
		done(0, journal.ErrClosed)
		return
	case len(h.appends) == journal.InFlight:
		done(0, journal.ErrBusy)
		return
	}
	record = slices.Clone(record)
	fault := h.drawAppend()
	o := &operation{}
	o.apply = func() error { return h.land(record, last, fault) }
	if n := len(h.appends); n > 0 {
		before := h.appends[n-1]
		o.apply = func() error {
			if err := before.run(); err != nil {
				return err // whatever the journal's end is by now
			}
			return h.land(record, last, fault)
		}
	}
	if len(h.appends) == 0 && w.oneIn(8) {
		h.end(o, last, done)
		return
	}
	h.appends = append(h.appends, o)
	n := h.life.number()
	pause := h.pause()
	h.life.go_(func() {
		h.life.sleep(pause)
		h.life.park(rankDisk, n, "append after "+fmt.Sprint(last))
		if h.life.dead() {
			done(0, journal.ErrClosed)
			return
		}
		_ = o.run()
		if w.oneIn(2) { // the answer may come later, and not in order
			h.life.park(rankDisk, n, "answer to append after "+fmt.Sprint(last))
			if h.life.dead() {
				done(0, journal.ErrClosed)
				return
			}
		}
		h.appends = slices.DeleteFunc(h.appends, func(other *operation) bool { return other == o })
		h.end(o, last, done)
	})
}

// end tells what became of an append.
func (h *handle) end(o *operation, last uint64, done func(uint64, error)) {
	if err := o.run(); err != nil {
		h.disk.world.trace("append after %d: %v", last, err)
		done(0, fmt.Errorf("append after %d: %w", last, err))
		return
	}
	done(last+1, nil)
}

// land does what an append does to the disk.
func (h *handle) land(record []byte, last uint64, fault appendFault) error {
	d := h.disk
	if h.doubt {
		return journal.ErrUnknown
	}
	switch fault {
	case lost:
		h.doubt = true
		return journal.ErrUnknown
	case late:
		h.doubt = true
		d.ghosts = append(d.ghosts, ghost{record, last})
		return journal.ErrUnknown
	case noRoom:
		h.doubt = true
		return journal.ErrFull
	}
	err := d.append(record, last)
	if fault == unsure && err == nil {
		h.doubt = true
		return journal.ErrUnknown
	}
	return err
}

// pause draws how long the disk takes.
func (h *handle) pause() time.Duration {
	w := h.disk.world
	switch {
	case w.oneIn(3):
		return 0
	case w.plan.slow && w.calm == 0 && w.oneIn(20):
		return time.Duration(w.random.IntN(int(8 * time.Second)))
	}
	return time.Duration(w.random.IntN(int(5 * time.Millisecond)))
}

// turn waits for the disk; an error: the process is dead, or cannot read.
func (h *handle) turn(what string) error {
	if h.life.dead() {
		return journal.ErrClosed
	}
	n, pause := h.life.number(), h.pause()
	h.life.sleep(pause)
	h.life.park(rankDisk, n, what)
	if h.life.dead() {
		return journal.ErrClosed
	}
	return nil
}

// write does a write other than an append: it may be done or not when the
// process dies, and its error says nothing of whether it was.
func (h *handle) write(what string, apply func() error) error {
	w := h.disk.world
	if h.life.dead() {
		return journal.ErrClosed
	}
	o := &operation{apply: apply}
	h.others = append(h.others, o)
	if err := h.turn(what); err != nil {
		return err
	}
	h.others = slices.DeleteFunc(h.others, func(other *operation) bool { return other == o })
	fails := w.faulty(w.plan.writeFaults)
	if fails && w.oneIn(2) {
		w.trace("%s fails, and is not done", what)
		return fmt.Errorf("%s: %w", what, journal.ErrUnknown)
	}
	if err := o.run(); err != nil || !fails {
		return err
	}
	w.trace("%s fails, and is done", what)
	return fmt.Errorf("%s: %w", what, journal.ErrUnknown)
}

// unreadable draws whether something cannot be read at the moment. What has
// kept the shard from being opened again and again can be read some time.
func (h *handle) unreadable() bool {
	w := h.disk.world
	return h.life.tries < 10 && w.faulty(w.plan.readFaults)
}

// Bounds implements journal.Journal.
func (h *handle) Bounds(ctx context.Context) (first, last uint64, err error) {
	if err := h.turn("bounds"); err != nil {
		return 0, 0, err
	}
	if h.unreadable() {
		return 0, 0, journal.ErrUnhealthy
	}
	h.doubt = false
	return h.disk.journal.Bounds(ctx)
}

// Read implements journal.Journal.
func (h *handle) Read(ctx context.Context, from uint64, visit func(uint64, []byte) error) error {
	if err := h.turn(fmt.Sprint("read from ", from)); err != nil {
		return err
	}
	w := h.disk.world
	left := -1
	if h.unreadable() {
		left = w.random.IntN(5)
	}
	return h.disk.journal.Read(context.WithoutCancel(ctx), from, func(seq uint64, record []byte) error {
		if left == 0 {
			return fmt.Errorf("read record %d: %w", seq, journal.ErrUnhealthy)
		}
		left--
		return visit(seq, record)
	})
}

// Trim implements journal.Journal.
func (h *handle) Trim(ctx context.Context, before uint64) error {
	return h.write(fmt.Sprint("trim before ", before), func() error { return h.disk.journal.Trim(context.WithoutCancel(ctx), before) })
}

// PutBlob implements journal.Journal.
func (h *handle) PutBlob(ctx context.Context, data []byte) (digest string, err error) {
	if h.disk.full && !h.life.dead() {
		return "", journal.ErrFull
	}
	data = slices.Clone(data)
	err = h.write(fmt.Sprintf("put blob of %d bytes", len(data)), func() (err error) {
		digest, err = h.disk.journal.PutBlob(context.WithoutCancel(ctx), data)
		return err
	})
	if err != nil {
		return "", err
	}
	return digest, nil
}

// Blob implements journal.Journal. It does not wait, since the caller may hold a lock.
func (h *handle) Blob(ctx context.Context, digest string) ([]byte, error) {
	if h.life.dead() {
		return nil, journal.ErrClosed
	}
	if h.unreadable() {
		h.disk.world.trace("blob %s cannot be read", digest)
		return nil, journal.ErrUnhealthy
	}
	return h.disk.journal.Blob(context.WithoutCancel(ctx), digest)
}

// DeleteBlob implements journal.Journal.
func (h *handle) DeleteBlob(ctx context.Context, digest string) error {
	return h.write("delete blob "+digest, func() error { return h.disk.journal.DeleteBlob(context.WithoutCancel(ctx), digest) })
}

// Snapshot implements journal.Journal.
func (h *handle) Snapshot(ctx context.Context) ([]byte, uint64, error) {
	if h.life.dead() {
		return nil, 0, journal.ErrClosed
	}
	return h.disk.journal.Snapshot(context.WithoutCancel(ctx))
}

// SetSnapshot implements journal.Journal.
func (h *handle) SetSnapshot(ctx context.Context, pointer []byte, revision uint64) (next uint64, err error) {
	pointer = slices.Clone(pointer)
	err = h.write("set snapshot", func() (err error) {
		next, err = h.disk.journal.SetSnapshot(context.WithoutCancel(ctx), pointer, revision)
		return err
	})
	if err != nil {
		return 0, err
	}
	return next, nil
}

// errNoLease: shards take none.
var errNoLease = errors.New("nobody asks for leases here")

// Acquire implements journal.Journal.
func (h *handle) Acquire(context.Context, string, time.Duration) (journal.Lease, error) {
	return nil, errNoLease
}

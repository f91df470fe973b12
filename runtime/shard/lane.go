package shard

import (
	"sync"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/pace"
	"github.com/grow-platform/grow/runtime/router"
)

// lane owns the mailboxes of its share of the keys. Everything below token
// belongs to the goroutine that holds the lane's token: the one lane.work runs
// on, from the post that found the lane asleep until it has nothing to do, or
// until its worker passes the token on.
//
// What lanes write for every message lies apart from what other lanes do:
// sharing cache lines made two lanes each half as quick as one.
type lane struct {
	_     apart
	shard *Shard
	index int

	mu     sync.Mutex
	inbox  []event
	awake  bool // somebody holds the token
	closed bool
	// returned are parcels of this lane that others have done with.
	returned []*parcel

	// token:
	spare      []event // the inbox read last, for reuse
	locals     []*local
	ready      ring[*cell]
	stalls     []*cell // held up by a full mailbox below
	timers     timers
	batch      *batch      // of the entries in record
	record     *flight     // being written; nil: none is, nor is there a batch
	answers    []answered  // of this turn
	cross      [][]event   // for other lanes, by index
	fill       int         // of those
	strays     [][]*parcel // other lanes' parcels, by index
	stray      int         // of those
	touch      []*local    // counted since the last settling up
	borrow     []*local    // hold an instance
	ended      bool        // no more is handled
	helping    bool        // the holder has brought a message and lends a hand
	passed     bool        // and must leave the rest to others
	now        int64
	began      int64     // when the lane began to be busy; 0: it is not
	turning    pace.Turn // once it has been for long
	share      pace.Share
	warmth     int         // of no meaning: what warm has read
	sinceClock int         // messages since the clock was read
	clockAfter int         // messages after which it is read again
	moment     *abi.Shared // of messages made now; nil: none has been made
	plan       *plan
	room       bool      // a mailbox below may have room again
	free       []*parcel // for reuse
	trash      []*parcel // for reuse once the entry being made is written
	batches    []*batch  // for reuse
	latest     *batch    // the last one on its way to the journal; nil: it is there
	worker     *worker
	workers    []*worker
	away       []*worker  // whose handlings wait for something outside
	way        router.Way // for reuse
	passes     passes
	handled    journal.Handled

	// Of states that may leave memory, and of people:
	flushed  uint64             // batches begun
	landings []landing          // of batches that the keeper had not folded, oldest first
	known    uint64             // the last batch that it had
	resident int                // about the bytes of states that were loaded
	acts     map[*cell][]func() // what people want of a state, once nothing of its cell is being handled
	_        apart
}

// event is what is posted to a lane: a message, or a note.
type event struct {
	parcel *parcel
	note   note
}

// note is anything but a message; it runs on the lane.
type note interface{ run(l *lane) }

// local is a node on one lane.
type local struct {
	_        apart
	node     *node
	open     cell             // of messages that may be handled in any order
	cells    map[string]*cell // of keys
	instance *actor.Instance  // at hand
	hungry   []*cell          // waiting for an instance
	starting []*actor.Actor   // whose instances are being started for this lane, one each
	tally    tally
	fault    error // of the last rule that could not be evaluated
	// behind says that not all has been read that waited here when the journal
	// ended; what comes meanwhile goes to after.
	behind  bool
	after   []*parcel
	touched bool
	_       apart
}

// cell is the mailbox of one key at one node, and its state.
type cell struct {
	local  *local
	key    string
	queue  ring[*parcel]
	state  map[string]capability.Value
	size   int   // about its bytes: see capability.Size
	loaded bool  // state has been
	busy   int   // messages being handled
	listed bool  // in ready, stalls or hungry
	parked bool  // a retry holds the key
	kept   *kept // only where there is a keeper
}

// kept is what is known of a cell's state where it may leave memory.
type kept struct {
	changed uint64 // the batch that holds its last change
}

func newLane(s *Shard, index int) *lane {
	return &lane{
		shard: s, index: index, share: pace.Share{Lane: true}, cross: make([][]event, s.opts.Lanes), strays: make([][]*parcel, s.opts.Lanes),
		trash: make([]*parcel, 0, trashMin), free: make([]*parcel, 0, freeMax),
	}
}

// post hands an event over and wakes the lane. It never blocks for long, and
// may be called from any goroutine.
func (l *lane) post(e event) {
	if l.put(e) {
		l.shard.start(l.work)
	}
}

// postAll is post for many.
func (l *lane) postAll(list []event) {
	l.mu.Lock()
	l.inbox = append(l.inbox, list...)
	if l.wake() {
		l.shard.start(l.work)
	}
}

// put hands an event over and returns true when nobody held the token: it is
// the caller's now, who must see to it that work runs.
func (l *lane) put(e event) bool {
	l.mu.Lock()
	l.inbox = append(l.inbox, e)
	return l.wake()
}

// wake takes the token if nobody holds it; l.mu is held and let go.
func (l *lane) wake() bool {
	taken := !l.awake && !l.closed
	if taken {
		l.awake = true
		l.shard.begin()
	}
	l.mu.Unlock()
	return taken
}

// work is the life of the token's holder.
func (l *lane) work() {
	for l.turn(turnMax) {
	}
}

// help has the caller, who got the token from put, do a turn of the lane's
// work, and somebody else the rest: most requests are answered without a
// change of goroutine. The turn is short, and ends before a message whose actor
// might wait for something outside: the caller has a client of its own.
func (l *lane) help() {
	defer l.crash()
	l.helping = true
	more := l.turn(helpMax)
	if more {
		l.helping, l.passed = false, false
		l.shard.start(l.work)
	}
}

// crash makes a broken invariant end the process even where the caller of help
// would recover from it: the token would be lost, and the lane with it.
func (l *lane) crash() {
	if fault := recover(); fault != nil {
		l.shard.start(func() { panic(fault) })
		select {}
	}
}

// turn does what there is to do once, handling at most about budget messages.
// It returns false when the token was given back, or passed on.
func (l *lane) turn(budget int) bool {
	if l.worker == nil {
		l.worker = l.hire()
	}
	w := l.worker
	l.mu.Lock()
	l.inbox, l.spare = l.spare[:0], l.inbox
	l.mu.Unlock()
	l.tick()
	for i := range l.spare {
		l.receive(&l.spare[i])
		l.spare[i] = event{}
	}
	jammed := &l.shard.committer.jammed
	for budget > 0 && l.ready.len() > 0 && !l.ended && !l.passed && !jammed.Load() {
		n, gone := l.run(l.ready.pop(), w)
		if gone {
			return false // the token went to another goroutine
		}
		budget -= n
	}
	l.settleUp()
	if l.ready.len() > 0 && !l.ended && !jammed.Load() {
		return true
	}
	l.giveBack()
	if b := l.shard.backlog.Load(); b != nil && l.ready.len() == 0 {
		b.starve()
	}
	l.mu.Lock()
	if len(l.inbox) > 0 {
		l.mu.Unlock()
		return true
	}
	l.awake, l.helping, l.passed = false, false, false
	l.began = 0
	l.turning.End()
	l.mu.Unlock()
	l.shard.finish()
	return false
}

// tick reads the clock, for everything that happens in this turn.
func (l *lane) tick() {
	l.now = l.shard.clock.Now().UnixNano()
	l.plan = l.shard.plan.Load()
	l.moment = nil
	l.fire()
}

func (l *lane) receive(e *event) {
	if e.note != nil {
		e.note.run(l)
		return
	}
	l.admit(e.parcel)
}

// admit takes a parcel that belongs here; room for it has been counted.
func (l *lane) admit(it *parcel) {
	if it.node == nil || it.grave != nil {
		l.bury(it)
		return
	}
	l.enqueue(it, l.local(it.node), it.node.run.Load())
}

// local returns the node's share of this lane.
func (l *lane) local(n *node) *local {
	for n.slot >= len(l.locals) {
		l.locals = append(l.locals, nil)
	}
	if l.locals[n.slot] == nil {
		local := &local{node: n}
		local.open = cell{local: local, queue: ring[*parcel]{buf: make([]*parcel, queueMin)}}
		l.locals[n.slot] = local
	}
	return l.locals[n.slot]
}

// cell returns the mailbox a parcel belongs into.
func (l *lane) cell(it *parcel, local *local, r *running) *cell {
	if !r.spec.Keyed() {
		if !local.open.loaded && l.shard.keeper == nil {
			l.load(&local.open)
		}
		return &local.open
	}
	return l.keyed(local, it.msg.Key())
}

// keyed returns the mailbox of a key.
func (l *lane) keyed(local *local, key string) *cell {
	c := local.cells[key]
	if c == nil {
		c = &cell{local: local, key: string(append([]byte(nil), key...))}
		if l.shard.keeper == nil {
			l.load(c)
		}
		if local.cells == nil {
			local.cells = map[string]*cell{}
		}
		local.cells[c.key] = c
	}
	return c
}

// load gives a key the state that it begins with.
func (l *lane) load(c *cell) {
	c.loaded = true
	c.state = l.shard.states.take(c.local.node.path, c.key)
	if c.state == nil && l.shard.opts.State != nil {
		c.state = l.shard.opts.State(c.local.node.path, c.key)
	}
	c.size = capability.Size(c.state)
}

// enqueue puts a parcel into its mailbox at a node where r runs; nil: nothing does.
func (l *lane) enqueue(it *parcel, local *local, r *running) {
	if r == nil {
		it.grave = &grave{CodeGone, it.node.path + " is no longer part of the service"}
		l.bury(it)
		return
	}
	if local.behind && !it.old {
		local.after = append(local.after, it)
		return
	}
	c := l.cell(it, local, r)
	c.queue.push(it)
	l.list(c)
}

// list puts a cell on the list of those that can go on.
func (l *lane) list(c *cell) {
	if c.listed || c.parked || c.queue.len() == 0 {
		return
	}
	c.listed = true
	l.ready.push(c)
}

// counted notes that a local's tally is to be added up.
func (l *lane) counted(n *local) *tally {
	if !n.touched {
		n.touched = true
		l.touch = append(l.touch, n)
	}
	return &n.tally
}

// settleUp ends a turn: counts are added up, entries go to the committer, and
// then what is for other lanes leaves.
func (l *lane) settleUp() {
	l.addUp()
	for _, local := range l.borrow {
		l.lend(local)
	}
	if len(l.answers) > 0 {
		b := l.openBatch()
		b.answers = append(b.answers, l.answers...)
		clear(l.answers)
		l.answers = l.answers[:0]
	}
	for l.batch != nil { // what is committed at once may leave something to write
		l.flush()
	}
	if l.fill > 0 {
		for i, list := range l.cross {
			if len(list) > 0 {
				l.shard.lanes[i].postAll(list)
				clear(list)
				l.cross[i] = list[:0]
			}
		}
		l.fill = 0
	}
	if l.stray > 0 {
		l.giveAway()
	}
	l.resume()
}

// addUp adds what was counted to the nodes' counters.
func (l *lane) addUp() {
	if len(l.touch) > 0 {
		l.shard.opts.Pacer.Live()
	}
	for _, n := range l.touch {
		n.touched = false
		if n.tally.ruleFault > 0 {
			l.shard.log.Warn("a rule could not be evaluated and was not taken", "node", n.node.path, "times", n.tally.ruleFault, "error", n.fault)
		}
		n.node.add(&n.tally)
		l.shard.relieve(n.node)
		l.shard.readOn(n.node)
	}
	l.touch = l.touch[:0]
	l.passes.addUp()
}

// flush gives the open batch to the committer.
func (l *lane) flush() {
	b := l.batch
	if b == nil {
		return
	}
	l.batch, b.entries = nil, l.record.writer.Entries()
	switch {
	case b.entries == 0 && l.latest != nil:
		l.latest.follow(b) // what it holds back may be of an entry that is not committed yet
		l.committed(b)
	case b.entries == 0:
		if why := l.shard.failed.Load(); why != nil {
			b.err = *why // and what was to come before it may be lost
		}
		l.committed(b)
	case l.shard.committer.commit(b):
		l.committed(b)
	default:
		l.latest = b
	}
}

// committed makes visible what a batch held back.
func (l *lane) committed(b *batch) {
	if l.latest == b {
		l.latest = nil
	}
	for _, a := range b.answers {
		if b.err != nil {
			a.answer = Answer{Outcome: Failed, Code: "journal.unavailable", Text: "the journal did not take the record"}
		}
		if a.flow.late.Load() && b.err == nil {
			if e := a.flow.tell(a.answer); e != nil { // in the journal before anybody is told
				l.write(e)
				l.batch.answers = append(l.batch.answers, a)
				continue
			}
		}
		if t := a.flow.timed; t != nil {
			a.flow.timed = nil // the flow may be kept for longer than the trial
			if b.err == nil {
				t.count(a.flow, a.answer, l.shard.clock.Now())
			}
		}
		a.flow.publish(a.answer)
	}
	for _, f := range b.kept {
		f.lost.Store(b.err != nil)
		close(f.kept)
	}
	for _, done := range b.barriers {
		done <- b.err
	}
	if l.shard.keeper != nil && b.err == nil && b.entries > 0 {
		l.landings = append(l.landings, landing{b.number, b.seq})
		if len(l.landings) > landingsMax {
			l.safe()
		}
	}
	clear(b.answers)
	clear(b.kept)
	clear(b.barriers)
	b.answers, b.kept, b.barriers, b.blobs, b.err = b.answers[:0], b.kept[:0], b.barriers[:0], b.blobs[:0], nil
	if more := b.memory(); l.shard.committer.reused.Add(more) <= batchesMax {
		l.batches = append(l.batches, b)
	} else {
		l.shard.committer.reused.Add(-more)
	}
	l.shard.committer.trim()
}

type noteCommitted struct{ batch *batch }

func (n noteCommitted) run(l *lane) { l.committed(n.batch) }

// openBatch returns the batch being filled; its entries go to l.record.
func (l *lane) openBatch() *batch {
	if l.batch != nil {
		return l.batch
	}
	if l.record == nil {
		l.record = l.shard.committer.record()
	}
	if n := len(l.batches); n > 0 {
		l.batch, l.batches = l.batches[n-1], l.batches[:n-1]
		l.shard.committer.reused.Add(-l.batch.memory())
	} else {
		l.batch = &batch{lane: l}
	}
	l.flushed++
	l.batch.number = l.flushed
	return l.batch
}

// write adds an entry to the open batch, and begins another when it is full.
// An entry that no record can hold goes into a blob first.
func (l *lane) write(e journal.Entry) {
	l.openBatch()
	if l.record.writer.Add(e) {
		return
	}
	l.flush()
	l.openBatch()
	if l.record.writer.Add(e) {
		return
	}
	if packed := l.pack(e); packed != nil {
		l.record.writer.Add(packed)
		l.batch.blobs = append(l.batch.blobs, blob{digest: packed.Blob, size: int64(packed.Size)})
	}
}

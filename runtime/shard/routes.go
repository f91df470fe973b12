package shard

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"sync/atomic"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
	"github.com/grow-platform/grow/runtime/router"
)

// plan is a table and the nodes by its indexes. What comes of a message from outside goes
// by the plan that the message was accepted under, for as long as that is kept.
type plan struct {
	number uint32 // of its routes, which the journal knows: plans of one number lead the same ways
	table  *router.Table
	passed []*atomic.Uint64 // along its edges
	nodes  []*node
	// below are, of each node, those that it may send to and from which nothing comes back,
	// going by whichever plan is kept; see publish.
	below atomic.Pointer[[][]*node]
}

// holds are the nodes that have one at which r runs wait with what goes by the plan.
func (p *plan) holds(r *running) []*node {
	below, at := p.below.Load(), r.spec.Index
	if p != r.plan {
		n, ok := p.table.Node(r.spec.Path)
		if !ok {
			return r.plan.holds(r)
		}
		at = n.Index
	}
	if below == nil {
		return nil
	}
	return (*below)[at]
}

// out is where a node sends messages of a type by a plan; nil: it knows nothing of that.
func (p *plan) out(path, messageType string) *router.Out {
	n, ok := p.table.Node(path)
	if !ok {
		return nil
	}
	if i := slices.IndexFunc(n.Outs, func(o *router.Out) bool { return o.Type == messageType }); i >= 0 {
		return n.Outs[i]
	}
	return nil
}

// noRoutes is the number of the plan before the first table.
const noRoutes = math.MaxUint32

// routes are those that messages go by. Shard.applying guards them, but for what is atomic.
type routes struct {
	numbers map[string]uint32 // of those that are kept, by how they are written; nil: the journal has had none
	last    uint32            // number given away
	force   uint32            // number of those that are in force by the journal; guarded by swapping
	former  []former          // those that were replaced last, last
	found   []journal.Routes  // of the last life, until the first table is there
	kept    atomic.Pointer[[]*plan]
	looking bool
	coming  atomic.Uint32 // 1 + number of those that the journal is taking note of
	ended   atomic.Pointer[func()]
}

// former is a plan that no new message goes by: only what had begun so goes on by it.
type former struct {
	*plan
	since int64 // nanoseconds since 1970
	// awaited says that it was tried when the last life ended, and may be again: what came
	// by it to nodes that only it has waits there until then.
	awaited bool
}

// number is that of a table's routes, a new one unless they are known.
func (k *routes) number(t *router.Table) (number uint32, known bool) {
	text := string(t.Routes())
	if k.numbers == nil { // what is in an older journal goes by its first table
		k.numbers = map[string]uint32{text: 0}
		return 0, text == ""
	}
	number, known = k.numbers[text]
	if !known {
		k.last++
		number = k.last
		k.numbers[text] = number
	}
	return number, known
}

// enforce gives the routes of a table that is to be in force their number, which the
// journal knows then.
func (s *Shard) enforce(t *router.Table) (uint32, error) {
	number, known := s.numbered(t)
	if known && number == s.routes.force {
		return number, nil
	}
	err := s.journalled(t, number, journal.RoutesInForce)
	if err == nil {
		s.routes.force = number
		return number, nil
	}
	s.routes.force = noRoutes // whichever the journal says are, or will
	if !known {
		s.unnumber(t)
	}
	return number, err
}

// numbered is routes.number for who does not hold applying.
func (s *Shard) numbered(t *router.Table) (number uint32, known bool) {
	s.applying.Lock()
	defer s.applying.Unlock()
	number, known = s.routes.number(t)
	s.routes.coming.Store(number + 1)
	return number, known
}

// unnumber forgets the number of routes that the journal may not know. It is used up, unless
// it is that of an older journal's messages.
func (s *Shard) unnumber(t *router.Table) {
	s.applying.Lock()
	defer s.applying.Unlock()
	delete(s.routes.numbers, string(t.Routes()))
	if s.routes.last == 0 && len(s.routes.numbers) == 0 {
		s.routes.numbers = nil
	}
}

// replace puts a plan in force. What had begun by the one before, or by a trial, goes on so.
func (s *Shard) replace(p *plan) {
	k := &s.routes
	now := s.clock.Now().UnixNano()
	before, x := s.plan.Load(), s.trial.Load()
	if before.number != noRoutes {
		s.awaitNone(p.number)
		k.keep(before, now)
	}
	if x != nil {
		k.keep(x.next, now)
		s.withdraw(x.next, p.number)
	}
	k.numbers[string(p.table.Routes())] = p.number // which may have been forgotten while the journal took note
	s.publish(p, nil)
	s.plan.Store(p)
	s.trial.Store(nil)
}

// keep has a plan go on for what has begun by it, in place of those of its number that have no
// other nodes: services without workflows all have the same routes.
func (k *routes) keep(p *plan, now int64) {
	k.former = slices.DeleteFunc(k.former, func(f former) bool { return f.number == p.number && within(f.plan, p, nil) })
	k.former = append(k.former, former{plan: p, since: now})
	k.numbers[string(p.table.Routes())] = p.number
}

// withdraw has the journal take note that the routes of a plan are not tried any more, unless
// they are those of a number.
func (s *Shard) withdraw(p *plan, but uint32) {
	if p.number != but {
		s.note(p.table.Routes(), p.number, journal.RoutesWithdrawn, make(chan error, 1))
	}
}

// awaitNone gives up on trials of the last life: what waited for one has nowhere to go. The
// journal takes note of it, but for routes of a number, which are in use again.
func (s *Shard) awaitNone(but uint32) {
	for i := range s.routes.former {
		if f := &s.routes.former[i]; f.awaited {
			if f.number+1 == s.routes.coming.Load() {
				return
			}
			f.awaited = false
			s.withdraw(f.plan, but)
		}
	}
	for _, n := range s.nodes {
		if r := n.run.Load(); r != nil && r.actor == nil {
			n.run.Store(nil)
		}
	}
}

// planned makes a plan of a table.
func (s *Shard) planned(t *router.Table, number uint32, only bool) *plan {
	p := &plan{number: number, table: t, passed: s.passed.of(t, only), nodes: make([]*node, len(t.Nodes))}
	for i, spec := range t.Nodes {
		p.nodes[i] = s.node(spec.Path)
	}
	return p
}

// publish lets lanes see which plans are kept: the one in force, that of a trial, nil for
// none, and former ones. Who waits for room by fewer of them than before has to be told: see
// feedAll.
func (s *Shard) publish(force, tried *plan) {
	list := []*plan{force}
	if tried != nil {
		list = append(list, tried)
	}
	for i := len(s.routes.former) - 1; i >= 0; i-- {
		list = append(list, s.routes.former[i].plan)
	}
	for _, n := range s.nodes {
		n.gone.Store(!slices.Contains(force.nodes, n) && (tried == nil || !slices.Contains(tried.nodes, n)))
	}
	s.hold(list)
	s.routes.kept.Store(&list)
}

// hold works out who waits for whom as long as some plans are kept, and those by which
// something runs that no plan has any more.
func (s *Shard) hold(plans []*plan) {
	plans = slices.Clone(plans)
	for _, n := range s.nodes {
		if r := n.run.Load(); r != nil && !slices.Contains(plans, r.plan) {
			plans = append(plans, r.plan)
		}
	}
	tables := make([]*router.Table, len(plans))
	for i, p := range plans {
		tables[i] = p.table
	}
	for i, of := range router.Below(tables...) {
		p, below := plans[i], make([][]*node, len(of))
		for k, list := range of {
			for _, to := range list {
				below[k] = append(below[k], p.nodes[to.Index])
			}
		}
		p.below.Store(&below)
	}
}

// way is the plan of a number, nil when it is not kept. It may be called concurrently.
func (s *Shard) way(number uint32) *plan {
	for _, p := range s.ways() {
		if p.number == number {
			return p
		}
	}
	return nil
}

func (s *Shard) ways() []*plan {
	if list := s.routes.kept.Load(); list != nil {
		return *list
	}
	return nil
}

// runs are what runs at the nodes of all plans that are kept. It may be called concurrently.
func (s *Shard) runs() iter.Seq[*running] {
	return func(yield func(*running) bool) {
		seen := map[*node]bool{}
		for _, p := range s.ways() {
			for _, n := range p.nodes {
				if r := n.run.Load(); r != nil && r.actor != nil && !seen[n] && !yield(r) {
					return
				}
				seen[n] = true
			}
		}
	}
}

// settleFormer forgets former plans that are too many, or too old, all of them when none
// has messages left, and stops nodes that no plan has any more. It reports whether it forgot
// some, and whether nodes were stopped.
func (s *Shard) settleFormer(now int64, all bool) (forgot, stopped bool) {
	k := &s.routes
	force, x := s.plan.Load(), s.trial.Load()
	var tried *plan
	if x != nil {
		tried = x.next
	}
	over := len(k.former) - routesMax
	var gone []*plan
	k.former = slices.DeleteFunc(k.former, func(f former) bool {
		over--
		if f.awaited && f.number+1 == k.coming.Load() {
			return false
		}
		again := f.number == force.number || tried != nil && f.number == tried.number
		if !all && over < 0 && now-f.since < int64(routesTime) && !(again && within(f.plan, force, tried)) {
			return false
		}
		if !again {
			gone = append(gone, f.plan)
			if f.awaited { // nothing waits for it, so nothing will after a restart
				s.withdraw(f.plan, force.number)
			}
		}
		forgot = true
		return true
	})
	for _, p := range gone {
		if text := string(p.table.Routes()); k.numbers[text] == p.number && !slices.ContainsFunc(k.former, func(f former) bool { return f.number == p.number }) {
			delete(k.numbers, text)
		}
	}
	if slices.ContainsFunc(k.former, func(f former) bool { return f.awaited && now-f.since >= int64(awaitTime) }) {
		s.awaitNone(force.number)
		stopped = true
	}
	s.publish(force, tried)
	has := map[*node]bool{}
	for _, p := range s.ways() {
		for _, n := range p.nodes {
			has[n] = true
		}
	}
	for _, n := range s.nodes {
		if !has[n] && n.run.Swap(nil) != nil {
			stopped = true
		}
	}
	s.lookLater()
	return forgot, stopped
}

// within reports whether a plan has no node that two others lack, of which the second may be nil.
func within(p, force, tried *plan) bool {
	return !slices.ContainsFunc(p.nodes, func(n *node) bool {
		return !slices.Contains(force.nodes, n) && (tried == nil || !slices.Contains(tried.nodes, n))
	})
}

// lookLater looks at former plans again, while there are some. Shard.applying is held.
func (s *Shard) lookLater() {
	if k := &s.routes; len(k.former) > 0 && !k.looking {
		k.looking = true
		s.clock.AfterFunc(routesLook, s.look)
	}
}

func (s *Shard) look() {
	if s.stopping.Load() {
		return
	}
	if !s.applying.TryLock() { // for the journal, maybe
		s.clock.AfterFunc(routesLook, s.look)
		return
	}
	defer s.applying.Unlock()
	if s.stopping.Load() {
		return
	}
	s.routes.looking = false
	forgot, stopped := s.settleFormer(s.clock.Now().UnixNano(), s.idle())
	if forgot || stopped {
		s.feedAll()
	}
	ended := s.routes.ended.Load()
	if stopped && ended != nil {
		s.start(*ended)
	}
}

// idle reports whether no message is on its way, so that none can go by a former plan.
func (s *Shard) idle() bool {
	for _, l := range s.lanes { // none of them wakes meanwhile
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.awake {
			return false
		}
	}
	if s.active.Load() != 0 || s.backlog.Load() != nil {
		return false
	}
	for _, n := range s.nodes {
		if n.depth.Load() != 0 || n.waiting.Load() != 0 {
			return false
		}
	}
	return true
}

// InUse are the actors that may be given messages: of nodes of the table in force, of a
// trial, and of nodes that are gone and finish what had begun before.
func (s *Shard) InUse() map[*actor.Actor]bool {
	s.applying.Lock()
	defer s.applying.Unlock()
	list := map[*actor.Actor]bool{}
	for _, n := range s.nodes {
		for r := n.run.Load(); r != nil && r.actor != nil; r = r.next {
			list[r.actor] = true
		}
	}
	return list
}

// OnEnd has f be called whenever some of InUse are not any more without a call of Apply,
// Untry or Close. Close waits for it.
func (s *Shard) OnEnd(f func()) { s.routes.ended.Store(&f) }

// journalled has the journal take note of what becomes of routes, and returns once it has.
func (s *Shard) journalled(t *router.Table, number, use uint32) error {
	if err := s.Err(); err != nil {
		return err
	}
	done, late := make(chan error, 1), make(chan struct{})
	s.note(t.Routes(), number, use, done)
	stop := s.clock.AfterFunc(routesWait, func() { close(late) })
	defer stop()
	select {
	case err := <-done:
		s.resume(s.context, "routes")
		if err != nil {
			return errors.Join(ErrJournal, err)
		}
		return nil
	case <-late:
		s.resume(s.context, "routes are late")
		if use == journal.RoutesTried {
			s.note(t.Routes(), number, journal.RoutesWithdrawn, make(chan error, 1))
		}
		return fmt.Errorf("%w: it has not taken note of other routes for %v", ErrJournal, routesWait)
	case <-s.context.Done():
		return ErrStopping
	}
}

// note writes what becomes of routes to the journal; done, which takes one error, is told
// when that is there.
func (s *Shard) note(text []byte, number, use uint32, done chan error) {
	e := &journal.Routes{Number: number, Text: text, Time: s.clock.Now().UnixNano(), Use: use}
	s.lanes[len(s.lanes)-1].post(event{note: noteRoutes{e, done}})
}

// noteRoutes writes what becomes of routes.
type noteRoutes struct {
	routes *journal.Routes
	done   chan error
}

func (n noteRoutes) run(l *lane) {
	l.write(n.routes)
	l.batch.barriers = append(l.batch.barriers, n.done)
}

// find takes over what the journal knows of routes.
func (s *Shard) find(w *fold.World) {
	k := &s.routes
	k.found = slices.Clone(w.Routes())
	for i := range k.found {
		r := &k.found[i]
		if k.numbers == nil {
			k.numbers = map[string]uint32{}
		}
		k.numbers[string(r.Text)] = r.Number
		k.last = max(k.last, r.Number)
		if r.Use == journal.RoutesInForce {
			k.force = r.Number
		}
	}
}

// remake makes the plans of the last life that what waits may go by, for the first table.
func (s *Shard) remake(p *plan) {
	k := &s.routes
	now := s.clock.Now().UnixNano()
	for i := range k.found {
		r := &k.found[i]
		if r.Use != journal.RoutesWithdrawn {
			r.Time = now // it is replaced by this life's first
		}
		table, err := router.Restore(r.Text, p.table)
		if err != nil {
			s.log.Warn("messages go on by the routes in force: those by which they came do not fit any more", "routes", r.Number, "error", err)
			delete(k.numbers, string(r.Text))
			if r.Use == journal.RoutesTried { // no trial goes on by them
				s.note(r.Text, r.Number, journal.RoutesWithdrawn, make(chan error, 1))
			}
			continue
		}
		f := former{s.planned(table, r.Number, false), r.Time, r.Use == journal.RoutesTried && r.Number != p.number}
		k.former = append(k.former, f)
		if f.awaited {
			s.await(f.plan, p.table)
		}
	}
	k.found = nil
	s.passed.of(p.table, true) // along its edges alone messages go that are not of former routes
	s.publish(p, nil)          // lanes that are awake see what waits before the plan is in force
}

// await has messages for nodes that only a plan has, and a table has not, wait there.
func (s *Shard) await(p *plan, t *router.Table) {
	for i, n := range p.nodes {
		if _, ok := t.Node(n.path); !ok {
			n.run.CompareAndSwap(nil, &running{spec: p.table.Nodes[i], plan: p, capacity: awaitMessages, bytes: s.most.mailbox})
		}
	}
}

// specOf is what a node of another plan is by this one, if it has it, else as r, nil:
// nothing, runs it.
func (p *plan) specOf(other *plan, spec *router.Node, r *running) *router.Node {
	if p == other {
		return spec
	}
	if again, ok := p.table.Node(spec.Path); ok {
		return again
	}
	if r != nil {
		return r.spec
	}
	return spec
}

// begunBy is where a message goes that was accepted under other routes than those of what
// sends it: by them, or by those in force where they lead to nobody who takes it any more.
func (l *lane) begunBy(w *worker, it *parcel, out *router.Out) (*plan, *router.Out) {
	for _, p := range [...]*plan{l.shard.way(w.item.routes), l.shard.plan.Load()} {
		if p == nil {
			continue
		}
		if o := p.out(w.cell.local.node.path, out.Type); o != nil && l.shard.leads(p, o, it) {
			return p, o
		}
	}
	return w.run.plan, out
}

// leads reports whether all nodes that a message goes to by a plan run, and take it.
func (s *Shard) leads(p *plan, o *router.Out, it *parcel) bool {
	var way router.Way
	if to := o.Only(); to != nil {
		way.Targets = append(way.Targets, *to)
	} else {
		o.Next(&it.msg, &it.places, &way)
	}
	return !slices.ContainsFunc(way.Targets, func(t router.Target) bool {
		if t.Place != router.ToNode {
			return false
		}
		n := p.nodes[t.Node.Index]
		r := n.run.Load()
		return r == nil || !r.spec.Takes(o.Type) || s.idles(n, r)
	})
}

// idles reports whether a node that is gone is paused or takes nothing, so that what began
// before need not wait for anybody to say otherwise: its actor is none of the service any more.
// r runs there.
func (s *Shard) idles(n *node, r *running) bool {
	return n.gone.Load() && r.actor != nil && (n.shut() || n.paused() && Mode(s.mode.Load())&Paused == 0)
}

// most is how many places a message of a type may go to.
func (w *worker) most(out *router.Out) int {
	if w.item.routes == w.run.plan.number && !w.late {
		return out.Most()
	}
	most := out.Most()
	for _, p := range w.lane.shard.ways() {
		if o := p.out(w.run.spec.Path, out.Type); o != nil {
			most = max(most, o.Most())
		}
	}
	return most
}

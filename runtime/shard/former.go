package shard

import (
	"slices"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/router"
)

// former is a plan that no new message goes by: only what had begun so goes on by it.
type former struct {
	*plan
	since int64 // nanoseconds since 1970
	// awaited says that it was tried when the last life ended, and may be again: what came
	// by it to nodes that only it has waits there until then.
	awaited bool
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

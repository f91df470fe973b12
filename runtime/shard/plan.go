package shard

import (
	"iter"
	"slices"
	"sync/atomic"

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
func (s *Shard) runs() iter.Seq2[*node, *running] {
	return func(yield func(*node, *running) bool) {
		seen := map[*node]bool{}
		for _, p := range s.ways() {
			for _, n := range p.nodes {
				if r := n.run.Load(); r != nil && r.actor != nil && !seen[n] && !yield(n, r) {
					return
				}
				seen[n] = true
			}
		}
	}
}

// within reports whether a plan has no node that two others lack, of which the second may be nil.
func within(p, force, tried *plan) bool {
	return !slices.ContainsFunc(p.nodes, func(n *node) bool {
		return !slices.Contains(force.nodes, n) && (tried == nil || !slices.Contains(tried.nodes, n))
	})
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

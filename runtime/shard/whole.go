package shard

import (
	"strings"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/specs"
)

// noteWhole brings a request that is kept as a whole before any of it is handled.
type noteWhole struct{ admission *admission }

func (n noteWhole) run(l *lane) {
	a := n.admission
	first := a.parcels[0]
	e := &journal.Accepted{
		Source: first.msg.Source(), ID: a.flow.id, Input: first.msg.Frame(), Time: l.now, Idempotency: first.past.request.Idempotency, Asked: a.flow.question(), Routes: first.routes,
	}
	for i, it := range a.parcels {
		it.kept = true
		switch {
		case it.grave != nil || it.node == nil:
			e.Copies = append(e.Copies, l.astray(it))
		case i == 0:
			e.Node, e.Key = it.node.path, it.msg.Key()
		default:
			e.Copies = append(e.Copies, journal.Output{To: it.node.path, Key: it.msg.Key(), Message: &it.msg})
		}
	}
	l.write(e)
	if a.flow.kept != nil {
		l.batch.kept = append(l.batch.kept, a.flow)
	}
	for _, it := range a.parcels {
		switch {
		case it.grave != nil || it.node == nil:
			l.end(it)
		case l.shard.home(it, it.node.run.Load(), l) == l:
			l.enqueue(it, l.local(it.node), it.node.run.Load())
		default:
			l.dispatch(l.shard.home(it, it.node.run.Load(), l), it)
		}
	}
}

// astray is the part of an entry that tells of a parcel that goes to no node.
func (l *lane) astray(it *parcel) journal.Output {
	o := journal.Output{To: specs.Drop, Key: it.msg.Key(), Message: &it.msg}
	switch {
	case it.grave != nil:
		o.To = specs.DeadLetter
		path := strings.Clone(it.msg.Source()) // which outlives the message
		if it.node != nil {
			path = it.node.path
			t := l.counted(l.local(it.node))
			t.dead++
			t.left(it)
		}
		l.stillborn(it, path, &o)
	case it.out:
		o.To = specs.Output
		o.Answers = l.leave(it) && it.flow.asked
	}
	return o
}

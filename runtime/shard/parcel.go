package shard

import (
	"sync"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs/shape"
)

// parcel is one message on its way to one node. Whoever holds the only
// reference owns it: an admission, an inbox, a mailbox, a worker, a timer.
//
// A lane's parcels lie together, and come back to it: memory that two
// processors write in turn, or that lies between what they write, costs each of
// them more than handling the message.
type parcel struct {
	msg  abi.Message
	node *node
	flow *flow // nil when nobody may be waiting
	// grave is set when the message goes nowhere: it becomes a dead letter.
	grave *grave
	from  *local // that sent it; nil for a message from outside
	past  *past  // what it brings along; nil: nothing
	home  *lane  // that made it; nil: none did
	by    *arm   // counts what becomes of it, in a trial of routes; nil: nothing does

	attempt int32  // of the next handling, from 1
	direct  bool   // not journalled
	first   bool   // came from outside to this node, with nothing between
	kept    bool   // an entry of the journal holds it
	out     bool   // goes out of the service
	old     bool   // it waited when the journal ended, was read since, and waits
	found   bool   // it was read since the journal ended: it may have been handled before
	routes  uint32 // number of the plan that it, and what comes of it, goes by

	places shape.Places // of the fields of the message's data

	room [parcelRoom]byte // where the message lies, unless it is longer
}

// past is what few messages bring along.
type past struct {
	request *Request              // that brought it; nil for a message from inside
	answers []capability.Recorded // that are given again, one for each request
	clock   int64                 // that the attempt sees, which had begun before a restart; 0: the lane's
}

// asked is the request of a message that came with it just now.
func (it *parcel) asked() *Request {
	if it.kept || it.past == nil {
		return nil
	}
	return it.past.request
}

// parcels are those that requests are put into.
var parcels = sync.Pool{New: func() any {
	p := new(parcel)
	p.msg.Use(p.room[:])
	return p
}}

// parcel returns one to fill, with memory for its message.
func (l *lane) parcel() *parcel {
	if len(l.free) == 0 {
		l.refill()
	}
	n := len(l.free) - 1
	p := l.free[n]
	l.free = l.free[:n]
	return p
}

// refill takes back the parcels that other lanes have returned, or makes some.
func (l *lane) refill() {
	l.mu.Lock()
	l.free = append(l.free, l.returned...)
	clear(l.returned)
	l.returned = l.returned[:0]
	l.mu.Unlock()
	if len(l.free) > 0 {
		return
	}
	slab := new([slabSize]parcel)
	for i := range slab {
		p := &slab[i]
		p.home = l
		p.msg.Use(p.room[:])
		l.free = append(l.free, p)
	}
}

// recycle takes back a parcel nobody refers to any more. Its message may be
// part of the entry being made, so it is not used before that is written.
func (l *lane) recycle(p *parcel) {
	p.node, p.flow, p.grave, p.from, p.past, p.by = nil, nil, nil, nil, nil, nil
	p.found = false
	l.trash = append(l.trash, p)
}

// reuse makes what was recycled available; the entry has been written.
func (l *lane) reuse() {
	for _, p := range l.trash {
		if p.msg.Cap() > spareBytes {
			p.msg.Use(p.room[:])
		}
		switch {
		case p.home == nil:
			parcels.Put(p)
		case p.home != l:
			l.strays[p.home.index] = append(l.strays[p.home.index], p)
			l.stray++
		case len(l.free) < freeMax:
			l.free = append(l.free, p)
		default:
			p.msg = abi.Message{} // another message may keep the slab
		}
	}
	clear(l.trash)
	l.trash = l.trash[:0]
}

// giveAway returns other lanes' parcels to them.
func (l *lane) giveAway() {
	for i, list := range l.strays {
		if len(list) == 0 {
			continue
		}
		home := l.shard.lanes[i]
		home.mu.Lock()
		n := min(len(list), max(0, freeMax-len(home.returned)))
		home.returned = append(home.returned, list[:n]...)
		home.mu.Unlock()
		for _, p := range list[n:] {
			p.msg = abi.Message{}
		}
		clear(list)
		l.strays[i] = list[:0]
	}
	l.stray = 0
}

package shard

import (
	"sync"

	"github.com/grow-platform/grow/abi"
)

// parcel is one message on its way to one node. Whoever holds the only
// reference owns it: an admission, an inbox, a mailbox, a worker, a timer.
type parcel struct {
	msg  abi.Message
	node *node
	flow *flow // nil when nobody may be waiting
	// grave is set when the message goes nowhere: it becomes a dead letter.
	grave  *grave
	from   *local   // that sent it; nil for a message from outside
	origin *Request // that brought it; nil for a message from inside

	attempt int32 // of the next handling, from 1
	direct  bool  // not journalled
	first   bool  // came from outside to this node, with nothing between
	kept    bool  // an entry of the journal holds it
	out     bool  // goes out of the service
}

// parcels are those that lanes had no use for, and requests are put into.
var parcels = sync.Pool{New: func() any { return new(parcel) }}

// parcel returns one to fill, with memory for its message.
func (l *lane) parcel() *parcel {
	if n := len(l.free); n > 0 {
		p := l.free[n-1]
		l.free = l.free[:n-1]
		return p
	}
	return parcels.Get().(*parcel)
}

// recycle takes back a parcel nobody refers to any more. Its message may be
// part of the entry being made, so it is not used before that is written.
func (l *lane) recycle(p *parcel) {
	p.node, p.flow, p.grave, p.from, p.origin = nil, nil, nil, nil, nil
	if p.msg.Cap() <= spareBytes {
		l.trash = append(l.trash, p)
	}
}

// reuse makes what was recycled available; the entry has been written.
func (l *lane) reuse() {
	for _, p := range l.trash {
		if len(l.free) < freeMax {
			l.free = append(l.free, p)
		} else {
			parcels.Put(p)
		}
	}
	clear(l.trash)
	l.trash = l.trash[:0]
}

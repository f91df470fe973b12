package shard

// waiting is a message that waited when the journal ended.
type waiting struct {
	item *parcel
	due  int64 // 0: at once
	held bool  // nothing else of its key is handled before it
}

// noteRestored brings a lane what waited when the journal ended, in its order.
type noteRestored struct {
	list   []waiting
	behind []*node // of which there is more to come
}

func (n noteRestored) run(l *lane) {
	for _, node := range n.behind {
		l.local(node).behind = true
	}
	for _, w := range n.list {
		local, r := l.local(w.item.node), w.item.node.run.Load()
		if w.due == 0 || r == nil {
			if w.due != 0 {
				w.item.node.waiting.Add(-1)
				w.item.node.shift(1, int64(w.item.msg.Size()))
			}
			l.enqueue(w.item, local, r)
			continue
		}
		next := timer{due: w.due, item: w.item}
		if w.held {
			next.cell = l.cell(w.item, local, r)
			next.cell.parked = true
		}
		l.timers.add(l, next)
	}
	l.fire()
}

// noteThrough says that all that waited at a node has been handed over: what
// came after it is next.
type noteThrough struct{ node *node }

func (n noteThrough) run(l *lane) {
	local := l.local(n.node)
	local.behind = false
	after := local.after
	local.after = nil
	for _, it := range after {
		l.enqueue(it, local, n.node.run.Load())
	}
}

package actor

import (
	"slices"
	"sync/atomic"
	"time"
)

// InstanceStatus is what one instance has done.
type InstanceStatus struct {
	Started time.Time
	Handled uint64 // messages, whatever became of them
	Memory  int64  // bytes of linear memory
	Busy    bool   // somebody has taken it
}

// looks is what may be seen of an instance while it handles. handled and memory are written
// by whoever the instance belongs to.
type looks struct {
	started time.Time // before the instance is in the pool
	handled atomic.Uint64
	memory  atomic.Int64
}

// Look tells of the instances that have started, the oldest first.
func (a *Actor) Look() []InstanceStatus {
	p := &a.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]InstanceStatus, 0, len(p.all))
	for i := range p.all {
		list = append(list, InstanceStatus{i.looks.started, i.looks.handled.Load(), i.looks.memory.Load(), !slices.Contains(p.free, i)})
	}
	slices.SortFunc(list, func(x, y InstanceStatus) int { return x.Started.Compare(y.Started) })
	return list
}

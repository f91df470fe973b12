package shard

import "context"

// Scheduler decides when the goroutines of a shard go on. Simulations bring one,
// so that a run can be had again exactly as it was; without one Go decides. It
// must be safe for concurrent use.
type Scheduler interface {
	// Start is called before a goroutine is started that is to run f, and returns
	// what it runs in place of f.
	Start(f func()) func()
	// Resume is called by a goroutine that another one has let go on, and returns
	// when it may. what says where it is; there is no other such call under way
	// with the same what, unless for a caller of the shard, whose ctx it gets then.
	Resume(ctx context.Context, what string)
}

// start runs f on a goroutine that Close waits for.
func (s *Shard) start(f func()) {
	if s.opts.Scheduler != nil {
		f = s.opts.Scheduler.Start(f)
	}
	s.workers.Go(f)
}

// resume comes after what another goroutine has ended by a channel.
func (s *Shard) resume(ctx context.Context, what string) {
	if s.opts.Scheduler != nil {
		s.opts.Scheduler.Resume(ctx, what)
	}
}

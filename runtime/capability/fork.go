package capability

import "context"

// Fork makes a broker of the same grants and operations that asks no capability:
// do answers in place of each, and may be called concurrently. Only operations
// that give a secret ([Hides]), which no record has, are served as before, by b,
// which must stay open as long.
func (b *Broker) Fork(do func(ctx context.Context, use string, r *Request) Answer) *Broker {
	fork := &Broker{grants: map[string]*grant{}, calls: b.calls}
	for name, g := range b.grants {
		fork.grants[name] = &grant{name: name, capability: &forked{of: g, do: do}, operations: g.operations}
	}
	return fork
}

// forked is a grant of a fork.
type forked struct {
	of *grant
	do func(context.Context, string, *Request) Answer
}

func (f *forked) Operations() map[string]Effect { return f.of.operations }

func (f *forked) Do(ctx context.Context, r *Request) Answer {
	if f.of.operations[r.Operation] == Hides {
		return f.of.capability.Do(ctx, r)
	}
	return f.do(ctx, f.of.name, r)
}

func (f *forked) Close() error { return nil }

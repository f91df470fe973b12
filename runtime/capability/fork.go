package capability

import "context"

// Fork makes a broker of the same grants and operations that asks no capability:
// do answers in place of each, and may be called concurrently. Only operations
// that give a secret ([Hides]), which no record has, are served as before, by b,
// which must stay open as long; hidden is told of each of them.
func (b *Broker) Fork(do func(ctx context.Context, use string, r *Request) Answer, hidden func(use string, r *Request)) *Broker {
	fork := &Broker{grants: map[string]*grant{}, calls: b.calls, most: b.most}
	for name, g := range b.grants {
		fork.grants[name] = newGrant(name, &forked{of: g, do: do, hidden: hidden})
	}
	return fork
}

// Seal is Fork for a broker that asks b nothing at all: do answers in place of secrets too.
func (b *Broker) Seal(do func(ctx context.Context, use string, r *Request) Answer) *Broker {
	return b.Fork(do, nil)
}

// forked is a grant of a fork.
type forked struct {
	of     *grant
	do     func(context.Context, string, *Request) Answer
	hidden func(string, *Request) // nil: secrets are asked for nowhere
}

func (f *forked) Operations() map[string]Effect { return f.of.effects() }

// Effect implements Judge.
func (f *forked) Effect(r *Request) Effect {
	if f.of.judge != nil {
		return f.of.judge.Effect(r)
	}
	return f.of.operations[r.Operation].effect
}

func (f *forked) Do(ctx context.Context, r *Request) Answer {
	if f.hidden != nil && f.Effect(r) == Hides {
		f.hidden(f.of.name, r)
		return f.of.capability.Do(ctx, r)
	}
	return f.do(ctx, f.of.name, r)
}

func (f *forked) Close() error { return nil }

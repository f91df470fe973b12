package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
)

// seedsRef is what the refs begin with that hold seeds.
const seedsRef = "seeds/"

func seedRef(s documents.Service) string { return seedsRef + s.Namespace + "/" + s.Name }

// seed returns what keys the random streams of a service's messages, making it when the
// service is new. A host that takes over goes on with the same one.
func (p *Platform) seed(ctx context.Context, s documents.Service) ([]byte, error) {
	if p.isMounted(s) {
		return ownSeed(StateDir(p.opts.Data))
	}
	name := seedRef(s)
	r, err := p.store.Ref(ctx, name)
	if errors.Is(err, store.ErrNotFound) {
		b, err := newSeed()
		if err != nil {
			return nil, err
		}
		if _, err = p.store.SetRef(ctx, name, b, 0); err == nil {
			return b, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return nil, fmt.Errorf("keep the seed of %s: %w", s, err)
		}
		r, err = p.store.Ref(ctx, name) // somebody else was quicker
		if err != nil {
			return nil, fmt.Errorf("read the seed of %s: %w", s, err)
		}
	} else if err != nil {
		return nil, fmt.Errorf("read the seed of %s: %w", s, err)
	}
	if len(r.Value) != seedBytes {
		return nil, fmt.Errorf("read the seed of %s: %w", s, store.ErrDamaged)
	}
	return r.Value, nil
}

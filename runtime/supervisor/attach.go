package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/runtime/shard"
)

// Attachment is another build of what runs at a node, which handles messages in its place
// while somebody looks at it. Its methods may be called concurrently.
type Attachment struct {
	supervisor *Supervisor
	part       *part
	detach     func()
	ended      func(why string)
}

// Attach has what runs at a node be compiled by somebody else, and handle its messages, or
// those of one key: see [shard.Shard.Attach]. It has its grants for itself, and its
// instances begin anew. ended is called once if something else than Detach ends it; it must
// not block, nor call the supervisor. Attach fails with shard.ErrAttached for what cannot
// be attached to, and with what Apply does.
func (s *Supervisor) Attach(ctx context.Context, w Wanted, node string, key *string, by Compiler, ended func(why string)) (*Attachment, error) {
	table, err := router.Compile(w.Service)
	if err != nil {
		return nil, err
	}
	n, ok := table.Node(node)
	if !ok {
		return nil, fmt.Errorf("%w: there is no node %s", shard.ErrAttached, node)
	}
	binary := w.Modules[n.Actor.Name]
	name := revision(w.Service, n, binary.Digest, w.digest)
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.current[node]; now == nil || now.actor.Revision != name {
		return nil, fmt.Errorf("%w: another revision of %s runs by now", shard.ErrAttached, node)
	}
	m, err := s.moduleBy(ctx, by, binary, s.config(w.Service, n.Actor, table))
	if err != nil {
		return nil, fmt.Errorf("actor %s: %w", n.Actor.Name, err)
	}
	modules := map[string]*module{n.Actor.Name: m}
	for _, def := range slices.Concat(migrationsOf(n.Actor), providersOf(w.Service, n.Actor)) {
		if err == nil && modules[def.Name] == nil {
			modules[def.Name], err = s.module(ctx, w.Modules[def.Name], s.config(w.Service, def, table))
		}
	}
	var p *part
	if err == nil {
		p, err = s.part(ctx, w.Service, n, modules, name)
	}
	for _, m := range modules { // the part has uses of its own
		if m != nil {
			err = errors.Join(err, m.release())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", node, err)
	}
	a := &Attachment{supervisor: s, part: p, ended: ended}
	if err = start(ctx, []*actor.Actor{p.actor}); err == nil {
		a.detach, err = s.opts.Shard.Attach(node, p.actor, key)
	}
	if err != nil {
		return nil, errors.Join(err, retire([]*part{p}))
	}
	if s.attached == nil {
		s.attached = map[*Attachment]bool{}
	}
	s.attached[a] = true
	return a, nil
}

// Detach has what ran before handle all messages again. It does not wait for what is being
// handled, and does nothing once the attachment has ended.
func (a *Attachment) Detach() {
	s := a.supervisor
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.attached[a] {
		s.let(a)
	}
}

// let ends an attachment. The lock is held.
func (s *Supervisor) let(a *Attachment) {
	delete(s.attached, a)
	a.detach()
	s.retireLater([]*part{a.part})
}

// dismiss ends all attachments, and says why. The lock is held.
func (s *Supervisor) dismiss(why string) {
	for a := range s.attached {
		a.ended(why)
		s.let(a)
	}
}

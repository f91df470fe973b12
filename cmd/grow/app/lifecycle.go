package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/secrets"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/shard"
)

// stopTime is how long what a service has accepted may take to finish when it is
// stopped or deleted; what is left goes on when it is started again.
const stopTime = 20 * time.Second

// Govern implements api.Lifecycle: it puts a service, or an actor of it, into a mode,
// and remembers that. A service that is stopped does not run at all.
func (p *Platform) Govern(ctx context.Context, s documents.Service, actor string, mode shard.Mode) error {
	change := func(m *shard.Modes) {
		if actor == "" {
			m.Service = mode
		} else {
			m.Actors[actor] = mode
		}
	}
	return p.Deployer.SetModes(ctx, s, change, func(m shard.Modes) error {
		if m.Service == shard.Stopped {
			return p.halt(ctx, s)
		}
		if h := p.running(s); h != nil {
			h.shard.Govern(m)
			return nil
		}
		return p.resume(ctx, s)
	})
}

// halt ends a service that runs.
func (p *Platform) halt(ctx context.Context, s documents.Service) error {
	h := p.running(s)
	if h == nil {
		p.fail(s, nil)
		return nil
	}
	h.unwatch()
	p.place(s, nil)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	left, err := h.Stop(ctx)
	if errors.Is(err, context.DeadlineExceeded) && left.Kept {
		p.log.Warn("a service was stopped with messages under way; they go on when it is started", "service", s.String(), "messages", len(left.Waiting))
		return nil
	}
	return err
}

// resume starts what of a service is live, if something is.
func (p *Platform) resume(ctx context.Context, s documents.Service) error {
	n, err := p.Deployer.Resume(ctx, s)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		p.fail(s, err)
		if errors.Is(err, deploy.ErrStart) {
			return unstarted(s, err)
		}
		return fmt.Errorf("start deployment %d of %s: %w", n.Number, s, err)
	}
	return nil
}

// stopped reports whether a service is not to run.
func (p *Platform) stopped(ctx context.Context, s documents.Service) (bool, error) {
	m, err := p.Deployer.Modes(ctx, s)
	return m.Service == shard.Stopped, err
}

// unstarted says why a service could not be started, and what there is to do.
func unstarted(s documents.Service, err error) error {
	told := &control.Error{Code: control.CodeInvalid, Message: err.Error(), At: s.String(), Next: "mend that, and try again: grow service start " + s.Name}
	var known *control.Error
	var own *Error
	switch {
	case errors.As(err, &known):
		told.Code, told.Next = known.Code, cmp.Or(known.Next, told.Next)
	case errors.As(err, &own):
		told.Next = cmp.Or(own.Hint, told.Next)
	}
	return told
}

// fail keeps why a service that is meant to run does not; nil: it runs, or is not meant to.
func (p *Platform) fail(s documents.Service, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		delete(p.faults, s)
		return
	}
	p.faults[s] = err.Error()
}

// Fault implements api.Lifecycle.
func (p *Platform) Fault(s documents.Service) string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.faults[s]
}

// Remove implements api.Lifecycle: it ends a service and forgets all of it, its
// documents, deployments, and what it has kept, but for its databases, which are put away.
func (p *Platform) Remove(ctx context.Context, s documents.Service, plan bool) (deploy.Removed, error) {
	from := dataOf(p.opts.Data, s.Namespace, s.Name)
	at := "TIME" // of a plan nobody knows it
	if !plan {
		at = stamp()
	}
	to := filepath.Join(StateDir(p.opts.Data), "deleted-"+at, dataDir, s.Namespace, s.Name)
	away := ""
	if _, err := os.Lstat(from); err == nil {
		if away, err = filepath.Rel(p.opts.Data, to); err != nil {
			away = to
		}
	}
	n, err := p.Deployer.Remove(ctx, s, plan, func() error { return p.halt(ctx, s) }, func() error {
		if err := p.putAway(s, from, to); err != nil { // first: it can fail, and be undone
			return err
		}
		if r, ok := p.shared.store.(journal.Remover); ok {
			if err := r.Remove(ctx, journal.Name{Namespace: s.Namespace, Service: s.Name}); err != nil {
				return err
			}
		}
		if err := p.Sealed.ForgetKept(secrets.Place{Namespace: s.Namespace, Service: s.Name}); err != nil {
			return fmt.Errorf("forget what was hidden of %s: %w", s, err)
		}
		return p.forgetSeed(ctx, s)
	})
	if err == nil && !plan {
		p.forget(s)
	}
	n.Away = away
	return n, err
}

// putAway moves the databases of a service that is deleted to where no service finds them: one of the same
// name is another service, and what it has not written is not its own. Nobody has them open.
func (p *Platform) putAway(s documents.Service, from, to string) error {
	err := moved(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &control.Error{
			Code: control.CodeInternal, Message: fmt.Sprintf("put the databases of %s away: %v", s, err), At: from,
			Next: "move " + from + " on the host to another place, and delete the service again",
		}
	}
	p.log.Info("what a deleted service had in its folder of data is put away", "service", s.String(), "folder", to)
	return nil
}

// forgetSeed removes what keys the random streams of a service's messages.
func (p *Platform) forgetSeed(ctx context.Context, s documents.Service) error {
	r, err := p.store.Ref(ctx, seedRef(s))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = p.store.RemoveRef(ctx, r.Name, r.Revision)
	}
	if err != nil {
		return fmt.Errorf("remove the seed of %s: %w", s, err)
	}
	return nil
}

// Actors implements api.Lifecycle: the actors of a service that runs, with what they do;
// nil for one that does not.
func (p *Platform) Actors(s documents.Service) []api.ActorStatus {
	h := p.running(s)
	if h == nil {
		return nil
	}
	return actorsOf(h.Host)
}

// actorsOf adds up the nodes of each actor.
func actorsOf(h *Host) []api.ActorStatus {
	var list []api.ActorStatus
	at := map[string]int{}
	for _, n := range h.shard.Status() {
		i, ok := at[n.Actor]
		if !ok {
			i, at[n.Actor] = len(list), len(list)
			list = append(list, api.ActorStatus{Name: n.Actor, Mode: n.Mode})
		}
		a := &list[i]
		a.Nodes = append(a.Nodes, n.Node)
		a.Mailbox += n.Mailbox
		a.Waiting += n.Waiting
		a.Handled += n.Handled
	}
	return list
}

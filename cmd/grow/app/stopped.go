package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
)

// Stopped is the journal of a service that does not run, for looking at. While
// it is open, no host can have it. It belongs to one goroutine.
type Stopped struct {
	service *specs.Service
	store   journal.Store
	journal journal.Journal
	states  *shard.KeptStates // nil: not read yet
	hidden  *discretion
}

// OpenStopped opens the journal in the folder of a service that does not run. It
// fails with fs.ErrNotExist when there is none.
func OpenStopped(ctx context.Context, dir string) (s *Stopped, err error) {
	if _, err := os.Stat(JournalDir(dir)); errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	service, err := Load(dir)
	if err != nil {
		return nil, err
	}
	h := &Host{opts: Options{Dir: dir, Service: service}}
	own, err := SecretsOf(dir, service.Name)
	if err != nil {
		return nil, err
	}
	s = &Stopped{service: service, hidden: newDiscretion(own.Sealed, own.Place.Namespace, nil)}
	for _, name := range secretNames(service) {
		if value, from := own.outside(name); from != "" {
			s.hidden.remember(value)
		}
	}
	if s.store, err = h.opts.Journal.OpenStore(ctx, dir, slog.New(slog.DiscardHandler)); err != nil {
		return nil, journalError(h.opts.Journal, err)
	}
	if s.journal, err = s.store.Open(ctx, journal.Name{Namespace: "main", Service: service.Name}); err != nil {
		return nil, errors.Join(journalError(h.opts.Journal, err), s.store.Close())
	}
	return s, nil
}

// Close lets hosts have the journal again.
func (s *Stopped) Close() error { return s.store.Close() }

func (s *Stopped) read(ctx context.Context) (err error) {
	if s.states == nil {
		s.states, err = shard.ReadStates(ctx, s.journal)
	}
	return err
}

// State reads what a key keeps, as a running host does.
func (s *Stopped) State(ctx context.Context, r control.StateRequest) (control.State, error) {
	if err := hasState(s.service, r.Node); err != nil {
		return control.State{}, err
	}
	if err := s.read(ctx); err != nil {
		return control.State{}, traceError(err)
	}
	values, err := s.states.GetState(ctx, r.Node, r.Key)
	if err != nil {
		return control.State{}, traceError(err)
	}
	return stateReply(s.service, &r, values, s.hidden.mask())
}

// States lists keys, as a running host does.
func (s *Stopped) States(ctx context.Context, f control.StateFilter) (control.StateList, error) {
	if f.Node != "" {
		if err := s.read(ctx); err != nil {
			return control.StateList{}, traceError(err)
		}
	}
	return listStates(ctx, s.service, s.states, f, s.hidden.mask())
}

// StateDiff tells how a state has changed, as a running host does.
func (s *Stopped) StateDiff(ctx context.Context, r control.DiffRequest) (control.StateDiff, error) {
	if err := hasState(s.service, r.Node); err != nil {
		return control.StateDiff{}, err
	}
	return diffState(ctx, r, s.hidden.mask(), func(span shard.Span) (*shard.History, error) {
		return shard.StateHistory(ctx, s.journal, r.Node, r.Key, span)
	})
}

// Trace tells what happened to a message, as a running host does.
func (s *Stopped) Trace(ctx context.Context, id string) (control.Trace, error) {
	t, err := shard.Trace(ctx, s.journal, id)
	if err != nil {
		return control.Trace{}, traceError(err)
	}
	return toldOf(t, s.hidden.mask()), nil
}

// Messages lists the newest messages, as a running host does.
func (s *Stopped) Messages(ctx context.Context, f control.MessageFilter) (control.MessageList, error) {
	read := func(records uint64, visit func(*shard.Hop) error) (bool, error) {
		return shard.Recent(ctx, s.journal, records, visit)
	}
	return messagesOf(f, s.hidden.mask(), read)
}

package nats

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Store is a journal.Store and a bucket.Store in NATS.
type Store struct {
	options Options
	folder  *folder // nil: external
	disk    *disk   // nil: external
	session atomic.Pointer[session]
	keeper  keeper
	readers chan struct{} // one for each Read that runs

	mu       sync.Mutex // guards what follows; not held during calls of the server, except by Open
	journals map[journal.Name]*log
	buckets  map[bucket.Name]*values
	objects  map[bucket.Name]*objects
	closed   atomic.Bool
}

// Open opens a store. It fails with the errors that package journal names:
// ErrLocked, ErrForeign, ErrFormat, ErrDamaged and ErrFull for a data folder,
// of which nothing is changed then; ErrDenied, ErrNoJetStream, ErrPayload and
// ErrUnhealthy for a server.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	s := &Store{options: o, journals: map[journal.Name]*log{}, buckets: map[bucket.Name]*values{}, objects: map[bucket.Name]*objects{}, readers: make(chan struct{}, ReadersMax)}
	s.keeper.store, s.keeper.kick = s, make(chan struct{}, 1)
	if o.Dir != "" {
		if err := s.openFolder(ctx); err != nil {
			return nil, fmt.Errorf("open data folder %s: %w", o.Dir, err)
		}
	} else {
		session, err := connect(ctx, &s.options, nil)
		if err != nil {
			return nil, fmt.Errorf("open journals on %s: %w", redact(o.URL), err)
		}
		s.session.Store(session)
	}
	s.keeper.start()
	return s, nil
}

// openFolder takes the data folder and starts the server on it.
func (s *Store) openFolder(ctx context.Context) (err error) {
	if s.folder, err = takeFolder(s.options.Dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.folder.release())
		}
	}()
	s.disk = newDisk(s.options.Dir, s.options.Reserve)
	if err = s.disk.probe(); err != nil {
		return err
	}
	session, err := s.serve(ctx)
	if err != nil {
		return err
	}
	s.session.Store(session)
	return nil
}

// serve checks the folder, starts the server and connects.
func (s *Store) serve(ctx context.Context) (*session, error) {
	if err := s.folder.prepare(ctx); err != nil {
		return nil, err
	}
	for stream := range *s.folder.aside.Load() {
		s.options.Log.Warn("a bucket is damaged and was set aside: whoever uses it does not start", "bucket", stream, "folder", filepath.Join(s.folder.path, asideDir))
	}
	own, err := startServer(ctx, s.folder, s.options.Log, s.keeper.alarm)
	if err != nil {
		return nil, err
	}
	session, err := connect(ctx, &s.options, own)
	if err == nil {
		if err = s.folder.recovered(ctx, session); err != nil {
			session.close()
		}
	}
	if err != nil {
		return nil, errors.Join(err, stopServer(own))
	}
	return session, nil
}

// Open implements journal.Store. Opening a name again gives the same journal.
func (s *Store) Open(ctx context.Context, n journal.Name) (journal.Journal, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(); err != nil {
		return nil, err
	}
	if j := s.journals[n]; j != nil {
		return j, ctx.Err()
	}
	j := newLog(s, n)
	if err := j.open(ctx); err != nil {
		return nil, fmt.Errorf("open journal %s: %w", n, err)
	}
	s.journals[n] = j
	return j, nil
}

// Health implements journal.Store.
func (s *Store) Health() error {
	if s.closed.Load() {
		return journal.ErrClosed
	}
	return s.keeper.health()
}

// usable is why nothing can be asked of the server now, or nil. A store whose
// disk is full can still be read and trimmed.
func (s *Store) usable() error {
	switch {
	case s.closed.Load():
		return journal.ErrClosed
	case s.keeper.anew.Load():
		return s.keeper.health()
	}
	return nil
}

// room books n bytes of a store that is well, or says why it takes none.
func (s *Store) room(n int) error {
	if err := s.Health(); err != nil || s.disk == nil {
		return err
	}
	err := s.disk.take(n + overhead)
	if err != nil {
		s.keeper.fail(err, false)
	}
	return err
}

// Close implements journal.Store. Appends under way end with ErrClosed or as
// they would have.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.keeper.stop()
	well := s.keeper.health() == nil
	session := s.session.Load()
	session.close()
	if s.folder == nil {
		return nil
	}
	err := stopServer(session.server)
	if err == nil && well {
		err = s.folder.markClean()
	}
	return errors.Join(err, s.folder.release())
}

// call runs one call of the server within its time, and names its failure.
func (s *Store) call(ctx context.Context, what string, f func(ctx context.Context, session *session) error) error {
	if err := s.usable(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	limited, cancel := context.WithTimeout(ctx, s.options.CallTimeout)
	defer cancel()
	if err := f(limited, s.session.Load()); err != nil {
		return fmt.Errorf("%s: %w", what, s.callError(ctx, err))
	}
	return nil
}

// callError names the failure of a call under ctx.
func (s *Store) callError(ctx context.Context, err error) error {
	var api jetstream.JetStreamError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.closed.Load():
		return journal.ErrClosed
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("%w: %w: %w", journal.ErrUnhealthy, journal.ErrNoJetStream, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, client.ErrTimeout), errors.Is(err, client.ErrNoResponders), errors.Is(err, client.ErrConnectionClosed),
		errors.Is(err, client.ErrReconnectBufExceeded), errors.Is(err, client.ErrConnectionReconnecting), errors.Is(err, errNoAnswer), errors.Is(err, errDropped), errors.Is(err, errNotSent):
		return fmt.Errorf("%w: %w", journal.ErrUnhealthy, err)
	case errors.As(err, &api) && api.APIError() != nil && full(api.APIError().Description):
		return fmt.Errorf("%w: %w", journal.ErrFull, err)
	}
	return err
}

// within is a context for one step of something that has many.
func (s *Store) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.options.CallTimeout)
}

// Package nats keeps what a host remembers in NATS JetStream: objects in an object
// store, refs in a key-value bucket. It is for hosts whose journal is there too.
package nats

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/grow-platform/grow/host/store"
)

// Names of what is made on the server.
const (
	refsBucket    = "grow_store"
	objectsBucket = "grow_store"
	objectsStream = "OBJ_" + objectsBucket
)

// RefsStream is the stream of the refs.
const RefsStream = "KV_" + refsBucket

// headMax is what a message may have in bytes besides the value.
const headMax = 4 << 10

// callMax is how long one call of the server may take that moves no object.
const callMax = 10 * time.Second

// Store is a store in JetStream. It implements store.Store.
type Store struct {
	js      jetstream.JetStream
	refs    jetstream.KeyValue
	objects jetstream.ObjectStore
	stream  jetstream.Stream // of the objects
	closed  atomic.Bool
}

var _ store.Store = (*Store)(nil)

// Open opens the store of the account that a connection belongs to, and makes it, with
// so many replicas, when there is none. The connection stays the caller's, and must be
// open for as long as the store is used.
func Open(ctx context.Context, c *client.Conn, replicas int) (*Store, error) {
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	js, err := jetstream.New(c)
	if err != nil {
		return nil, fmt.Errorf("open the host's store: %w", err)
	}
	s := &Store{js: js}
	if s.refs, err = js.KeyValue(ctx, refsBucket); errors.Is(err, jetstream.ErrBucketNotFound) {
		s.refs, err = js.CreateKeyValue(ctx, refsConfig(replicas, nil))
	}
	if err != nil {
		return nil, fmt.Errorf("open the host's refs: %w", fault(err))
	}
	if s.objects, err = js.ObjectStore(ctx, objectsBucket); errors.Is(err, jetstream.ErrBucketNotFound) {
		s.objects, err = js.CreateObjectStore(ctx, objectsConfig(replicas, nil))
	}
	if err == nil {
		s.stream, err = js.Stream(ctx, objectsStream)
	}
	if err != nil {
		return nil, fmt.Errorf("open the host's objects: %w", fault(err))
	}
	return s, nil
}

// Make makes the store of an account that has none, or fails with store.ErrConflict; metadata is
// that of its streams. It is else as Open.
func Make(ctx context.Context, c *client.Conn, replicas int, metadata map[string]string) (*Store, error) {
	limited, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	js, err := jetstream.New(c)
	if err == nil {
		_, err = js.CreateKeyValue(limited, refsConfig(replicas, metadata))
	}
	if err == nil {
		_, err = js.Stream(limited, objectsStream)
		switch {
		case err == nil:
			err = jetstream.ErrBucketExists
		case errors.Is(err, jetstream.ErrStreamNotFound):
			_, err = js.CreateObjectStore(limited, objectsConfig(replicas, metadata))
		}
	}
	if errors.Is(err, jetstream.ErrBucketExists) {
		return nil, fmt.Errorf("make the host's store: %w: it is there", store.ErrConflict)
	}
	if err != nil {
		return nil, fmt.Errorf("make the host's store: %w", fault(err))
	}
	return Open(ctx, c, replicas)
}

func refsConfig(replicas int, metadata map[string]string) jetstream.KeyValueConfig {
	return jetstream.KeyValueConfig{Bucket: refsBucket, Description: "refs of grow hosts", Replicas: replicas, MaxValueSize: store.RefMax + headMax, Metadata: metadata}
}

func objectsConfig(replicas int, metadata map[string]string) jetstream.ObjectStoreConfig {
	return jetstream.ObjectStoreConfig{Bucket: objectsBucket, Description: "objects of grow hosts", Replicas: replicas, Metadata: metadata}
}

// Put implements store.Store. What r gives goes through a file first: the name of an
// object is known when its last byte is.
func (s *Store) Put(ctx context.Context, r io.Reader, limit int64) (o store.Object, err error) {
	if err := s.usable(ctx); err != nil {
		return o, err
	}
	f, err := os.CreateTemp("", "grow-object-")
	if err != nil {
		return o, fmt.Errorf("put object: %w", store.NoRoom(err))
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(f, hash), store.Bounded(store.While(ctx, r), limit)); err != nil {
		return o, fmt.Errorf("put object: %w", store.NoRoom(err))
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return o, fmt.Errorf("put object: %w", err)
	}
	info, err := s.objects.Put(ctx, jetstream.ObjectMeta{Name: hex.EncodeToString(hash.Sum(nil))}, f)
	if err != nil {
		return o, fmt.Errorf("put object: %w", fault(err))
	}
	return object(info), nil
}

func object(i *jetstream.ObjectInfo) store.Object {
	return store.Object{Digest: store.Digest(i.Name), Size: int64(i.Size), Time: i.ModTime}
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, d store.Digest) (io.ReadCloser, store.Object, error) {
	if err := errors.Join(d.Check(), s.usable(ctx)); err != nil {
		return nil, store.Object{}, err
	}
	r, err := s.objects.Get(ctx, string(d))
	if err != nil {
		return nil, store.Object{}, fmt.Errorf("object %s: %w", d, fault(err))
	}
	info, err := r.Info()
	if err != nil {
		return nil, store.Object{}, errors.Join(fmt.Errorf("object %s: %w", d, fault(err)), r.Close())
	}
	return store.Verify(damage{r}, object(info)), object(info), nil
}

// damage says ErrDamaged where the server's digest does not fit.
type damage struct{ io.ReadCloser }

// Read implements io.Reader.
func (d damage) Read(b []byte) (int, error) {
	n, err := d.ReadCloser.Read(b)
	if errors.Is(err, jetstream.ErrDigestMismatch) {
		err = fmt.Errorf("%w: %w", store.ErrDamaged, err)
	}
	return n, err
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, d store.Digest) (store.Object, error) {
	if err := errors.Join(d.Check(), s.usable(ctx)); err != nil {
		return store.Object{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	info, err := s.objects.GetInfo(ctx, string(d))
	if err != nil {
		return store.Object{}, fmt.Errorf("object %s: %w", d, fault(err))
	}
	return object(info), nil
}

// Objects implements store.Store.
func (s *Store) Objects(ctx context.Context) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		err := s.usable(ctx)
		var list []*jetstream.ObjectInfo
		if err == nil {
			list, err = s.objects.List(ctx)
		}
		if err != nil && !errors.Is(err, jetstream.ErrNoObjectsFound) {
			yield(store.Object{}, fmt.Errorf("list objects: %w", fault(err)))
			return
		}
		for _, info := range list {
			if !yield(object(info), nil) {
				return
			}
		}
	}
}

// Remove implements store.Store.
func (s *Store) Remove(ctx context.Context, d store.Digest) error {
	if err := errors.Join(d.Check(), s.usable(ctx)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	if err := s.objects.Delete(ctx, string(d)); err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
		return fmt.Errorf("remove object: %w", fault(err))
	}
	return nil
}

// key is the name of a ref in its bucket: what is below a prefix can be asked for.
func key(name string) string { return strings.NewReplacer("/", ".", ".", "=").Replace(name) }

func name(key string) string { return strings.NewReplacer(".", "/", "=", ".").Replace(key) }

// Ref implements store.Store.
func (s *Store) Ref(ctx context.Context, name string) (store.Ref, error) {
	if err := errors.Join(store.CheckRef(name), s.usable(ctx)); err != nil {
		return store.Ref{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	e, err := s.refs.Get(ctx, key(name))
	if err != nil {
		return store.Ref{}, fmt.Errorf("ref %s: %w", name, fault(err))
	}
	return ref(e), nil
}

func ref(e jetstream.KeyValueEntry) store.Ref {
	return store.Ref{Name: name(e.Key()), Value: e.Value(), Revision: e.Revision(), Time: e.Created()}
}

// SetRef implements store.Store.
func (s *Store) SetRef(ctx context.Context, name string, value []byte, seen uint64) (next uint64, err error) {
	if len(value) > store.RefMax {
		return 0, fmt.Errorf("set ref %s: %w: %d bytes; at most %d are allowed", name, store.ErrTooLarge, len(value), store.RefMax)
	}
	if err := errors.Join(store.CheckRef(name), s.usable(ctx)); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	if seen == 0 {
		next, err = s.refs.Create(ctx, key(name), value)
	} else if err = s.there(ctx, name); err == nil {
		next, err = s.refs.Update(ctx, key(name), value, seen)
	}
	if err != nil {
		return 0, fmt.Errorf("set ref %s: %w", name, fault(err))
	}
	return next, nil
}

// there fails with ErrConflict for a ref that was removed: what marks the removal has a
// revision too, that nobody has seen.
func (s *Store) there(ctx context.Context, name string) error {
	_, err := s.refs.Get(ctx, key(name))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return store.ErrConflict
	}
	return err
}

// RemoveRef implements store.Store.
func (s *Store) RemoveRef(ctx context.Context, name string, seen uint64) error {
	if err := errors.Join(store.CheckRef(name), s.usable(ctx)); err != nil {
		return err
	}
	if seen == 0 {
		return fmt.Errorf("ref %s: %w", name, store.ErrConflict)
	}
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	err := s.there(ctx, name)
	if err == nil {
		err = s.refs.Delete(ctx, key(name), jetstream.LastRevision(seen))
	}
	if err != nil {
		return fmt.Errorf("remove ref %s: %w", name, fault(err))
	}
	return nil
}

// Refs implements store.Store.
func (s *Store) Refs(ctx context.Context, prefix string) ([]store.Ref, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	filter := ">"
	if prefix != "" {
		if err := store.CheckRef(prefix); err != nil {
			return nil, err
		}
		filter = key(prefix) + ".>"
	}
	ctx, cancel := context.WithTimeout(ctx, callMax)
	defer cancel()
	w, err := s.refs.WatchFiltered(ctx, []string{filter}, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("list refs: %w", fault(err))
	}
	var list []store.Ref
	err = context.Cause(ctx)
	for waiting := true; waiting; {
		select {
		case e := <-w.Updates():
			if waiting = e != nil; waiting { // nil: those are all
				list = append(list, ref(e))
			}
		case <-ctx.Done():
			waiting, err = false, ctx.Err()
		}
	}
	if err = errors.Join(err, w.Stop()); err != nil {
		return nil, fmt.Errorf("list refs: %w", fault(err))
	}
	slices.SortFunc(list, func(a, b store.Ref) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func (s *Store) usable(ctx context.Context) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return ctx.Err()
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.closed.Store(true)
	return nil
}

// The server's codes for a stream that takes nothing more.
const (
	codeStoreFull  = 10047 // the account's storage
	codeStreamFull = 10077 // the stream's
)

// fault says in the contract's words what the server means.
func fault(err error) error {
	var api *jetstream.APIError
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrObjectNotFound):
		return store.ErrNotFound
	case errors.Is(err, jetstream.ErrKeyExists):
		return store.ErrConflict
	case errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence:
		return store.ErrConflict
	case errors.As(err, &api) && (api.ErrorCode == codeStoreFull || api.ErrorCode == codeStreamFull):
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return err
}

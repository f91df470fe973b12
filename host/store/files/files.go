// Package files keeps what a host remembers in a folder:
//
//	lock                 held while a host has the store
//	format               of what lies here
//	objects/ab/cdef…     an object, by its digest
//	refs/NAME            a ref: its revision in a line, then its value
//	fresh/               what is being written
//
// A file is written beside, synced and renamed, and its folder synced, so that after a
// crash it is there whole or not at all.
package files

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/grow-platform/grow/host/store"
)

// format is what the folder's file of that name says.
const format = "grow store 1\n"

const lockFile, formatFile, objectsDir, refsDir, freshDir = "lock", "format", "objects", "refs", "fresh"

// The suffix keeps the ref a and those below a apart.
const refSuffix = ".ref"

// Store is a store in a folder. It implements store.Store.
type Store struct {
	dir     string
	lock    io.Closer
	passing bool // nothing is synced

	// mu guards refs, and revision, the last one that was given out. It is held while
	// a ref is written, which is rare.
	mu       sync.RWMutex
	revision uint64
	closed   bool

	// ages is held by RemoveUnchanged, and for reading by who renews an object's time.
	// Nobody holds it and mu.
	ages sync.RWMutex
}

var _ store.Store = (*Store)(nil)

// Open opens the store in dir, and makes it when there is none. It fails with
// store.ErrLocked when another process has it.
func Open(dir string) (*Store, error) { return openDir(dir, false) }

// OpenPassing is Open for what nobody needs after a crash: nothing is synced to the disk.
func OpenPassing(dir string) (*Store, error) { return openDir(dir, true) }

func openDir(dir string, passing bool) (s *Store, err error) {
	for _, name := range []string{objectsDir, refsDir, freshDir} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			return nil, fmt.Errorf("make the host's store: %w", full(err))
		}
	}
	s = &Store{dir: dir, passing: passing}
	if s.lock, err = lock(filepath.Join(dir, lockFile)); err != nil {
		return nil, fmt.Errorf("lock the host's store %s: %w", dir, err)
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.lock.Close())
	}
	return s, nil
}

// prepare looks at what is there, and removes what a crash has left half written.
func (s *Store) prepare() error {
	path := filepath.Join(s.dir, formatFile)
	switch b, err := os.ReadFile(path); {
	case errors.Is(err, fs.ErrNotExist):
		if err := s.write(path, strings.NewReader(format)); err != nil {
			return fmt.Errorf("make the host's store: %w", err)
		}
	case err != nil:
		return fmt.Errorf("open the host's store: %w", err)
	case string(b) != format:
		return fmt.Errorf("open the host's store %s: it is of the format %.40q, and this grow reads %q", s.dir, string(b), format)
	}
	fresh, err := os.ReadDir(filepath.Join(s.dir, freshDir))
	if err != nil {
		return fmt.Errorf("open the host's store: %w", err)
	}
	for _, f := range fresh {
		if err := os.Remove(filepath.Join(s.dir, freshDir, f.Name())); err != nil {
			return fmt.Errorf("tidy the host's store: %w", err)
		}
	}
	return s.last()
}

func (s *Store) object(d store.Digest) string {
	return filepath.Join(s.dir, objectsDir, string(d[:2]), string(d[2:]))
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, r io.Reader, limit int64) (store.Object, error) {
	if err := s.usable(ctx); err != nil {
		return store.Object{}, err
	}
	hash := sha256.New()
	temp, err := s.fresh(io.TeeReader(store.Bounded(store.While(ctx, r), limit), hash))
	if err != nil {
		return store.Object{}, fmt.Errorf("put object: %w", err)
	}
	d := store.Digest(hex.EncodeToString(hash.Sum(nil)))
	s.ages.RLock()
	defer s.ages.RUnlock()
	now := time.Now()
	if err := os.Chtimes(temp, now, now); err != nil {
		return store.Object{}, fmt.Errorf("put object: %w", errors.Join(err, os.Remove(temp)))
	}
	if err := s.place(temp, s.object(d)); err != nil {
		return store.Object{}, fmt.Errorf("put object: %w", err)
	}
	return s.stat(d)
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, d store.Digest) (io.ReadCloser, store.Object, error) {
	o, err := s.Stat(ctx, d)
	if err != nil {
		return nil, o, err
	}
	f, err := os.Open(s.object(d))
	if err != nil {
		return nil, o, missing(err, "object "+string(d))
	}
	return store.Verify(f, o), o, nil
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, d store.Digest) (store.Object, error) {
	if err := errors.Join(d.Check(), s.usable(ctx)); err != nil {
		return store.Object{}, err
	}
	return s.stat(d)
}

func (s *Store) stat(d store.Digest) (store.Object, error) {
	info, err := os.Stat(s.object(d))
	if err != nil {
		return store.Object{}, missing(err, "object "+string(d))
	}
	return store.Object{Digest: d, Size: info.Size(), Time: info.ModTime()}, nil
}

// Objects implements store.Store.
func (s *Store) Objects(ctx context.Context) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		if err := s.usable(ctx); err != nil {
			yield(store.Object{}, err)
			return
		}
		root := filepath.Join(s.dir, objectsDir)
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err = errors.Join(err, ctx.Err()); err != nil || e.IsDir() {
				return err
			}
			d := store.Digest(filepath.Base(filepath.Dir(path)) + e.Name())
			if d.Check() != nil {
				return nil // not ours
			}
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if !yield(store.Object{Digest: d, Size: info.Size(), Time: info.ModTime()}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(store.Object{}, fmt.Errorf("list objects: %w", err))
		}
	}
}

// Touch implements store.Store.
func (s *Store) Touch(ctx context.Context, d store.Digest) (store.Object, error) {
	if err := errors.Join(d.Check(), s.usable(ctx)); err != nil {
		return store.Object{}, err
	}
	s.ages.RLock()
	defer s.ages.RUnlock()
	now := time.Now()
	if err := os.Chtimes(s.object(d), now, now); err != nil {
		return store.Object{}, missing(err, "object "+string(d))
	}
	return s.stat(d)
}

// RemoveUnchanged implements store.Store.
func (s *Store) RemoveUnchanged(ctx context.Context, o store.Object) error {
	if err := errors.Join(o.Digest.Check(), s.usable(ctx)); err != nil {
		return err
	}
	s.ages.Lock()
	defer s.ages.Unlock()
	switch now, err := s.stat(o.Digest); {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case !now.Time.Equal(o.Time):
		return fmt.Errorf("remove object %s: %w", o.Digest, store.ErrConflict)
	}
	return s.Remove(ctx, o.Digest)
}

// Remove implements store.Store.
func (s *Store) Remove(ctx context.Context, d store.Digest) error {
	if err := errors.Join(d.Check(), s.usable(ctx)); err != nil {
		return err
	}
	if err := os.Remove(s.object(d)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove object: %w", err)
	}
	return nil
}

func (s *Store) usable(ctx context.Context) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return store.ErrClosed
	}
	return ctx.Err()
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.lock.Close()
}

// write writes a file beside and puts it into its place.
func (s *Store) write(path string, r io.Reader) error {
	temp, err := s.fresh(r)
	if err != nil {
		return err
	}
	return s.place(temp, path)
}

// fresh writes a new file, synced, for place to move.
func (s *Store) fresh(r io.Reader) (path string, err error) {
	f, err := os.CreateTemp(filepath.Join(s.dir, freshDir), "*")
	if err != nil {
		return "", full(err)
	}
	_, err = io.Copy(f, r)
	if err == nil && !s.passing {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name()) // the fault is what matters
	}
	return f.Name(), full(err)
}

// place moves a file of fresh to where it belongs.
func (s *Store) place(temp, path string) error {
	folder := filepath.Dir(path)
	err := s.folder(folder)
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp) // the fault is what matters
		return full(err)
	}
	return s.syncFolder(folder)
}

// folder makes a folder, and syncs the one that it is in when it is new.
func (s *Store) folder(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if above := filepath.Dir(path); above != s.dir {
		if err := s.folder(above); err != nil {
			return err
		}
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return full(err)
	}
	return s.syncFolder(filepath.Dir(path))
}

func (s *Store) syncFolder(path string) error {
	if s.passing {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // a file system that has no such thing
	}
	return errors.Join(err, f.Close())
}

// missing tells ErrNotFound from other faults.
func missing(err error, what string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", what, store.ErrNotFound)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// full marks what happens for want of room.
func full(err error) error { return store.NoRoom(err) }

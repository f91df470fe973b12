// Package upload takes objects for a host's store over lines that break: in pieces, by
// digest. Who comes again is told how much is there already. What is whole is held
// against its digest before it is put into the store, so that nothing cut or altered on
// the way is ever seen by others.
package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/grow-platform/grow/host/store"
)

// Limits of uploads.
const (
	SizeMax  = 32 << 20       // bytes of one, unless the options say less
	TotalMax = 512 << 20      // bytes of all that are not finished
	CountMax = 1000           // uploads that are not finished
	KeepTime = 24 * time.Hour // for which one that nobody goes on with is kept
)

var (
	// ErrOffset is returned for a piece that does not follow what is there.
	ErrOffset = errors.New("the piece does not follow what is there already")
	// ErrBusy is returned while another piece of the same object is coming in.
	ErrBusy = errors.New("another piece of the same upload is coming in")
	// ErrAltered is returned for an object whose bytes are not those of its digest. It
	// has been thrown away.
	ErrAltered = errors.New("what arrived does not have the digest that was announced")
	// ErrLimit is returned when too much is under way.
	ErrLimit = errors.New("too many uploads are under way")
)

// Options say where uploads are kept until they are whole.
type Options struct {
	Dir     string // of nothing else; it is made when missing
	Store   store.Store
	SizeMax int64            // bytes of an object; 0: SizeMax
	Now     func() time.Time // nil: the system's clock
}

// Uploads are those that come in at a host. Its methods may be called concurrently.
type Uploads struct {
	o Options

	mu   sync.Mutex // guards busy; not held while bytes come in
	busy map[store.Digest]bool
}

// State is how far an upload is.
type State struct {
	Digest store.Digest `json:"digest"`
	Offset int64        `json:"offset"` // bytes that are there
	Done   bool         `json:"done"`   // it is in the store
}

// New returns the uploads of a host. Those that an earlier host has left go on.
func New(o Options) (*Uploads, error) {
	if o.SizeMax <= 0 {
		o.SizeMax = SizeMax
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of uploads: %w", err)
	}
	return &Uploads{o: o, busy: map[store.Digest]bool{}}, nil
}

func (u *Uploads) path(d store.Digest) string { return filepath.Join(u.o.Dir, string(d)) }

// State says how much of an object is there: nothing of one that is not known. One that
// is whole is touched: whoever is told so will not send it again.
func (u *Uploads) State(ctx context.Context, d store.Digest) (State, error) {
	o, err := u.o.Store.Touch(ctx, d)
	if err == nil {
		return State{d, o.Size, true}, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return State{}, err
	}
	info, err := os.Stat(u.path(d))
	if errors.Is(err, fs.ErrNotExist) {
		return State{Digest: d}, nil
	}
	if err != nil {
		return State{}, fmt.Errorf("look at upload: %w", err)
	}
	return State{Digest: d, Offset: info.Size()}, nil
}

// Add takes the bytes from offset on of an object that has size bytes. What has arrived
// when r fails is kept: State says how much. Nothing is kept of what the disk has no room
// for (store.ErrFull): what runs may need it. When the last byte is there, the object is
// put into the store.
func (u *Uploads) Add(ctx context.Context, d store.Digest, size, offset int64, r io.Reader) (State, error) {
	if size < 0 || size > u.o.SizeMax {
		return State{}, fmt.Errorf("%w: %d bytes; at most %d are taken", store.ErrTooLarge, size, u.o.SizeMax)
	}
	s, err := u.State(ctx, d)
	if err != nil || s.Done {
		return s, err
	}
	if err := u.take(d); err != nil {
		return s, err
	}
	defer u.release(d)
	if err := u.room(d, size); err != nil {
		return s, err
	}
	s, err = u.add(ctx, d, size, offset, r)
	if err = store.NoRoom(err); errors.Is(err, store.ErrFull) {
		s = State{Digest: d}
		if removeErr := os.Remove(u.path(d)); removeErr != nil && !errors.Is(removeErr, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("tidy up upload: %w", removeErr))
		}
	}
	return s, err
}

// add does what Add does, alone with d.
func (u *Uploads) add(ctx context.Context, d store.Digest, size, offset int64, r io.Reader) (s State, err error) {
	f, err := os.OpenFile(u.path(d), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return s, fmt.Errorf("keep upload: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return s, fmt.Errorf("keep upload: %w", err)
	}
	s = State{Digest: d, Offset: have}
	if offset != have {
		return s, fmt.Errorf("%w: it begins at %d, and %d bytes are there", ErrOffset, offset, have)
	}
	n, err := io.Copy(f, store.Bounded(store.While(ctx, r), size-have))
	s.Offset += n
	if err != nil {
		return s, fmt.Errorf("receive upload: %w", err)
	}
	if s.Offset < size {
		return s, nil
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return s, fmt.Errorf("keep upload: %w", err)
	}
	return u.finish(ctx, d, f)
}

// finish puts what is whole into the store.
func (u *Uploads) finish(ctx context.Context, d store.Digest, f io.Reader) (State, error) {
	o, err := u.o.Store.Put(ctx, &checked{r: f, want: d}, u.o.SizeMax)
	if err != nil && !errors.Is(err, ErrAltered) {
		return State{}, fmt.Errorf("keep upload: %w", err)
	}
	if removeErr := os.Remove(u.path(d)); removeErr != nil {
		err = errors.Join(err, fmt.Errorf("tidy up upload: %w", removeErr))
	}
	return State{d, o.Size, err == nil}, err
}

// take makes sure that one piece of an object comes in at a time.
func (u *Uploads) take(d store.Digest) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.busy[d] {
		return ErrBusy
	}
	u.busy[d] = true
	return nil
}

func (u *Uploads) release(d store.Digest) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.busy, d)
}

// room throws away what nobody goes on with, and reports whether there is room for
// another upload.
func (u *Uploads) room(d store.Digest, size int64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	list, err := os.ReadDir(u.o.Dir)
	if err != nil {
		return fmt.Errorf("look at uploads: %w", err)
	}
	count, total := 1, size
	for _, e := range list {
		info, err := e.Info()
		if err != nil || e.Name() == string(d) {
			continue // it was finished just now
		}
		if !u.busy[store.Digest(e.Name())] && u.o.Now().Sub(info.ModTime()) > KeepTime {
			if err := os.Remove(filepath.Join(u.o.Dir, e.Name())); err != nil {
				return fmt.Errorf("tidy up uploads: %w", err)
			}
			continue
		}
		count++
		total += info.Size()
	}
	if count > CountMax || total > TotalMax {
		return fmt.Errorf("%w: %d of %d bytes", ErrLimit, count, total)
	}
	return nil
}

package app

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/supervisor"
	"github.com/grow-platform/grow/specs"
)

const (
	// binariesMax is how many files a host knows the digests of.
	binariesMax = 1024
	// settled is how long a file must not have been written to before its digest is
	// remembered: one that is written to again within the same tick of its file system's
	// clock, of at most two seconds (FAT), looks as it did before.
	settled = 2 * time.Second
)

// binaries remembers the digests of modules' files, so that one that has not changed is
// neither read nor hashed again. It is safe for concurrent use. The zero value knows none.
type binaries struct {
	mu    sync.Mutex
	known map[string]digested // by path
	now   func() time.Time    // in place of time.Now, for tests; nil: that
}

// digested is a file as it was when its digest was taken.
type digested struct {
	file    os.FileInfo
	changed time.Time // see changed
	digest  string
}

// wanted is a service, whose modules are at these paths by the actors' names, as a
// supervisor wants it.
func (h *Host) wanted(service *specs.Service, paths map[string]string) (supervisor.Wanted, error) {
	w := supervisor.Wanted{Service: service, Modules: map[string]supervisor.Binary{}}
	for name := range service.Actors {
		path := paths[name]
		if path == "" {
			continue // no node may need it; the supervisor says if one does
		}
		b, err := h.binaries.open(path)
		if err != nil {
			return w, moduleError(name, err)
		}
		read := b.Read
		b.Read = func() ([]byte, error) { // which may be later
			wasm, err := read()
			if err != nil {
				return nil, moduleError(name, err)
			}
			return wasm, nil
		}
		w.Modules[name] = b
	}
	return w, nil
}

// moduleError says that an actor's module cannot be read, unless err does so itself.
func moduleError(name string, err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return err
	}
	return &Error{Code: "module.read", Err: fmt.Errorf("read module of actor %s: %w", name, err), Hint: "build it: grow build " + name}
}

// open finds out which module is at a path.
func (s *binaries) open(path string) (supervisor.Binary, error) {
	info, err := os.Stat(path)
	if err != nil {
		return supervisor.Binary{}, err
	}
	at, told := changed(info)
	s.mu.Lock()
	was, ok := s.known[path]
	s.mu.Unlock()
	if ok && told && was.same(info, at) {
		return supervisor.Binary{Digest: was.digest, Read: func() ([]byte, error) { return readAgain(path, was.digest) }}, nil
	}
	wasm, err := readModule(path)
	if err != nil {
		return supervisor.Binary{}, err
	}
	b := supervisor.BinaryOf(wasm)
	now := time.Now
	if s.now != nil {
		now = s.now
	}
	if told && now().Sub(at) > settled && now().Sub(info.ModTime()) > settled {
		s.remember(path, digested{info, at, b.Digest})
	}
	return b, nil
}

// same reports whether the file has not been written to, or replaced, since. Its number and
// its time of writing do not tell: a file system gives numbers again, and anyone sets that
// time. When it was changed nobody sets.
func (d *digested) same(now os.FileInfo, changed time.Time) bool {
	return os.SameFile(d.file, now) && d.file.Size() == now.Size() && d.file.ModTime().Equal(now.ModTime()) && d.changed.Equal(changed)
}

// readAgain reads the module of a digest at a path.
func readAgain(path, digest string) ([]byte, error) {
	wasm, err := readModule(path)
	if err == nil && supervisor.BinaryOf(wasm).Digest != digest {
		err = supervisor.ErrChanged
	}
	if err != nil {
		return nil, err
	}
	return wasm, nil
}

func (s *binaries) remember(path string, b digested) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= binariesMax {
		s.known = map[string]digested{}
	}
	s.known[path] = b
}

// readModule reads a module of at most ModuleMax bytes.
func readModule(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > ModuleMax {
		return nil, fmt.Errorf("%s has %d bytes; at most %d are allowed", path, info.Size(), ModuleMax)
	}
	return os.ReadFile(path)
}

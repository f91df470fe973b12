package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/grow-platform/grow/runtime/journal"
)

// FolderFormat is the version of the data folder that this package writes.
const FolderFormat = 1

// What a data folder holds.
const (
	identityFile = "grow-journal.json"
	lockFile     = "lock"
	cleanFile    = "closed" // says that the server was stopped in peace
	probeFile    = "probe"
	freshFile    = "new"       // what is being written
	storeDir     = "jetstream" // the server's
	asideDir     = "aside"     // streams of buckets that are damaged, which no server is given
)

// identity is what says that a folder is ours.
type identity struct {
	What   string `json:"what"`
	Format int    `json:"format"`
}

const identityWhat = "journals of grow"

// folder is a data folder that this process holds. It belongs to the store's
// opener until Open returns, then to the keeper, then to Close.
type folder struct {
	path    string
	lock    *os.File
	streams []string                        // that lay there before the server was started
	aside   atomic.Pointer[map[string]bool] // streams that were set aside
}

// takeFolder makes a folder ours, or says why that cannot be. What is not ours
// is not touched.
func takeFolder(path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, diskError(err)
	}
	if err := checkForeign(path); err != nil {
		return nil, err
	}
	f, err := lockFolder(path)
	if err != nil {
		return nil, err
	}
	if err := f.identify(); err != nil {
		return nil, errors.Join(err, f.release())
	}
	return f, nil
}

// lockFolder takes a folder, whatever it says of itself.
func lockFolder(path string) (*folder, error) {
	lock, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, diskError(err)
	}
	held, err := tryLock(lock)
	switch {
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock: %w", err), lock.Close())
	case !held:
		return nil, errors.Join(fmt.Errorf("%w: stop it, or use another folder", journal.ErrLocked), lock.Close())
	}
	return &folder{path: path, lock: lock}, nil
}

// checkForeign refuses a folder that holds something and is not ours.
func checkForeign(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return diskError(err)
	}
	for _, e := range entries {
		if e.Name() == identityFile {
			return nil
		}
	}
	for _, e := range entries {
		if !slices.Contains([]string{lockFile, probeFile, freshFile}, e.Name()) {
			return fmt.Errorf("%w: the folder holds %s but no %s; use an empty one", journal.ErrForeign, e.Name(), identityFile)
		}
	}
	return nil
}

// identify reads the folder's identity, and writes it when the folder is new.
func (f *folder) identify() error {
	path := filepath.Join(f.path, identityFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f.name()
	}
	if err != nil {
		return diskError(err)
	}
	var id identity
	switch err := json.Unmarshal(b, &id); {
	case err != nil:
		return fmt.Errorf("%w: %s cannot be read: %w", journal.ErrDamaged, identityFile, err)
	case id.What != identityWhat:
		return fmt.Errorf("%w: %s says %q", journal.ErrForeign, identityFile, id.What)
	case id.Format != FolderFormat:
		return fmt.Errorf("%w: the folder is of version %d; this version of grow reads %d", journal.ErrFormat, id.Format, FolderFormat)
	}
	return nil
}

// name writes the folder's identity.
func (f *folder) name() error {
	b, err := json.Marshal(identity{identityWhat, FolderFormat})
	if err != nil {
		return err
	}
	return diskError(f.write(filepath.Join(f.path, identityFile), append(b, '\n')))
}

// prepare checks the folder before a server is started on it, which would cut
// off what it cannot read. When the last server was not stopped in peace, the
// end of each stream is written again: what a disk refused to write can still
// be read from memory, and would be gone after a power cut. Buckets that are damaged
// are set aside, so that whoever does not use them can go on.
func (f *folder) prepare(ctx context.Context) error {
	if err := f.finishSwap(); err != nil {
		return err
	}
	clean := filepath.Join(f.path, cleanFile)
	_, err := os.Stat(clean)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return diskError(err)
	}
	inPeace := err == nil
	scan := scanner{streams: f.streamsDir(), limit: scanMax, buckets: bucketScanMax}
	if !inPeace { // the server reads all blocks anew, and cuts off what it cannot read in any
		scan.limit, scan.buckets = 0, 0
	}
	if err := scan.run(ctx); err != nil {
		return err
	}
	var list []error
	aside := map[string]bool{}
	for _, d := range scan.damaged {
		if IsBucket(d.Journal) {
			aside[d.Journal] = true
		} else {
			list = append(list, d)
		}
	}
	if len(list) > 0 {
		return errors.Join(list...)
	}
	if err := f.setAside(aside); err != nil {
		return err
	}
	f.streams = slices.DeleteFunc(scan.names, func(name string) bool { return aside[name] })
	if !inPeace {
		for _, path := range scan.last {
			if aside[filepath.Base(filepath.Dir(filepath.Dir(path)))] {
				continue
			}
			if err := f.rewrite(path); err != nil {
				return diskError(err)
			}
		}
		return nil
	}
	if err := os.Remove(clean); err != nil {
		return diskError(err)
	}
	return diskError(syncDir(f.path))
}

func (f *folder) streamsDir() string { return filepath.Join(f.path, storeDir, "$G", "streams") }

// setAside moves streams out of the server's reach, and notes all that have been.
func (f *folder) setAside(streams map[string]bool) error {
	away := filepath.Join(f.path, asideDir)
	for name := range streams {
		if err := os.MkdirAll(away, 0o700); err != nil {
			return diskError(err)
		}
		if err := os.Rename(filepath.Join(f.streamsDir(), name), filepath.Join(away, name)); err != nil {
			return diskError(fmt.Errorf("set a damaged bucket aside: %w", err))
		}
	}
	if len(streams) > 0 {
		if err := errors.Join(syncDir(away), syncDir(f.streamsDir()), syncDir(f.path)); err != nil {
			return diskError(err)
		}
	}
	list, err := os.ReadDir(away)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return diskError(err)
	}
	all := map[string]bool{}
	for _, e := range list {
		all[e.Name()] = true
	}
	f.aside.Store(&all)
	return nil
}

// takeBack puts what was set aside where it lay, for whoever looks all over.
func (f *folder) takeBack() error {
	away := filepath.Join(f.path, asideDir)
	list, err := os.ReadDir(away)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return diskError(err)
	}
	for _, e := range list {
		if err := os.Rename(filepath.Join(away, e.Name()), filepath.Join(f.streamsDir(), e.Name())); err != nil {
			return diskError(fmt.Errorf("take back a bucket that was set aside: %w", err))
		}
	}
	if err := errors.Join(os.Remove(away), syncDir(f.streamsDir()), syncDir(f.path)); err != nil {
		return diskError(err)
	}
	return nil
}

// isAside reports whether a stream was set aside.
func (f *folder) isAside(stream string) bool {
	all := f.aside.Load()
	return all != nil && (*all)[stream]
}

// recovered checks that the server found every stream again: it leaves out
// what it cannot read, and a new stream would take the old one's place.
func (f *folder) recovered(ctx context.Context, s *session) error {
	there := map[string]bool{}
	names := s.js.StreamNames(ctx)
	for n := range names.Name() {
		there[n] = true
	}
	if err := names.Err(); err != nil {
		return fmt.Errorf("list streams: %w", err)
	}
	for _, n := range f.streams {
		if !there[n] {
			return fmt.Errorf("%w: the server cannot read the settings of stream %s", journal.ErrDamaged, n)
		}
	}
	return nil
}

// markClean notes that the server was stopped in peace.
func (f *folder) markClean() error {
	return diskError(f.write(filepath.Join(f.path, cleanFile), nil))
}

// release lets the folder go.
func (f *folder) release() error { return f.lock.Close() }

// write writes a file of the folder whole or not at all.
func (f *folder) write(path string, data []byte) (err error) {
	fresh := filepath.Join(f.path, freshFile)
	w, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	err = errors.Join(err, w.Sync(), w.Close())
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	return syncDir(filepath.Dir(path))
}

// rewrite writes a file anew with what can be read of it.
func (f *folder) rewrite(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return f.write(path, b)
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// diskError names a failure of the disk.
func diskError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return fmt.Errorf("%w: %w", journal.ErrFull, err)
	}
	return fmt.Errorf("%w: %w", journal.ErrUnhealthy, err)
}

// full says whether the server complains of a full disk.
func full(text string) bool {
	for _, s := range []string{"no space left", "insufficient storage", "insufficient resources", "maximum bytes", "disk quota exceeded", "file too large"} {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
)

// What a data folder holds while what is in it is replaced.
const (
	buildDir = "building"  // a data folder of its own
	swapFile = "swap.json" // says that it is whole, and is being put in place
)

// ErrReplacing: what was built is whole, and is put in place by the next to open the folder, if it is
// not in place already.
var ErrReplacing = errors.New("what is in the data folder is being replaced")

// swap is what swapFile says.
type swap struct {
	Away string `json:"away"` // folder in the data folder that the old server's files go to
}

// Replace builds what the folder is to hold in a new store, with build, and puts
// it in the place of what is there, which goes to the folder it returns and is not
// changed; "" when there was nothing. Whatever ends it, the folder holds the old or
// the new: a swap that was begun (ErrReplacing) is finished by the next to open the folder. Buckets go along,
// but for damaged ones, which a server could not be started with, and those of Leave.
func (s *Salvage) Replace(ctx context.Context, o Options, build func(*Store) error) (away string, err error) {
	damaged := map[string]bool{}
	for _, d := range s.Damaged {
		damaged[d.Journal] = true
	}
	leave := func(stream string) bool {
		b, ok := carriedOf(stream)
		return damaged[stream] || ok && s.Leave != nil && s.Leave(b)
	}
	if away, err = s.folder.replace(ctx, o, build, leave); err == nil && s.Unnamed != nil {
		if err = s.Name(); err != nil {
			err = fmt.Errorf("%w: %w", ErrReplacing, err)
		}
	}
	return away, err
}

// Holds reports whether a data folder holds files of a server already.
func Holds(dir string) bool {
	for _, name := range []string{storeDir, swapFile} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}

// Fill is Replace for a folder that does not hold journals yet, which is made.
func Fill(ctx context.Context, o Options, build func(*Store) error) (err error) {
	f, err := takeFolder(o.Dir)
	if err != nil {
		return fmt.Errorf("open data folder %s: %w", o.Dir, err)
	}
	defer func() { err = errors.Join(err, f.release()) }()
	if Holds(o.Dir) {
		return fmt.Errorf("fill data folder %s: %w", o.Dir, journal.ErrExists)
	}
	_, err = f.replace(ctx, o, build, func(string) bool { return false })
	return err
}

func (f *folder) replace(ctx context.Context, o Options, build func(*Store) error, leave func(stream string) bool) (away string, err error) {
	fresh := filepath.Join(f.path, buildDir)
	if err := os.RemoveAll(fresh); err != nil { // of a try that did not end
		return "", diskError(err)
	}
	o.Dir = fresh
	store, err := Open(ctx, o)
	if err == nil {
		err = errors.Join(build(store), store.Close())
	}
	if err == nil { // what actors share is no part of a journal, and stays
		err = diskError(carryBuckets(filepath.Join(f.path, storeDir), filepath.Join(fresh, storeDir), leave))
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(fresh))
	}
	var s swap
	if _, err := os.Stat(filepath.Join(f.path, storeDir)); err == nil {
		s.Away = "replaced-" + time.Now().UTC().Format("20060102T150405.000")
	}
	b, err := json.Marshal(s)
	if err == nil {
		err = f.write(filepath.Join(f.path, swapFile), b)
	}
	if err != nil {
		return "", errors.Join(diskError(err), os.RemoveAll(fresh))
	}
	if err := f.finishSwap(); err != nil {
		return "", fmt.Errorf("%w: %w", ErrReplacing, err)
	}
	if s.Away == "" {
		return "", nil
	}
	return filepath.Join(f.path, s.Away), nil
}

// finishSwap puts what was built in place, if that was begun. Each step can be
// done again.
func (f *folder) finishSwap() error {
	b, err := os.ReadFile(filepath.Join(f.path, swapFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return diskError(err)
	}
	var s swap
	if err := json.Unmarshal(b, &s); err != nil || s.Away != filepath.Base(s.Away) && s.Away != "" {
		return fmt.Errorf("%w: %s cannot be read", journal.ErrDamaged, swapFile)
	}
	place, fresh := filepath.Join(f.path, storeDir), filepath.Join(f.path, buildDir)
	built := filepath.Join(fresh, storeDir)
	if _, err := os.Stat(built); err == nil {
		if s.Away != "" {
			if err := f.away(place, filepath.Join(f.path, s.Away)); err != nil {
				return diskError(fmt.Errorf("put away what was there: %w", err))
			}
		}
		if err := os.Rename(built, place); err != nil {
			return diskError(fmt.Errorf("put what was built in place: %w", err))
		}
	}
	if err := syncDir(f.path); err != nil {
		return diskError(err)
	}
	if err := errors.Join(os.RemoveAll(fresh), os.Remove(filepath.Join(f.path, swapFile))); err != nil {
		return diskError(err)
	}
	return diskError(syncDir(f.path))
}

// away moves the server's files to a folder, unless they are there already. What
// says that they were left in peace does not hold of those that come.
func (f *folder) away(place, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	if err := os.Rename(place, filepath.Join(to, storeDir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Remove(filepath.Join(f.path, cleanFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncDir(f.path)
}

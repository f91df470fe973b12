// Package watch tells of files that change below a folder: a batch at a time,
// once an editor has been quiet for a moment. It watches folders, not files, so
// that editors that write beside a file and rename are seen, and new folders
// as they appear. Where the operating system has no more watches to give it
// looks itself, every second.
//
// What does not make a service is left out: hidden files and folders, products
// of tools and what editors leave while they write.
package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// The limits of a watcher.
const (
	FoldersMax  = 4096                   // watched by the operating system; more are looked at every second
	FilesMax    = 100_000                // files and folders below the one that is watched
	Debounce    = 50 * time.Millisecond  // without a change, before a batch is handed over
	DebounceMax = 500 * time.Millisecond // from a batch's first change, if changes do not cease
	PollTime    = time.Second            // between two looks, without the operating system's help
)

// ErrTooMany is returned for a folder of more than FilesMax files.
var ErrTooMany = fmt.Errorf("more than %d files and folders", FilesMax)

// Options is what a watcher is opened with.
type Options struct {
	// Poll has the watcher look itself from the beginning.
	Poll bool
	// Warn is told, from the watcher's goroutine, why it looks itself from now
	// on and what to do about it; nil: nobody is.
	Warn func(text string)
}

// Batch is what changed until it was quiet.
type Batch struct {
	Paths []string  // relative to the folder, with slashes, sorted; folders that are new or gone included; "." for more than FilesMax
	First time.Time // when the first change was noticed
}

// Watcher is what Open returns. One goroutine owns everything in it; it ends
// with Close.
type Watcher struct {
	dir     string
	warn    func(string)
	batches chan Batch
	end     chan struct{}
	ended   chan struct{}

	source  *fsnotify.Watcher // nil: the watcher looks itself
	folders map[string]bool   // that source watches, relative
	seen    Files             // by the last look
	pending map[string]bool
	first   time.Time
}

// Open begins to watch the folder dir. Changes from now on are told.
func Open(dir string, o Options) (*Watcher, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	if _, err := Scan(dir); err != nil {
		return nil, err
	}
	w := &Watcher{
		dir: dir, warn: o.Warn, batches: make(chan Batch), end: make(chan struct{}), ended: make(chan struct{}),
		folders: map[string]bool{}, pending: map[string]bool{},
	}
	if w.warn == nil {
		w.warn = func(string) {}
	}
	if o.Poll {
		w.look()
	} else if w.source, err = fsnotify.NewWatcher(); err != nil {
		w.source = nil
		w.fallBack(err)
	} else {
		w.add(".", false)
	}
	go w.run() // ends with Close
	return w, nil
}

// Batches gives batches as they are ready. What changes while nobody takes one
// is added to it.
func (w *Watcher) Batches() <-chan Batch { return w.batches }

// Close ends the watcher. It may be called once.
func (w *Watcher) Close() error {
	close(w.end)
	<-w.ended
	if w.source == nil {
		return nil
	}
	return w.source.Close()
}

func (w *Watcher) run() {
	defer close(w.ended)
	quiet := time.NewTimer(time.Hour)
	defer quiet.Stop()
	look := time.NewTicker(PollTime)
	defer look.Stop()
	var ready chan Batch
	var batch Batch
	for {
		events, faults := w.events()
		before := len(w.pending)
		noticed := false
		select {
		case <-w.end:
			return
		case e, ok := <-events:
			if ok {
				noticed = w.event(e)
			}
		case err, ok := <-faults:
			if ok {
				noticed = w.lost(err)
			}
		case <-look.C:
			noticed = w.source == nil && w.look()
		case <-quiet.C:
			if len(w.pending) > 0 {
				ready, batch = w.batches, w.batch()
			}
		case ready <- batch:
			ready = nil
			clear(w.pending)
		}
		if !noticed {
			continue
		}
		if before == 0 {
			w.first = time.Now()
		}
		ready = nil
		quiet.Reset(max(0, min(Debounce, DebounceMax-time.Since(w.first))))
	}
}

func (w *Watcher) events() (<-chan fsnotify.Event, <-chan error) {
	if w.source == nil {
		return nil, nil
	}
	return w.source.Events, w.source.Errors
}

func (w *Watcher) batch() Batch {
	b := Batch{First: w.first}
	for path := range w.pending {
		b.Paths = append(b.Paths, path)
	}
	slices.Sort(b.Paths)
	return b
}

// event takes a change that the operating system tells of, and reports whether
// it is one that counts.
func (w *Watcher) event(e fsnotify.Event) bool {
	rel, err := filepath.Rel(w.dir, e.Name)
	if err != nil || e.Op == fsnotify.Chmod {
		return false
	}
	rel = filepath.ToSlash(rel)
	gone := e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)
	if rel == "." {
		if gone {
			w.fallBack(fmt.Errorf("%s is gone", w.dir))
			w.pending["."] = true
		}
		return gone
	}
	if Ignored(rel) {
		return false
	}
	w.note(rel)
	if gone && w.folders[rel] {
		w.forget(rel)
	}
	if e.Has(fsnotify.Create) {
		if info, err := os.Lstat(e.Name); err == nil && info.IsDir() {
			w.add(rel, true)
		}
	}
	return true
}

// note adds a path to what has changed. Of more than FilesMax it is only told
// that they have.
func (w *Watcher) note(path string) {
	if len(w.pending) >= FilesMax {
		clear(w.pending)
		path = "."
	}
	w.pending[path] = true
}

// lost takes an error of the source. What it missed is not known, so everything
// counts as changed.
func (w *Watcher) lost(err error) bool {
	if !errors.Is(err, fsnotify.ErrEventOverflow) {
		w.fallBack(err)
	} else {
		w.add(".", false) // folders may have been made in between
	}
	w.pending["."] = true
	return true
}

// forget stops watching a folder that is not there any more, and those in it.
func (w *Watcher) forget(rel string) {
	for folder := range w.folders {
		if folder == rel || strings.HasPrefix(folder, rel+"/") {
			delete(w.folders, folder)
			// Of a folder that was removed the operating system's watch is gone
			// already; one that was moved away is still watched.
			_ = w.source.Remove(filepath.Join(w.dir, filepath.FromSlash(folder)))
		}
	}
}

// add watches a folder and those in it. told: what is in it counts as changed,
// since it may have been made before the watch was.
func (w *Watcher) add(rel string, told bool) {
	err := walk(w.dir, rel, func(path string, d fs.DirEntry) error {
		if told {
			w.note(path)
		}
		if !d.IsDir() {
			return nil
		}
		if len(w.folders) >= FoldersMax {
			return errFolders
		}
		if err := w.source.Add(filepath.Join(w.dir, filepath.FromSlash(path))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		w.folders[path] = true
		return nil
	})
	if err != nil {
		w.fallBack(err)
	}
}

var errFolders = fmt.Errorf("there are more than %d folders", FoldersMax)

// fallBack gives the operating system's watches up and looks from now on.
func (w *Watcher) fallBack(cause error) {
	text := "cannot be told of changes: " + cause.Error()
	switch {
	case errors.Is(cause, syscall.ENOSPC):
		text = "the system has no more watches on folders to give; raise their number: sudo sysctl fs.inotify.max_user_watches=524288"
	case errors.Is(cause, syscall.EMFILE):
		text = "the system has no more watchers to give; raise their number: sudo sysctl fs.inotify.max_user_instances=1024"
	case errors.Is(cause, errFolders):
		text = cause.Error() + " below " + w.dir + "; keep what is not the service's elsewhere"
	}
	w.warn(text + "; until then changes are looked for every second")
	if w.source != nil {
		_ = w.source.Close() // what it has is of no use any more
		w.source = nil
	}
	clear(w.folders)
	w.look()
}

// look compares the folder with the last look, and reports whether anything
// has changed.
func (w *Watcher) look() bool {
	now, err := Scan(w.dir)
	if errors.Is(err, ErrTooMany) {
		if w.seen != nil {
			w.warn(err.Error() + "; until there are fewer, nothing is noticed")
		}
		w.seen = nil
		return false
	}
	if err != nil {
		now = Files{} // the folder is gone
	}
	changed := false
	if w.seen != nil {
		for _, path := range w.seen.Diff(now) {
			w.note(path)
			changed = true
		}
	}
	w.seen = now
	return changed
}

// Package audit keeps who did what with a host's secrets, and which actors were given them:
// never a value. It outlives the host's process, in two files of a folder for each namespace and
// two for all of the host, and is bounded: nobody's acts push out those in another namespace. What
// a backup has brought is marked, and lies in a file of its own.
package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Limits.
const (
	FileMax = 1 << 20 // bytes of a newer file; then it takes the place of the older one
	TextMax = 200     // bytes of a text of an entry; what is longer is cut
	ListMax = 1000    // entries that List returns at most
	lineMax = 16 << 10
	seenMax = 10_000  // entries that Once remembers
	openMax = 64      // files that are open
	readMax = 4 << 20 // bytes of a file: an earlier version wrote so many
)

// onceAgain is how long Once does not try again what could not be written.
const onceAgain = time.Minute

// The files of all of the host, and of what an earlier version wrote: what is written goes to the
// first. Those of a namespace have its name before a dot.
const (
	newer = "acts.jsonl"
	older = "acts.before.jsonl"
)

// filesOf are those of a namespace, the older one first; "": of all of the host. Names of
// namespaces are those of folders, too.
func filesOf(namespace string) []string {
	if namespace == "" {
		return []string{older, newer}
	}
	return []string{namespace + "." + older, namespace + "." + newer}
}

// filesToRead are those of a namespace, with what a backup has brought, the oldest first.
func filesToRead(namespace string) []string {
	return append([]string{restoredOf(namespace)}, filesOf(namespace)...)
}

// What was done.
const (
	Set    = "set"    // a secret was given a value
	Delete = "delete" // it was deleted
	Forget = "forget" // with all values that it had
	List   = "list"   // secrets were listed, without values
	Rekey  = "rekey"  // all were sealed with a new key
	Give   = "give"   // an actor was given a secret
)

// Entry is one act. Namespace and Service are whose secret it was: no Service stands for all
// services of the namespace, no Namespace for all of the host.
type Entry struct {
	Time      time.Time `json:"time"`
	Act       string    `json:"act" enum:"set,delete,forget,list,rekey,give"`
	Namespace string    `json:"namespace,omitempty"`
	Service   string    `json:"service,omitempty"`
	Name      string    `json:"name,omitempty"`
	By        string    `json:"by,omitempty"`   // whose token it was
	Node      string    `json:"node,omitempty"` // of the actor that was given it
	// Failed says that it was not done after all.
	Failed bool `json:"failed,omitempty"`
	// Restored is when the backup was taken that the entry came from; zero: the host itself noted it.
	Restored time.Time `json:"restored,omitzero"`
}

// Filter picks entries.
type Filter struct {
	Namespace string // and what concerns all of the host
	Service   string // and what concerns all services; "": those of all
	Name      string // "": of all
	Limit     int    // the newest; 0: ListMax
}

// Picks reports whether it picks an entry, whatever the limit.
func (f *Filter) Picks(e *Entry) bool {
	return (e.Namespace == "" || e.Namespace == f.Namespace) && (f.Service == "" || e.Service == "" || e.Service == f.Service) && (f.Name == "" || e.Name == f.Name)
}

// Log is the acts of a host. It is safe for concurrent use; one process at a time has a folder.
type Log struct {
	dir  string
	now  func() time.Time
	most int64 // bytes of the newer file

	mu    sync.Mutex          // guards files
	files map[string]*written // that are open, by namespace

	seeing sync.Mutex      // guards seen; held for a moment
	seen   map[Entry]*once // what Once has written last, without times
}

// written is a newer file.
type written struct {
	*os.File
	size int64
}

// once is an entry that Once writes, or has written.
type once struct {
	done chan struct{} // closed when it was tried; then what follows is fixed
	next time.Time     // when it is written again
	err  error
}

// New returns the log in a folder, which is made with the first entry. now is asked for the
// time; nil: the system's clock.
func New(dir string, now func() time.Time) *Log {
	if now == nil {
		now = time.Now
	}
	return &Log{dir: dir, now: now, most: FileMax, files: map[string]*written{}, seen: map[Entry]*once{}}
}

// Append writes an entry, with the time of now, to the disk.
func (l *Log) Append(e Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.append(e)
}

// Once is Append for what is done over and over: it writes nothing when it has written the same
// less than some time ago, and since the process began. What could not be written fails the same
// way for a minute, without a look at the disk.
func (l *Log) Once(e Entry, every time.Duration) error {
	e.Time = time.Time{}
	o, first := l.once(e)
	if !first {
		<-o.done
		return o.err
	}
	o.err = l.Append(e)
	if o.err != nil {
		every = onceAgain
	}
	o.next = l.now().Add(every)
	close(o.done)
	return o.err
}

// once is what was or is being written of an entry; first: by the caller.
func (l *Log) once(e Entry) (o *once, first bool) {
	l.seeing.Lock()
	defer l.seeing.Unlock()
	if o := l.seen[e]; o != nil {
		select {
		case <-o.done:
			if l.now().Before(o.next) {
				return o, false
			}
		default:
			return o, false
		}
	}
	if len(l.seen) >= seenMax {
		clear(l.seen) // some are written once more
	}
	o = &once{done: make(chan struct{})}
	l.seen[e] = o
	return o, true
}

func (l *Log) append(e Entry) error {
	e.Time = l.now().UTC().Truncate(time.Millisecond)
	for _, text := range []*string{&e.Namespace, &e.Service, &e.Name, &e.By, &e.Node} {
		*text = (*text)[:min(len(*text), TextMax)]
	}
	line, err := json.Marshal(e)
	if err == nil {
		err = l.write(e.Namespace, append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("note who did what with a secret: %w", err)
	}
	return nil
}

// write writes a line, after the end of the last whole one.
func (l *Log) write(namespace string, line []byte) error {
	f, err := l.open(namespace)
	if err != nil {
		return err
	}
	if f.size+int64(len(line)) > l.most {
		err := f.Close()
		delete(l.files, namespace)
		names := filesOf(namespace)
		if err = errors.Join(err, os.Rename(filepath.Join(l.dir, names[1]), filepath.Join(l.dir, names[0]))); err != nil {
			return err
		}
		if f, err = l.open(namespace); err != nil {
			return err
		}
	}
	_, err = f.WriteAt(line, f.size)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		f.size += int64(len(line))
	}
	return err
}

// open opens the newer file of a namespace. What a crash has left of a line at its end is
// overwritten.
func (l *Log) open(namespace string) (*written, error) {
	if f := l.files[namespace]; f != nil {
		return f, nil
	}
	if len(l.files) >= openMax {
		if err := l.close(); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(l.dir, filesOf(namespace)[1]), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, readMax))
	end := int64(bytes.LastIndexByte(b, '\n') + 1)
	if err == nil {
		err = f.Truncate(end)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	l.files[namespace] = &written{f, end}
	return l.files[namespace], nil
}

// List returns the entries that a filter picks, the newest first. A line that cannot be read is
// left out.
func (l *Log) List(f Filter) ([]Entry, error) {
	if f.Limit <= 0 || f.Limit > ListMax {
		f.Limit = ListMax
	}
	list := []Entry{}
	visit := func(e Entry) {
		if f.Picks(&e) {
			list = append(list, e)
		}
	}
	names := filesToRead("")
	if f.Namespace != "" {
		names = append(filesToRead(f.Namespace), names...)
	}
	if err := l.each(names, visit); err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b Entry) int { return a.Time.Compare(b.Time) })
	slices.Reverse(list)
	return list[:min(len(list), f.Limit)], nil
}

// each visits the entries of files that are there.
func (l *Log) each(names []string, visit func(Entry)) error {
	files, err := l.toRead(names)
	for _, file := range files {
		err = errors.Join(err, read(file, visit), file.Close())
	}
	if err != nil {
		return fmt.Errorf("read who did what with secrets: %w", err)
	}
	return nil
}

// toRead opens files to be read; that there is none is no error. They are those of one moment, and
// can be read while others write.
func (l *Log) toRead(names []string) (list []*os.File, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range names {
		f, openErr := os.Open(filepath.Join(l.dir, name))
		if openErr == nil {
			list = append(list, f)
		} else if !errors.Is(openErr, fs.ErrNotExist) {
			err = errors.Join(err, openErr)
		}
	}
	return list, err
}

// read visits the entries of a file.
func read(f io.Reader, visit func(Entry)) error {
	lines := bufio.NewReaderSize(io.LimitReader(f, readMax), lineMax)
	for {
		line, err := lines.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) { // no line of ours: on to the next one
			line = nil
			_, err = lines.ReadSlice('\n')
		}
		var e Entry
		if len(line) > 0 && json.Unmarshal(line, &e) == nil {
			visit(e)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// Close closes the files. The log may be used again.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.close()
}

func (l *Log) close() (err error) {
	for namespace, f := range l.files {
		err = errors.Join(err, f.Close())
		delete(l.files, namespace)
	}
	return err
}

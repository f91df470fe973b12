// Package audit keeps who did what with a host's secrets, and which actors were given them:
// never a value. It outlives the host's process, in two files of a folder, and is bounded.
package audit

import (
	"bufio"
	"bytes"
	"cmp"
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
	FileMax = 4 << 20 // bytes of the newer file; then it takes the place of the older one
	TextMax = 200     // bytes of a text of an entry; what is longer is cut
	ListMax = 1000    // entries that List returns at most
	lineMax = 16 << 10
	seenMax = 10_000 // entries that Once remembers
)

// The files: what is written goes to the first.
const (
	newer = "acts.jsonl"
	older = "acts.before.jsonl"
)

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
}

// Filter picks entries.
type Filter struct {
	Namespace string // and what concerns all of the host
	Service   string // and what concerns all services; "": those of all
	Name      string // "": of all
	Limit     int    // the newest; 0: ListMax
}

func (f *Filter) picks(e *Entry) bool {
	return (e.Namespace == "" || e.Namespace == f.Namespace) && (f.Service == "" || e.Service == "" || e.Service == f.Service) && (f.Name == "" || e.Name == f.Name)
}

// Log is the acts of a host. It is safe for concurrent use; one process at a time has a folder.
type Log struct {
	dir  string
	now  func() time.Time
	most int64 // bytes of the newer file

	mu   sync.Mutex // guards what follows
	file *os.File   // newer; nil: not open
	size int64
	seen map[Entry]time.Time // that Once has written last, without times
}

// New returns the log in a folder, which is made with the first entry. now is asked for the
// time; nil: the system's clock.
func New(dir string, now func() time.Time) *Log {
	if now == nil {
		now = time.Now
	}
	return &Log{dir: dir, now: now, most: FileMax, seen: map[Entry]time.Time{}}
}

// Append writes an entry, with the time of now, to the disk.
func (l *Log) Append(e Entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.append(e)
}

// Once is Append for what is done over and over: it writes nothing when it has written the same
// less than some time ago, and since the process began.
func (l *Log) Once(e Entry, every time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Time = time.Time{}
	now := l.now()
	if last, ok := l.seen[e]; ok && now.Sub(last) < every {
		return nil
	}
	if len(l.seen) >= seenMax {
		clear(l.seen) // some are written once more
	}
	err := l.append(e)
	if err == nil {
		l.seen[e] = now
	}
	return err
}

func (l *Log) append(e Entry) error {
	e.Time = l.now().UTC().Truncate(time.Millisecond)
	for _, text := range []*string{&e.Namespace, &e.Service, &e.Name, &e.By, &e.Node} {
		*text = (*text)[:min(len(*text), TextMax)]
	}
	line, err := json.Marshal(e)
	if err == nil {
		err = l.write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("note who did what with a secret: %w", err)
	}
	return nil
}

// write writes a line, after the end of the last whole one.
func (l *Log) write(line []byte) error {
	if l.file == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	if l.size+int64(len(line)) > l.most {
		err := l.file.Close()
		l.file = nil
		if err = errors.Join(err, os.Rename(filepath.Join(l.dir, newer), filepath.Join(l.dir, older))); err != nil {
			return err
		}
		if err := l.open(); err != nil {
			return err
		}
	}
	_, err := l.file.WriteAt(line, l.size)
	if err == nil {
		err = l.file.Sync()
	}
	if err == nil {
		l.size += int64(len(line))
	}
	return err
}

// open opens the newer file. What a crash has left of a line at its end is overwritten.
func (l *Log) open() error {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(l.dir, newer), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(io.LimitReader(f, FileMax))
	end := int64(bytes.LastIndexByte(b, '\n') + 1)
	if err == nil {
		err = f.Truncate(end)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.size = f, end
	return nil
}

// List returns the entries that a filter picks, the newest first. A line that cannot be read is
// left out.
func (l *Log) List(f Filter) ([]Entry, error) {
	if f.Limit <= 0 || f.Limit > ListMax {
		f.Limit = ListMax
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	list := []Entry{}
	for _, name := range []string{older, newer} {
		err := read(filepath.Join(l.dir, name), func(e Entry) {
			if f.picks(&e) {
				if list = append(list, e); len(list) > 2*f.Limit {
					list = slices.Delete(list, 0, len(list)-f.Limit)
				}
			}
		})
		if err != nil {
			return nil, fmt.Errorf("read who did what with secrets: %w", err)
		}
	}
	slices.Reverse(list)
	return list[:min(len(list), f.Limit)], nil
}

// read visits the entries of a file; that there is none is no error.
func read(path string, visit func(Entry)) (err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, f.Close()) }()
	lines := bufio.NewScanner(io.LimitReader(f, FileMax))
	lines.Buffer(nil, lineMax)
	for lines.Scan() {
		var e Entry
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			visit(e)
		}
	}
	return lines.Err()
}

// Close closes the files. The log may be used again.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

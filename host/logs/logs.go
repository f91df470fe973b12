// Package logs keeps the log lines of a host and its actors, bounded, for
// whoever looks; and writes them to a terminal or file as they come.
package logs

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// The limits of a store.
const (
	recordsMax   = 50_000   // kept; the oldest go first
	bytesMax     = 32 << 20 // of texts and fields kept
	followersMax = 64
	followMax    = 1024 // records that wait for one follower; more are counted and told
)

// Record is one log line.
type Record struct {
	Time    time.Time         `json:"time"`
	Level   string            `json:"level"` // debug, info, warn or error
	Service string            `json:"service"`
	Node    string            `json:"node,omitempty"`    // "" for the host's own lines
	Message string            `json:"message,omitempty"` // id of the message being handled
	Text    string            `json:"text"`
	Fields  map[string]string `json:"fields,omitempty"`
}

func (r *Record) size() int {
	n := 64 + len(r.Text) + len(r.Message) + len(r.Service) + len(r.Node)
	for k, v := range r.Fields {
		n += len(k) + len(v)
	}
	return n
}

// Options of a store.
type Options struct {
	Writer io.Writer  // gets each line at Level or above as it comes; nil: none
	Level  slog.Level // of Writer; the store keeps all
	Color  bool       // Writer is a terminal that shows colours
}

// Store is safe for concurrent use.
type Store struct {
	opts Options

	mu        sync.Mutex
	records   []Record // oldest first, from head on
	head      int
	bytes     int
	dropped   uint64
	followers map[*follower]struct{}
	line      []byte
}

type follower struct {
	filter Filter
	out    chan Record
	missed int
}

// New makes a store.
func New(o Options) *Store { return &Store{opts: o, followers: map[*follower]struct{}{}} }

// Add keeps a record; one of an unknown level counts as info. It never blocks
// on who follows, only on Writer. The record's fields are not to be changed.
func (s *Store) Add(r Record) {
	switch r.Level {
	case "debug", "info", "warn", "error":
	default:
		r.Level = "info"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records = append(s.records, r)
	s.bytes += r.size()
	for len(s.records)-s.head > recordsMax || s.bytes > bytesMax && len(s.records)-s.head > 1 {
		s.bytes -= s.records[s.head].size()
		s.records[s.head] = Record{}
		s.head++
		s.dropped++
	}
	if s.head > recordsMax {
		s.records = slices.Clone(s.records[s.head:])
		s.head = 0
	}
	for f := range s.followers {
		f.offer(r)
	}
	if s.opts.Writer != nil && level(r.Level) >= s.opts.Level {
		s.line = r.Append(s.line[:0], s.opts.Color)
		_, _ = s.opts.Writer.Write(s.line) // a terminal that is gone; the store has the line
	}
}

// offer hands a record to a follower, who is told later when too many wait.
func (f *follower) offer(r Record) {
	if !f.filter.fits(&r) {
		return
	}
	if f.missed > 0 {
		told := Record{Time: r.Time, Level: "warn", Service: r.Service, Text: "log lines left out: they came faster than they were read", Fields: map[string]string{"lines": itoa(f.missed)}}
		select {
		case f.out <- told:
			f.missed = 0
		default:
			f.missed++
			return
		}
	}
	select {
	case f.out <- r:
	default:
		f.missed++
	}
}

// Filter picks records. Its zero value picks all.
type Filter struct {
	Node    string    `json:"node,omitempty"`    // this node, or all below it
	Level   string    `json:"level,omitempty"`   // this one or above
	Message string    `json:"message,omitempty"` // this message, or what it caused
	Since   time.Time `json:"since,omitzero"`
	Limit   int       `json:"limit,omitempty"` // the newest; 0: all
}

func (f *Filter) fits(r *Record) bool {
	return level(r.Level) >= level(f.Level) && below(r.Node, f.Node) && (f.Message == "" || r.Message == f.Message || Caused(r.Message, f.Message)) && !r.Time.Before(f.Since)
}

// below reports whether a node is top, or inside it.
func below(name, top string) bool {
	return top == "" || name == top || len(name) > len(top) && name[:len(top)] == top && name[len(top)] == '/'
}

// Caused reports whether the message of an id came of another: its id goes on
// with "." and a number, or with "-" for a copy that went to a further place.
// Ids of long chains were shortened (abi.IDMax), and tell this no more.
func Caused(id, by string) bool {
	return by != "" && len(id) > len(by) && id[:len(by)] == by && (id[len(by)] == '.' || id[len(by)] == '-')
}

// Query returns the records that fit, oldest first.
func (s *Store) Query(f Filter) []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.query(f)
}

// query is Query; mu is held.
func (s *Store) query(f Filter) []Record {
	list := []Record{}
	for i := len(s.records) - 1; i >= s.head && (f.Limit == 0 || len(list) < f.Limit); i-- {
		if f.fits(&s.records[i]) {
			list = append(list, s.records[i])
		}
	}
	slices.Reverse(list)
	return list
}

// ErrFollowers: as many follow as may.
var ErrFollowers = errors.New("too many follow the log")

// Follow calls emit with the records that fit, what there is first and then
// what comes before ctx ends, which is no error, or until emit fails.
func (s *Store) Follow(ctx context.Context, f Filter, emit func(Record) error) error {
	w := &follower{filter: f, out: make(chan Record, followMax)}
	s.mu.Lock()
	if len(s.followers) >= followersMax {
		s.mu.Unlock()
		return ErrFollowers
	}
	s.followers[w] = struct{}{}
	before := s.query(f)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.followers, w)
		s.mu.Unlock()
	}()
	for _, r := range before {
		if err := emit(r); err != nil {
			return err
		}
	}
	for {
		select {
		case <-ctx.Done():
			return w.rest(emit)
		case r := <-w.out:
			if err := emit(r); err != nil {
				return err
			}
		}
	}
}

// rest emits what came before the end.
func (f *follower) rest(emit func(Record) error) error {
	for {
		select {
		case r := <-f.out:
			if err := emit(r); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// Dropped is how many records were kept once and are gone.
func (s *Store) Dropped() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dropped
}

// level is the order of levels; what is no level is info.
func level(name string) slog.Level {
	switch name {
	case "debug":
		return slog.LevelDebug
	case "", "all":
		return slog.LevelDebug - 1
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}

// Package logs keeps the log lines of a host and its actors, bounded, for
// whoever looks; and writes them to a terminal or file as they come.
package logs

import (
	"cmp"
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
	bytesMax     = 32 << 20 // of records kept; who has the most loses the oldest
	weightMin    = 640      // bytes that a record counts for at least
	recordsMax   = bytesMax / weightMin
	followersMax = 64
	followMax    = 1024 // records that wait for one follower; more are counted and told
)

// Record is one log line.
type Record struct {
	Time    time.Time         `json:"time"`
	Level   string            `json:"level"` // debug, info, warn or error
	Service string            `json:"service"`
	Host    bool              `json:"host,omitempty"`    // the host says it, not an actor
	Node    string            `json:"node,omitempty"`    // whose line it is, or that the host speaks of
	Message string            `json:"message,omitempty"` // id of the message being handled
	Text    string            `json:"text"`
	Fields  map[string]string `json:"fields,omitempty"`
	// Namespace is that of the service, on a host of several.
	Namespace string `json:"-"`
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
	queues    map[source]*queue
	largest   shares // all queues, the one that holds most first
	weight    int    // of all queues
	count     uint64 // records ever added
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
func New(o Options) *Store {
	return &Store{opts: o, queues: map[source]*queue{}, followers: map[*follower]struct{}{}}
}

// Add keeps a record; one of an unknown level counts as info. It never blocks
// on who follows, only on Writer. The record's fields are not to be changed.
//
// When there is no more room, whoever holds most loses the oldest of its own:
// an actor that floods the log takes nothing from the others. What it writes
// faster than anybody reads is kept like the rest, and in place of it followers
// and Writer are told how much was left out.
func (s *Store) Add(r Record) {
	switch r.Level {
	case "debug", "info", "warn", "error":
	default:
		r.Level = "info"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue(source{r.Namespace, r.Service, r.Node, r.Host})
	s.count++
	s.push(q, kept{r, s.count})
	for s.weight > bytesMax {
		s.dropOldest(s.largest[0])
	}
	if !s.watched(&r) {
		return
	}
	if !q.allowed(&r, len(s.queues)) {
		q.missed++
		return
	}
	if q.missed > 0 {
		s.tell(Record{
			Time: r.Time, Level: "warn", Namespace: r.Namespace, Service: r.Service, Host: true, Node: r.Node, Text: "log lines left out here: they came too fast; those still kept: grow logs",
			Fields: map[string]string{"lines": itoa(q.missed)},
		})
		q.missed = 0
	}
	s.tell(r)
}

// watched reports whether anybody is to see a record as it comes.
func (s *Store) watched(r *Record) bool {
	if s.written(r) {
		return true
	}
	for f := range s.followers {
		if f.filter.fits(r) {
			return true
		}
	}
	return false
}

func (s *Store) written(r *Record) bool {
	return s.opts.Writer != nil && level(r.Level) >= s.opts.Level
}

// tell shows a record to who looks on.
func (s *Store) tell(r Record) {
	for f := range s.followers {
		f.offer(r)
	}
	if s.written(&r) {
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
		told := Record{
			Time: r.Time, Level: "warn", Service: r.Service, Host: true, Text: "log lines left out: they came faster than they were read",
			Fields: map[string]string{"lines": itoa(f.missed)},
		}
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
	// Namespace and Service are whose lines alone are picked; whoever asks cannot say it.
	// No Service: those of all.
	Namespace string `json:"-"`
	Service   string `json:"-"`
}

func (f *Filter) fits(r *Record) bool {
	return (f.Service == "" || f.Service == r.Service && f.Namespace == r.Namespace) && level(r.Level) >= level(f.Level) && below(r.Node, f.Node) && (f.Message == "" || r.Message == f.Message || Caused(r.Message, f.Message)) && !r.Time.Before(f.Since)
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
	found := s.find(&f)
	s.mu.Unlock()
	return inOrder(found, f.Limit)
}

// find returns the records that fit, in no order; mu is held.
func (s *Store) find(f *Filter) []kept {
	var found []kept
	for of, q := range s.queues {
		if !below(of.node, f.Node) {
			continue
		}
		for i := q.head; i < len(q.records); i++ {
			if f.fits(&q.records[i].Record) {
				found = append(found, q.records[i])
			}
		}
	}
	return found
}

// inOrder sorts records as they came, and leaves the newest of them; 0: all.
func inOrder(found []kept, newest int) []Record {
	slices.SortFunc(found, func(a, b kept) int { return cmp.Compare(a.number, b.number) })
	if newest > 0 && len(found) > newest {
		found = found[len(found)-newest:]
	}
	list := make([]Record, len(found))
	for i := range found {
		list[i] = found[i].Record
	}
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
	before := s.find(&f)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.followers, w)
		s.mu.Unlock()
	}()
	for _, r := range inOrder(before, f.Limit) {
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

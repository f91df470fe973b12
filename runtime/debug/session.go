package debug

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	stack "runtime/debug"
	"slices"
	"sync"
	"time"
)

// Errors of a Session.
var (
	// ErrRunning is for what can be asked only of a thread that stands still.
	ErrRunning = errors.New("this thread is running: pause it first")
	// ErrThread is for a thread that has ended or never was.
	ErrThread = errors.New("no such thread: it has handled its message")
	// ErrClosed is for a session that has ended.
	ErrClosed = errors.New("the debug session has ended")
	// ErrFailed is for what the debugger could not look at by a fault of its own.
	ErrFailed = errors.New("the debugger itself has failed at this; the guest is as it was")
)

// Options say what a session may do.
type Options struct {
	// ReadOnly refuses whatever could change a guest: Set, WriteMemory, and
	// expressions that call or assign.
	ReadOnly bool
	// HoldMax is how long a guest is held in all while it handles one message; it
	// then goes on, and no more stops are made for that message. 0: without limit.
	HoldMax time.Duration
	// Secrets are masked in what is shown: name all forms in which they may stand there.
	Secrets []string
	// Name is what a guest's thread is called; nil: its number.
	Name func(Guest) string
	// Handles reports whether a guest handles a message, rather than starts; nil: it
	// always does.
	Handles func(Guest) bool
	// Hold is called when a guest arrives somewhere, on its goroutine, and what it returns
	// when it goes on: its deadlines stand still in between, also while it is only found
	// out whether it is to stop. nil: nothing is called.
	Hold func(Guest) (release func())
	// Panicked is told of a panic while something was looked at, which the client is told
	// as ErrFailed: v as it was recovered, and the stack then. nil: nobody is.
	Panicked func(v any, stack []byte)
}

// Session is what a person who debugs a program wants of its guests: it stops them,
// shows them, lets them go on. It is the [Reporter] of its program's guests.
//
// Each guest is a thread while it handles a message. A thread that stands still is
// inside Arrive, Output or Request, on the goroutine that the guest runs on; With
// has calls carried out there. All fields that change are under mu, which is not
// held while a guest or the client is waited for; Guest.Watch is called under it, so
// that the last one wins.
type Session struct {
	program Program
	options Options
	mask    mask
	events  chan Event
	done    chan struct{} // closed by Close

	mu         sync.Mutex
	closed     bool
	threads    map[Guest]*thread
	lastThread int
	points     points
	next       bool   // stop whoever comes next to the actor's own code with a message
	watch      *Watch // of guests that nobody steps
}

// thread is a guest that handles a message. The fields of its first group are under
// Session.mu; those of the second belong to the guest's goroutine.
type thread struct {
	id      int
	guest   Guest
	known   bool // the client was told of it
	pausing bool
	wish    Step  // how it was told to go on
	depth   int   // frames that it had when it stood still last
	stop    *stop // nil: it runs
	overdue bool  // it was held for as long as it may be: it reports nothing more

	step    *stepping
	marks   []mark
	pending *Event // a stop to be made at the next statement
	held    time.Duration
	seen    map[*point][]byte // the memory of data breakpoints, as it was last looked at
}

// stop is one time that a thread stands still.
type stop struct {
	jobs    chan job
	resumed chan struct{} // closed by Resume
}

type job struct {
	do   func(Halt) error
	done chan error // has room for one
}

// run carries a job out, and says how it went whatever becomes of it.
func (s *Session) run(j job, h Halt) {
	err := error(ErrFailed)
	defer func() { j.done <- err }()
	err = s.attempt(func() error { return j.do(h) })
}

// attempt does something that looks at a guest. A panic in it is ErrFailed.
func (s *Session) attempt(do func() error) (err error) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		err = fmt.Errorf("%w: %s", ErrFailed, s.masked(fmt.Sprint(v)))
		if s.options.Panicked != nil {
			s.options.Panicked(v, stack.Stack())
		}
	}()
	return do()
}

// Thread is a guest that handles something now.
type Thread struct {
	ID      int // counts from 1; not used again
	Name    string
	Stopped bool
}

// NewSession returns a session of the guests that report to it. The owner closes it.
func NewSession(p Program, o Options) *Session {
	return &Session{
		program: p, options: o, mask: newMask(o.Secrets),
		events:  make(chan Event, EventsMax),
		done:    make(chan struct{}),
		threads: map[Guest]*thread{},
		watch:   &Watch{},
	}
}

// Program is what is debugged.
func (s *Session) Program() Program { return s.program }

// ReadOnly reports whether nothing can be changed.
func (s *Session) ReadOnly() bool { return s.options.ReadOnly }

// Events are what the session has to say, in order. One goroutine should read them
// all, until Done. The channel is never closed.
func (s *Session) Events() <-chan Event { return s.events }

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// End says why nothing more will come, and closes the session.
func (s *Session) End(why string) {
	select {
	case s.events <- Event{Kind: Terminated, Text: why}:
	default: // the client that reads nothing learns it from Done
	}
	s.Close()
}

// Close lets all guests go on; none stops or reports any more. It may be called
// again.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	s.points, s.next, s.watch = points{}, false, &Watch{}
	for g, t := range s.threads {
		t.pausing, t.wish = false, Continue
		g.Watch(s.watch)
	}
	close(s.done)
}

// Threads are the guests that handle something now, by number.
func (s *Session) Threads() []Thread {
	s.mu.Lock()
	list := make([]Thread, 0, len(s.threads))
	guests := make(map[int]Guest, len(s.threads))
	for g, t := range s.threads {
		list = append(list, Thread{ID: t.id, Stopped: t.stop != nil})
		guests[t.id] = g
	}
	s.mu.Unlock()
	slices.SortFunc(list, func(a, b Thread) int { return cmp.Compare(a.ID, b.ID) })
	for i := range list {
		list[i].Name = fmt.Sprintf("message %d", list[i].ID)
		if s.options.Name != nil {
			list[i].Name = s.masked(s.options.Name(guests[list[i].ID]))
		}
	}
	return list
}

// Resume lets a thread that stands still go on. It fails with ErrThread, ErrRunning
// or ErrClosed.
func (s *Session) Resume(thread int, how Step) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, err := s.find(thread)
	if err != nil {
		return err
	}
	if t.stop == nil {
		return ErrRunning
	}
	t.wish = how
	close(t.stop.resumed)
	t.stop = nil
	t.guest.Watch(s.watchOf(t))
	return nil
}

// Pause stops a thread at its next statement; thread 0 is whichever guest comes next, as
// it handles a message, to a statement that the actor's author wrote. A thread that stands
// still is left alone. It fails with ErrThread or ErrClosed.
func (s *Session) Pause(thread int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if thread == 0 {
		if s.closed {
			return ErrClosed
		}
		s.next = true
		s.rewatch()
		return nil
	}
	t, err := s.find(thread)
	if err != nil || t.stop != nil {
		return err
	}
	t.pausing = true
	t.guest.Watch(s.watchOf(t))
	return nil
}

// With has do carried out on the goroutine of a thread that stands still, and waits
// for its end; ctx bounds the wait for its beginning. It fails with ErrThread,
// ErrRunning, ErrClosed, ctx's error or do's.
func (s *Session) With(ctx context.Context, thread int, do func(Halt) error) error {
	s.mu.Lock()
	t, err := s.find(thread)
	if err == nil && t.stop == nil {
		err = ErrRunning
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	at := t.stop
	s.mu.Unlock()
	j := job{do: do, done: make(chan error, 1)}
	select {
	case at.jobs <- j:
		return <-j.done
	case <-at.resumed:
		return ErrRunning
	case <-s.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// find returns a thread by its number. The lock is held.
func (s *Session) find(id int) (*thread, error) {
	if s.closed {
		return nil, ErrClosed
	}
	for _, t := range s.threads {
		if t.id == id {
			return t, nil
		}
	}
	return nil, ErrThread
}

// rewatch makes the watch of all guests anew. The lock is held.
func (s *Session) rewatch() {
	s.watch = s.points.watch()
	s.watch.Every = s.watch.Every || s.next
	for g, t := range s.threads {
		g.Watch(s.watchOf(t))
	}
}

// watchOf is what a thread's guest is to report. The lock is held.
func (s *Session) watchOf(t *thread) *Watch {
	if t.overdue {
		return &Watch{}
	}
	every := t.pausing || t.wish.kind == in || t.wish.kind == over || t.wish.kind == out
	data := len(s.points.of(t.guest)) > 0
	if !every && !data && t.wish.kind != to {
		return s.watch
	}
	w := *s.watch
	w.Every = w.Every || data
	if t.wish.kind == to {
		w.Lines = append(slices.Clip(w.Lines), t.wish.to)
	}
	if every && !w.Every && !t.pausing {
		w.Depth = t.wish.reaches(t.depth)
	}
	if t.wish.kind == over || t.wish.kind == out {
		w.Return = t.depth
	}
	w.Every = w.Every || every
	return &w
}

// timer is a channel that is ready after d, and what frees it; 0: never.
func (s *Session) timer(d time.Duration) (<-chan time.Time, func()) {
	if d <= 0 {
		return nil, func() {}
	}
	t := time.NewTimer(d)
	return t.C, func() { t.Stop() }
}

package debug

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Asker is a Guest that can be looked at while it asks its host for something. Others
// are stopped at their next statement.
type Asker interface {
	// Asking returns the guest as it stands in a call of its host. It is called on
	// the goroutine of the call, and the Halt is valid as long as that lasts.
	Asking() (Halt, error)
}

// Hearer is a Guest that wants to know what its instance writes: lines of its log, and to
// its standard error.
type Hearer interface {
	// Heard is called on the goroutine on which the guest runs.
	Heard(text []byte)
}

// Enter implements [Reporter].
func (s *Session) Enter(g Guest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		g.Watch(s.watch)
		return nil
	}
	s.lastThread++
	t := &thread{id: s.lastThread, guest: g}
	s.threads[g] = t
	g.Watch(s.watchOf(t))
	return nil
}

// Leave implements [Reporter].
func (s *Session) Leave(g Guest) {
	s.mu.Lock()
	t := s.threads[g]
	delete(s.threads, g)
	s.mu.Unlock()
	if t == nil {
		return
	}
	if t.pending != nil {
		s.emit(Event{Kind: Output, Text: t.pending.Text + ": the message was handled before another statement was come to"})
	}
	if t.known {
		s.emit(Event{Kind: Ended, Thread: t.id})
	}
}

// Arrive implements [Reporter].
func (s *Session) Arrive(g Guest, h Halt) error {
	t := s.running(g)
	if t == nil {
		return nil
	}
	defer s.apart(t)()
	if e := s.why(t, h); e != nil {
		s.hold(t, h, e)
	}
	return nil
}

// apart has a guest's clocks stand still until what it returns is called: what is done
// for its debugger is not its own, but counts as held.
func (s *Session) apart(t *thread) (release func()) {
	let := func() {}
	if s.options.Hold != nil {
		let = s.options.Hold(t.guest)
	}
	began := time.Now()
	return func() {
		t.held += time.Since(began)
		let()
	}
}

// Output is called by what runs a guest when that outputs a message, on the guest's
// goroutine, before anything is done with it.
func (s *Session) Output(g Guest, typ string, data []byte) error {
	return s.asked(g, ReasonOutput, typ, data)
}

// Request is called by what runs a guest when that asks a capability for something,
// on the guest's goroutine, before it is done.
func (s *Session) Request(g Guest, operation string, data []byte) error {
	return s.asked(g, ReasonRequest, operation, data)
}

// AskedMax is how many bytes of an output or a request a stop's text shows.
const AskedMax = 256

func (s *Session) asked(g Guest, reason Reason, name string, data []byte) error {
	t := s.running(g)
	if t == nil {
		return nil
	}
	s.mu.Lock()
	names := s.points.outputs
	if reason == ReasonRequest {
		names = s.points.requests
	}
	wanted := names[name] || names["*"]
	s.mu.Unlock()
	if !wanted {
		return nil
	}
	defer s.apart(t)()
	e := &Event{Reason: reason, Text: strings.TrimSpace(fmt.Sprintf("%s %s %s", reason, name, s.Excerpt(data, AskedMax)))}
	if a, ok := g.(Asker); ok {
		if h, err := a.Asking(); err == nil {
			s.hold(t, h, e)
			return nil
		}
	}
	t.pending = e
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		t.pausing = true
		g.Watch(s.watchOf(t))
	}
	return nil
}

// running returns the thread of a guest that may be stopped now.
func (s *Session) running(g Guest) *thread {
	s.mu.Lock()
	t := s.threads[g]
	if s.closed || t == nil || t.overdue {
		s.mu.Unlock()
		return nil
	}
	if limit := s.options.HoldMax; limit == 0 || t.held < limit {
		s.mu.Unlock()
		return t
	}
	t.overdue, t.pausing, t.wish = true, false, Continue // by conditions and log points
	g.Watch(s.watchOf(t))
	s.mu.Unlock()
	s.emit(Event{Kind: Output, Text: s.heldLong()})
	return nil
}

func (s *Session) heldLong() string {
	return fmt.Sprintf("held for %v, which is as long as a guest may be: it goes on to the end of its message", s.options.HoldMax)
}

// why says for what reason a thread is to stop where h is; nil: for none.
func (s *Session) why(t *thread, h Halt) *Event {
	switch h.Cause() {
	case CauseLine:
	case CauseReturn: // where no breakpoint is come to
		if t.step != nil && t.step.ends(h) {
			return &Event{Reason: ReasonStep}
		}
		return nil
	default:
		s.mu.Lock()
		wanted := h.Cause() == CauseException && s.points.raised || h.Cause() == CauseUncaught && s.points.uncaught
		s.mu.Unlock()
		if !wanted {
			return nil
		}
		return &Event{Reason: ReasonException, Uncaught: h.Cause() == CauseUncaught, Text: s.mask.shortened(h.Text())}
	}
	if t.pending != nil {
		return t.pending
	}
	if e := s.reached(t, h); e != nil {
		return e
	}
	if s.pauses(t, h) {
		return &Event{Reason: ReasonPause}
	}
	if t.step != nil && t.step.ends(h) {
		reason := ReasonStep
		if t.step.kind == to {
			reason = ReasonTo
		}
		return &Event{Reason: reason}
	}
	return nil
}

// pauses reports whether a thread is to stand still where h is for no other reason than
// that somebody wants to see it. Of all who could be next, it is one.
func (s *Session) pauses(t *thread, h Halt) bool {
	s.mu.Lock()
	pausing, next := t.pausing, s.next
	s.mu.Unlock()
	if pausing || !next || !s.own(t.guest, h) {
		return pausing
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next = s.next
	if next {
		s.next = false
		s.rewatch()
	}
	return next
}

// own reports whether a guest handles a message, and is in code of the actor's author.
func (s *Session) own(g Guest, h Halt) bool {
	if s.options.Handles != nil && !s.options.Handles(g) {
		return false
	}
	if p, ok := s.program.(Rooted); ok {
		return strings.HasPrefix(h.Position().File, p.Root())
	}
	frames, err := h.Frames(0, 1)
	return err != nil || len(frames) == 0 || frames[0].Own
}

// reached deals with the breakpoints where h is, and returns a stop if one of them
// wants it.
func (s *Session) reached(t *thread, h Halt) *Event {
	at, changed := h.Position(), s.look(t, h)
	s.mu.Lock()
	var here []*point
	for _, p := range s.points.all() {
		for _, place := range p.at {
			if same(place, at) {
				here = append(here, p)
				break
			}
		}
	}
	s.mu.Unlock()
	if len(here) > 0 && !t.begins(h.Depth(), at) {
		here = nil
	}
	here = slices.Concat(here, s.instructionsAt(h), changed)
	var stop *Event
	for _, p := range here {
		text, hit := s.hit(h, p)
		if !hit {
			continue
		}
		if stop == nil {
			stop = &Event{Reason: ReasonBreakpoint, Text: text}
			if p.name != "" {
				stop.Reason = ReasonFunction
			}
			switch {
			case p.address != 0:
				stop.Reason = ReasonInstruction
			case p.bytes != 0:
				stop.Reason = ReasonData
			}
		}
		stop.Breakpoints = append(stop.Breakpoints, p.id)
	}
	return stop
}

// hit reports whether a breakpoint stops who is where h is. One whose condition fails
// does, and says so.
func (s *Session) hit(h Halt, p *point) (text string, stop bool) {
	if p.when.Condition != "" {
		var met bool
		err := s.attempt(func() (err error) {
			met, err = h.Truth(0, p.when.Condition)
			return err
		})
		if err != nil {
			return s.mask.shortened(fmt.Sprintf("condition %q: %v", p.when.Condition, err)), true
		}
		if !met {
			return "", false
		}
	}
	s.mu.Lock()
	p.hits++
	hits := p.hits
	s.mu.Unlock()
	if !p.count.met(hits) {
		return "", false
	}
	if len(p.log) > 0 {
		s.emit(Event{Kind: Output, Text: s.logged(h, p.log), Position: h.Position()})
		return "", false
	}
	return "", true
}

// hold stops a thread where h is, until it is told to go on or has to.
func (s *Session) hold(t *thread, h Halt, e *Event) {
	at := &stop{jobs: make(chan job), resumed: make(chan struct{})}
	depth := h.Depth()
	e.Kind, e.Thread, e.Position = Stopped, t.id, h.Position()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	known := t.known
	t.known, t.stop, t.pausing, t.wish, t.depth = true, at, false, Continue, depth
	t.step, t.pending = nil, nil
	s.mu.Unlock()
	if !known {
		s.emit(Event{Kind: Started, Thread: t.id})
	}
	s.emit(*e)
	if why := s.serve(t, at, h); why != "" {
		s.emit(Event{Kind: Continued, Thread: t.id, Text: why})
		return
	}
	s.mu.Lock()
	wish := t.wish
	s.mu.Unlock()
	s.look(t, h) // what the client has set is no change
	if wish.kind != free {
		t.step = &stepping{Step: wish, from: h.Position(), depth: depth}
	}
}

// serve carries out what the client asks for of a thread that stands still. It says
// why the thread goes on if nobody asked for that.
func (s *Session) serve(t *thread, at *stop, h Halt) (why string) {
	var expired <-chan time.Time
	if limit := s.options.HoldMax; limit > 0 {
		timer := time.NewTimer(max(0, limit-t.held))
		defer timer.Stop()
		expired = timer.C
	}
	v := &view{Halt: h, session: s}
	for {
		select {
		case j := <-at.jobs:
			s.run(j, v)
		case <-at.resumed:
			return ""
		case <-s.done:
			return ""
		case <-expired:
			s.mu.Lock()
			defer s.mu.Unlock()
			if t.stop != at { // resumed just now
				return ""
			}
			t.stop, t.overdue = nil, true
			close(at.resumed)
			t.guest.Watch(s.watchOf(t))
			return s.heldLong()
		}
	}
}

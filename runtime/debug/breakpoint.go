package debug

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Limits of a session.
const (
	BreakpointsMax = 1000    // of all kinds
	ConditionMax   = 4 << 10 // bytes of a condition, a hit condition, a log point's text
)

// Breakpoint is where to stop in a file, and when.
type Breakpoint struct {
	Line int // counts from 1
	When
}

// FunctionBreakpoint stops where a function's body begins.
type FunctionBreakpoint struct {
	Name string // as [Program.Function] takes it
	When
}

// When is when a breakpoint stops who comes there.
type When struct {
	// Condition is an expression that has to be true; "": none.
	Condition string
	// Hit is which times count: "5" or "== 5", "> 5", ">= 5", "< 5", "<= 5", "% 5";
	// "": all. Times that the condition is false are not counted.
	Hit string
	// Log is what to write instead of stopping, with expressions in {}; "": stop.
	Log string
}

// Bound is what became of a breakpoint.
type Bound struct {
	ID int
	// Position is where it lies; Line is as it was asked for where Err is set.
	Position
	// Err is why it lies nowhere.
	Err error
}

// points are a session's breakpoints of all kinds. Session.mu holds them.
type points struct {
	files             map[string][]*point
	functions         []*point
	instructions      []*point
	data              []*point
	raised, uncaught  bool
	outputs, requests map[string]bool
	lastID            int
}

// point is a breakpoint that lies somewhere. Only hits and over change.
type point struct {
	id   int
	at   []Position
	name string // of its function; "": it is for a line
	// address is that of its instruction; 0: it is for a line or a function.
	address uint64
	// data is the memory it is on, of so many bytes; bytes 0: it is on none.
	data   uint64
	bytes  int
	thread int   // that it was asked for of
	guest  Guest // whose memory it is
	stack  bool  // that is a function's
	over   bool  // which has returned
	line   int   // as asked for
	when   When
	count  counter
	log    []piece
	hits   int
}

func (p *points) all() []*point {
	var list []*point
	for _, file := range slices.Sorted(maps.Keys(p.files)) {
		list = append(list, p.files[file]...)
	}
	return slices.Concat(list, p.functions, p.instructions, p.data)
}

func (p *points) watch() *Watch {
	w := &Watch{Raised: p.raised, Uncaught: p.uncaught}
	for _, point := range p.all() {
		w.Lines = append(w.Lines, point.at...)
		if point.address != 0 {
			w.Addresses = append(w.Addresses, point.address)
		}
	}
	return w
}

// make reads what a breakpoint says of when it stops.
func (s *Session) make(w When) (*point, error) {
	if len(w.Condition) > ConditionMax || len(w.Hit) > ConditionMax || len(w.Log) > ConditionMax {
		return nil, fmt.Errorf("longer than %d bytes", ConditionMax)
	}
	count, err := parseHit(w.Hit)
	if err != nil {
		return nil, err
	}
	log, err := parseLog(w.Log)
	if err != nil {
		return nil, err
	}
	err = s.check(w.Condition, true)
	for _, piece := range log {
		err = errors.Join(err, s.check(piece.expression, false))
	}
	if err != nil {
		return nil, err
	}
	return &point{when: w, count: count, log: log}, nil
}

// check says what is wrong with an expression, as far as its form shows it. "" is none.
func (s *Session) check(expression string, condition bool) error {
	if expression == "" {
		return nil
	}
	if s.options.ReadOnly {
		if err := Pure(expression); err != nil {
			return err
		}
	}
	p, ok := s.program.(Checked)
	if !ok {
		return nil
	}
	what := "expression"
	if condition {
		what = "condition"
	}
	if err := p.Check(expression, condition); err != nil {
		return s.maskedError(fmt.Errorf("%s: %w", what, err))
	}
	return nil
}

// SetBreakpoints replaces the breakpoints of a file and says where each came to lie.
func (s *Session) SetBreakpoints(file string, list []Breakpoint) []Bound {
	bound := make([]Bound, len(list))
	made := make([]*point, len(list))
	for i, b := range list {
		bound[i].Position = Position{File: file, Line: b.Line}
		p, err := s.make(b.When)
		if err == nil {
			var at Position
			if at, err = s.program.Bind(file, b.Line); err == nil {
				p.at, p.line = []Position{at}, b.Line
				bound[i].Position, made[i] = at, p
			}
		}
		bound[i].Err = err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.points.files = maps.Clone(s.points.files)
	if s.points.files == nil {
		s.points.files = map[string][]*point{}
	}
	old := s.points.files[file]
	delete(s.points.files, file)
	if lie := s.lay(old, made, bound); len(lie) > 0 {
		s.points.files[file] = lie
	}
	s.rewatch()
	return bound
}

// SetFunctions replaces the breakpoints on functions.
func (s *Session) SetFunctions(list []FunctionBreakpoint) []Bound {
	bound := make([]Bound, len(list))
	made := make([]*point, len(list))
	for i, b := range list {
		p, err := s.make(b.When)
		if err == nil {
			if p.at, err = s.program.Function(b.Name); err == nil && len(p.at) == 0 {
				err = ErrUnknown
			}
			if err == nil {
				p.name = b.Name
				bound[i].Position, made[i] = p.at[0], p
			}
		}
		bound[i].Err = err
	}
	s.replace(&s.points.functions, made, bound)
	return bound
}

// replace lays the breakpoints of a kind in place of those there were.
func (s *Session) replace(kind *[]*point, made []*point, bound []Bound) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := *kind
	*kind = nil
	*kind = s.lay(old, made, bound)
	s.rewatch()
}

// lay numbers breakpoints and returns those that lie somewhere; one that was there
// before keeps its number and count. The lock is held.
func (s *Session) lay(old, made []*point, bound []Bound) []*point {
	room := BreakpointsMax - len(s.points.all())
	var lie []*point
	for i, p := range made {
		if p != nil && (s.closed || len(lie) >= room) {
			bound[i].Err = fmt.Errorf("more than %d breakpoints", BreakpointsMax)
			if s.closed {
				bound[i].Err = ErrClosed
			}
			p = nil
		}
		if p != nil {
			if k := slices.IndexFunc(old, p.equal); k >= 0 {
				p, old = old[k], slices.Delete(slices.Clone(old), k, k+1)
			}
		}
		if p != nil && p.id != 0 {
			bound[i].ID = p.id
		} else {
			s.points.lastID++
			bound[i].ID = s.points.lastID
		}
		if p != nil {
			p.id = bound[i].ID
			lie = append(lie, p)
		}
	}
	return lie
}

// equal reports whether a breakpoint that was there before is the one that is asked for. One
// that has ended is not: it would never stop anybody.
func (p *point) equal(o *point) bool {
	return !o.over && p.name == o.name && p.line == o.line && p.address == o.address && p.data == o.data && p.bytes == o.bytes && p.guest == o.guest && p.when == o.when
}

// SetExceptions says which exceptions stop a guest: all that are raised, those that
// nobody catches, traps among them.
func (s *Session) SetExceptions(raised, uncaught bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.points.raised, s.points.uncaught = raised, uncaught
	s.rewatch()
}

// SetEvents says which types of outputs and which operations of capabilities stop
// the guest that makes them. "*" is all.
func (s *Session) SetEvents(outputs, requests []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.points.outputs, s.points.requests = set(outputs), set(requests)
}

func set(list []string) map[string]bool {
	m := make(map[string]bool, len(list))
	for _, name := range list {
		m[name] = true
	}
	return m
}

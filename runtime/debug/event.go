package debug

// EventKind says what happened.
type EventKind string

// Kinds of events.
const (
	Stopped    EventKind = "stopped"    // a guest stands still; Reason says why
	Continued  EventKind = "continued"  // it goes on without having been told to; Text says why
	Started    EventKind = "started"    // a thread is there that had not been spoken of
	Ended      EventKind = "ended"      // a thread that was spoken of has handled its message
	Output     EventKind = "output"     // a log point, or something the session has to say
	Terminated EventKind = "terminated" // nothing follows; Text says why
)

// Reason is why a guest was stopped.
type Reason string

// Reasons.
const (
	ReasonBreakpoint  Reason = "breakpoint"
	ReasonFunction    Reason = "function breakpoint"
	ReasonInstruction Reason = "instruction breakpoint"
	ReasonData        Reason = "data breakpoint"
	ReasonException   Reason = "exception"
	ReasonStep        Reason = "step"
	ReasonTo          Reason = "goto" // the line that was to be run to
	ReasonPause       Reason = "pause"
	ReasonOutput      Reason = "output"
	ReasonRequest     Reason = "request"
)

// Event is something that a session tells its client.
type Event struct {
	Kind   EventKind
	Thread int // 0: none
	Reason Reason
	// Uncaught is set of an exception that nobody catches, or a trap.
	Uncaught bool
	// Text is for a person: the exception, the condition that failed, the line logged.
	Text string
	// Breakpoints are the IDs of those that were hit.
	Breakpoints []int
	// Position is where: of a stop, and of a log point.
	Position Position
}

// EventsMax is how many events wait for a client that does not read. Guests wait
// beyond it, for as long as they may be held; then the session is closed.
const EventsMax = 256

// emit hands an event to the client. It is called on a guest's goroutine, without
// the lock.
func (s *Session) emit(e Event) {
	select {
	case <-s.done:
		return
	default:
	}
	select {
	case s.events <- e:
		return
	default:
	}
	expired, stop := s.timer(s.options.HoldMax)
	defer stop()
	select {
	case s.events <- e:
	case <-s.done:
	case <-expired:
		s.Close()
	}
}

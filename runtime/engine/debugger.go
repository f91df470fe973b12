package engine

import "time"

// Debuggable is what instances implement whose language runtime can be debugged while
// it runs. It costs nothing while nobody does.
type Debuggable interface {
	// Debug attaches d in place of who was attached; nil: nobody is any more. It may be
	// called concurrently with the other methods: a guest that handles something just
	// now is looked into a slice later. It reports whether the runtime can be debugged;
	// if not, nothing was done.
	Debug(d Debugger) bool
}

// Debugger looks into an instance. Its methods are called from the goroutine that
// called Init or Handle, which waits for them; their errors unwind the guest and are
// what those return.
//
// While an instance is debugged, requests of its guest to operations that begin with
// [DebugPrefix] are the Debugger's, and no Host's. What a guest asks may lie.
type Debugger interface {
	// Begin is called before the guest handles a message or its init, or goes on with
	// it if the Debugger was attached meanwhile. It says whether the guest is to be
	// asked for its attention.
	Begin() (attend bool, err error)
	// End is called once the guest has returned or was unwound, or when the Debugger
	// is not attached any more. For each Begin there is one.
	End()
	// Serve is Host.Call for requests of debugging. An answer may be kept until the next.
	Serve(request []byte) (answer []byte, err error)
	// Slice is called when the fuel is used up. The guest is asked for its attention
	// again if attend is set. With held set it works for the Debugger: it gets a slice
	// more, which does not count, and of the Host none but [Paced] is asked.
	Slice() (attend, held bool, err error)
}

// Timed is a Debugger that bounds how long its guest may take for what it asks of it, by the
// host's clock: the clocks of the message stand meanwhile, and a guest in another process
// may lie of its fuel.
type Timed interface {
	// Took is told, on the goroutine that the guest is called from, how long the guest had
	// to itself since it was told last. An error stops the guest.
	Took(d time.Duration) error
}

// Paced is a Host whose guests take turns at its processors. It is called as a Host is, where
// a guest works for its Debugger.
type Paced interface {
	// Pace is called in place of Host.Slice: others have their turns. An error stops the
	// guest.
	Pace() error
	// Rest is called before the Debugger is served, which may take as long as a person
	// does: it ends the turn.
	Rest()
}

// DebugPrefix is what operations begin with that a Debugger serves.
const DebugPrefix = "debug."

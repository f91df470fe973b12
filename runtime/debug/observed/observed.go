// Package observed has the instances of a module tell a debugging session what they do:
// besides where they are, which a [debug.Program] sees to, what they ask the host for
// and what they send. It knows which message a guest handles, and stops its clocks.
package observed

import (
	"context"
	"strings"
	"sync"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
)

// Session is who is told. Its methods are called from the goroutine on which a guest
// runs and return once the guest may go on; an error ends the handling.
type Session interface {
	debug.Reporter
	// Request is told of a request, in the words of the ABI, before it is served.
	Request(g debug.Guest, operation string, data []byte) error
	// Output is told of a message that an answer holds, before it is looked at.
	Output(g debug.Guest, typ string, data []byte) error
}

// Holder is a host whose clocks can stand, as actor.Instance is.
type Holder interface {
	// Hold stops them until release is called.
	Hold() (release func())
}

// Guests are the instances of one module. They are a debug.Reporter that passes on to a
// Session what it is told. They are safe for concurrent use.
type Guests struct {
	session Session

	// calling is held from before an instance is first called until its guest has
	// entered: whoever enters meanwhile is that instance's.
	calling sync.Mutex
	entrant *instance // guarded by calling

	mu  sync.Mutex // guards all, and the title of each
	all map[debug.Guest]*instance
}

// New returns guests; there are none until Compile.
func New() *Guests { return &Guests{all: map[debug.Guest]*instance{}} }

// Compile has a program compile its module, so that its instances tell s what they do. It
// is called once.
func (g *Guests) Compile(ctx context.Context, p debug.Program, e engine.Engine, c engine.Config, s Session) (engine.Module, error) {
	g.session = s
	m, err := p.Compile(ctx, e, c, g)
	if err != nil {
		return nil, err
	}
	return module{m, g}, nil
}

// Hold stops the clocks of what a guest handles until release is called, on the goroutine
// on which the guest runs.
func (g *Guests) Hold(guest debug.Guest) (release func()) {
	if i := g.instance(guest); i != nil {
		if h, ok := i.host.(Holder); ok {
			return h.Hold()
		}
	}
	return func() {}
}

// Title says which message a guest handles; "": it handles none.
func (g *Guests) Title(guest debug.Guest) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := g.all[guest]; i != nil {
		return i.title
	}
	return ""
}

// Handles reports whether a guest handles a message, rather than starts.
func (g *Guests) Handles(guest debug.Guest) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.all[guest]
	return i != nil && i.handles
}

// Enter implements debug.Reporter.
func (g *Guests) Enter(guest debug.Guest) error {
	if g.instance(guest) == nil && g.entrant != nil { // none but the entrant's own goroutine comes here then
		g.mu.Lock()
		g.all[guest] = g.entrant
		g.mu.Unlock()
		g.entrant.guest = guest
		g.entrant.met()
	}
	return g.session.Enter(guest)
}

// Arrive implements debug.Reporter.
func (g *Guests) Arrive(guest debug.Guest, h debug.Halt) error { return g.session.Arrive(guest, h) }

// Leave implements debug.Reporter. Of an instance that is known, the session is told once
// it knows the outputs.
func (g *Guests) Leave(guest debug.Guest) {
	if i := g.instance(guest); i != nil {
		i.left = true
		return
	}
	g.session.Leave(guest)
}

func (g *Guests) instance(guest debug.Guest) *instance {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all[guest]
}

// module makes instances that are known to its guests.
type module struct {
	engine.Module
	guests *Guests
}

// Instantiate implements engine.Module.
func (m module) Instantiate(ctx context.Context, h engine.Host) (engine.Instance, error) {
	i := &instance{guests: m.guests, host: h}
	err := i.call("", false, func() (err error) {
		i.Instance, err = m.Module.Instantiate(ctx, &host{h, i})
		return err
	})
	if err != nil {
		i.forget()
		return nil, err
	}
	return i, nil
}

// instance belongs to one goroutine at a time, as what it wraps does.
type instance struct {
	engine.Instance
	guests  *Guests
	guest   debug.Guest // nil: it has not entered yet
	host    engine.Host // that serves what it handles
	calls   bool        // it is the entrant
	left    bool        // the guest has returned, and the session does not know it
	title   string      // of what it handles; guests.mu guards it
	handles bool        // a message; guests.mu guards it
}

// call calls the guest, which is known as this instance's once it enters.
func (i *instance) call(title string, handles bool, do func() error) error {
	if i.guest == nil {
		i.guests.calling.Lock()
		i.guests.entrant, i.calls = i, true
		defer i.met()
	}
	i.name(title, handles)
	defer i.leave()
	return do()
}

// met lets others enter.
func (i *instance) met() {
	if i.calls {
		i.guests.entrant, i.calls = nil, false
		i.guests.calling.Unlock()
	}
}

func (i *instance) name(title string, handles bool) {
	i.guests.mu.Lock()
	defer i.guests.mu.Unlock()
	i.title, i.handles = title, handles
}

// leave tells the session that the guest has returned.
func (i *instance) leave() {
	if i.left {
		i.left = false
		i.guests.session.Leave(i.guest)
	}
	i.name("", false)
}

// Init implements engine.Instance.
func (i *instance) Init(h engine.Host, frame []byte) error {
	i.host = h
	return i.call("the actor's start", false, func() error { return i.Instance.Init(&host{h, i}, frame) })
}

// Handle implements engine.Instance.
func (i *instance) Handle(h engine.Host, in engine.Input) (answer engine.Answer, err error) {
	i.host = h
	err = i.call(titleOf(in), true, func() (err error) {
		if answer, err = i.Instance.Handle(&host{h, i}, in); err != nil {
			return err
		}
		return i.each(answer.Frame, i.guests.session.Output)
	})
	return answer, err
}

// titleOf says which message is handed to a guest.
func titleOf(in engine.Input) string {
	m, ok := in.(*abi.Message)
	if !ok {
		return "a message"
	}
	title := m.Type() + " " + m.ID()
	if key := m.Key(); key != "" {
		title += " of " + key
	}
	return title
}

// Gone implements engine.Mortal.
func (i *instance) Gone() bool {
	m, ok := i.Instance.(engine.Mortal)
	return ok && m.Gone()
}

// Close implements engine.Instance.
func (i *instance) Close() error {
	i.forget()
	return i.Instance.Close()
}

func (i *instance) forget() {
	i.guests.mu.Lock()
	defer i.guests.mu.Unlock()
	delete(i.guests.all, i.guest)
}

// each tells of the messages in a frame, as far as it can be read: what is wrong with it
// is others' to say.
func (i *instance) each(frame []byte, tell func(g debug.Guest, typ string, data []byte) error) error {
	if len(frame) == 0 || i.guest == nil {
		return nil
	}
	r, err := abi.NewReader(frame)
	for n := 0; err == nil && n < abi.OutputsMax; n++ {
		var v abi.View
		var more bool
		if more, err = r.Next(&v); !more {
			break
		}
		if told := tell(i.guest, string(v.Type), v.Data); told != nil {
			return told
		}
	}
	return nil
}

// host tells of requests.
type host struct {
	engine.Host
	instance *instance
}

// Pace implements engine.Paced, if what it wraps does.
func (h *host) Pace() error {
	if p, ok := h.Host.(engine.Paced); ok {
		return p.Pace()
	}
	return nil
}

// Rest implements engine.Paced.
func (h *host) Rest() {
	if p, ok := h.Host.(engine.Paced); ok {
		p.Rest()
	}
}

// Call implements engine.Host.
func (h *host) Call(request []byte) ([]byte, error) {
	if err := h.instance.each(request, h.instance.asked); err != nil {
		return nil, err
	}
	return h.Host.Call(request)
}

// Output implements engine.Host.
func (h *host) Output(descriptor int, p []byte) {
	if descriptor == standardError {
		h.instance.hear(p)
	}
	h.Host.Output(descriptor, p)
}

const standardError = 2

// logPrefix is what operations begin with that write a line of a log.
const logPrefix = "log."

// asked tells of a request.
func (i *instance) asked(g debug.Guest, operation string, data []byte) error {
	if strings.HasPrefix(operation, logPrefix) {
		i.hear(data)
	}
	return i.guests.session.Request(g, operation, data)
}

// hear has the guest know what its instance writes.
func (i *instance) hear(text []byte) {
	if g, ok := i.guest.(debug.Hearer); ok {
		g.Heard(text)
	}
}

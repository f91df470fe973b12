// Package observed has the instances of a module tell a debugging session what they do:
// besides where they are, which a [debug.Program] sees to, what they ask the host for
// and what they send. While the session holds one of them, its clock stands.
package observed

import (
	"context"
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

// Stander is a host whose clocks can stand, as actor.Instance is.
type Stander interface {
	// Stand calls wait, and what passes until it returns is not counted.
	Stand(wait func() error) error
}

// Compile has a program compile its module, so that its instances tell s what they do.
func Compile(ctx context.Context, p debug.Program, e engine.Engine, c engine.Config, s Session) (engine.Module, error) {
	m := &module{session: s, guests: map[debug.Guest]*instance{}}
	compiled, err := p.Compile(ctx, e, c, m)
	if err != nil {
		return nil, err
	}
	m.Module = compiled
	return m, nil
}

// module is a debug.Reporter that knows which instance a guest is. It is safe for
// concurrent use.
type module struct {
	engine.Module
	session Session

	// calling is held from before an instance is first called until its guest has
	// entered: whoever enters meanwhile is that instance's.
	calling sync.Mutex
	entrant *instance // guarded by calling

	mu     sync.Mutex
	guests map[debug.Guest]*instance
}

// Instantiate implements engine.Module.
func (m *module) Instantiate(ctx context.Context, h engine.Host) (engine.Instance, error) {
	i := &instance{module: m}
	var err error
	i.introduced(func() { i.Instance, err = m.Module.Instantiate(ctx, &host{h, i}) })
	if err != nil {
		return nil, err
	}
	return i, nil
}

// instance belongs to one goroutine at a time, as what it wraps does.
type instance struct {
	engine.Instance
	module *module
	guest  debug.Guest // nil: it has not entered yet
	host   engine.Host // that serves what it handles
	calls  bool        // it is the entrant
}

// introduced calls the guest so that it is known as this instance's once it enters.
func (i *instance) introduced(call func()) {
	if i.guest != nil {
		call()
		return
	}
	m := i.module
	m.calling.Lock()
	m.entrant, i.calls = i, true
	defer i.met()
	call()
}

// met lets others enter.
func (i *instance) met() {
	if i.calls {
		i.module.entrant, i.calls = nil, false
		i.module.calling.Unlock()
	}
}

// Init implements engine.Instance.
func (i *instance) Init(h engine.Host, frame []byte) (err error) {
	i.host = h
	i.introduced(func() { err = i.Instance.Init(&host{h, i}, frame) })
	return err
}

// Handle implements engine.Instance.
func (i *instance) Handle(h engine.Host, in engine.Input) (answer engine.Answer, err error) {
	i.host = h
	i.introduced(func() { answer, err = i.Instance.Handle(&host{h, i}, in) })
	if err == nil {
		err = i.each(answer.Frame, i.module.session.Output)
	}
	return answer, err
}

// Gone implements engine.Mortal.
func (i *instance) Gone() bool {
	m, ok := i.Instance.(engine.Mortal)
	return ok && m.Gone()
}

// Close implements engine.Instance.
func (i *instance) Close() error {
	m := i.module
	m.mu.Lock()
	delete(m.guests, i.guest)
	m.mu.Unlock()
	return i.Instance.Close()
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
		if told := i.stand(func() error { return tell(i.guest, string(v.Type), v.Data) }); told != nil {
			return told
		}
	}
	return nil
}

// stand has the clocks of the message that is handled stand until wait returns.
func (i *instance) stand(wait func() error) error {
	if s, ok := i.host.(Stander); ok {
		return s.Stand(wait)
	}
	return wait()
}

// host tells of requests.
type host struct {
	engine.Host
	instance *instance
}

// Call implements engine.Host.
func (h *host) Call(request []byte) ([]byte, error) {
	if err := h.instance.each(request, h.instance.module.session.Request); err != nil {
		return nil, err
	}
	return h.Host.Call(request)
}

// Enter implements debug.Reporter.
func (m *module) Enter(g debug.Guest) error {
	if m.instance(g) == nil && m.entrant != nil { // only the entrant's own goroutine comes here then
		i := m.entrant
		i.guest = g
		m.mu.Lock()
		m.guests[g] = i
		m.mu.Unlock()
		i.met()
	}
	return m.stand(g, func() error { return m.session.Enter(g) })
}

// Arrive implements debug.Reporter.
func (m *module) Arrive(g debug.Guest, h debug.Halt) error {
	return m.stand(g, func() error { return m.session.Arrive(g, h) })
}

func (m *module) stand(g debug.Guest, wait func() error) error {
	if i := m.instance(g); i != nil {
		return i.stand(wait)
	}
	return wait()
}

// Leave implements debug.Reporter.
func (m *module) Leave(g debug.Guest) { m.session.Leave(g) }

func (m *module) instance(g debug.Guest) *instance {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.guests[g]
}

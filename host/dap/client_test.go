package dap_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	protocol "github.com/google/go-dap"

	"github.com/grow-platform/grow/host/dap"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/debug/toy"
)

const shop = `func handle qty
  order = record{"qty": qty, "items": list{10, 20}}
  total = add(order.qty, 1) # call
  many = count(2500)
  if total > 50 # check
    raise "too dear: {" + total # raise
  end
  emit order.done order
  return total # last
end

func add a b
  sum = a + b # sum
  return sum
end

func forever
  while true
  end
end
`

// target is what a client debugs: each message of it is handled by a guest of its own
// once configuration is done.
type target struct {
	session  *debug.Session
	program  *toy.Program
	messages []int
	results  chan any
	closed   chan struct{}
	early    atomic.Bool // its client was told that it is let go of before it was
}

// answering is a connection that notes when what ends a session is answered too early.
type answering struct {
	net.Conn
	target *target
}

func (a answering) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(`"command":"disconnect"`)) || bytes.Contains(p, []byte(`"command":"terminate"`)) {
		select {
		case <-a.target.closed:
		default:
			a.target.early.Store(true)
		}
	}
	return a.Conn.Write(p)
}

func (a *target) Start() error {
	for _, qty := range a.messages {
		a.handle(qty)
	}
	return nil
}

// Actor implements dap.Named.
func (a *target) Actor() string { return "shop" }

func (a *target) handle(qty int) {
	g := a.program.Guest(a.session)
	copy(g.Memory()[0x100:], "some memory")
	go func() { // ends with the message, at the latest once the session is closed
		v, err := g.Run(qty)
		if err != nil {
			v = err.Error()
		}
		a.results <- v
	}()
}

func (a *target) Close() error {
	close(a.closed)
	return nil
}

// aheadMax is how many messages are read that nobody has waited for: the server reads nothing more
// while it cannot answer who gives a request up.
const aheadMax = 100

// client speaks the protocol to a server that the test has started.
type client struct {
	t        *testing.T
	conn     net.Conn
	messages chan protocol.Message
	events   []protocol.Message // read, and not yet waited for
	seq      int
	target   *target
	served   chan error
}

// connect starts a server and a client of it, which goes away at the test's end.
func connect(t *testing.T, o debug.Options, messages ...int) *client {
	t.Helper()
	p, err := toy.Parse("src/shop.toy", shop)
	if err != nil {
		t.Fatal(err)
	}
	a := &target{program: p, messages: messages, results: make(chan any, len(messages)+1), closed: make(chan struct{})}
	here, there := net.Pipe()
	c := &client{t: t, conn: here, messages: make(chan protocol.Message, aheadMax), target: a, served: make(chan error, 1)}
	attach := func(_ context.Context, args map[string]any) (*debug.Session, io.Closer, error) {
		if args["actor"] != "shop" {
			return nil, nil, errors.New("there is no actor of that name")
		}
		a.session = debug.NewSession(p, o)
		return a.session, a, nil
	}
	go func() { // ends with the connection
		c.served <- dap.Serve(context.WithoutCancel(t.Context()), answering{there, a}, dap.Options{Attach: attach})
	}()
	go func() { // likewise
		defer close(c.messages)
		r := bufio.NewReader(here)
		for {
			m, err := protocol.ReadProtocolMessage(r)
			if err != nil {
				return
			}
			select {
			case c.messages <- m:
			case <-t.Context().Done():
				return
			}
		}
	}()
	t.Cleanup(func() { here.Close() })
	return c
}

// attached is connect, with breakpoints as in an editor, up to configurationDone.
func attached(t *testing.T, o debug.Options, breakpoints string, messages ...int) *client {
	t.Helper()
	c := connect(t, o, messages...)
	c.ask("initialize", `{"adapterID": "grow", "linesStartAt1": true, "columnsStartAt1": true}`)
	c.ask("attach", `{"actor": "shop"}`)
	c.event("initialized")
	if breakpoints != "" {
		c.ask("setBreakpoints", `{"source": {"path": "/home/me/shop/src/shop.toy"}, "breakpoints": [`+breakpoints+`]}`)
	}
	c.ask("configurationDone", "")
	return c
}

// try sends a request and returns its answer; arguments are JSON, or "".
func (c *client) try(command, arguments string) protocol.ResponseMessage {
	c.t.Helper()
	c.seq++
	request := map[string]any{"seq": c.seq, "type": "request", "command": command}
	if arguments != "" {
		request["arguments"] = json.RawMessage(arguments)
	}
	content, err := json.Marshal(request)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := protocol.WriteBaseMessage(c.conn, content); err != nil {
		c.t.Fatal(err)
	}
	for {
		m := c.next()
		if r, ok := m.(protocol.ResponseMessage); ok {
			if r.GetResponse().RequestSeq != c.seq {
				c.t.Fatalf("%s: the answer is to another request: %+v", command, r)
			}
			return r
		}
		c.events = append(c.events, m)
	}
}

func (c *client) next() protocol.Message {
	c.t.Helper()
	m, ok := <-c.messages
	if !ok {
		c.t.Fatal("the server is gone")
	}
	return m
}

// ask is try for a request that has to succeed.
func (c *client) ask(command, arguments string) protocol.ResponseMessage {
	c.t.Helper()
	r := c.try(command, arguments)
	if e, ok := r.(*protocol.ErrorResponse); ok {
		c.t.Fatalf("%s %s: %s", command, arguments, e.Body.Error.Format)
	}
	return r
}

// refused is try for a request that has to fail, with a code and a text.
func (c *client) refused(command, arguments, code, text string) {
	c.t.Helper()
	r, ok := c.try(command, arguments).(*protocol.ErrorResponse)
	if !ok || r.Success || r.Message != code || !strings.Contains(r.Body.Error.Format, text) {
		c.t.Errorf("%s %s: answered %+v, want %s and %q", command, arguments, r, code, text)
	}
}

// event returns the next event of a name.
func (c *client) event(name string) protocol.Message {
	c.t.Helper()
	is := func(m protocol.Message) bool {
		e, ok := m.(protocol.EventMessage)
		return ok && e.GetEvent().Event == name
	}
	for {
		if i := slices.IndexFunc(c.events, is); i >= 0 {
			m := c.events[i]
			c.events = slices.Delete(c.events, i, i+1)
			return m
		}
		c.events = append(c.events, c.next())
	}
}

func (c *client) stopped() protocol.StoppedEventBody {
	c.t.Helper()
	return c.event("stopped").(*protocol.StoppedEvent).Body
}

// result is what a guest returned.
func (c *client) result() any {
	c.t.Helper()
	for {
		select {
		case v := <-c.target.results:
			return v
		case m, ok := <-c.messages: // or the server could not write
			if !ok {
				return <-c.target.results
			}
			c.events = append(c.events, m)
		}
	}
}

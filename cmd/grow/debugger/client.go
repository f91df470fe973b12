package debugger

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync"
	"time"

	"github.com/google/go-dap"
)

// Limits of what is waited for.
const (
	askMax    = 30 * time.Second // for an answer
	attachMax = 5 * time.Minute  // for attach, which may compile a module
	eventsMax = 10_000           // events that wait to be shown; the rest is dropped
)

// errGone is for a debugger whose host ended the connection.
var errGone = errors.New("the connection to what is debugged has ended")

// client speaks the protocol to a server. It is safe for concurrent use. One goroutine
// reads, until the connection ends.
type client struct {
	conn   io.ReadWriteCloser
	notify chan struct{} // has room for one: events are there, or the end
	gone   chan struct{} // closed at the end of the connection

	mu      sync.Mutex
	seq     int
	pending map[int]chan dap.ResponseMessage // each has room for one
	events  []dap.EventMessage
}

func newClient(conn io.ReadWriteCloser) *client {
	c := &client{conn: conn, notify: make(chan struct{}, 1), gone: make(chan struct{}), pending: map[int]chan dap.ResponseMessage{}}
	go c.read()
	return c
}

// read hands on what the server sends. Messages that this client does not know are
// passed over.
func (c *client) read() {
	defer close(c.gone)
	r := bufio.NewReader(c.conn)
	for {
		content, err := dap.ReadBaseMessage(r)
		if err != nil {
			return
		}
		m, err := dap.DecodeProtocolMessage(content)
		if err != nil {
			continue
		}
		c.mu.Lock()
		switch m := m.(type) {
		case dap.ResponseMessage:
			if wanted, ok := c.pending[m.GetResponse().RequestSeq]; ok {
				delete(c.pending, m.GetResponse().RequestSeq)
				wanted <- m
			}
		case dap.EventMessage:
			if len(c.events) < eventsMax {
				c.events = append(c.events, m)
			}
			select {
			case c.notify <- struct{}{}:
			default:
			}
		}
		c.mu.Unlock()
	}
}

// event takes the oldest event; nil: there is none now.
func (c *client) event() dap.EventMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.events) == 0 {
		return nil
	}
	e := c.events[0]
	c.events = c.events[1:]
	return e
}

// ask sends a request and returns its answer. It fails with what the server says, or
// errGone.
func ask[T dap.ResponseMessage](ctx context.Context, c *client, command string, arguments any) (T, error) {
	var none T
	limit := askMax
	if command == "attach" || command == "launch" {
		limit = attachMax
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	wanted := make(chan dap.ResponseMessage, 1)
	c.mu.Lock()
	c.seq++
	seq := c.seq
	c.pending[seq] = wanted
	content, err := json.Marshal(map[string]any{"seq": seq, "type": "request", "command": command, "arguments": arguments})
	if err == nil {
		err = dap.WriteBaseMessage(c.conn, content)
	}
	c.mu.Unlock()
	if err != nil {
		return none, fmt.Errorf("%w: %w", errGone, err)
	}
	select {
	case m := <-wanted:
		if e, failed := m.(*dap.ErrorResponse); failed {
			return none, refusal(e)
		}
		answer, ok := m.(T)
		if !ok {
			return none, fmt.Errorf("%s: the host answered something else", command)
		}
		return answer, nil
	case <-c.gone:
		return none, errGone
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.pending, seq)
		c.mu.Unlock()
		return none, fmt.Errorf("%s: %w", command, ctx.Err())
	}
}

func refusal(e *dap.ErrorResponse) error {
	if e.Body.Error != nil && e.Body.Error.Format != "" {
		return errors.New(e.Body.Error.Format)
	}
	return errors.New(e.Message)
}

// coded is the code that a refusal begins with.
var coded = regexp.MustCompile(`(^|: )debug\.[a-z]+: `)

// uncoded is an error as a person is shown it: without its code, which is for programs.
func uncoded(err error) string { return coded.ReplaceAllString(err.Error(), "$1") }

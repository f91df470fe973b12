package dap_test

import (
	"encoding/json"
	"fmt"
	"testing"

	protocol "github.com/google/go-dap"

	"github.com/grow-platform/grow/runtime/debug"
)

// send sends a request, and does not wait for its answer.
func (c *client) send(command, arguments string) (seq int) {
	c.t.Helper()
	c.seq++
	content, err := json.Marshal(map[string]any{"seq": c.seq, "type": "request", "command": command, "arguments": json.RawMessage(arguments)})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := protocol.WriteBaseMessage(c.conn, content); err != nil {
		c.t.Fatal(err)
	}
	return c.seq
}

// answers are as many answers as are asked for, by the request.
func (c *client) answers(n int) map[int]protocol.ResponseMessage {
	c.t.Helper()
	got := map[int]protocol.ResponseMessage{}
	for len(got) < n {
		m := c.next()
		if r, ok := m.(protocol.ResponseMessage); ok {
			got[r.GetResponse().RequestSeq] = r
			continue
		}
		c.events = append(c.events, m)
	}
	return got
}

// TestCancel gives up requests that wait for a guest which is busy with something else: the
// one that is being carried out, and one behind it.
func TestCancel(t *testing.T) {
	c := attached(t, debug.Options{}, `{"line": 3}`, 4)
	thread := c.stopped().ThreadId
	busy, free := make(chan struct{}), make(chan struct{})
	go c.target.session.With(t.Context(), thread, func(debug.Halt) error { // ends with free
		close(busy)
		<-free
		return nil
	})
	<-busy
	var asked []int
	for range 3 {
		asked = append(asked, c.send("stackTrace", fmt.Sprintf(`{"threadId": %d}`, thread)))
	}
	first := c.send("cancel", fmt.Sprintf(`{"requestId": %d}`, asked[0]))
	second := c.send("cancel", fmt.Sprintf(`{"requestId": %d}`, asked[1]))
	got := c.answers(4)
	for _, seq := range asked[:2] {
		if r := got[seq]; r == nil || r.GetResponse().Success || r.GetResponse().Message != "cancelled" {
			t.Errorf("request %d was given up, and answered with %+v", seq, r)
		}
	}
	for _, seq := range []int{first, second} {
		if r := got[seq]; r == nil || !r.GetResponse().Success {
			t.Errorf("cancel was answered with %+v", r)
		}
	}
	close(free)
	if r := c.answers(1)[asked[2]]; r == nil || !r.GetResponse().Success {
		t.Errorf("the request that was not given up was answered with %+v", r)
	}
	c.ask("cancel", fmt.Sprintf(`{"requestId": %d}`, asked[2])) // too late, which is no fault
	c.ask("disconnect", "")
}

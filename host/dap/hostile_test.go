package dap_test

import (
	"fmt"
	"strings"
	"testing"

	protocol "github.com/google/go-dap"

	"github.com/grow-platform/grow/runtime/debug"
)

// TestOrder sends requests before others that they need, and twice.
func TestOrder(t *testing.T) {
	c := connect(t, debug.Options{})
	c.refused("threads", "", "debug.order", "initialize comes first")
	c.refused("attach", `{"actor": "shop"}`, "debug.order", "initialize comes first")
	c.refused("initialize", `{"adapterID": "grow", "pathFormat": "uri"}`, "debug.unsupported", "pathFormat")
	c.ask("initialize", `{"adapterID": "grow"}`)
	c.refused("initialize", `{"adapterID": "grow"}`, "debug.order", "before")
	c.refused("setBreakpoints", `{"source": {"path": "src/shop.toy"}, "breakpoints": [{"line": 3}]}`, "debug.order", "attach or launch comes first")
	c.refused("configurationDone", "", "debug.order", "attach or launch comes first")
	c.refused("attach", `{"actor": "none"}`, "debug.attach", "no actor of that name")
	c.refused("attach", `[]`, "debug.arguments", "an object")
	c.refused("attach", `null`, "debug.attach", "no actor of that name")
	c.refused("launch", `{"actor": "shop", "stopOnEntry": "yes"}`, "debug.arguments", "stopOnEntry")
	c.ask("attach", `{"actor": "shop"}`)
	c.refused("attach", `{"actor": "shop"}`, "debug.order", "another connection")
	c.ask("configurationDone", "")
	c.refused("configurationDone", "", "debug.order", "before")
}

// TestRefusals asks for what is not there and what cannot be done.
func TestRefusals(t *testing.T) {
	c := attached(t, debug.Options{}, `{"line": 3}`)
	c.refused("evaluate", `{"expression": "1"}`, "debug.running", "nothing stands still")
	c.refused("readMemory", `{"memoryReference": "0x1", "count": 1}`, "debug.running", "nothing stands still")
	c.refused("continue", `{"threadId": 2147483647}`, "debug.unknown", "no such thread")
	c.target.handle(4)
	thread := c.stopped().ThreadId
	for _, r := range []struct{ command, arguments, code, text string }{
		{"continue", `{"threadId": 99}`, "debug.unknown", "no such thread"},
		{"pause", `{"threadId": -1}`, "debug.unknown", "no such thread"},
		{"stackTrace", `{"threadId": 99}`, "debug.unknown", "no such thread"},
		{"stackTrace", fmt.Sprintf(`{"threadId": %d, "startFrame": -1}`, thread), "debug.arguments", "negative"},
		{"scopes", `{"frameId": 77}`, "debug.unknown", "frame 77"},
		{"variables", `{"variablesReference": 77}`, "debug.unknown", "variable 77"},
		{"setVariable", `{"variablesReference": 77, "name": "a", "value": "1"}`, "debug.unknown", "variable 77"},
		{"evaluate", `{"expression": "nothing"}`, "debug.evaluate", "no variable nothing"},
		{"evaluate", `{"expression": "1 +"}`, "debug.evaluate", "not an expression"},
		{"evaluate", `{"expression": "forever()"}`, "debug.evaluate", "took too long"},
		{"evaluate", `{"expression": "add(1, 2)", "context": "hover"}`, "debug.unsupported", "only variables"},
		{"evaluate", `{"expression": "del order", "context": "hover"}`, "debug.unsupported", "only variables"},
		{"evaluate", fmt.Sprintf(`{"expression": %q}`, strings.Repeat("1+", 5000)), "debug.limit", "longer"},
		{"source", `{"sourceReference": 77}`, "debug.unknown", "not a source"},
		{"source", `{"source": {"path": "/etc/passwd"}, "sourceReference": 0}`, "debug.unknown", "not a source"},
		{"goto", fmt.Sprintf(`{"threadId": %d, "targetId": 1}`, thread), "debug.unsupported", "set a breakpoint there"},
		{"gotoTargets", `{"source": {"path": "src/shop.toy"}, "line": 3}`, "debug.unsupported", "goto"},
		{"stepBack", fmt.Sprintf(`{"threadId": %d}`, thread), "debug.unsupported", "does not go back"},
		{"restart", `{}`, "debug.unsupported", "does not go back"},
		{"setDataBreakpoints", `{"breakpoints": [{"dataId": "qty"}]}`, "debug.arguments", "dataBreakpointInfo"},
		{"dataBreakpointInfo", `{"variablesReference": 77, "name": "qty"}`, "debug.unknown", "variable 77"},
		{"modules", `{}`, "debug.unsupported", `no request "modules"`},
		{"breakpointLocations", ``, "debug.arguments", "no source"},
		{"dance", `{}`, "debug.unsupported", `no request "dance"`},
		{"next", `{"threadId": "one"}`, "debug.arguments", "the arguments of next"},
		{"next", `[]`, "debug.arguments", "the arguments of next"},
	} {
		c.refused(r.command, r.arguments, r.code, r.text)
	}
	c.ask("evaluate", `{"expression": "add(1, 2)", "context": "repl"}`)
	other := c.ask("setBreakpoints", `{"source": {"path": "/x/other.go"}, "breakpoints": [{"line": 3}]}`).(*protocol.SetBreakpointsResponse).Body.Breakpoints
	if len(other) != 1 || other[0].Verified || !strings.Contains(other[0].Message, "not a source of what is debugged") {
		t.Errorf("%+v", other)
	}
	c.ask("setBreakpoints", `{"source": {"sourceReference": 1}, "lines": [4]}`)
	c.ask("stepOut", fmt.Sprintf(`{"threadId": %d}`, thread))
	c.stopped()
}

func TestReadOnlySession(t *testing.T) {
	c := attached(t, debug.Options{ReadOnly: true}, `{"line": 4}`, 4)
	frames, _ := c.frames(c.stopped().ThreadId)
	c.refused("setVariable", fmt.Sprintf(`{"variablesReference": %d, "name": "total", "value": "1"}`, c.scope(frames[0].Id)), "debug.readonly", "read-only")
	c.refused("setExpression", `{"expression": "total", "value": "1"}`, "debug.readonly", "read-only")
	c.refused("evaluate", `{"expression": "add(1, 2)", "context": "repl"}`, "debug.readonly", "read-only")
	c.refused("writeMemory", `{"memoryReference": "0x100", "data": "U09NRQ=="}`, "debug.readonly", "read-only")
	c.evaluated(frames[0].Id, "total", "5")
}

// TestGarbage sends what is no request: a message that can be told apart is answered,
// and what cannot be ends the connection with a reason.
func TestGarbage(t *testing.T) {
	write := func(c *client, text string) {
		go func() { // ends with the connection
			_, _ = c.conn.Write([]byte(text))
		}()
	}
	frame := func(text string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(text), text) }
	t.Run("content", func(t *testing.T) {
		for _, text := range []string{``, `nonsense`, `null`, `[]`, `{"type": "riddle"}`, `{"seq": 1, "type": "event", "event": "riddle"}`, strings.Repeat("[", 100_000), "\xff\xfe"} {
			c := connect(t, debug.Options{})
			write(c, frame(text))
			if e := c.event("output").(*protocol.OutputEvent); e.Body.Category != "important" || !strings.HasPrefix(e.Body.Output, "dap.message: this is no request: ") {
				t.Errorf("%.20q: %+v", text, e)
			}
			c.ask("initialize", `{"adapterID": "grow"}`)
		}
	})
	t.Run("much", func(t *testing.T) {
		c := connect(t, debug.Options{})
		write(c, strings.Repeat(frame("nonsense"), 20))
		for range c.messages { // until the server closes the connection
		}
		if err := <-c.served; err == nil || !strings.Contains(err.Error(), "in a row") {
			t.Error(err)
		}
	})
	t.Run("frames", func(t *testing.T) {
		for text, want := range map[string]string{
			"GET / HTTP/1.1\r\nHost: grow\r\n\r\n":  "delimiter",
			"Content-Length: -5\r\n\r\n":            "format",
			"Content-Length: many\r\n\r\n":          "format",
			"Content-Length: 99999999\r\n\r\n":      "content length over",
			strings.Repeat("no end to this", 1<<19): "content length over",
		} {
			c := connect(t, debug.Options{})
			write(c, text)
			if e := c.event("output").(*protocol.OutputEvent); !strings.Contains(e.Body.Output, want) {
				t.Errorf("%.20q: %+v", text, e)
			}
			if err := <-c.served; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%.20q: %v", text, err)
			}
		}
	})
	t.Run("half", func(t *testing.T) {
		c := connect(t, debug.Options{})
		if _, err := c.conn.Write([]byte("Content-Length: 50\r\n\r\n{")); err != nil {
			t.Fatal(err)
		}
		c.conn.Close()
		if err := <-c.served; err != nil {
			t.Error(err)
		}
	})
	t.Run("answers", func(t *testing.T) {
		c := connect(t, debug.Options{})
		write(c, frame(`{"seq": 1, "type": "response", "command": "threads", "success": true}`)+frame(`{"seq": 1, "type": "event", "event": "initialized"}`))
		c.ask("initialize", `{"adapterID": "grow"}`)
	})
}

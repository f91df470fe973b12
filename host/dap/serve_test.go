package dap_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	protocol "github.com/google/go-dap"

	"github.com/grow-platform/grow/host/dap"
	"github.com/grow-platform/grow/runtime/debug"
)

// frames are a thread's, as "function:line".
func (c *client) frames(thread int) (list []protocol.StackFrame, text string) {
	c.t.Helper()
	r := c.ask("stackTrace", fmt.Sprintf(`{"threadId": %d}`, thread)).(*protocol.StackTraceResponse)
	var names []string
	for _, f := range r.Body.StackFrames {
		names = append(names, fmt.Sprintf("%s:%d", f.Name, f.Line))
	}
	return r.Body.StackFrames, strings.Join(names, " ")
}

// scope is the reference of a frame's first scope.
func (c *client) scope(frame int) int {
	c.t.Helper()
	return c.ask("scopes", fmt.Sprintf(`{"frameId": %d}`, frame)).(*protocol.ScopesResponse).Body.Scopes[0].VariablesReference
}

// variables are "name=value", and by their names.
func (c *client) variables(reference int, more string) (map[string]protocol.Variable, string) {
	c.t.Helper()
	r := c.ask("variables", fmt.Sprintf(`{"variablesReference": %d%s}`, reference, more)).(*protocol.VariablesResponse)
	byName := map[string]protocol.Variable{}
	var list []string
	for _, v := range r.Body.Variables {
		byName[v.Name] = v
		list = append(list, v.Name+"="+v.Value)
	}
	return byName, strings.Join(list, " ")
}

// TestSession goes through what an editor does, from initialize to disconnect.
func TestSession(t *testing.T) {
	c := connect(t, debug.Options{}, 4)
	capabilities := c.ask("initialize", `{"adapterID": "grow", "clientID": "test"}`).(*protocol.InitializeResponse).Body
	if !capabilities.SupportsConfigurationDoneRequest || len(capabilities.ExceptionBreakpointFilters) != 4 {
		t.Errorf("%+v", capabilities)
	}
	c.ask("attach", `{"actor": "shop"}`)
	c.event("initialized")
	if e := c.event("output").(*protocol.OutputEvent); e.Body.Output != "a toy: nothing is optimised\n" {
		t.Errorf("%+v", e)
	}
	bound := c.ask("setBreakpoints", `{"source": {"path": "C:\\me\\shop\\src\\shop.toy"}, "breakpoints": [{"line": 12}, {"line": 11}, {"line": 900}]}`).(*protocol.SetBreakpointsResponse).Body.Breakpoints
	if b := bound[0]; !b.Verified || b.Line != 13 || !strings.HasPrefix(b.Message, "there is no code on that line") {
		t.Errorf("%+v", b)
	}
	if b := bound[2]; b.Verified || b.Message != "no code on this line" {
		t.Errorf("%+v", b)
	}
	c.ask("setExceptionBreakpoints", `{"filters": ["uncaught"]}`)
	c.ask("configurationDone", "")

	stop := c.stopped()
	if stop.Reason != "breakpoint" || fmt.Sprint(stop.HitBreakpointIds) != fmt.Sprint([]int{bound[0].Id}) {
		t.Errorf("%+v", stop)
	}
	thread := stop.ThreadId
	if got := c.ask("threads", "").(*protocol.ThreadsResponse).Body.Threads; len(got) != 1 || got[0].Id != thread {
		t.Errorf("%+v", got)
	}
	frames, text := c.frames(thread)
	if text != "add:13 handle:3" || frames[0].Source.Path != "src/shop.toy" || frames[0].Source.SourceReference != 1 {
		t.Fatalf("%s: %+v", text, frames[0])
	}
	if got := c.ask("source", `{"sourceReference": 1}`).(*protocol.SourceResponse).Body.Content; got != shop {
		t.Errorf("%q", got)
	}
	if _, got := c.variables(c.scope(frames[0].Id), ""); got != "a=4 b=1" {
		t.Error(got)
	}
	locals, got := c.variables(c.scope(frames[1].Id), "")
	if got != `qty=4 order={"items":[10,20],"qty":4}` {
		t.Error(got)
	}
	if _, got := c.variables(locals["order"].VariablesReference, ""); got != "items=[10,20] qty=4" {
		t.Error(got)
	}
	c.evaluated(frames[1].Id, "order.items[1] + qty", "24")

	for _, step := range []struct{ command, want string }{
		{"next", "add:14 handle:3"}, {"stepOut", "handle:4"}, {"next", "handle:5"}, {"stepIn", "handle:8"},
	} {
		c.ask(step.command, fmt.Sprintf(`{"threadId": %d}`, thread))
		if e := c.stopped(); e.Reason != "step" {
			t.Errorf("%+v", e)
		}
		if _, got := c.frames(thread); got != step.want {
			t.Errorf("%s came to %s, want %s", step.command, got, step.want)
		}
	}
	c.refused("scopes", fmt.Sprintf(`{"frameId": %d}`, frames[0].Id), "debug.unknown", "gone on")
	c.refused("variables", fmt.Sprintf(`{"variablesReference": %d}`, locals["order"].VariablesReference), "debug.unknown", "gone on")
	c.ask("continue", fmt.Sprintf(`{"threadId": %d}`, thread))
	if got := c.result(); got != int64(5) {
		t.Error(got)
	}
	if e := c.event("thread").(*protocol.ThreadEvent); e.Body.Reason != "started" || e.Body.ThreadId != thread {
		t.Errorf("%+v", e)
	}
	if e := c.event("thread").(*protocol.ThreadEvent); e.Body.Reason != "exited" || e.Body.ThreadId != thread {
		t.Errorf("%+v", e)
	}
	if got := c.ask("threads", "").(*protocol.ThreadsResponse).Body.Threads; len(got) != 1 || got[0].Id != dap.Idle {
		t.Errorf("%+v", got)
	}
	c.ask("disconnect", "")
	if err := <-c.served; err != nil {
		t.Error(err)
	}
	<-c.target.closed
}

func (c *client) evaluated(frame int, expression, want string) {
	c.t.Helper()
	text, _ := json.Marshal(expression)
	r := c.ask("evaluate", fmt.Sprintf(`{"expression": %s, "frameId": %d, "context": "watch"}`, text, frame)).(*protocol.EvaluateResponse)
	if r.Body.Result != want {
		c.t.Errorf("%s is %s, want %s", expression, r.Body.Result, want)
	}
}

// TestGoingAway loses its client while a guest stands still: the guest goes on.
func TestGoingAway(t *testing.T) {
	for name, leave := range map[string]func(c *client){
		"disconnect": func(c *client) { c.ask("disconnect", "") },
		"terminate": func(c *client) {
			c.ask("terminate", "")
			c.event("terminated")
			c.refused("pause", `{"threadId": 1}`, "debug.ended", "ended")
			c.ask("disconnect", "")
		},
		"gone": func(c *client) { c.conn.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			c := attached(t, debug.Options{}, `{"line": 3}`, 4)
			c.stopped()
			leave(c)
			if got := c.result(); got != int64(5) {
				t.Errorf("the guest returned %v after its debugger had gone", got)
			}
			if err := <-c.served; err != nil {
				t.Error(err)
			}
			<-c.target.closed
			if c.target.early.Load() {
				t.Error("it was answered before what was debugged was let go of")
			}
		})
	}
}

// TestEnding is a session that what is debugged ends.
func TestEnding(t *testing.T) {
	c := attached(t, debug.Options{}, "")
	c.target.session.End("the actor was removed")
	if e := c.event("output").(*protocol.OutputEvent); e.Body.Output == "a toy: nothing is optimised\n" {
		e = c.event("output").(*protocol.OutputEvent)
		if e.Body.Output != "the actor was removed\n" {
			t.Errorf("%+v", e)
		}
	}
	c.event("terminated")
	c.ask("disconnect", "")
}

func TestSetting(t *testing.T) {
	c := attached(t, debug.Options{}, `{"line": 14}`, 4)
	thread := c.stopped().ThreadId
	frames, _ := c.frames(thread)
	set := c.ask("setVariable", fmt.Sprintf(`{"variablesReference": %d, "name": "sum", "value": "a * 10"}`, c.scope(frames[0].Id))).(*protocol.SetVariableResponse)
	if set.Body.Value != "40" {
		t.Errorf("%+v", set)
	}
	set2 := c.ask("setExpression", fmt.Sprintf(`{"expression": "order.items[1]", "value": "\"x\"", "frameId": %d}`, frames[1].Id)).(*protocol.SetExpressionResponse)
	if set2.Body.Value != `"x"` {
		t.Errorf("%+v", set2)
	}
	c.ask("setExpression", fmt.Sprintf(`{"expression": "order.qty", "value": "77", "frameId": %d}`, frames[1].Id))
	c.ask("setExpression", `{"expression": "b", "value": "1"}`)
	c.evaluated(frames[1].Id, "order", `{"items":[10,"x"],"qty":77}`)
	c.refused("setExpression", `{"expression": "nothing", "value": "1"}`, "debug.unknown", "names no variable")
	c.refused("setExpression", `{"expression": "sum.part", "value": "1"}`, "debug.unknown", "names no variable")
	c.refused("setVariable", fmt.Sprintf(`{"variablesReference": %d, "name": "none", "value": "1"}`, c.scope(frames[0].Id)), "debug.unknown", "not known")
	c.ask("setBreakpoints", `{"source": {"name": "shop.toy"}, "breakpoints": []}`)
	c.ask("continue", fmt.Sprintf(`{"threadId": %d}`, thread))
	if got := c.result(); got != int64(40) {
		t.Error(got)
	}
}

func TestPaging(t *testing.T) {
	c := attached(t, debug.Options{}, `{"line": 5}`, 4)
	frames, _ := c.frames(c.stopped().ThreadId)
	locals, _ := c.variables(c.scope(frames[0].Id), "")
	many := locals["many"]
	if many.IndexedVariables != 2500 || many.MemoryReference != "0x100@1" || len(many.Value) > debug.ValueMax+10 {
		t.Errorf("%+v", many)
	}
	for _, page := range []struct {
		more, first string
		count       int
	}{
		{`, "filter": "indexed", "start": 2490, "count": 100`, "[2490]", 10},
		{`, "start": 5, "count": 2`, "[5]", 2},
		{``, "[0]", debug.ChildrenMax},
		{`, "filter": "named"`, "", 0},
		{`, "filter": "indexed", "start": 9000, "count": 10`, "", 0},
	} {
		got, text := c.variables(many.VariablesReference, page.more)
		if len(got) != page.count || !strings.HasPrefix(text, page.first) {
			t.Errorf("%s: %d from %.20s", page.more, len(got), text)
		}
	}
	c.refused("variables", fmt.Sprintf(`{"variablesReference": %d, "start": -1}`, many.VariablesReference), "debug.arguments", "negative")
	if _, got := c.variables(locals["order"].VariablesReference, `, "filter": "indexed"`); got != "" {
		t.Error(got)
	}
}

func TestMemory(t *testing.T) {
	c := attached(t, debug.Options{}, `{"line": 3}`, 4)
	frames, _ := c.frames(c.stopped().ThreadId)
	if got := c.ask("readMemory", `{"memoryReference": "0x100", "offset": 5, "count": 6}`).(*protocol.ReadMemoryResponse).Body; got.Address != "0x105" || got.Data != "bWVtb3J5" {
		t.Errorf("%+v", got)
	}
	c.ask("writeMemory", `{"memoryReference": "0x100", "data": "U09NRQ=="}`)
	if got := c.ask("readMemory", `{"memoryReference": "256", "count": 5}`).(*protocol.ReadMemoryResponse).Body; got.Data != "U09NRSA=" {
		t.Errorf("%+v", got)
	}
	if got := c.ask("readMemory", `{"memoryReference": "0xfffe", "count": 5}`).(*protocol.ReadMemoryResponse).Body; got.UnreadableBytes != 3 {
		t.Errorf("%+v", got)
	}
	c.refused("readMemory", `{"memoryReference": "here", "count": 5}`, "debug.arguments", "want a number")
	c.refused("readMemory", `{"memoryReference": "0x1", "offset": -2, "count": 5}`, "debug.arguments", "outside memory")
	c.refused("readMemory", `{"memoryReference": "0xffffffffffffffff", "offset": 9, "count": 5}`, "debug.arguments", "outside memory")
	c.refused("readMemory", `{"memoryReference": "0x1", "count": 1000000000}`, "debug.limit", "bytes are read at once")
	c.refused("writeMemory", `{"memoryReference": "0x1", "data": "%"}`, "debug.arguments", "base64")
	c.refused("writeMemory", `{"memoryReference": "0xffff", "data": "U09NRQ=="}`, "debug.unknown", "memory at 0xffff")

	place := frames[0].InstructionPointerReference
	got := c.ask("disassemble", fmt.Sprintf(`{"memoryReference": %q, "instructionOffset": 1, "instructionCount": 100}`, place)).(*protocol.DisassembleResponse).Body.Instructions
	if len(got) != 100 || got[0].Line != 4 || got[0].Instruction != "assign 0" || got[99].Instruction != "(none)" {
		t.Errorf("%d instructions: %+v", len(got), got[0])
	}
	c.refused("disassemble", `{"memoryReference": "0x9999", "instructionCount": 1}`, "debug.unknown", "no frame")
	c.refused("disassemble", fmt.Sprintf(`{"memoryReference": %q, "instructionCount": 1000000}`, place), "debug.limit", "at once")
	c.refused("disassemble", fmt.Sprintf(`{"memoryReference": %q, "instructionCount": 1, "offset": 4}`, place), "debug.unsupported", "instructionOffset")
}

func TestExceptionsOutputsAndRequests(t *testing.T) {
	c := attached(t, debug.Options{}, "", 4)
	<-c.target.results
	for _, test := range []struct {
		arguments    string
		qty          int
		reason, text string
	}{
		{`{"filters": ["uncaught"]}`, 90, "exception", "too dear: {91"},
		{`{"filters": ["raised"]}`, 90, "exception", "too dear: {91"},
		{`{"filters": [], "filterOptions": [{"filterId": "output", "condition": "a.b, order.done"}]}`, 1, "output", `output order.done {"items":[10,20],"qty":1}`},
		{`{"filters": ["output"]}`, 1, "output", `output order.done {"items":[10,20],"qty":1}`},
		{`{"filters": ["request", "nonsense"]}`, 1, "", ""},
	} {
		c.ask("setExceptionBreakpoints", test.arguments)
		c.target.handle(test.qty)
		if test.reason == "" {
			c.result()
			continue
		}
		e := c.stopped()
		if e.Reason != test.reason || e.Text != test.text {
			t.Errorf("%s: %+v", test.arguments, e)
		}
		info := c.ask("exceptionInfo", fmt.Sprintf(`{"threadId": %d}`, e.ThreadId)).(*protocol.ExceptionInfoResponse).Body
		if info.Description != test.text {
			t.Errorf("%+v", info)
		}
		c.ask("continue", fmt.Sprintf(`{"threadId": %d}`, e.ThreadId))
		c.result()
		c.refused("exceptionInfo", fmt.Sprintf(`{"threadId": %d}`, e.ThreadId), "debug.unknown", "was not stopped by")
	}
}

func TestFunctionsConditionsAndLogs(t *testing.T) {
	c := attached(t, debug.Options{}, `{"line": 3, "condition": "qty > 100"}, {"line": 4, "hitCondition": "2"}, {"line": 9, "logMessage": "made {total}"}, {"line": 9, "hitCondition": "x"}`, 1)
	c.result()
	if e := c.event("output").(*protocol.OutputEvent); e.Body.Output != "a toy: nothing is optimised\n" {
		t.Errorf("%+v", e)
	}
	if e := c.event("output").(*protocol.OutputEvent); e.Body.Output != "made 2\n" || e.Body.Line != 9 || e.Body.Source.Path != "src/shop.toy" {
		t.Errorf("%+v", e)
	}
	bound := c.ask("setFunctionBreakpoints", `{"breakpoints": [{"name": "add", "condition": "a > 1"}, {"name": "nobody"}]}`).(*protocol.SetFunctionBreakpointsResponse).Body.Breakpoints
	if !bound[0].Verified || bound[0].Line != 13 || bound[1].Verified {
		t.Errorf("%+v", bound)
	}
	c.target.handle(2)
	for _, want := range []string{"add:13 handle:3", "handle:4"} {
		thread := c.stopped().ThreadId
		if _, got := c.frames(thread); got != want {
			t.Errorf("stopped at %s, want %s", got, want)
		}
		c.ask("continue", fmt.Sprintf(`{"threadId": %d}`, thread))
	}
	c.result()
	lines := c.ask("breakpointLocations", `{"source": {"name": "shop.toy"}, "line": 1, "endLine": 9000}`).(*protocol.BreakpointLocationsResponse).Body.Breakpoints
	if len(lines) != 15 || lines[0].Line != 2 {
		t.Errorf("%+v", lines)
	}
}

// TestStopOnEntry stops the first message, and pauses one that never ends by itself.
func TestStopOnEntry(t *testing.T) {
	c := connect(t, debug.Options{})
	c.ask("initialize", `{"adapterID": "grow", "linesStartAt1": false, "columnsStartAt1": false}`)
	c.ask("launch", `{"actor": "shop", "stopOnEntry": true, "sources": "/home/me/shop/", "outputs": ["order.done"]}`)
	c.event("initialized")
	c.ask("configurationDone", "")
	c.target.handle(3)
	for _, want := range []string{"pause 1", "output 8"} {
		e := c.stopped()
		frames, _ := c.frames(e.ThreadId)
		if got := fmt.Sprintf("%s %d", e.Reason, frames[0].Line); got != want || frames[0].Column != 2 || frames[0].Source.Path != "/home/me/shop/src/shop.toy" || frames[0].Source.SourceReference != 0 {
			t.Errorf("stopped at %s, want %s: %+v", got, want, frames[0].Source)
		}
		c.ask("continue", fmt.Sprintf(`{"threadId": %d}`, e.ThreadId))
	}
	c.result()
	c.ask("pause", fmt.Sprintf(`{"threadId": %d}`, dap.Idle))
	c.target.handle(3)
	if e := c.stopped(); e.Reason != "pause" {
		t.Errorf("%+v", e)
	}
	if got := c.ask("loadedSources", "").(*protocol.LoadedSourcesResponse).Body.Sources; len(got) != 1 || got[0].Path != "/home/me/shop/src/shop.toy" {
		t.Errorf("%+v", got)
	}
	if got := c.ask("source", `{"source": {"path": "/home/me/shop/src/shop.toy"}, "sourceReference": 0}`).(*protocol.SourceResponse).Body.Content; got != shop {
		t.Errorf("%q", got)
	}
}

// TestFolders: sources are in the folder that the client has for the actor, unless it says
// which one it is.
func TestFolders(t *testing.T) {
	for _, c := range []struct{ arguments, want string }{
		{`{"actor": "shop", "folders": {"shop": "/home/me/shop", "tax": "/home/me/tax"}}`, "/home/me/shop/src/shop.toy"},
		{`{"actor": "shop", "sources": "/home/ann", "folders": {"shop": "/home/me/shop"}}`, "/home/ann/src/shop.toy"},
		{`{"actor": "shop", "folders": {"tax": "/home/me/tax"}}`, "src/shop.toy"},
	} {
		s := connect(t, debug.Options{})
		s.ask("initialize", `{"adapterID": "grow"}`)
		s.ask("attach", c.arguments)
		got := s.ask("loadedSources", "").(*protocol.LoadedSourcesResponse).Body.Sources
		if len(got) != 1 || got[0].Path != c.want {
			t.Errorf("%s: %+v, want %s", c.arguments, got, c.want)
		}
	}
}

func TestCompletions(t *testing.T) {
	c := attached(t, debug.Options{}, `{"line": 4}`, 4)
	c.stopped()
	for text, want := range map[string]string{"to": "total", "1 + order.q": "qty", "hand": "handled", "order.": "items qty", "nothing.": "", "add(1).": "", "1 + qty": "qty"} {
		var got []string
		for _, item := range c.ask("completions", fmt.Sprintf(`{"text": %q, "column": %d}`, text, len(text)+1)).(*protocol.CompletionsResponse).Body.Targets {
			got = append(got, item.Label)
			if item.Start-1+item.Length != len(text) {
				t.Errorf("%s: %+v", text, item)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q is completed by %q, want %q", text, got, want)
		}
		if len(c.events) > 0 {
			c.events = nil
		}
	}
}

// TestMemoryOfEach: instances have the same addresses, and each its own memory.
func TestMemoryOfEach(t *testing.T) {
	c := attached(t, debug.Options{}, `{"line": 5}`, 4, 7)
	references := map[string]bool{}
	for range 2 {
		frames, _ := c.frames(c.stopped().ThreadId)
		locals, _ := c.variables(c.scope(frames[0].Id), "")
		references[locals["many"].MemoryReference] = true
	}
	if len(references) != 2 {
		t.Fatalf("%v", references)
	}
	text := 0
	for reference := range references {
		data := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "text %d", text))
		c.ask("writeMemory", fmt.Sprintf(`{"memoryReference": %q, "data": %q}`, reference, data))
		text++
	}
	found := map[string]bool{}
	for reference := range references {
		found[c.ask("readMemory", fmt.Sprintf(`{"memoryReference": %q, "count": 6}`, reference)).(*protocol.ReadMemoryResponse).Body.Data] = true
	}
	if len(found) != 2 {
		t.Errorf("both have %v", found)
	}
	c.refused("readMemory", `{"memoryReference": "0x100@99", "count": 5}`, "debug.unknown", "no such thread")
	c.refused("readMemory", `{"memoryReference": "0x100@x", "count": 5}`, "debug.arguments", "one that was shown")
}

package dap_test

import (
	"encoding/json"
	"strings"
	"testing"

	protocol "github.com/google/go-dap"

	"github.com/grow-platform/grow/runtime/debug"
)

// FuzzRequest sends a request to a guest that stands still: each has one answer, and
// what fails says why.
func FuzzRequest(f *testing.F) {
	for _, seed := range [][2]string{
		{"stackTrace", `{"threadId": 1, "startFrame": 1, "levels": -1}`},
		{"variables", `{"variablesReference": 1, "filter": "indexed", "start": 9223372036854775807, "count": 2}`},
		{"setBreakpoints", `{"source": {"path": "src/../shop.toy"}, "breakpoints": [{"line": -1, "condition": "a ==", "hitCondition": "% 9", "logMessage": "{a} \\{ {b{}}"}]}`},
		{"setInstructionBreakpoints", `{"breakpoints": [{"instructionReference": "0x44", "offset": -3}]}`},
		{"dataBreakpointInfo", `{"variablesReference": 1, "name": "qty"}`},
		{"setDataBreakpoints", `{"breakpoints": [{"dataId": "0x10/8@1", "accessType": "write", "hitCondition": "2"}]}`},
		{"setFunctionBreakpoints", `{"breakpoints": [{"name": ""}]}`},
		{"setExceptionBreakpoints", `{"filters": null, "filterOptions": [{"filterId": "output", "condition": ",;"}]}`},
		{"breakpointLocations", `{"source": {}, "line": -5, "endLine": 2147483647}`},
		{"evaluate", `{"expression": "order[", "frameId": 1}`},
		{"setExpression", `{"expression": "order.items[0]", "value": "(", "frameId": 0}`},
		{"completions", `{"text": "order.\u00e9", "column": -7}`},
		{"readMemory", `{"memoryReference": "0xffffffffffffffff", "offset": 9, "count": 9}`},
		{"writeMemory", `{"memoryReference": "0", "data": "===="}`},
		{"disassemble", `{"memoryReference": "0x44", "instructionOffset": -3, "instructionCount": 9}`},
		{"source", `{"source": {"path": "\\\\", "sourceReference": -1}, "sourceReference": 0}`},
		{"initialize", `{"linesStartAt1": false}`},
		{"continue", `{"threadId": 1}`},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, command, arguments string) {
		if command == "" || command == "disconnect" || arguments != "" && !json.Valid([]byte(arguments)) || strings.Contains(arguments, "forever") {
			t.Skip()
		}
		c := attached(t, debug.Options{}, `{"line": 4}`, 4)
		c.frames(c.stopped().ThreadId)
		answer := c.try(command, arguments)
		if e, ok := answer.(*protocol.ErrorResponse); ok && (e.Message == "" || !strings.HasPrefix(e.Body.Error.Format, e.Message+": ")) {
			t.Errorf("%s %s: %+v", command, arguments, e)
		}
		c.ask("disconnect", "")
		c.result()
	})
}

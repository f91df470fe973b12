package python

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/debug"
)

// The operations of a guest's support, each with JSON. The answer to stop and result
// is a command, that to the others is said there.
const (
	opFailed = "debug.failed" // a text: why the guest cannot be debugged
	opWatch  = "debug.watch"  // answered with a watch
	opStop   = "debug.stop"   // a stop
	opResult = "debug.result" // a result
)

// requestMax bounds what a guest says at once, in bytes: debug.ChildrenMax variables.
const requestMax = 4 << 20

// stop is where a guest stands still.
type stop struct {
	Cause debug.Cause `json:"cause"`
	Text  string      `json:"text"`
	File  string      `json:"file"`
	Line  int         `json:"line"`
	Depth int         `json:"depth"`
}

// watch is a debug.Watch, with the files as the guest names them.
type watch struct {
	Lines    map[string][][2]int `json:"lines,omitempty"` // the first and the last of each statement
	Every    bool                `json:"every,omitempty"`
	Depth    int                 `json:"depth,omitempty"`
	Return   int                 `json:"return,omitempty"`
	Raised   bool                `json:"raised,omitempty"`
	Uncaught bool                `json:"uncaught,omitempty"`
	Off      bool                `json:"off,omitempty"` // it is debugged no more
}

// command is what a guest that stands still is to do.
type command struct {
	Do         string `json:"do"` // frames, scopes, children, set, evaluate, truth; go: it goes on
	Frame      int    `json:"frame,omitempty"`
	Of         int    `json:"of,omitempty"` // reference
	Start      int    `json:"start,omitempty"`
	N          int    `json:"n,omitempty"`
	Name       string `json:"name,omitempty"`
	Value      string `json:"value,omitempty"`
	Expression string `json:"expression,omitempty"`
	Watch      *watch `json:"watch,omitempty"` // with go: in place of the last; nil: that holds
}

// result is what came of a command.
type result struct {
	OK    json.RawMessage `json:"ok"`
	Fault string          `json:"fault"`
	Kind  string          `json:"kind"` // of fault: unknown, readonly or nothing
}

// frame is one of frames.
type frame struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
	Own      bool   `json:"own"`
}

// variable is one of scopes and children, and what comes of set and evaluate.
type variable struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Value    string `json:"value"`
	Fault    string `json:"fault"`
	Children int    `json:"children"`
	Named    int    `json:"named"`
	Indexed  int    `json:"indexed"`
	Path     string `json:"path"`
	Lazy     bool   `json:"lazy"`
}

func (v *variable) debug() debug.Variable {
	return debug.Variable{
		Name: v.Name, Type: v.Type, Value: cut(v.Value), Fault: cut(v.Fault), Children: debug.Reference(max(0, v.Children)),
		Named: max(0, v.Named), Indexed: max(0, v.Indexed), Path: v.Path, Lazy: v.Lazy,
	}
}

// cut shortens what a guest may not have.
func cut(s string) string {
	const utf8Max = 4
	if len(s) <= debug.ValueMax*utf8Max {
		return s
	}
	return s[:debug.ValueMax]
}

// request reads the one request of a frame.
func request(b []byte) (operation string, data []byte, err error) {
	if len(b) > requestMax {
		return "", nil, fmt.Errorf("read a guest's report: it has %d bytes, at most %d are allowed", len(b), requestMax)
	}
	r, err := abi.NewReader(b)
	if err != nil {
		return "", nil, fmt.Errorf("read a guest's report: %w", err)
	}
	if r.Left() != 1 {
		return "", nil, fmt.Errorf("read a guest's report: %d requests in one; want 1", r.Left())
	}
	var v abi.View
	if _, err := r.Next(&v); err != nil {
		return "", nil, fmt.Errorf("read a guest's report: %w", err)
	}
	return string(v.Type), v.Data, nil
}

// answer makes the frame of an answer.
func answer(data []byte) []byte {
	b := abi.AppendAttrCount(abi.AppendCount(nil, 1), 0)
	return abi.AppendData(b, data)
}

// errorAnswer makes that of an error.
func errorAnswer(code, text string) []byte {
	b := abi.AppendAttrCount(abi.AppendCount(nil, 1), 3)
	b = abi.AppendAttr(b, abi.Type, abi.TypeError)
	b = abi.AppendAttr(b, abi.Code, code)
	b = abi.AppendAttr(b, abi.RetryAttr, "no")
	return abi.AppendData(b, []byte(text))
}

// reply makes an answer of a value.
func reply(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("answer a guest: %w", err)
	}
	return answer(b), nil
}

// fault is the error that a result is; nil: it is none.
func (r *result) fault() error {
	if r.Fault == "" {
		return nil
	}
	switch r.Kind {
	case "unknown":
		return debug.Unknown(cut(r.Fault))
	case "readonly":
		return fmt.Errorf("%s: %w", cut(r.Fault), debug.ErrReadOnly)
	}
	return errors.New(cut(r.Fault))
}

package actortest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/expect"
)

// doubles are those of one node. They are safe for concurrent use.
type doubles struct {
	node    string
	ordered bool

	mu     sync.Mutex
	list   []*specs.Double
	used   []int
	next   int      // of those that are asked in order
	strays []string // what was asked for and had no double
}

func newDoubles(node string, list []*specs.Double, ordered bool) *doubles {
	return &doubles{node: node, ordered: ordered, list: list, used: make([]int, len(list))}
}

// take finds the double that fits and counts it; nil: there is none, which is
// told of. fits returns what keeps a double from fitting.
func (d *doubles) take(what string, fits func(*specs.Double) []string) *specs.Double {
	d.mu.Lock()
	defer d.mu.Unlock()
	var near []string
	for i, double := range d.list {
		if d.ordered && i < d.next {
			continue
		}
		why := fits(double)
		if len(why) == 0 && double.Times > 0 && d.used[i] == double.Times {
			why = []string{fmt.Sprintf("it is given %d times at most", double.Times)}
		}
		if len(why) == 0 {
			d.used[i]++
			d.next = i
			return double
		}
		if near == nil || len(why) < len(near) {
			near = why
		}
		if d.ordered && d.used[i] == 0 {
			break // those behind have to wait for it
		}
	}
	text := what + " has no double"
	if near != nil {
		text += "; the nearest differs: " + strings.Join(near, ", ")
	}
	d.strays = append(d.strays, text)
	return nil
}

// unused are the doubles that nobody asked for often enough.
func (d *doubles) unused() (list []*specs.Double, used []int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, double := range d.list {
		if d.used[i] < max(1, double.Times) {
			list, used = append(list, double), append(used, d.used[i])
		}
	}
	return list, used
}

// grant is the double of one grant; see capability.Capability.
type grant struct {
	use string
	*doubles
}

// Operations implements capability.Capability: any.
func (g grant) Operations() map[string]capability.Effect { return nil }

// Close implements capability.Capability.
func (g grant) Close() error { return nil }

// Do implements capability.Capability.
func (g grant) Do(_ context.Context, r *capability.Request) capability.Answer {
	d := g.take(fmt.Sprintf("%s of %s%s", r.Operation, g.use, brief(r.Data)), func(d *specs.Double) []string { return g.fits(d, r) })
	if d == nil {
		return capability.Fail(capability.Unavailable, "the test has no double for this request")
	}
	if limit := timeout(r); d.After >= limit {
		a := capability.Fail(capability.Timeout, "%s did not answer within %v", g.use, limit)
		a.Took = limit
		return a
	}
	a := capability.Answer{Attrs: d.Answer.Attrs, Data: d.Answer.Data, Took: max(d.After, 1)}
	if d.Answer.Error != "" {
		a.Attrs, a.Data, a.Code, a.Text, a.Retry = nil, nil, d.Answer.Error, d.Answer.Text, d.Answer.Retry
	}
	return a
}

// Stream implements capability.Streamer: the double of the operation that a stream is of
// answers, once the whole body is there.
func (g grant) Stream(ctx context.Context, r *capability.Request, body io.Reader) (capability.Answer, io.ReadCloser) {
	if body != nil {
		data, err := io.ReadAll(io.LimitReader(body, bodyMax+1))
		if err != nil {
			return capability.Fail(capability.Unavailable, "%v", err), nil
		}
		if len(data) > bodyMax {
			return capability.Fail(capability.Limit, "the body has more than %d bytes, with which no double is compared", bodyMax), nil
		}
		r.Data = data
	}
	a := g.Do(ctx, r)
	if a.Code != "" {
		return a, nil
	}
	data := a.Data
	a.Data = nil
	return a, io.NopCloser(bytes.NewReader(data))
}

// bodyMax is how many bytes a body that comes in pieces has at most in a test.
const bodyMax = 16 << 20

// timeout is how long a request waits, as its attribute says: not what is left
// on the computer's clock, which differs from run to run.
func timeout(r *capability.Request) time.Duration {
	text, _ := r.Attr("timeout")
	if ms, err := strconv.Atoi(text); err == nil && ms > 0 {
		return min(capability.CallTimeMax, time.Duration(ms)*time.Millisecond)
	}
	return capability.CallTimeMax
}

// fits says what keeps a double from answering a request.
func (g grant) fits(d *specs.Double, r *capability.Request) []string {
	if d.Use != g.use || d.Operation != r.Operation {
		return []string{fmt.Sprintf("it is of %s %s", d.Use, d.Operation), "and so of another request"}
	}
	var why []string
	var fields map[string]json.RawMessage
	for _, want := range d.Request {
		var found []expect.Difference
		if text, ok := r.Attr(want.Name); ok {
			found = want.Value.MatchText(text)
		} else if want.Name == "data" {
			found = matchBytes(want.Value, r.Data)
		} else {
			if fields == nil && json.Unmarshal(r.Data, &fields) != nil {
				fields = map[string]json.RawMessage{}
			}
			if data, ok := fields[want.Name]; ok {
				found = want.Value.Match(data)
			} else {
				why = append(why, want.Name+" is missing; expected "+want.Value.String())
			}
		}
		for _, f := range found {
			f.Path = strings.TrimSuffix(want.Name+"."+f.Path, ".")
			why = append(why, f.String())
		}
	}
	return why
}

// matchBytes holds data that may be JSON or not.
func matchBytes(v *expect.Value, data []byte) []expect.Difference {
	if json.Valid(data) {
		return v.Match(data)
	}
	return v.MatchText(string(data))
}

func brief(data []byte) string {
	const limit = 200
	if len(data) == 0 {
		return ""
	}
	if len(data) > limit {
		return " with " + strings.ToValidUTF8(string(data[:limit]), "\uFFFD") + "…"
	}
	return " with " + strings.ToValidUTF8(string(data), "\uFFFD")
}

// nodeModule stands in for the module of a doubled node; see engine.Module.
type nodeModule struct{ *doubles }

// Info implements engine.Module.
func (m nodeModule) Info() engine.Info { return engine.Info{Digest: "double"} }

// Instantiate implements engine.Module.
func (m nodeModule) Instantiate(context.Context, engine.Host) (engine.Instance, error) {
	return &nodeInstance{doubles: m.doubles}, nil
}

// Close implements engine.Module.
func (m nodeModule) Close(context.Context) error { return nil }

type nodeInstance struct {
	*doubles
	in, out []byte
}

// Init implements engine.Instance.
func (i *nodeInstance) Init(engine.Host, []byte) error { return nil }

// MemorySize implements engine.Instance.
func (i *nodeInstance) MemorySize() int64 { return 0 }

// Close implements engine.Instance.
func (i *nodeInstance) Close() error { return nil }

// CodeNoDouble fails a message that the double of a node does not know.
const CodeNoDouble = "test.double"

// Handle implements engine.Instance.
func (i *nodeInstance) Handle(_ engine.Host, in engine.Input) (engine.Answer, error) {
	i.in = append(i.in[:0], make([]byte, in.Size())...)
	in.CopyTo(i.in)
	m, err := abi.ParseMessage(i.in)
	if err != nil {
		return engine.Answer{}, err
	}
	d := i.take(fmt.Sprintf("%s%s", m.Type(), brief(m.Data())), func(d *specs.Double) []string { return answers(d, m) })
	if d == nil {
		return engine.Answer{}, &engine.Error{Code: CodeNoDouble, Reason: "the double of " + i.node + " has no answer to this message", Cause: errors.ErrUnsupported}
	}
	out := abi.AppendCount(i.out[:0], len(d.Instead.Send))
	for _, s := range d.Instead.Send {
		out = abi.AppendAttrCount(out, 1+len(s.Attrs)/2)
		out = abi.AppendAttr(out, abi.Type, s.Type)
		for k := 0; k+1 < len(s.Attrs); k += 2 {
			out = abi.AppendAttr(out, s.Attrs[k], s.Attrs[k+1])
		}
		out = abi.AppendData(out, s.Data)
	}
	i.out = out
	return engine.Answer{Frame: out}, nil
}

// answers says what keeps the double of a node from answering a message.
func answers(d *specs.Double, m *abi.Message) []string {
	if d.Instead == nil || d.Instead.When.Type != m.Type() {
		return []string{"it is for another type", "of message"}
	}
	var why []string
	for _, diff := range matchBytes(d.Instead.When.Data, m.Data()) {
		why = append(why, diff.String())
	}
	return why
}

// CodeNoModule fails a message that gets to an actor whose code cannot be run.
const CodeNoModule = "test.module"

// missing is the module of an actor whose code cannot be run; see engine.Module.
type missing struct{ err error }

// Info implements engine.Module.
func (m missing) Info() engine.Info { return engine.Info{Digest: "missing"} }

// Instantiate implements engine.Module.
func (m missing) Instantiate(context.Context, engine.Host) (engine.Instance, error) {
	return &missingInstance{err: m.err}, nil
}

// Close implements engine.Module.
func (m missing) Close(context.Context) error { return nil }

type missingInstance struct {
	nodeInstance
	err error
}

// Handle implements engine.Instance.
func (i *missingInstance) Handle(engine.Host, engine.Input) (engine.Answer, error) {
	return engine.Answer{}, &engine.Error{Code: CodeNoModule, Reason: i.err.Error(), Cause: i.err}
}

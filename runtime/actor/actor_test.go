package actor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/wazero"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
	"github.com/grow-platform/grow/testdata/wat"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a module that does what a Go function says.
type script func(h engine.Host, frame []byte) ([]byte, error)

func (script) Info() engine.Info           { return engine.Info{} }
func (script) Close(context.Context) error { return nil }
func (s script) Instantiate(context.Context, engine.Host) (engine.Instance, error) {
	return &scripted{script: s}, nil
}

type scripted struct{ script script }

func (*scripted) Init(engine.Host, []byte) error { return nil }
func (s *scripted) Handle(h engine.Host, in engine.Input) (engine.Answer, error) {
	frame := make([]byte, in.Size())
	in.CopyTo(frame)
	b, err := s.script(h, frame)
	return engine.Answer{Frame: b}, err
}
func (*scripted) MemorySize() int64 { return 0 }
func (*scripted) Close() error      { return nil }

func newActor(t *testing.T, m engine.Module, change func(*Options)) *Actor {
	t.Helper()
	broker, err := capability.Open(t.Context(), nil, 3, capability.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Node: "n", Def: &specs.Actor{Name: "a", Out: []string{"out", "other"}, Limits: specs.Limits{Output: 1000, Calls: 3}},
		Types: make([]*shape.Type, 2), Module: m, Broker: broker, Scale: specs.Scale{Max: 2}, Context: t.Context(),
		Seed:     func(id string) (seed [32]byte) { copy(seed[:], id); return seed },
		RealTime: func() int64 { return 42 },
	}
	if change != nil {
		change(&o)
	}
	a := New(o)
	t.Cleanup(func() { <-a.Close() })
	return a
}

func take(t *testing.T, a *Actor) *Instance {
	t.Helper()
	i, more, err := a.Take()
	if errors.Is(err, ErrBusy) && more {
		i, err = a.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func handle(i *Instance, data string) *Result {
	return i.Handle(&Task{Message: abi.NewMessage([]byte(data), abi.Type, "in"), ID: "m1", Now: 7})
}

// frame makes an answer of messages: data first, then attributes.
func frame(messages ...[]string) []byte {
	b := abi.AppendCount(nil, len(messages))
	for _, m := range messages {
		b = abi.AppendAttrCount(b, len(m)/2)
		for k := 1; k+1 < len(m); k += 2 {
			b = abi.AppendAttr(b, m[k], m[k+1])
		}
		b = abi.AppendData(b, []byte(m[0]))
	}
	return b
}

// TestOutcomes: what an answer frame means.
func TestOutcomes(t *testing.T) {
	many := make([][]string, abi.OutputsMax+1)
	for i := range many {
		many[i] = []string{"", "type", "out"}
	}
	for _, c := range []struct {
		name   string
		answer []byte
		want   string
		broken bool
	}{
		{"nothing", nil, "0 outputs", false},
		{"no messages", frame(), "0 outputs", false},
		{"two", frame([]string{"1", "type", "out"}, []string{"2", "type", "other"}), "2 outputs", false},
		{"refused", frame([]string{"1", "type", "out"}, []string{"no", "type", "grow.error", "code", "order.empty"}), "refused order.empty no", false},
		{"refused without a code", frame([]string{"no", "type", "grow.error"}), "refused refused no", false},
		{"later", frame([]string{"busy", "type", "grow.error", "code", "c", "retry", "yes", "after", "1500"}), "later c busy 1.5s", false},
		{"later, after nonsense", frame([]string{"busy", "type", "grow.error", "retry", "yes", "after", "x"}), "later refused busy 0s", false},
		{"undeclared", frame([]string{"1", "type", "surprise"}), "failed output.undeclared", true},
		{"without a type", frame([]string{"1", "x.a", "b"}), "failed output.undeclared", true},
		{"malformed", append(frame([]string{"1", "type", "out"}), 0), "failed abi.frame", true},
		{"count without messages", []byte{9, 0, 0, 0}, "failed abi.frame", true},
		{"too many", frame(many...), "failed limit.output", true},
		{"too large", frame([]string{strings.Repeat("x", 1001), "type", "out"}), "failed limit.output", true},
		{"bad delay", frame([]string{"1", "type", "out", "delay", "-1"}), "failed output.type", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newActor(t, script(func(engine.Host, []byte) ([]byte, error) { return c.answer, nil }), nil)
			i := take(t, a)
			defer a.Discard(i)
			r := handle(i, "x")
			got := fmt.Sprintf("%d outputs", len(r.Outputs))
			switch r.Outcome {
			case Refused:
				got = fmt.Sprintf("refused %s %s", r.Code, r.Text)
			case Later:
				got = fmt.Sprintf("later %s %s %v", r.Code, r.Text, r.After)
			case Failed:
				got = "failed " + r.Code
			}
			if got != c.want || r.Broken != c.broken {
				t.Errorf("%s, broken %t (%s); want %s, %t", got, r.Broken, r.Text, c.want, c.broken)
			}
		})
	}
}

// TestAttributes: what travels, what is read, and what is the host's to set.
func TestAttributes(t *testing.T) {
	a := newActor(t, script(func(engine.Host, []byte) ([]byte, error) {
		return frame([]string{"1", "type", "out", "delay", "250", "x.own", "v", "http.status", "201", "id", "mine", "traceparent", "t"}), nil
	}), nil)
	i := take(t, a)
	defer a.Discard(i)
	r := handle(i, "x")
	if len(r.Outputs) != 1 || r.Outputs[0].Delay != 250*time.Millisecond || !r.Outputs[0].Extra || r.Ignored != 2 {
		t.Errorf("%+v", r)
	}
}

// TestWorld: the clock stands, the random stream is the message's own and the
// same in every attempt, and what is printed are lines.
func TestWorld(t *testing.T) {
	var lines []Line
	a := newActor(t, script(func(h engine.Host, _ []byte) ([]byte, error) {
		b := make([]byte, 8)
		h.Random(b)
		h.Output(1, []byte("one\ntw"))
		h.Output(1, []byte("o"))
		h.Output(2, []byte("three"))
		return frame([]string{fmt.Sprint(h.Now(), " ", b), "type", "out"}), nil
	}), func(o *Options) { o.Log = func(l Line) { lines = append(lines, l) } })
	i := take(t, a)
	defer a.Discard(i)
	say := func(id string) string {
		r := i.Handle(&Task{Message: abi.NewMessage(nil, abi.Type, "in"), ID: id, Now: 7})
		return string(r.Outputs[0].Data)
	}
	first, other, again := say("m1"), say("m2"), say("m1")
	if first != again || first == other || !strings.HasPrefix(first, "7 ") {
		t.Errorf("m1 %s, m2 %s, m1 again %s", first, other, again)
	}
	var got []string
	for _, l := range lines[:3] {
		got = append(got, l.Level+" "+l.Text+" "+l.Message)
	}
	if strings.Join(got, ",") != "info one m1,info two m1,warn three m1" {
		t.Errorf("lines %q", got)
	}
}

// TestCalls: requests beyond the limit end the message, and so does a frame that is none.
func TestCalls(t *testing.T) {
	ask := frame([]string{"", "type", "config.get"})
	for _, c := range []struct {
		name    string
		request []byte
		calls   int
		want    string
	}{
		{"within", ask, 3, ""}, {"beyond", ask, 4, CodeCalls}, {"malformed", ask[:5], 1, engine.CodeRequest}, {"none", frame(), 1, engine.CodeRequest},
	} {
		a := newActor(t, script(func(h engine.Host, _ []byte) ([]byte, error) {
			for range c.calls {
				if _, err := h.Call(c.request); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}), nil)
		i := take(t, a)
		if r := handle(i, "x"); r.Code != c.want || (c.want != "") != (r.Outcome == Failed) {
			t.Errorf("%s: code %q %s, want %q", c.name, r.Code, r.Text, c.want)
		}
		a.Discard(i)
	}
}

// TestGivenBackMeanwhile: who waits for the place of an instance that is being closed gets one that
// is given back before.
func TestGivenBackMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newActor(t, script(func(engine.Host, []byte) ([]byte, error) { return nil, nil }), nil)
		one, two := take(t, a), take(t, a)
		a.pool.mu.Lock()
		a.pool.ending++ // another one is being closed
		a.pool.mu.Unlock()
		got := make(chan *Instance, 1)
		go func() {
			i, _, err := a.acquire(t.Context(), nil)
			if err != nil {
				t.Error(err)
			}
			got <- i
		}()
		synctest.Wait()
		a.Put(one)
		synctest.Wait()
		select {
		case i := <-got:
			a.Put(i)
		default:
			t.Error("it waits, though one is free")
			a.forget(0)
		}
		a.pool.mu.Lock()
		a.pool.ending--
		a.pool.mu.Unlock()
		a.Put(two)
	})
}

// TestPool: never more than Scale.Max, none lost, and closed when the last is back.
func TestPool(t *testing.T) {
	a := newActor(t, script(func(engine.Host, []byte) ([]byte, error) { return nil, nil }), nil)
	if !a.Available() {
		t.Error("none may be started at first")
	}
	one, two := take(t, a), take(t, a)
	if _, more, err := a.Take(); more || !errors.Is(err, ErrBusy) || a.Available() {
		t.Errorf("a third of two: more %t, %v", more, err)
	}
	a.Put(one)
	if !a.Available() {
		t.Error("a free one is not available")
	}
	if again := take(t, a); again != one {
		t.Error("the free instance was not reused")
	}
	a.Put(one)
	if n := a.Shrink(5); n != 1 || a.Instances() != 1 {
		t.Errorf("shrunk by %d to %d", n, a.Instances())
	}
	gone := a.Close()
	select {
	case <-gone:
		t.Error("closed with an instance in use")
	default:
	}
	if _, _, err := a.Take(); !errors.Is(err, ErrClosed) {
		t.Errorf("take after close: %v", err)
	}
	a.Put(two)
	<-gone

	b := newActor(t, script(func(engine.Host, []byte) ([]byte, error) { return nil, nil }), nil)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 200 {
				i, more, err := b.Take()
				if errors.Is(err, ErrBusy) && more {
					i, err = b.Start(context.Background())
				}
				if err == nil {
					b.Put(i)
				}
			}
		})
	}
	wait.Wait()
	if n := b.Instances(); n > 2 || n != b.Free() {
		t.Errorf("%d instances, %d free", n, b.Free())
	}
}

// TestRunWaits: a message for which there is no place but that of an instance that is being
// closed waits for it.
func TestRunWaits(t *testing.T) {
	ending, end := make(chan struct{}), make(chan struct{})
	once := sync.OnceFunc(func() { close(end) })
	ended := 0
	a := newActor(t, closing{script(func(engine.Host, []byte) ([]byte, error) { return nil, nil }), func() {
		if ended++; ended == 1 {
			close(ending)
			<-end
		}
	}}, func(o *Options) { o.Scale.Max = 1 })
	a.Put(take(t, a))
	swept := make(chan int)
	go func() { swept <- a.Shrink(1) }()
	<-ending
	ran := false
	err := a.Run(t.Context(), &Task{Message: abi.NewMessage(nil, abi.Type, "in"), ID: "m1", Wait: once}, func(r *Result) { ran = r.Outcome == Handled })
	once()
	if n := <-swept; err != nil || !ran || n != 1 {
		t.Errorf("%v, ran %v, swept %d", err, ran, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	i := take(t, a)
	if err := a.Run(ctx, &Task{Message: abi.NewMessage(nil, abi.Type, "in"), ID: "m2"}, nil); !errors.Is(err, ErrBusy) {
		t.Errorf("one that is in use: %v", err)
	}
	a.Put(i)
}

// TestLedger runs the actor that was written by hand from the specification
// alone, on the real engine: state, config, log, a refusal, and answers larger
// than its first buffer.
// closing is a module whose instances say when they are closed.
type closing struct {
	script
	closed func()
}

func (c closing) Instantiate(context.Context, engine.Host) (engine.Instance, error) {
	return &closingInstance{scripted{c.script}, c.closed}, nil
}

type closingInstance struct {
	scripted
	closed func()
}

func (i *closingInstance) Close() error { i.closed(); return nil }

// TestCloseWaits: an actor is gone, and its module may be closed, once its last
// instance has been closed, not before.
func TestCloseWaits(t *testing.T) {
	var a *Actor
	closed := false
	a = newActor(t, closing{nil, func() {
		select {
		case <-a.Close():
			t.Error("the actor is gone while an instance is being closed")
		default:
		}
		closed = true
	}}, nil)
	i := take(t, a)
	gone := a.Close()
	a.Put(i)
	<-gone
	if !closed {
		t.Error("the instance is still open")
	}
}

func TestLedger(t *testing.T) {
	cases, err := wat.LedgerCases()
	if err != nil {
		t.Fatal(err)
	}
	e, err := wazero.New(t.Context(), wazero.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := e.Compile(t.Context(), wat.Module("ledger"), engine.Config{MemoryMax: 4 << 20})
	if err != nil {
		t.Fatal(err)
	}
	broker, err := capability.Open(t.Context(), nil, 1000, capability.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []Line
	a := New(Options{
		Node: "ledger", Def: &specs.Actor{Out: []string{"ledger.posted", "ledger.shown"}, Limits: specs.Limits{Output: abi.OutputBytesMax}},
		Config: cases.Config, Types: make([]*shape.Type, 2), Module: m, Broker: broker, Scale: specs.Scale{Max: 1}, Context: t.Context(),
		Log: func(l Line) { lines = append(lines, l) }, RealTime: func() int64 { return 42 },
	})
	i := take(t, a)
	states := map[string]map[string]capability.Value{}
	for _, c := range cases.Cases {
		t.Run(c.Name, func(t *testing.T) {
			lines = nil
			var state capability.State
			state.Reset([]specs.State{{}}, states[c.Key], capability.Size(states[c.Key]))
			message := abi.NewMessage(c.Data, abi.Type, c.Type, abi.Subject, c.Key)
			r := i.Handle(&Task{Message: message, ID: "m", State: &state})
			if c.Outcome == "refused" {
				if r.Outcome != Refused || r.Code != c.Code || r.Text != c.Text {
					t.Errorf("outcome %d %s %s, want refused %s %s", r.Outcome, r.Code, r.Text, c.Code, c.Text)
				}
				return
			}
			if r.Outcome != Handled || len(r.Outputs) != len(c.Outputs) {
				t.Fatalf("outcome %d %s %s, %d outputs", r.Outcome, r.Code, r.Text, len(r.Outputs))
			}
			for k, o := range r.Outputs {
				if string(o.View.Type) != c.Outputs[k].Type || !sameJSON(t, o.Data, c.Outputs[k].Data) {
					t.Errorf("output %s %s, want %s %s", o.View.Type, o.Data, c.Outputs[k].Type, c.Outputs[k].Data)
				}
			}
			for _, change := range state.Changes() {
				if states[c.Key] == nil {
					states[c.Key] = map[string]capability.Value{}
				}
				states[c.Key][change.Name] = capability.Value{Data: bytes.Clone(change.Data), Revision: change.Revision}
			}
			if c.State != nil && !sameJSON(t, states[c.Key][""].Data, c.State) {
				t.Errorf("state %s, want %s", states[c.Key][""].Data, c.State)
			}
			if len(lines) != len(c.Logs) || len(lines) > 0 && (lines[0].Text != c.Logs[0].Text || lines[0].Level != c.Logs[0].Level) {
				t.Errorf("log lines %+v, want %+v", lines, c.Logs)
			}
		})
	}
	a.Discard(i)
	<-a.Close()
	if err := errors.Join(m.Close(t.Context()), e.Close(t.Context())); err != nil {
		t.Error(err)
	}
}

func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		t.Errorf("%s, %s: %v", a, b, err)
		return false
	}
	return fmt.Sprint(x) == fmt.Sprint(y)
}

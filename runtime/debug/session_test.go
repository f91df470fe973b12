package debug_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/debug/toy"
)

const shop = `func handle qty
  order = record{"qty": qty, "items": list{10, 20}}
  total = 0
  i = 0
  while i < qty # loop
    total = add(total, price(i)); i = i + 1 # body
  end
  emit order.done order
  ask http.get "/stock"
  try
    check(total) # tried
  catch e
    note = e # caught
  end
  return total
end

func add a b
  sum = a + b # sum
  return sum # back
end

func price n
  return n * 10
end

func check n
  if n > 50 # check
    raise "too dear" # raise
  end
end

func forever
  while true # again
  end
end
`

// rig is a session with guests of one program. Everything is read by the test's
// goroutine.
type rig struct {
	*debug.Session
	t       *testing.T
	program *toy.Program
}

func start(t *testing.T, source string, o debug.Options) *rig {
	t.Helper()
	p, err := toy.Parse("shop.toy", source)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{debug.NewSession(p, o), t, p}
	t.Cleanup(r.Close)
	return r
}

// result is what a guest returned.
type result struct {
	value any
	err   error
}

// run has a new guest handle a message.
func (r *rig) run(args ...any) <-chan result {
	g, done := r.program.Guest(r), make(chan result, 1)
	go func() { // ends with the message, at the latest once the session is closed
		v, err := g.Run(args...)
		done <- result{v, err}
	}()
	return done
}

// at sets breakpoints on the lines that contain texts.
func (r *rig) at(texts ...string) []debug.Bound {
	var list []debug.Breakpoint
	for _, text := range texts {
		list = append(list, debug.Breakpoint{Line: r.program.Line(text)})
	}
	return r.SetBreakpoints("shop.toy", list)
}

// event is the next event that is of one of the kinds.
func (r *rig) event(kinds ...debug.EventKind) debug.Event {
	r.t.Helper()
	for {
		select {
		case e := <-r.Events():
			if slices.Contains(kinds, e.Kind) {
				return e
			}
		case <-r.t.Context().Done():
			r.t.Fatal("no such event")
		}
	}
}

// stopped waits for a stop and returns it as "reason function:line".
func (r *rig) stopped() (thread int, at string) {
	r.t.Helper()
	e := r.event(debug.Stopped)
	return e.Thread, string(e.Reason) + " " + r.where(e.Thread)
}

// where is the text of the line that a thread is on, in its function.
func (r *rig) where(thread int) (at string) {
	r.t.Helper()
	err := r.With(r.t.Context(), thread, func(h debug.Halt) error {
		frames, err := h.Frames(0, 1)
		if err != nil {
			return err
		}
		source, err := r.program.Source("shop.toy")
		line := strings.Split(string(source), "\n")[frames[0].Line-1]
		if _, comment, ok := strings.Cut(line, "# "); ok {
			line = comment
		}
		at = frames[0].Function + ":" + strings.TrimSpace(line)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return at
}

func (r *rig) resume(thread int, how debug.Step) {
	r.t.Helper()
	if err := r.Resume(thread, how); err != nil {
		r.t.Fatal(err)
	}
}

func TestSteps(t *testing.T) {
	for _, c := range []struct {
		name string
		at   string
		how  []debug.Step
		want []string
	}{
		{"in goes into each call", "body", []debug.Step{debug.In, debug.In, debug.In, debug.In},
			[]string{"price:return n * 10", "add:sum", "add:back", "handle:body"}},
		{"over stays in the function", "body", []debug.Step{debug.Over, debug.Over, debug.Over}, []string{"handle:end", "handle:loop", "handle:body"}},
		{"over the end comes to the caller", "back", []debug.Step{debug.Over, debug.Over}, []string{"handle:body", "handle:end"}},
		{"out comes to the caller", "sum", []debug.Step{debug.Out}, []string{"handle:body"}},
		{"over a call that raises comes to the handler", "tried", []debug.Step{debug.Over, debug.Over}, []string{"handle:caught", "handle:end"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, shop, debug.Options{})
			r.at(c.at)
			done := r.run(4)
			thread, _ := r.stopped()
			r.SetBreakpoints("shop.toy", nil)
			for i, how := range c.how {
				r.resume(thread, how)
				if _, at := r.stopped(); at != "step "+c.want[i] {
					t.Fatalf("step %d came to %q, want %q", i+1, at, c.want[i])
				}
			}
			r.resume(thread, debug.Continue)
			if got := <-done; got.value != int64(60) {
				t.Errorf("the guest returned %v, which is not what it does undebugged", got)
			}
		})
	}
}

func TestRunTo(t *testing.T) {
	r := start(t, shop, debug.Options{})
	r.at("i = 0")
	done := r.run(4)
	thread, _ := r.stopped()
	to, err := r.Program().Bind("shop.toy", r.program.Line("# caught"))
	if err != nil {
		t.Fatal(err)
	}
	r.resume(thread, debug.To(to))
	if _, at := r.stopped(); at != "goto handle:caught" {
		t.Errorf("came to %q", at)
	}
	r.resume(thread, debug.Continue)
	<-done
}

// TestConditions stops at the body of a loop that is executed five times, i 0 to 4.
func TestConditions(t *testing.T) {
	for _, c := range []struct {
		when debug.When
		want []string // the values of i where it stopped
		text string
	}{
		{debug.When{}, []string{"0", "1", "2", "3", "4"}, ""},
		{debug.When{Condition: "i > 2"}, []string{"3", "4"}, ""},
		{debug.When{Condition: "order.items[0] == 10"}, []string{"0", "1", "2", "3", "4"}, ""},
		{debug.When{Hit: "2"}, []string{"1"}, ""},
		{debug.When{Hit: "== 2"}, []string{"1"}, ""},
		{debug.When{Hit: ">= 4"}, []string{"3", "4"}, ""},
		{debug.When{Hit: "> 4"}, []string{"4"}, ""},
		{debug.When{Hit: "<= 1"}, []string{"0"}, ""},
		{debug.When{Hit: "< 2"}, []string{"0"}, ""},
		{debug.When{Hit: "% 2"}, []string{"1", "3"}, ""},
		{debug.When{Condition: "i > 0", Hit: "2"}, []string{"2"}, ""},
		{debug.When{Condition: "nothing > 2", Hit: "9"}, []string{"0", "1", "2", "3", "4"}, `condition "nothing > 2": no variable nothing`},
		{debug.When{Condition: "forever() == 1", Hit: "9"}, []string{"0", "1", "2", "3", "4"}, `condition "forever() == 1": took too long, and was given up`},
	} {
		t.Run(fmt.Sprint(c.when), func(t *testing.T) {
			r := start(t, shop, debug.Options{})
			bound := r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: r.program.Line("# body"), When: c.when}})
			if bound[0].Err != nil {
				t.Fatal(bound[0].Err)
			}
			done := r.run(5)
			for _, want := range c.want {
				e := r.event(debug.Stopped)
				if e.Text != c.text || !slices.Equal(e.Breakpoints, []int{bound[0].ID}) || e.Reason != debug.ReasonBreakpoint {
					t.Errorf("stopped by %+v, want %q", e, c.text)
				}
				if got := r.value(e.Thread, "i"); got != want {
					t.Errorf("stopped where i is %s, want %s", got, want)
				}
				r.resume(e.Thread, debug.Continue)
			}
			<-done
		})
	}
}

// value is what an expression is in the innermost frame.
func (r *rig) value(thread int, expression string) (value string) {
	r.t.Helper()
	err := r.With(r.t.Context(), thread, func(h debug.Halt) error {
		v, err := h.Evaluate(0, expression)
		value = v.Value
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return value
}

func TestLogPoints(t *testing.T) {
	r := start(t, shop, debug.Options{})
	log := `i is {i} of \{{order.qty}\}, {nothing}`
	if b := r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: r.program.Line("# body"), When: debug.When{Log: log, Hit: "> 1"}}}); b[0].Err != nil {
		t.Fatal(b[0].Err)
	}
	done := r.run(3)
	for i := range 2 {
		e := r.event(debug.Stopped, debug.Output)
		if want := fmt.Sprintf("i is %d of {3}, {nothing: no variable nothing}", i+1); e.Kind != debug.Output || e.Text != want || e.Position.Line != r.program.Line("# body") {
			t.Errorf("%+v, want %q", e, want)
		}
	}
	if got := <-done; got.value != int64(30) {
		t.Error(got)
	}
}

func TestBreakpointsThatLieNowhere(t *testing.T) {
	r := start(t, shop, debug.Options{})
	instructions, _ := r.SetInstructions([]debug.InstructionBreakpoint{{Address: 1}})
	for _, c := range []struct {
		name  string
		bound []debug.Bound
		want  string
	}{
		{"file", r.SetBreakpoints("other.toy", []debug.Breakpoint{{Line: 1}}), "not known here"},
		{"line", r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: 900}}), "no code on this line"},
		{"instruction", instructions, "this language has no such thing"},
		{"function", r.SetFunctions([]debug.FunctionBreakpoint{{Name: "nobody"}}), "not known here"},
		{"hit", r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: 2, When: debug.When{Hit: "often"}}}), "want a number"},
		{"hit zero", r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: 2, When: debug.When{Hit: "% 0"}}}), "want a number"},
		{"brace", r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: 2, When: debug.When{Log: "a {b"}}}), "has no }"},
		{"empty", r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: 2, When: debug.When{Log: "a {}"}}}), "no expression"},
		{"long", r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: 2, When: debug.When{Condition: strings.Repeat("a", debug.ConditionMax+1)}}}), "longer than"},
	} {
		if err := c.bound[0].Err; err == nil || !strings.Contains(err.Error(), c.want) || c.bound[0].ID == 0 {
			t.Errorf("%s: %+v, want %q", c.name, c.bound[0], c.want)
		}
	}
	many := make([]debug.Breakpoint, debug.BreakpointsMax+1)
	for i := range many {
		many[i].Line = 2
	}
	bound := r.SetBreakpoints("shop.toy", many)
	if bound[debug.BreakpointsMax-1].Err != nil || bound[debug.BreakpointsMax].Err == nil {
		t.Errorf("%d breakpoints: %v", len(many), bound[debug.BreakpointsMax].Err)
	}
}

// TestBreakpointsKept sets breakpoints anew, as editors do whenever one changes: the
// others keep their numbers and counts.
func TestBreakpointsKept(t *testing.T) {
	r := start(t, shop, debug.Options{})
	line := r.program.Line("# body")
	third := debug.Breakpoint{Line: line, When: debug.When{Hit: "3"}}
	before := r.SetBreakpoints("shop.toy", []debug.Breakpoint{third, {Line: line, When: debug.When{Condition: "i == 1"}}})
	done := r.run(5)
	thread, _ := r.stopped()
	after := r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: 2}, third})
	if after[1].ID != before[0].ID || after[0].ID <= before[1].ID {
		t.Errorf("the breakpoints are %+v, and were %+v", after, before)
	}
	r.resume(thread, debug.Continue)
	r.stopped()
	if got := r.value(thread, "i"); got != "2" {
		t.Errorf("the third hit is where i is %s", got)
	}
	r.resume(thread, debug.Continue)
	<-done
}

func TestFunctionBreakpoint(t *testing.T) {
	r := start(t, shop, debug.Options{})
	r.SetFunctions([]debug.FunctionBreakpoint{{Name: "price", When: debug.When{Condition: "n == 1"}}})
	done := r.run(2)
	thread, at := r.stopped()
	if at != "function breakpoint price:return n * 10" {
		t.Error(at)
	}
	r.resume(thread, debug.Continue)
	<-done
}

func TestExceptions(t *testing.T) {
	uncaught := strings.Replace(shop, "try", "if true", 1)
	uncaught = strings.Replace(uncaught, "catch e", "end", 1)
	uncaught = strings.Replace(uncaught, "note = e # caught\n  end", "", 1)
	for _, c := range []struct {
		name             string
		source           string
		raised, uncaught bool
		want             int
	}{
		{"raised", shop, true, false, 1},
		{"caught", shop, false, true, 0},
		{"uncaught", uncaught, false, true, 1},
		{"both", uncaught, true, true, 2},
		{"none", uncaught, false, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, c.source, debug.Options{})
			r.SetExceptions(c.raised, c.uncaught)
			done := r.run(4)
			for range c.want {
				e := r.event(debug.Stopped)
				if e.Reason != debug.ReasonException || e.Text != "too dear" || r.where(e.Thread) != "check:raise" {
					t.Errorf("stopped by %+v", e)
				}
				r.resume(e.Thread, debug.Continue)
			}
			got := <-done
			var raised *toy.Raised
			if c.source == shop && got.err != nil || c.source != shop && !errors.As(got.err, &raised) {
				t.Errorf("the guest returned %v", got)
			}
		})
	}
}

func TestOutputsAndRequests(t *testing.T) {
	for _, c := range []struct {
		outputs, requests []string
		want              []string
	}{
		{[]string{"order.done"}, nil, []string{`output order.done {"items":[10,20],"qty":1} handle:ask http.get "/stock"`}},
		{nil, []string{"http.get"}, []string{`request http.get "/stock" handle:try`}},
		{[]string{"*"}, []string{"*"}, []string{`output order.done {"items":[10,20],"qty":1} handle:ask http.get "/stock"`, `request http.get "/stock" handle:try`}},
		{[]string{"order.undone"}, []string{"http.post"}, nil},
	} {
		r := start(t, shop, debug.Options{})
		r.SetEvents(c.outputs, c.requests)
		done := r.run(1)
		for _, want := range c.want {
			e := r.event(debug.Stopped)
			if got := e.Text + " " + r.where(e.Thread); got != want {
				t.Errorf("stopped by %s, want %s", got, want)
			}
			r.resume(e.Thread, debug.Continue)
		}
		<-done
	}
}

// TestStepsSpare: of a step over or out, a guest is not asked to report what lies deeper.
func TestStepsSpare(t *testing.T) {
	for _, c := range []struct {
		how   debug.Step
		depth int
	}{{debug.Over, 2}, {debug.Out, 1}, {debug.In, 0}} {
		r := start(t, shop, debug.Options{})
		r.at("# sum")
		g, ended := &watched{}, make(chan struct{})
		if err := r.Enter(g); err != nil {
			t.Fatal(err)
		}
		go func() { // ends with the session
			defer close(ended)
			_ = r.Arrive(g, &standing{line: r.program.Line("# sum"), depth: 2})
		}()
		r.resume(r.event(debug.Stopped).Thread, c.how)
		if !g.last.Every || g.last.Depth != c.depth || (g.last.Return == 2) != (c.depth != 0) {
			t.Errorf("%+v watches %+v, want depth %d", c.how, g.last, c.depth)
		}
		if err := r.Pause(1); err != nil || g.last.Depth != 0 {
			t.Errorf("to be paused, it watches %+v: %v", g.last, err)
		}
		r.Close()
		<-ended
	}
}

// TestReturn: a step over or out ends where a function has returned, which comes to no
// breakpoint of the line that called it.
func TestReturn(t *testing.T) {
	for _, c := range []struct {
		name  string
		how   debug.Step
		depth int // where it returns to
		want  debug.Reason
	}{{"over", debug.Over, 1, debug.ReasonStep}, {"out", debug.Out, 1, debug.ReasonStep}, {"out of what was called", debug.Out, 2, ""}, {"no step", debug.Continue, 1, ""}} {
		r := start(t, shop, debug.Options{})
		line := r.program.Line("# sum")
		r.at("# sum", "# body")
		g, ended := &watched{}, make(chan struct{})
		if err := r.Enter(g); err != nil {
			t.Fatal(err)
		}
		go func() { // ends with the session
			defer close(ended)
			_ = r.Arrive(g, &standing{line: line, depth: 2})
			_ = r.Arrive(g, &standing{line: r.program.Line("# body"), depth: c.depth, cause: debug.CauseReturn})
			r.Say("that was all")
		}()
		r.resume(r.event(debug.Stopped).Thread, c.how)
		if e := r.event(debug.Stopped, debug.Output); e.Reason != c.want {
			t.Errorf("%s: %+v", c.name, e)
		}
		r.Close()
		<-ended
	}
}

// TestPanic: a panic while something is looked at is its client's to know, and the guest
// goes on.
func TestPanic(t *testing.T) {
	var told any
	r := start(t, shop, debug.Options{Secrets: []string{"hunter2"}, Panicked: func(v any, stack []byte) { told = v }})
	r.at("# body")
	done := r.run(1)
	thread, _ := r.stopped()
	err := r.With(t.Context(), thread, func(debug.Halt) error { panic("hunter2 is out of range") })
	if !errors.Is(err, debug.ErrFailed) || !strings.HasSuffix(err.Error(), ": ******* is out of range") || told == nil {
		t.Errorf("%v; told %v", err, told)
	}
	if got := r.value(thread, "i"); got != "0" {
		t.Errorf("afterwards i is %s", got)
	}
	r.resume(thread, debug.Continue)
	if got := <-done; got.value != int64(0) {
		t.Error(got)
	}
	g := &watched{}
	if err := r.Enter(g); err != nil {
		t.Fatal(err)
	}
	line := r.program.Line("# body")
	bound := r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: line, When: debug.When{Condition: "i"}}})
	ended := make(chan struct{})
	go func() { // ends with the session
		defer close(ended)
		_ = r.Arrive(g, &standing{line: bound[0].Line, truth: func() bool { panic("no") }})
	}()
	if e := r.event(debug.Stopped); !strings.Contains(e.Text, debug.ErrFailed.Error()) {
		t.Errorf("%+v", e)
	}
	r.Close()
	<-ended
}

// TestSilentClient reads no events: the session ends, and the guest does not.
func TestSilentClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, shop, debug.Options{HoldMax: time.Minute})
		r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: r.program.Line("# loop"), When: debug.When{Log: "again"}}})
		if got := <-r.run(debug.EventsMax + 5); got.err != nil {
			t.Error(got)
		}
		<-r.Done()
	})
}

// TestClose is a client that disappears, while guests stand still and run.
func TestClose(t *testing.T) {
	r := start(t, shop, debug.Options{})
	r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: 2, When: debug.When{Condition: "qty < 3"}}})
	one := r.run(1)
	thread, _ := r.stopped()
	r.End("the actor was removed")
	r.Close()
	if got := <-one; got.value != int64(0) {
		t.Error(got)
	}
	if got := <-r.run(2); got.value != int64(10) {
		t.Error(got)
	}
	if e := r.event(debug.Terminated); e.Text != "the actor was removed" {
		t.Errorf("%+v", e)
	}
	bound := r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: 2}})
	for _, err := range []error{r.Resume(thread, debug.Continue), r.Pause(thread), r.Pause(0), r.With(t.Context(), thread, nil), bound[0].Err} {
		if !errors.Is(err, debug.ErrClosed) {
			t.Errorf("after its end: %v", err)
		}
	}
}

func TestWithOfARunningThread(t *testing.T) {
	r := start(t, "func handle\n  run = true\n  while run\n  end\nend\n", debug.Options{})
	r.at("while run")
	done := r.run()
	thread, _ := r.stopped()
	r.SetBreakpoints("shop.toy", nil)
	r.resume(thread, debug.Continue)
	for _, err := range []error{r.Resume(thread, debug.Over), r.With(t.Context(), thread, nil)} {
		if !errors.Is(err, debug.ErrRunning) {
			t.Error(err)
		}
	}
	if err := r.Pause(thread); err != nil {
		t.Fatal(err)
	}
	r.stopped()
	busy, free := make(chan struct{}), make(chan struct{})
	go r.With(t.Context(), thread, func(h debug.Halt) error { // ends with free
		close(busy)
		<-free
		scopes, err := h.Scopes(0)
		if err == nil {
			_, err = h.Set(0, scopes[0].Children, "run", "false")
		}
		return err
	})
	<-busy
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.With(ctx, thread, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("With behind another: %v", err)
	}
	close(free)
	r.where(thread)
	r.resume(thread, debug.Continue)
	<-done
}

// TestRecursion comes back to a line with a breakpoint from calls of the same line: it
// is begun once in each frame.
func TestRecursion(t *testing.T) {
	r := start(t, "func handle n\n  down(n)\nend\n\nfunc down n\n  if n > 0\n    down(n - 1); a = n # line\n  end\nend\n", debug.Options{})
	r.at("# line")
	done := r.run(3)
	for want := range 3 {
		thread, _ := r.stopped()
		if got := r.value(thread, "n"); got != fmt.Sprint(3-want) {
			t.Errorf("stopped where n is %s, want %d", got, 3-want)
		}
		r.resume(thread, debug.Continue)
	}
	<-done
	if e := r.event(debug.Stopped, debug.Ended); e.Kind != debug.Ended {
		t.Errorf("%+v", e)
	}
}

// watched is a guest that only keeps what it is to report.
type watched struct{ last *debug.Watch }

func (w *watched) Watch(to *debug.Watch) { w.last = to }

// TestCloseFreesGuests: those that run report nothing after the end.
func TestCloseFreesGuests(t *testing.T) {
	r := start(t, shop, debug.Options{})
	r.at("# body")
	g := &watched{}
	if err := r.Enter(g); err != nil {
		t.Fatal(err)
	}
	if len(g.last.Lines) != 1 {
		t.Errorf("a guest that enters watches %+v", g.last)
	}
	if err := r.Pause(1); err != nil || !g.last.Every {
		t.Errorf("a guest that is to be paused watches %+v, %v", g.last, err)
	}
	r.Close()
	if g.last.Every || len(g.last.Lines) > 0 {
		t.Errorf("after the end a guest watches %+v", g.last)
	}
	r.Leave(g)
}

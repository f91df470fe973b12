package debug_test

import (
	"cmp"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/runtime/debug"
)

func TestPause(t *testing.T) {
	r := start(t, "func handle run\n  while run # here\n  end\nend\n", debug.Options{})
	done := r.run(true)
	for len(r.Threads()) == 0 {
		if t.Context().Err() != nil {
			t.Fatal("the guest never came")
		}
	}
	thread := r.Threads()[0]
	if thread.Stopped || thread.Name != "message 1" {
		t.Errorf("%+v", thread)
	}
	if err := r.Pause(thread.ID); err != nil {
		t.Fatal(err)
	}
	e := r.event(debug.Stopped)
	if e.Reason != debug.ReasonPause || !r.Threads()[0].Stopped {
		t.Errorf("%+v", e)
	}
	err := r.With(t.Context(), e.Thread, func(h debug.Halt) error {
		scopes, err := h.Scopes(0)
		if err == nil {
			_, err = h.Set(0, scopes[0].Children, "run", "false")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	r.resume(e.Thread, debug.Continue)
	<-done
}

// TestPauseNext stops the next message that comes, before it does anything.
func TestPauseNext(t *testing.T) {
	r := start(t, shop, debug.Options{})
	if err := r.Pause(0); err != nil {
		t.Fatal(err)
	}
	one := r.run(1)
	thread, at := r.stopped()
	if at != `pause handle:order = record{"qty": qty, "items": list{10, 20}}` {
		t.Error(at)
	}
	if got := <-r.run(2); got.value != int64(10) { // only one is stopped
		t.Error(got)
	}
	r.resume(thread, debug.Continue)
	<-one
}

// TestPauseOwn: what stops next is a message in the actor's own code: no start of an
// instance, no library that is gone through before.
func TestPauseOwn(t *testing.T) {
	starts := true
	r := start(t, shop, debug.Options{Handles: func(debug.Guest) bool { return !starts }})
	g := &watched{}
	if err := r.Enter(g); err != nil {
		t.Fatal(err)
	}
	if err := r.Pause(0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Arrive(g, &standing{line: 2, foreign: !starts}); err != nil { // which returns: it is not stopped
			t.Fatal(err)
		}
		starts = false
	}
	ended := make(chan struct{})
	go func() { // ends with the session
		defer close(ended)
		_ = r.Arrive(g, &standing{line: 3})
	}()
	if e := r.event(debug.Stopped); e.Reason != debug.ReasonPause || e.Position.Line != 3 {
		t.Errorf("%+v", e)
	}
	r.Close()
	<-ended
}

// TestGuests steps one guest while another stands still and a third is served.
func TestGuests(t *testing.T) {
	r := start(t, shop, debug.Options{})
	r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: 2, When: debug.When{Condition: "qty < 3"}}})
	results := []<-chan result{r.run(1)}
	first, _ := r.stopped()
	results = append(results, r.run(2))
	second, _ := r.stopped()
	if got := <-r.run(3); got.value != int64(30) {
		t.Error(got)
	}
	r.resume(second, debug.Over)
	if thread, at := r.stopped(); thread != second || at != "step handle:total = 0" {
		t.Error(thread, at)
	}
	if got := r.value(first, "qty"); got != "1" {
		t.Errorf("qty of the first is %s", got)
	}
	for i, thread := range []int{first, second} {
		r.resume(thread, debug.Continue)
		if got := <-results[i]; got.err != nil {
			t.Error(got)
		}
		if e := r.event(debug.Ended); e.Thread != thread {
			t.Errorf("%+v, want the end of %d", e, thread)
		}
	}
	for _, err := range []error{r.Resume(first, debug.Continue), r.Pause(first), r.With(t.Context(), first, nil)} {
		if !errors.Is(err, debug.ErrThread) {
			t.Errorf("a thread that has ended: %v", err)
		}
	}
}

// TestHoldMax leaves a guest alone: it goes on, and is not stopped again.
func TestHoldMax(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := 0
		r := start(t, shop, debug.Options{HoldMax: time.Minute, Hold: func(debug.Guest) func() { held++; return func() { held-- } }})
		r.at("# body")
		done := r.run(3)
		thread, _ := r.stopped()
		time.Sleep(40 * time.Second)
		r.resume(thread, debug.Continue)
		r.stopped()
		began := time.Now()
		e := r.event(debug.Stopped, debug.Continued)
		if e.Kind != debug.Continued || !strings.Contains(e.Text, "held for 1m0s") || time.Since(began) != 20*time.Second {
			t.Errorf("%+v after %v", e, time.Since(began))
		}
		if got := <-done; got.value != int64(30) || held != 0 {
			t.Errorf("%v, and %d holds are not released", got, held)
		}
		if e := r.event(debug.Stopped, debug.Ended); e.Kind != debug.Ended {
			t.Errorf("%+v, for a message that was held long enough", e)
		}
		if err := r.With(t.Context(), thread, nil); !errors.Is(err, debug.ErrThread) {
			t.Error(err)
		}
	})
}

// TestHoldOfConditions: the time that conditions and log points take is not the guest's,
// but it is held meanwhile, and no longer than it may be.
func TestHoldOfConditions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held, most := 0, 0
		r := start(t, shop, debug.Options{HoldMax: time.Minute, Hold: func(debug.Guest) func() {
			held++
			most = max(most, held)
			return func() { held-- }
		}})
		g := &watched{}
		if err := r.Enter(g); err != nil {
			t.Fatal(err)
		}
		defer r.Leave(g)
		line := r.program.Line("# body")
		r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: line, When: debug.When{Condition: "i > 9"}}})
		asked := 0
		h := &standing{line: line, truth: func() bool {
			if asked++; held != 1 {
				t.Errorf("%d holds while a condition is looked at", held)
			}
			time.Sleep(25 * time.Second)
			return false
		}}
		for range 5 {
			if err := r.Arrive(g, h); err != nil {
				t.Fatal(err)
			}
		}
		if e := r.event(debug.Stopped, debug.Output); asked != 3 || held != 0 || most != 1 || !strings.Contains(e.Text, "held for 1m0s") {
			t.Errorf("%d conditions, %d holds at a time, %d not released; %+v", asked, most, held, e)
		}
		if len(g.last.Lines) != 0 {
			t.Errorf("it watches %+v", g.last)
		}
	})
}

// standing is a guest that stands still somewhere, which is all that there is of it.
type standing struct {
	debug.Halt
	line     int
	depth    int
	foreign  bool // it is in a library
	cause    debug.Cause
	truth    func() bool
	position func()
}

func (h *standing) Cause() debug.Cause { return cmp.Or(h.cause, debug.CauseLine) }
func (h *standing) Depth() int         { return max(1, h.depth) }
func (h *standing) Position() debug.Position {
	if h.position != nil {
		h.position()
	}
	return debug.Position{File: "shop.toy", Line: h.line, Column: 1}
}
func (h *standing) Frames(int, int) ([]debug.Frame, error) {
	return []debug.Frame{{Position: h.Position(), Own: !h.foreign}}, nil
}
func (h *standing) Truth(int, string) (bool, error) { return h.truth(), nil }

// TestPauseOne: of guests that come at the same time, one is stopped.
func TestPauseOne(t *testing.T) {
	r := start(t, shop, debug.Options{})
	one, two := &watched{}, &watched{}
	for _, g := range []debug.Guest{one, two} {
		if err := r.Enter(g); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Pause(0); err != nil {
		t.Fatal(err)
	}
	calls, passed := 0, make(chan struct{})
	h := &standing{line: 2}
	h.position = func() { // when the first is about to stop, the second comes
		if calls++; calls == 3 {
			go func() { // ends with the session
				defer close(passed)
				_ = r.Arrive(two, &standing{line: 2})
			}()
			select {
			case <-passed:
			case e := <-r.Events():
				t.Errorf("%+v of the second", e)
			}
		}
	}
	ended := make(chan struct{})
	go func() { // ends with the session
		defer close(ended)
		_ = r.Arrive(one, h)
	}()
	if e := r.event(debug.Stopped); e.Thread != 1 {
		t.Errorf("%+v", e)
	}
	r.Close()
	<-ended
	<-passed
}

package triagetest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/debug"
)

// refused is a dead letter of the classifier: a thread with more labels than it takes.
func (c *client) refused(t *testing.T) (id string) {
	t.Helper()
	var labels []string
	for i := range 101 {
		labels = append(labels, fmt.Sprint("l", i))
	}
	th := thread{Delivery: "d-1", Repository: "octo/refused", Number: 1, Title: "It crashes", Labels: labels}
	if a := must(t)(c.deliver(about(th))); a.status != http.StatusOK {
		t.Fatalf("%d %s, want a decision", a.status, a.body)
	}
	var none Listed
	c.ask(t, "/classified/octo/refused", &none) // which is answered behind it
	dead := c.host.Shard().DeadLetters(nil, 0)
	if len(dead) != 1 {
		t.Fatalf("dead letters %+v, want one", dead)
	}
	return dead[0].ID
}

// TestDebugDead steps through a dead letter, named by its id: where it was refused, by
// whom, and what it held.
func TestDebugDead(t *testing.T) {
	c := start(t, classifiers["python"])
	id := c.refused(t)
	d, err := c.host.OpenDebugger(t.Context(), control.DebugTarget{Message: id}, "ann")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	d.SetExceptions(true, false)
	if err := d.Pause(0); err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	var told []string
	next := func(kind debug.EventKind) debug.Event {
		t.Helper()
		for {
			select {
			case e := <-d.Events():
				told = append(told, e.Text)
				if e.Kind == kind {
					return e
				}
			case <-t.Context().Done():
				t.Fatal(told)
			}
		}
	}
	entry := next(debug.Stopped)
	if entry.Reason != debug.ReasonPause || entry.Position != (debug.Position{File: "app/main.py", Line: 33}) {
		t.Errorf("it begins at %+v", entry)
	}
	if err := d.Resume(entry.Thread, debug.Continue); err != nil {
		t.Fatal(err)
	}
	raised := next(debug.Stopped)
	if raised.Reason != debug.ReasonException || raised.Position.Line != 34 || !strings.Contains(raised.Text, "101 labels are more than 100") {
		t.Errorf("it is refused at %+v", raised)
	}
	err = d.With(t.Context(), raised.Thread, func(h debug.Halt) error {
		frames, err := h.Frames(0, 1)
		if err != nil {
			return err
		}
		label, err := h.Evaluate(0, "read.labels[100]")
		if frames[0].Function != "main.classify" || label.Value != "'l100'" {
			t.Errorf("in %+v, the last label is %+v", frames[0], label)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Resume(raised.Thread, debug.Continue); err != nil {
		t.Fatal(err)
	}
	next(debug.Terminated)
	if !slices.ContainsFunc(told, func(s string) bool {
		return strings.Contains(s, "now refused with thread.labels; then refused with thread.labels")
	}) {
		t.Errorf("%q", told)
	}
	if dead := c.host.Shard().DeadLetters(nil, 0); len(dead) != 1 || dead[0].ID != id {
		t.Errorf("dead letters %+v, want the one that there was", dead)
	}
}

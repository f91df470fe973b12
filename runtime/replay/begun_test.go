package replay

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/shard"
)

// TestFindDeadBegun: what a message was told that was given up on is known, too, of an attempt
// of which the journal has no more than what it was told before it changed something outside.
func TestFindDeadBegun(t *testing.T) {
	guest := func(h engine.Host, m *abi.Message) (string, error) {
		ask(h, "first", "type", "price.get", "use", "shop")
		ask(h, "second", "type", "price.get", "use", "shop")
		return "", &engine.Error{Code: engine.CodeTrap, Reason: "it is bad"}
	}
	w := newWorld(openMem(t))
	var id string
	w.serve(t, guest, func(s *shard.Shard) {
		f, err := s.Accept(context.Background(), &shard.Request{To: "facts", Type: "in", AnyReply: true, Data: []byte(`{"key":"k1"}`)})
		if err != nil {
			t.Fatal(err)
		}
		<-f.Done()
		id = f.ID()
	})
	c, err := Find(t.Context(), Options{Journal: w.journal, Node: "facts", Select: Select{ID: id}, Dead: true})
	if err != nil {
		t.Fatal(err)
	}
	var began int64
	err = w.journal.Read(t.Context(), 1, func(_ uint64, record []byte) error {
		return journal.EachEntry(record, func(e journal.Entry) error {
			if b, ok := e.(*journal.Begun); ok && b.Time != 0 {
				began = b.Time
			}
			return nil
		})
	})
	if err != nil || began == 0 {
		t.Fatal(began, err)
	}
	// The first answer was told before the second request, which changes something, too.
	if !c.Dead || c.Clock != began || len(c.Answers) != 1 || c.Answers[0].Call != 1 || !bytes.Contains(c.Answers[0].Frame, []byte("1")) {
		t.Errorf("clock %d, began %d, %+v", c.Clock, began, c.Answers)
	}
}

// TestPast: of what was told to an attempt that has ended the next has what lasts.
func TestPast(t *testing.T) {
	o, c := &Options{Node: "n"}, &chosen{most: 1 << 20, dead: map[string]bool{"m": true}}
	attempts := map[string]*past{}
	remember := func(e journal.Entry) {
		t.Helper()
		if err := o.remember(c, attempts, e); err != nil {
			t.Fatal(err)
		}
	}
	answer := func(call uint32, data string, passing bool) journal.Answer {
		return journal.Answer{Call: call, Operation: "http.fetch", Use: "g", Frame: []byte(data), Passing: passing}
	}
	told := func() (list []string) {
		for _, r := range attempts["m"].last() {
			list = append(list, string(r.Frame))
		}
		return list
	}
	has := func(when string, clock int64, want ...string) {
		t.Helper()
		if got := told(); !slices.Equal(got, want) || attempts["m"].clock != clock {
			t.Errorf("%s: %q at %d, want %q at %d", when, got, attempts["m"].clock, want, clock)
		}
	}
	remember(&journal.Begun{ID: "m", Node: "n", Attempt: 1, Time: 7, Answers: []journal.Answer{answer(1, "a", false), answer(2, "busy", true)}})
	has("begun", 7, "a", "busy")
	remember(&journal.Begun{ID: "m", Node: "n", Attempt: 1, Time: 7, Answers: []journal.Answer{answer(3, "c", false)}})
	has("begun again", 7, "a", "busy", "c")
	remember(&journal.AttemptMade{ID: "m", Node: "n", Attempt: 1, Answers: []journal.Answer{answer(4, "d", false)}})
	has("an attempt", 0, "a", "c", "d")
	remember(&journal.Begun{ID: "m", Node: "n", Attempt: 2, Time: 9, Answers: []journal.Answer{answer(2, "b", false)}})
	has("the next", 9, "a", "c", "d", "b")
	remember(&journal.Begun{ID: "m", Node: "other", Attempt: 2, Time: 9, Answers: []journal.Answer{answer(5, "x", false)}})
	has("another node", 9, "a", "c", "d", "b")
	remember(&journal.Dead{ID: "m", Node: "n"})
	if len(attempts) != 0 || c.size != 0 {
		t.Errorf("%v is remembered, %d bytes", attempts, c.size)
	}
}

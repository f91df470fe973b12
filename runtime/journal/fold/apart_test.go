package fold

import (
	"slices"
	"testing"

	"github.com/grow-platform/grow/runtime/journal"
)

// TestSentAgain: what comes of a dead letter's message that is sent again is not
// what came of the request, whose flow ends with what it had of its own: also
// when a snapshot lies between.
func TestSentAgain(t *testing.T) {
	store := &kept{blobs: blobs{}}
	w := New(bounds)
	seq := uint64(0)
	record := func(list ...journal.Entry) {
		t.Helper()
		var b journal.Writer
		b.Reset(1)
		for _, e := range list {
			b.Add(e)
		}
		seq++
		store.records = append(store.records, slices.Clone(b.Bytes()))
		if _, err := w.Record(seq, b.Bytes(), nil); err != nil {
			t.Fatal(err)
		}
	}
	answer := func() *Answer {
		t.Helper()
		flows, _ := w.Flows()
		if len(flows) != 1 {
			t.Fatalf("%d flows may be asked about", len(flows))
		}
		return flows[0].Answer
	}
	record(&journal.Epoch{Number: 1, Format: journal.FormatVersion}, &journal.Accepted{
		ID: "m", Node: "n", Input: frameOf("m", "m"), Asked: &journal.Asked{Flow: "m", Any: true},
		Copies: []journal.Output{{To: "n", Frame: frameOf("m-2", "m")}},
	})
	record(&journal.Dead{ID: "m", Node: "n", Attempt: 1, Settles: true, Code: "first", Input: frameOf("m", "m")})
	record(&journal.Action{Name: journal.ActionRedrive, ID: "m", Node: "n", Input: frameOf("again", "m")})
	record(&journal.Handled{
		ID: "again", Node: "n", Attempt: 1, Settles: true, Input: frameOf("again", "m"), Outcome: journal.OutcomeHandled,
		Outputs: []journal.Output{{To: "n", Frame: frameOf("again.1", "m")}},
	})
	snapshot, err := w.Snapshot(store)
	if err != nil {
		t.Fatal(err)
	}
	if w, err = Load(bounds, snapshot.Root, store.get); err != nil {
		t.Fatal(err)
	}
	if a := answer(); a != nil {
		t.Fatalf("it has an answer while a message of it waits: %+v", a)
	}
	record(&journal.Handled{ID: "m-2", Node: "n", Attempt: 1, Settles: true, Input: frameOf("m-2", "m"), Outcome: journal.OutcomeHandled})
	if a := answer(); a == nil || a.Outcome != Failed || a.Code != "first" {
		t.Errorf("the request ended with %+v while a message that was sent again waits", a)
	}
	record(&journal.Handled{
		ID: "again.1", Node: "n", Attempt: 1, Settles: true, Input: frameOf("again.1", "m"), Outcome: journal.OutcomeHandled,
		Outputs: []journal.Output{{To: "output", Answers: true, Frame: frameOf("again.1.1", "m")}},
	})
	if a := answer(); a.Outcome != Failed {
		t.Errorf("afterwards it is %+v", a)
	}
}

package fold

import (
	"testing"

	"github.com/grow-platform/grow/runtime/journal"
)

// TestAnswerToldLate: what the shard says came of a flow holds, also where the
// entries after somebody asked would have it end in another way.
func TestAnswerToldLate(t *testing.T) {
	w := New(Limits{Flows: 10, FlowBytes: 1 << 20, Dead: 10, DeadBytes: 1 << 20})
	seq := uint64(0)
	record := func(list ...journal.Entry) {
		t.Helper()
		var b journal.Writer
		b.Reset(1)
		for _, e := range list {
			b.Add(e)
		}
		seq++
		if _, err := w.Record(seq, b.Bytes(), nil); err != nil {
			t.Fatal(err)
		}
	}
	record(&journal.Epoch{Number: 1, Format: journal.FormatVersion}, &journal.Accepted{ID: "m", Node: "n", Input: frameOf("m", "m")})
	record(&journal.Asked{Flow: "m", Any: true}, &journal.Handled{ID: "m", Node: "n", Attempt: 1, Input: frameOf("m", "m"), Outcome: journal.OutcomeHandled, Settles: true})
	flows, _ := w.Flows()
	if len(flows) != 1 || flows[0].Answer == nil || flows[0].Answer.Outcome != Ended {
		t.Fatalf("before: %+v", flows)
	}
	record(&journal.Asked{Flow: "m", Any: true, Outcome: uint32(Replied), Reply: frameOf("reply", "m")})
	record(&journal.Asked{Flow: "m", Any: true, Outcome: uint32(Ended)})
	if a := flows[0].Answer; a.Outcome != Replied || len(a.Reply) == 0 {
		t.Errorf("afterwards: %+v", a)
	}
}

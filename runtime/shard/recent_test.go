package shard

import (
	"errors"
	"fmt"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
)

// TestRecent: the last records are visited, no others, and without what messages hold.
func TestRecent(t *testing.T) {
	j := openJournal(t)
	for i := range 5 {
		var w journal.Writer
		w.Reset(1)
		id := fmt.Sprint("m", i)
		frame := abi.NewMessage([]byte("held"), abi.Type, "in", abi.ID, id, abi.Correlation, id).Frame()
		w.Add(&journal.Handled{
			ID: id, Node: "n", Attempt: 1, Outcome: journal.OutcomeHandled, Input: frame,
			State: []journal.StateChange{{Value: []byte("kept"), Revision: 1}}, Answers: []journal.Answer{{Call: 1, Frame: frame}}, Outputs: []journal.Output{{To: "output", Frame: frame}},
		})
		j.Append(w.Bytes(), uint64(i), func(_ uint64, err error) {
			if err != nil {
				t.Fatal(err)
			}
		})
	}
	for _, c := range []struct {
		records uint64
		ids     string
		older   bool
	}{{1, "[m4]", true}, {4, "[m1 m2 m3 m4]", true}, {5, "[m0 m1 m2 m3 m4]", false}, {1 << 63, "[m0 m1 m2 m3 m4]", false}} {
		var ids []string
		older, err := Recent(t.Context(), j, c.records, func(h *Hop) error {
			if ids = append(ids, h.ID); h.Type != "in" || h.Data != nil || h.State != nil || h.Answers != nil || len(h.Outputs) != 1 || h.Outputs[0].Data != nil {
				t.Errorf("%+v", h)
			}
			return nil
		})
		if err != nil || older != c.older || fmt.Sprint(ids) != c.ids {
			t.Errorf("%d records: %v, older %v, %v", c.records, ids, older, err)
		}
	}
	broken := errors.New("broken")
	if _, err := Recent(t.Context(), j, 2, func(*Hop) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

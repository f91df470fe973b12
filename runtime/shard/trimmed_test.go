package shard

import (
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
)

// TestTraceTrimmedAndBack: a record that was trimmed with its blob, and that a
// crash has brought back, does not keep anybody from looking back.
func TestTraceTrimmedAndBack(t *testing.T) {
	j := openJournal(t)
	var w journal.Writer
	w.Reset(1)
	w.Add(&journal.Epoch{Number: 1, Owner: "before", Format: journal.FormatVersion})
	w.Add(&journal.Packed{Blob: "sha256:" + strings.Repeat("0", 64)})
	w.Add(&journal.Handled{
		ID: "m", Node: "n", Attempt: 1, Outcome: journal.OutcomeHandled, Input: abi.NewMessage(nil, abi.Type, "in", abi.ID, "m", abi.Correlation, "m").Frame(),
	})
	j.Append(w.Bytes(), 0, func(_ uint64, err error) {
		if err != nil {
			t.Fatal(err)
		}
	})
	if got, err := Trace(t.Context(), j, "m"); err != nil || len(got.Hops) != 1 || got.Hops[0].What != HopHandled {
		t.Errorf("%+v, %v", got, err)
	}
}

package fold

import (
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
)

// TestRecordAgain: a record of which an entry could not be unpacked is given again,
// and none of its entries counts twice.
func TestRecordAgain(t *testing.T) {
	w := New(Limits{Flows: 10, FlowBytes: 1 << 20, Dead: 10, DeadBytes: 1 << 20})
	var b journal.Writer
	b.Reset(1)
	accepted := func(id string) journal.Entry {
		return &journal.Accepted{ID: id, Node: "n", Input: abi.NewMessage(nil, abi.Type, "t", abi.ID, id, abi.Correlation, id).Frame()}
	}
	for _, e := range []journal.Entry{&journal.Epoch{Number: 1, Format: journal.FormatVersion}, accepted("a"), &journal.Packed{Blob: "blob"}, accepted("c")} {
		b.Add(e)
	}
	for try := range 3 {
		n, err := w.Record(1, b.Bytes(), func(*journal.Packed) (journal.Entry, error) {
			if try < 2 {
				return nil, journal.ErrUnhealthy
			}
			return accepted("b"), nil
		})
		if (err == nil) != (try == 2) || try == 2 && n != 4 {
			t.Fatalf("try %d: %d entries, %v", try, n, err)
		}
		if w.Whole() != (try == 2) {
			t.Errorf("try %d: whole: %t", try, w.Whole())
		}
	}
	var ids string
	for _, m := range w.Pending() {
		ids += m.ID
	}
	if ids != "abc" || w.Sequence() != 1 {
		t.Errorf("%s wait after record %d", ids, w.Sequence())
	}
}

package archive

import (
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/journal"
)

// TestTrimmedAndBack: a record that was trimmed, and that a crash has brought back
// without its blob, is no damage; one that no trim can have taken is.
func TestTrimmedAndBack(t *testing.T) {
	var w journal.Writer
	w.Reset(1)
	w.Add(&journal.Packed{Blob: "sha256:" + strings.Repeat("0", 64)})
	for seq, sound := range map[uint64]bool{2: true, 4: true, 5: false, 7: false} { // the older snapshot was taken after 4
		s := made(t)
		s.records[seq] = slices.Clone(w.Bytes())
		r, err := Examine(t.Context(), s, limits, nil)
		if err != nil || r.Sound() != sound || !sound && r.Findings[0].Code != CodeNoBlob || !r.Lossless() {
			t.Errorf("record %d: %v, %+v", seq, err, r)
		}
	}
}

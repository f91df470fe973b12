package shard

import (
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
)

// TestRememberCopies: what an attempt was answered outlives the instance's next message,
// which is given the same memory for its answers.
func TestRememberCopies(t *testing.T) {
	recorded := []capability.Recorded{{Call: 1, Use: "db", Request: []byte("asked"), Frame: []byte("told")}, {Call: 2, Use: "db", Failed: true}}
	it := &parcel{}
	it.remember(recorded)
	copy(recorded[0].Request, "other")
	copy(recorded[0].Frame, "else")
	if list := it.past.answers; len(list) != 1 || string(list[0].Request) != "asked" || string(list[0].Frame) != "told" {
		t.Errorf("%+v", list)
	}
}

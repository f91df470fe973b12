package shard

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
)

// TestLongLeavesLane: a guest that runs for long does not hold up the messages
// of other actors; those of its own wait, and their order stays.
func TestLongLeavesLane(t *testing.T) {
	var release atomic.Bool
	long := func(h engine.Host, m *abi.Message) ([]sent, error) {
		var used uint64
		for string(m.Data()) == "long" && !release.Load() {
			grant, err := h.Slice(used)
			if err != nil {
				return nil, err
			}
			used += grant
		}
		return []sent{{typ: "out", data: string(m.Data())}}, nil
	}
	alone := def("alone", func(a *specs.Actor) { a.Limits.Fuel = 1 << 62; a.State = []specs.State{{}} })
	b := open(t, project(alone, def("other", nil)), map[string]guest{"alone": long, "other": echo}, nil)
	held := b.accept(t, &Request{To: "alone", Data: []byte("long"), Replies: []string{"out"}})
	await(t, "the long message", func() bool { return b.status(t, "alone").Mailbox == 0 })
	behind := b.accept(t, &Request{To: "alone", Data: []byte("behind"), Replies: []string{"out"}})
	for i := range 20 {
		if got := answered1(t, b.accept(t, &Request{To: "other", Data: fmt.Appendf(nil, "%d", i), Replies: []string{"out"}})); got != fmt.Sprintf("replied out %d", i) {
			t.Errorf("message %d: %s", i, got)
		}
	}
	if held.Answer().Outcome != Pending || behind.Answer().Outcome != Pending {
		t.Error("a message of the same actor overtook")
	}
	release.Store(true)
	if first, second := answered1(t, held), answered1(t, behind); first != "replied out long" || second != "replied out behind" {
		t.Errorf("then %s, %s", first, second)
	}
}

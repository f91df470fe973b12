package shard

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
)

// TestSourcesKeys: a subscription goes on for as long as it likes, knows its newest messages
// again after days, and leaves the room of clients to them.
func TestSourcesKeys(t *testing.T) {
	var k idempotency
	now := time.Unix(0, 0)
	join := func(scope string, n int) (*flow, error) {
		return k.join(&journal.Idempotency{Scope: scope, Key: fmt.Sprint(n), Digest: []byte("d")}, &flow{}, now)
	}
	for n := range keysMax + sourceKeys {
		if f, err := join("subscribe erp.>", n); f != nil || err != nil {
			t.Fatalf("message %d: %v %v", n, f, err)
		}
	}
	if len(k.byKey) != sourceKeys {
		t.Errorf("%d keys are remembered, want %d", len(k.byKey), sourceKeys)
	}
	if f, err := join("schedule nightly", 1); f != nil || err != nil {
		t.Errorf("%v %v", f, err)
	}
	for n := range keysMax {
		if f, err := join("POST /x", n); f != nil || err != nil {
			t.Fatalf("request %d: %v %v", n, f, err)
		}
	}
	if _, err := join("POST /x", keysMax); !errors.Is(err, ErrTooManyKeys) {
		t.Errorf("one request more: %v", err)
	}
	now = now.Add(2 * keyLife)
	for scope, n := range map[string]int{"schedule nightly": 1, "subscribe erp.>": keysMax + 1} {
		if f, err := join(scope, n); f == nil || err != nil {
			t.Errorf("%s is not known again: %v", scope, err)
		}
	}
	if f, err := join("POST /x", 1); f != nil || err != nil {
		t.Errorf("a request after two days: %v %v", f, err)
	}
}

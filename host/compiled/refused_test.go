package compiled

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestRefusedAgain: a module that was refused is refused again without a worker, and
// one that had bad luck is not.
func TestRefusedAgain(t *testing.T) {
	q := queue(t, 1)
	for _, code := range []string{"spin", "a module"} {
		_, _, first := q.Compile(t.Context(), []byte(code))
		w := <-q.slots // whoever wants a worker waits
		_, _, again := q.Compile(t.Context(), []byte(code))
		if first == nil || again == nil || first.Error() != again.Error() {
			t.Errorf("%s: %v, then %v", code, first, again)
		}
		q.slots <- w
	}
	if _, _, err := q.Compile(t.Context(), []byte("die")); err == nil {
		t.Fatal("a worker that died compiled a module")
	}
	w := <-q.slots
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := q.Compile(ctx, []byte("die")); !errors.Is(err, context.Canceled) {
		t.Errorf("a worker that died is remembered: %v", err)
	}
	q.slots <- w
}

// TestRefusals: so many are remembered, for so long.
func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r refusals
		fault := refusal("too dear")
		name := func(n int) [32]byte { return [32]byte{byte(n), byte(n >> 8)} }
		for n := range RefusedMax + 1 {
			r.note(name(n), fault)
		}
		r.note(name(1000), nil)
		r.note(name(1001), errClosed)
		for n, want := range map[int]error{0: nil, 1: fault, RefusedMax: fault, 1000: nil, 1001: nil} {
			if got := r.find(name(n)); got != want {
				t.Errorf("%d: %v; want %v", n, got, want)
			}
		}
		time.Sleep(refusedFor + time.Second)
		if err := r.find(name(1)); err != nil || len(r.list) > 0 {
			t.Errorf("afterwards: %v, %d are remembered", err, len(r.list))
		}
	})
}

package supervisor

import (
	"context"
	"errors"
	"testing"

	"github.com/grow-platform/grow/runtime/engine/wazero"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
)

// TestTry: what is tried has its share, is kept without being started again, or closed;
// what cannot start changes nothing.
func TestTry(t *testing.T) {
	ctx := context.Background()
	e, err := wazero.New(ctx, wazero.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := &counted{Engine: e}
	store := mem.New(mem.Options{})
	j, err := store.Open(ctx, journal.Name{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := shard.Open(ctx, shard.Options{Service: "t", Journal: j})
	if err != nil {
		t.Fatal(err)
	}
	v := New(Options{Engine: c, Shard: s, Secret: []byte("secret")})
	ask := func() string {
		f, err := s.Accept(ctx, &shard.Request{To: "a", Type: "in", AnyReply: true, Data: []byte(`"x"`)})
		if err != nil {
			return err.Error()
		}
		<-f.Done()
		return f.Answer().Outcome.String()
	}
	expect := func(when, outcome string, open int64) {
		t.Helper()
		if got := ask(); got != outcome {
			t.Errorf("%s: %s, want %s", when, got, outcome)
		}
		if got := c.left(v, open); got != open {
			t.Errorf("%s: %d modules are open, want %d", when, got, open)
		}
	}
	if err := v.Apply(ctx, wanted("echo", nil)); err != nil {
		t.Fatal(err)
	}
	expect("before", "replied", 1)
	if err := v.Try(ctx, wanted("initfail", nil), "1", 1); err == nil {
		t.Error("a module that cannot start is tried")
	}
	if err := v.Try(ctx, wanted("echo", nil), "1", 1); !errors.Is(err, shard.ErrTrial) {
		t.Errorf("what runs already: %v", err)
	}
	keyed := func(a *specs.Actor) { a.Key = map[string]string{"in": "data"} }
	if err := v.Try(ctx, wanted("trap", keyed), "1", 1); !errors.Is(err, shard.ErrTrial) {
		t.Errorf("other keys: %v", err)
	}
	expect("after trials that cannot be", "replied", 1)
	if err := v.Try(ctx, wanted("trap", nil), "1", 1); err != nil {
		t.Fatal(err)
	}
	if err := v.Try(ctx, wanted("trap", nil), "1", 1); !errors.Is(err, shard.ErrTrial) {
		t.Errorf("a second trial: %v", err)
	}
	expect("tried", "failed", 2)
	v.Untry()
	expect("ended", "replied", 1)
	if err := v.Try(ctx, wanted("trap", nil), "2", 0); err != nil {
		t.Fatal(err)
	}
	expect("without a share", "replied", 2)
	compiled := c.compiled.Load()
	if err := v.Apply(ctx, wanted("trap", nil)); err != nil {
		t.Fatal(err)
	}
	expect("kept", "failed", 1)
	if n := c.compiled.Load() - compiled; n != 0 {
		t.Errorf("what was tried was compiled %d times more to be kept", n)
	}
	if err := v.Try(ctx, wanted("echo", nil), "3", 1); err != nil {
		t.Fatal(err)
	}
	expect("tried until the end", "replied", 2)
	if _, err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := errors.Join(v.Close(), store.Close(), e.Close(ctx)); err != nil {
		t.Fatal(err)
	}
	if n := c.open.Load(); n != 0 {
		t.Errorf("%d modules are open at the end", n)
	}
}

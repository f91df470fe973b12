package app

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/capabilities/http"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/grow-platform/grow/runtime/shard"
)

// later is a clock that goes ahead of the computer's.
type later struct {
	shard.RealClock
	by time.Duration
}

// Now implements shard.Clock.
func (c later) Now() time.Time { return time.Now().Add(c.by) }

// TestExpire: a service's kept answers go after their time, but for those that a message that
// waits to be redriven names; these go once it is settled, and it was looked again.
func TestExpire(t *testing.T) {
	h := serve(t, "uses:\n  web: {kind: http, hosts: [example.com], bucket: pages}\n")
	b, err := h.store.(object.Store).Objects(t.Context(), bucket.Name{Namespace: DefaultNamespace, Service: "limits", Bucket: "pages"})
	if err != nil {
		t.Fatal(err)
	}
	key := func(n int) string { return fmt.Sprintf("http/%032x", n) }
	for n := range 2 {
		if _, err := b.Write(t.Context(), &object.Write{Key: key(n), Data: []byte("body")}); err != nil {
			t.Fatal(err)
		}
	}
	f, err := h.Shard().Accept(t.Context(), &shard.Request{To: "hog", Source: "test", Type: "hog.do", Data: fmt.Appendf(nil, `"?%s"`, key(1)), Kept: true})
	if err != nil {
		t.Fatal(err)
	}
	<-f.Done()
	letters := h.Shard().DeadLetters(nil, 0)
	if len(letters) != 1 {
		t.Fatalf("%d dead letters", len(letters))
	}
	expire := func(after time.Duration, want int) {
		t.Helper()
		h.opts.Clock = later{by: after}
		if n, _, err := h.Expire(t.Context()); n != want || err != nil {
			t.Errorf("after %s: %d answers, %v, want %d", after, n, err, want)
		}
	}
	expire(0, 0)
	expire(http.KeepDefault-time.Hour, 0)
	for range 2 { // a backup has what its journal names
		files := 0
		err := h.backUp(t.Context(), putter(func(string) { expire(http.KeepDefault+time.Hour, 0); files++ }), false, h.belongings())
		if err != nil || files == 0 {
			t.Errorf("%d files, %v", files, err)
		}
	}
	expire(http.KeepDefault+time.Hour, 1)
	if _, err := b.Stat(t.Context(), key(0)); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("it is there: %v", err)
	}
	if err := h.Shard().DropDeadLetter(context.Background(), letters[0].ID, shard.Act{}); err != nil {
		t.Fatal(err)
	}
	expire(http.KeepDefault+2*time.Hour, 0)
	expire(http.KeepDefault+2*time.Hour+heldEvery, 1)
}

// putter is told of each file of a backup.
type putter func(name string)

func (p putter) Put(_ context.Context, name string, _ []byte) error {
	p(name)
	return nil
}

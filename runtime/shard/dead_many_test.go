package shard

import (
	"context"
	"errors"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
)

// TestDropAll forgets those that are picked, until it is aborted, in this life
// and the next.
func TestDropAll(t *testing.T) {
	bad := func(engine.Host, *abi.Message) ([]sent, error) { return nil, trap("bad") }
	service, guests := project(def("a", nil), def("b", nil)), map[string]guest{"a": bad, "b": bad}
	b := open(t, service, guests, nil)
	for i := range 10 {
		answered1(t, b.accept(t, &Request{To: []string{"a", "b"}[i%2], AnyReply: true}))
	}
	ofA := func(d *DeadLetter) bool { return d.Node == "a" }
	oldest := b.DeadLetters(ofA, 0)[4].ID
	if to, err := b.RedriveTarget(b.DeadLetters(ofA, 1)[0], ""); err != nil || to != "a" {
		t.Errorf("would be sent to %q, %v", to, err)
	}
	if _, err := b.RedriveTarget(b.DeadLetters(ofA, 1)[0], "nowhere"); !errors.Is(err, ErrNowhere) {
		t.Errorf("would be sent nowhere: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p, err := b.DropAll(ctx, ofA, Act{By: "ann"}, func(p Progress) {
		if p.ID != oldest || p.All != 5 {
			t.Errorf("first %+v, want %s of 5", p, oldest)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) || p.Done != 1 {
		t.Errorf("aborted: %+v %v", p, err)
	}
	if p, err = b.DropAll(context.Background(), ofA, Act{By: "ann"}, nil); err != nil || p.All != 4 || p.Done != 4 {
		t.Errorf("to the end: %+v %v", p, err)
	}
	b.reopen(t, service, guests, Options{})
	if left := b.DeadLetters(nil, 0); len(left) != 5 || left[0].Node != "b" {
		t.Errorf("%d are left", len(left))
	}
}

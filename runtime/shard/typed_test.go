package shard

import (
	"context"
	"testing"

	"github.com/grow-platform/grow/runtime/journal"
)

// TestStateTyped: what is kept says of which type it is, and still does after a restart,
// whether a message or a person has set it.
func TestStateTyped(t *testing.T) {
	service, guests := counter()
	decl := &service.Actors["count"].State[0]
	decl.Print = 7
	b := open(t, service, guests, nil)
	answered1(t, b.accept(t, &Request{To: "count", AnyReply: true, Data: []byte(`"a"`)}))
	if _, err := b.set(context.Background(), "b", "", "5", AnyRevision); err != nil {
		t.Fatal(err)
	}
	kept := map[string]uint64{}
	eachEntry(t, b.journal, func(e journal.Entry) {
		switch e := e.(type) {
		case *journal.Handled:
			for _, c := range e.State {
				kept[e.Key] = c.Type
			}
		case *journal.Action:
			for _, c := range e.State {
				kept[e.Key] = c.Type
			}
		}
	})
	if len(kept) != 2 || kept["a"] != 7 || kept["b"] != 7 {
		t.Errorf("types in the journal: %v", kept)
	}
	b.reopen(t, service, guests, Options{})
	for _, key := range []string{"a", "b"} {
		err := b.withState(context.Background(), "count", key, func(_ *lane, c *cell, _ *running, done chan error) {
			for name, v := range c.state {
				if v.Type != 7 {
					t.Errorf("%s %q: type %d after a restart", key, name, v.Type)
				}
			}
			if len(c.state) == 0 {
				t.Errorf("%s has no state", key)
			}
			done <- nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

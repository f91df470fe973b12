package shard

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
)

// TestHolds: all that may still be handled or read is looked through, in a snapshot and behind it,
// and nothing that is over.
func TestHolds(t *testing.T) {
	for _, o := range []Options{{}, {Snapshots: Snapshots{Entries: 3, StateBytes: 1}, KeepBytes: 1}} {
		t.Run(fmt.Sprint(o.Snapshots.Entries), func(t *testing.T) {
			service, guests := counter()
			counts := guests["count"]
			guests["count"] = func(h engine.Host, m *abi.Message) ([]sent, error) {
				if bytes.Contains(m.Data(), []byte("of-dead")) {
					return nil, trap("bad")
				}
				return counts(h, m)
			}
			b := open(t, service, guests, nil)
			b.reopen(t, service, guests, o)
			ctx := context.Background()
			for range 2 { // the second time around much of it is in a snapshot
				for i := range 10 {
					answered1(t, b.accept(t, &Request{To: "count", AnyReply: true, Data: fmt.Appendf(nil, `"over-%d"`, i), Kept: true}))
					if _, err := b.set(ctx, fmt.Sprintf("over-%d", i), "", "", AnyRevision); err != nil {
						t.Fatal(err)
					}
				}
				answered1(t, b.accept(t, &Request{To: "count", AnyReply: true, Data: []byte(`"of-dead"`), Kept: true}))
				answered1(t, b.accept(t, &Request{To: "count", AnyReply: true, Data: []byte(`"of-key"`), Kept: true}))
				if _, err := b.set(ctx, "of-key", "note", `"of-state"`, AnyRevision); err != nil {
					t.Fatal(err)
				}
				b.Govern(Modes{Actors: map[string]Mode{"count": Paused}})
				b.accept(t, &Request{To: "count", AnyReply: true, Data: []byte(`"of-waiting"`), Kept: true})
				found := map[string]bool{}
				err := b.Holds(ctx, func(data []byte) {
					for _, text := range []string{"of-dead", "of-key", "of-state", "of-waiting", "over-"} {
						found[text] = found[text] || bytes.Contains(data, []byte(text))
					}
				})
				if err != nil || !found["of-dead"] || !found["of-key"] || !found["of-state"] || !found["of-waiting"] || found["over-"] {
					t.Errorf("%v, %v", found, err)
				}
				b.reopen(t, service, guests, o)
				b.Govern(Modes{})
				await(t, "what waits", func() bool { return b.status(t, "count").Waiting == 0 })
			}
		})
	}
}

// growing is a journal in which somebody writes between two reads.
type growing struct {
	journal.Journal
	write func()
}

// Bounds implements journal.Journal.
func (g *growing) Bounds(ctx context.Context) (first, last uint64, err error) {
	first, last, err = g.Journal.Bounds(ctx)
	g.write()
	return first, last, err
}

// TestHoldsMeanwhile: what is written while it is looked through is no damage.
func TestHoldsMeanwhile(t *testing.T) {
	service, guests := counter()
	b := open(t, service, guests, nil)
	send := func() {
		answered1(t, b.accept(t, &Request{To: "count", AnyReply: true, Data: []byte(`"a"`), Kept: true}))
	}
	send()
	written := 0
	err := holds(t.Context(), &growing{b.journal, func() { written++; send() }}, func([]byte) {})
	if err != nil || written == 0 {
		t.Errorf("%v, after %d", err, written)
	}
}

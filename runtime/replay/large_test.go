package replay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/runtime/shard"
)

// warehouse is a capability with large answers, no two of them the same.
type warehouse struct{ asked int }

func (w *warehouse) Operations() map[string]capability.Effect { return nil }
func (w *warehouse) Close() error                             { return nil }
func (w *warehouse) Do(context.Context, *capability.Request) capability.Answer {
	w.asked++
	return capability.Answer{Data: bytes.Repeat([]byte{byte(w.asked)}, 1<<20)}
}

// TestLargeAnswers: what a message was answered is kept whole, as much as it may be, beside its
// record: it is told again to the byte, and nobody is asked.
func TestLargeAnswers(t *testing.T) {
	store := mem.New(mem.Options{})
	defer func() { _ = store.Close() }()
	j, err := store.Open(t.Context(), journal.Name{Namespace: "main", Service: "test"})
	if err != nil {
		t.Fatal(err)
	}
	house := &warehouse{}
	w := newWorld(j)
	w.broker = capability.Of(map[string]capability.Capability{"shop": house}, 1000)
	const count = abi.AnswerBytesMax>>20 - 1 // what is not data takes some
	reading := func(h engine.Host, m *abi.Message) (string, error) {
		sum := sha256.New()
		for range count {
			_, _ = sum.Write(ask(h, "", "type", "get", "use", "shop").Data()) // never fails
		}
		return fmt.Sprintf("%q", fmt.Sprintf("%x", sum.Sum(nil))), nil
	}
	w.serve(t, reading, func(s *shard.Shard) {
		w.send(t, s, `{"key":"k1"}`)
		w.send(t, s, `{"key":"k2"}`)
	})
	blobs := 0
	err = j.Read(t.Context(), 1, func(_ uint64, record []byte) error {
		return journal.EachPacked(record, func(string) { blobs++ })
	})
	if err != nil || blobs != 2 {
		t.Fatalf("%d entries lie beside their records, %v", blobs, err)
	}
	for _, id := range w.ids {
		c, err := Find(t.Context(), Options{Journal: j, Node: "facts", Select: Select{ID: id}})
		if err != nil {
			t.Fatal(err)
		}
		var r Record
		a := w.actor(reading, r.Broker(w.broker), r.Seed)
		now, err := Again(t.Context(), c, a, &r, nil)
		<-a.Close()
		if err != nil || len(now.Unknown) > 0 || house.asked != 2*count || string(now.Outputs[0].Data) != string(c.Then.Outputs[0].Data) {
			t.Errorf("message %s: %+v, %v; asked %d times", id, now, err, house.asked)
		}
	}
}

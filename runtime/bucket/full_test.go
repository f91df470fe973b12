package bucket

import (
	"errors"
	"strconv"
	"testing"
	"time"
)

// TestMemoryFull: a full bucket takes no value until there is room.
func TestMemoryFull(t *testing.T) {
	now := time.Unix(0, 0)
	b := &memoryBucket{now: func() time.Time { return now }, values: map[string]memoryEntry{}, done: map[string]uint64{}, most: 2 * (entryBytes + 11)}
	for key, ttl := range map[string]time.Duration{"a": 0, "b": time.Second} {
		if _, err := b.Write(t.Context(), &Write{Key: key, Data: make([]byte, 10), TTL: ttl}); err != nil {
			t.Fatal(err)
		}
	}
	c := &Write{Key: "c", Data: make([]byte, 10), Once: "m1"}
	if _, err := b.Write(t.Context(), c); !errors.Is(err, ErrFull) {
		t.Errorf("into a full bucket: %v", err)
	}
	now = now.Add(time.Second)
	if _, err := b.Write(t.Context(), c); err != nil {
		t.Errorf("when another has run out: %v", err)
	}
	if _, err := b.Write(t.Context(), &Write{Key: "a", Delete: true}); err != nil {
		t.Error(err)
	}
	if b.size != entryBytes+11 {
		t.Errorf("%d bytes are counted", b.size)
	}
}

// TestMemoryOnce: what is known of writes is bounded.
func TestMemoryOnce(t *testing.T) {
	b := &memoryBucket{now: time.Now, values: map[string]memoryEntry{}, done: map[string]uint64{}, most: SizeMax}
	for i := range OnceKept + 10 {
		if _, err := b.Write(t.Context(), &Write{Key: "a", Once: strconv.Itoa(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.done) != OnceKept || len(b.order) != OnceKept {
		t.Errorf("%d writes are known, in an order of %d", len(b.done), len(b.order))
	}
}

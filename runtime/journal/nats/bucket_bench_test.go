package nats

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/nats-io/nats.go/jetstream"
)

// BenchmarkBucket is what a bucket costs beside a key-value bucket of the same server that
// knows nothing of what writes are for. The server writes to the disk before it answers.
func BenchmarkBucket(b *testing.B) {
	s := open(b, Options{Dir: b.TempDir()})
	defer s.Close()
	v, err := s.Bucket(b.Context(), bucket.Name{Namespace: "main", Service: "shop", Bucket: "carts"})
	if err != nil {
		b.Fatal(err)
	}
	kv, err := s.session.Load().js.CreateKeyValue(b.Context(), jetstream.KeyValueConfig{Bucket: "direct"})
	if err != nil {
		b.Fatal(err)
	}
	data, n := make([]byte, 200), 0
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"set", func() error {
			n++
			_, err := v.Write(b.Context(), &bucket.Write{Key: "a", Data: data, Once: strconv.Itoa(n)})
			return err
		}},
		{"set-direct", func() error { _, err := kv.Put(b.Context(), "a", data); return err }},
		{"get", func() error { _, err := v.Get(b.Context(), "a"); return err }},
		{"get-missing", func() error {
			if _, err := v.Get(b.Context(), "b"); !errors.Is(err, bucket.ErrNotFound) {
				return fmt.Errorf("a key that is not there: %w", err)
			}
			return nil
		}},
		{"get-direct", func() error { _, err := kv.Get(b.Context(), "a"); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if err := c.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

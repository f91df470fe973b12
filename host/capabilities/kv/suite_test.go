package kv

import (
	"errors"
	"testing"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/capability/capabilitytest"
)

// TestSuite: kv is a capability like others.
func TestSuite(t *testing.T) {
	capabilitytest.Run(t, func(t *testing.T) capabilitytest.Subject {
		store := &bucket.Memory{}
		b, err := store.Bucket(t.Context(), bucket.Name{Namespace: "main", Service: "shop", Bucket: "carts"})
		if err == nil {
			_, err = b.Write(t.Context(), &bucket.Write{Key: "eu.a", Data: []byte("1")})
		}
		if err != nil {
			t.Fatal(err)
		}
		count, last := 0, uint64(0)
		away := capability.Environment{Namespace: "main", Service: "shop", Buckets: broken{errors.New("nats://hidden: lost")}}
		return capabilitytest.Subject{
			Kind: "kv", Params: map[string]any{"bucket": "carts", "access": "write", "prefix": "eu."},
			Environment: capability.Environment{Namespace: "main", Service: "shop", Buckets: store},
			Read:        capabilitytest.Request{Operation: Get, Attrs: []string{"key", "eu.a"}},
			Change:      capabilitytest.Request{Operation: Set, Attrs: []string{"key", "eu.b"}, Data: []byte("2")},
			Count: func() int {
				if e, err := b.Get(t.Context(), "eu.b"); err == nil && e.Revision != last {
					count, last = count+1, e.Revision
				}
				return count
			},
			Denied: capabilitytest.Request{Operation: Get, Attrs: []string{"key", "us.a"}},
			Large:  capabilitytest.Request{Operation: Set, Attrs: []string{"key", "eu.c"}, Data: make([]byte, bucket.ValueMax+1)},
			Away:   &away, Secrets: []string{"hidden"},
		}
	})
}

package blob

import (
	"context"
	"errors"
	"testing"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/capability/capabilitytest"
	"github.com/grow-platform/grow/runtime/object"
)

// TestSuite: blob is a capability like others.
func TestSuite(t *testing.T) {
	capabilitytest.Run(t, func(t *testing.T) capabilitytest.Subject {
		store := &object.Memory{}
		b, err := store.Objects(t.Context(), bucket.Name{Namespace: "main", Service: "shop", Bucket: "photos"})
		if err == nil {
			_, err = b.Write(t.Context(), &object.Write{Key: "eu/a", Data: []byte("1")})
		}
		if err != nil {
			t.Fatal(err)
		}
		count, last := 0, ""
		away := capability.Environment{Namespace: "main", Service: "shop", Objects: broken{errors.New("nats://hidden: lost")}}
		return capabilitytest.Subject{
			Kind: "blob", Params: map[string]any{"bucket": "photos", "access": "write", "prefix": "eu/"},
			Environment: capability.Environment{Namespace: "main", Service: "shop", Objects: store},
			Read:        capabilitytest.Request{Operation: Get, Attrs: []string{"key", "eu/a", "range", "0-9"}},
			Change:      capabilitytest.Request{Operation: Put, Attrs: []string{"key", "eu/b"}, Data: []byte("2")},
			Count: func() int {
				if i, err := b.Stat(t.Context(), "eu/b"); err == nil && i.Revision != last {
					count, last = count+1, i.Revision
				}
				return count
			},
			Denied: capabilitytest.Request{Operation: Get, Attrs: []string{"key", "us/a"}},
			Large:  capabilitytest.Request{Operation: Put, Attrs: []string{"key", "eu/c"}, Data: make([]byte, object.PartMax+1)},
			Away:   &away, Secrets: []string{"hidden"},
		}
	})
}

// broken is a bucket whose server says something.
type broken struct{ err error }

func (b broken) Objects(context.Context, bucket.Name) (object.Bucket, error) { return b, nil }
func (b broken) Stat(context.Context, string) (object.Info, error)           { return object.Info{}, b.err }
func (b broken) Part(context.Context, *object.Part) error                    { return b.err }
func (b broken) Write(context.Context, *object.Write) (object.Info, error) {
	return object.Info{}, b.err
}
func (b broken) List(context.Context, string, string, int) ([]object.Info, error) { return nil, b.err }
func (b broken) Read(context.Context, string, string, object.Range) (object.Info, []byte, error) {
	return object.Info{}, nil, b.err
}

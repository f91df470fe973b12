package object_test

import (
	"errors"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/grow-platform/grow/runtime/object/objecttest"
)

func TestMemory(t *testing.T) {
	objecttest.Run(t, func(*testing.T) object.Store { return &object.Memory{} })
}

// TestMemoryOld: parts that have waited too long are none any more, whoever writes next.
func TestMemoryOld(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	m := &object.Memory{Now: func() time.Time { return now }}
	b, err := m.Objects(t.Context(), bucket.Name{Namespace: "main", Bucket: "photos"})
	if err == nil {
		err = b.Part(t.Context(), &object.Part{Key: "a", Upload: "u", Number: 1, Data: []byte("part")})
	}
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(object.UploadAge + time.Second)
	if _, err := b.Write(t.Context(), &object.Write{Key: "a", Upload: "u", Parts: 1}); !errors.Is(err, object.ErrNoUpload) {
		t.Errorf("parts of yesterday: %v", err)
	}
}

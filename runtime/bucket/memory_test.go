package bucket_test

import (
	"testing"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/bucket/buckettest"
)

func TestMemory(t *testing.T) {
	buckettest.Run(t, func(*testing.T) bucket.Store { return &bucket.Memory{} })
}

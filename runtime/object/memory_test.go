package object_test

import (
	"testing"

	"github.com/grow-platform/grow/runtime/object"
	"github.com/grow-platform/grow/runtime/object/objecttest"
)

func TestMemory(t *testing.T) {
	objecttest.Run(t, func(*testing.T) object.Store { return &object.Memory{} })
}

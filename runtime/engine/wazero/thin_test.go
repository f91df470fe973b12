package wazero

import (
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
)

func TestLanguages(t *testing.T) {
	enginetest.RunLanguages(t, func(t *testing.T, l ...engine.Language) engine.Engine { return start(t, Options{Languages: l}) })
}

package command

import (
	"path/filepath"
	"testing"

	"github.com/grow-platform/grow/testdata/wat"
)

// TestWorkflowsGuide does what docs/workflows.md says. What its tests handle is doubled: any
// modules will do.
func TestWorkflowsGuide(t *testing.T) {
	newCache(t)
	blocks := blocksOf(readGuide(t, "docs/workflows.md"))
	dir := filepath.Join(t.TempDir(), "parcels")
	for _, actor := range []string{"scale", "customs", "bill"} {
		block{file: "actors/" + actor + "/module.wasm", text: string(wat.Module("echo"))}.put(t, dir)
	}
	follow(t, blocks, dir, timelessly(dir))
}

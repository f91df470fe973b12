package command

import (
	"path/filepath"
	"testing"
)

// TestGraphAndSite does what docs/graph-and-site.md says: it writes the files,
// runs the commands and compares what they print with the block that follows.
func TestGraphAndSite(t *testing.T) {
	blocks := blocksOf(readGuide(t, "docs/graph-and-site.md"))
	dir := filepath.Join(t.TempDir(), "shop")
	for _, actor := range []string{"pricing", "desk"} {
		block{file: "actors/" + actor + "/module.wasm"}.put(t, dir)
	}
	t.Chdir(dir)
	t.Setenv("LC_ALL", "C.UTF-8")
	t.Setenv("TERM", "xterm")
	t.Setenv("COLUMNS", "80")
	follow(t, blocks, dir, func(t *testing.T, command string) string {
		out, _ := ranGrow(t, command, exitDone)
		return out
	})
}

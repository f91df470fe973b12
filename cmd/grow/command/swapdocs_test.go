package command

import (
	"os"
	"strings"
	"testing"

	"github.com/grow-platform/grow/testdata/wat"
)

// TestSwapDocs does what docs/swap.md says.
func TestSwapDocs(t *testing.T) {
	blocks := blocksOf(readGuide(t, "docs/swap.md"))
	h := newHosted(t)
	dir := echoFolder(t)
	t.Chdir(dir)
	h.golive(map[string]string{"echo": "echo"})
	if err := os.WriteFile("echo2.wasm", withSection(wat.Module("echo"), "another", nil), 0o600); err != nil {
		t.Fatal(err)
	}
	port := h.URL()[strings.LastIndex(h.URL(), ":"):]
	follow(t, blocks, dir, func(t *testing.T, command string) string {
		t.Helper()
		out, _ := ranGrow(t, command, exitDone)
		return strings.ReplaceAll(out, port, ":8080")
	})
}

package command

import "testing"

// TestTypesDoc does what docs/types.md says: it writes the files, runs the
// commands and compares what they print with the block that follows. A file
// that is wrong is there for the next command only.
func TestTypesDoc(t *testing.T) {
	blocks := blocksOf(readGuide(t, "docs/types.md"))
	dir := t.TempDir()
	t.Chdir(dir)
	block{file: "grow.yaml", text: "service: shop\n"}.put(t, dir)
	follow(t, blocks, dir, func(t *testing.T, command string) string {
		out, _ := ranGrow(t, command, exitDone, exitNo)
		return out
	})
	holdCode(t, "vet", exitDone)
}

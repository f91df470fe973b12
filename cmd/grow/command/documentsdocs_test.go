package command

import (
	"os"
	"os/exec"
	"testing"
)

// TestDocumentsDocs does what docs/documents.md says, on a host of its own.
func TestDocumentsDocs(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	newHosted(t)
	dir := t.TempDir()
	follow(t, blocksOf(readGuide(t, "docs/documents.md")), dir, func(t *testing.T, command string) string {
		t.Helper()
		c := exec.CommandContext(t.Context(), "bash", "-c", "exec 2>&1\n"+command)
		c.Dir, c.Env = dir, append(os.Environ(), "NO_COLOR=1")
		out, err := c.Output()
		if _, ended := err.(*exec.ExitError); err != nil && !ended {
			t.Fatal(err)
		}
		return string(out)
	})
}

package command

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/starter"
	"github.com/grow-platform/grow/compiler"
)

// buildable skips a test where actors in a language cannot be built.
func buildable(t *testing.T, lang string) {
	t.Helper()
	c, ok := compiler.For(lang)
	if !ok {
		t.Fatalf("there is no compiler of %s", lang)
	}
	for _, f := range c.Check(t.Context()) {
		if !f.OK {
			t.Skipf("%s: %s", f.Name, f.Problem)
		}
	}
}

// TestFirstMinute: in each language, the service that init makes runs, and its
// README's command gets the answer that the README shows.
func TestFirstMinute(t *testing.T) {
	if testing.Short() {
		t.Skip("builds actors")
	}
	for _, lang := range starter.Languages {
		t.Run(lang, func(t *testing.T) {
			buildable(t, lang)
			dir := filepath.Join(t.TempDir(), "shop")
			var out, errs bytes.Buffer
			if code := execute([]string{"init", dir, "--lang", lang}, strings.NewReader(""), &out, &errs); code != exitDone {
				t.Fatalf("init: exit code %d\n%s", code, errs.String())
			}
			h := startIn(t, dir)
			readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			ran := 0
			for block := range blocks(string(readme)) {
				got, err := exec.CommandContext(t.Context(), "bash", "-c", strings.ReplaceAll(block, exampleURL, h.URL())).CombinedOutput()
				if err != nil {
					t.Errorf("%s: %v\n%s", block, err, got)
				}
				if answer := strings.TrimSpace(string(got)); answer == "" || !strings.Contains(string(readme), "`"+answer+"`") {
					t.Errorf("%sprints %s, which README.md does not show", block, got)
				}
				ran++
			}
			if ran != 1 {
				t.Errorf("%d commands were run", ran)
			}
		})
	}
}

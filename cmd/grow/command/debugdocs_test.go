package command

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

var debuggedTime = regexp.MustCompile(`at \d{4}-\d\d-\d\dT\S+Z`)

// TestDebuggingDocs does what docs/debugging.md says.
func TestDebuggingDocs(t *testing.T) {
	blocks := blocksOf(readGuide(t, "docs/debugging.md"))
	dir := jsonService(t)
	host := controlled(t, dir)
	ask(t, dir, `send trap echo.asked --data {"text":"over"}`)
	if err := host.Mounted().Shard().Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	dead := host.Mounted().Shard().DeadLetters(nil, 1)
	if len(dead) != 1 {
		t.Fatal("there is no dead letter")
	}
	t.Chdir(dir)
	follow(t, blocks, dir, func(t *testing.T, command string) string {
		t.Helper()
		said, line, _ := strings.Cut(strings.TrimPrefix(command, "echo "), " | grow ")
		var out, errs bytes.Buffer
		args := strings.Fields(strings.ReplaceAll(line, exampleID, dead[0].ID))
		if code := execute(args, strings.NewReader(strings.ReplaceAll(strings.TrimSuffix(said, " | tr ' ' '\\n'"), " ", "\n")+"\n"), &out, &errs); code != exitDone {
			t.Fatalf("%s: exit code %d\n%s", command, code, &errs)
		}
		text := strings.ReplaceAll(out.String(), dead[0].ID, exampleID)
		return debuggedTime.ReplaceAllString(text, "at 2026-11-29T02:15:32Z")
	})
}

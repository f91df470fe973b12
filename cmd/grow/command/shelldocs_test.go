package command

import (
	"bytes"
	"os/user"
	"regexp"
	"strings"
	"testing"
)

// What differs from run to run: when something was, and fuel by the length of that.
var (
	shellTime = regexp.MustCompile(`(?m)^(\d +)\d\d:\d\d:\d\d\.\d{3}`)
	shellFuel = regexp.MustCompile(`3\.\d\dk`)
)

// TestShellDocs does what docs/shell.md says.
func TestShellDocs(t *testing.T) {
	blocks := blocksOf(readGuide(t, "docs/shell.md"))
	dir := jsonService(t)
	controlled(t, dir)
	id := posted(t, dir)
	t.Chdir(dir)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	follow(t, blocks, dir, func(t *testing.T, command string) string {
		t.Helper()
		said, line, _ := strings.Cut(strings.TrimPrefix(command, "printf "), " | grow ")
		commands := strings.ReplaceAll(strings.Trim(said, "'"), `\n`, "\n")
		var out, errs bytes.Buffer
		if code := execute(strings.Fields(line), strings.NewReader(commands), &out, &errs); code != exitDone {
			t.Fatalf("%s: exit code %d\n%s", command, code, &errs)
		}
		text := strings.NewReplacer(id, exampleID, me.Username+": grow shell", "me: grow shell").Replace(out.String())
		return shellFuel.ReplaceAllString(shellTime.ReplaceAllString(text, "${1}16:40:12.123"), "3.50k")
	})
}

package command

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// block is a fenced block of a document: what it is, the file it is when it is
// one, a note behind that, the text.
type block struct{ kind, file, note, text string }

var fence = regexp.MustCompile("(?ms)^```([a-z]+)(?: (\\S+))?(?: ([^\n]+))?\n(.*?)^```$")

func blocksOf(text string) []block {
	var list []block
	for _, b := range fence.FindAllStringSubmatch(text, -1) {
		list = append(list, block{b[1], b[2], b[3], b[4]})
	}
	return list
}

// guides are the documents whose commands a test runs, each by its own.
var guides = []string{
	"docs/compatibility.md", "docs/debugging.md", "docs/documents.md", "docs/durability.md", "docs/getting-started.md", "docs/graph-and-site.md", "docs/hosting.md", "docs/rehearsal.md", "docs/shell.md", "docs/swap.md", "docs/testing.md", "docs/types.md", "docs/workflows.md",
}

// readGuide returns the text of a document.
func readGuide(t *testing.T, name string) string {
	t.Helper()
	if !slices.Contains(guides, name) {
		t.Fatalf("%s is not among the guides", name)
	}
	text, err := os.ReadFile(filepath.Join("../../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// put writes the file that a block is into a folder.
func (b block) put(t *testing.T, dir string) {
	t.Helper()
	file := filepath.Join(dir, filepath.FromSlash(b.file))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(b.text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// follow does what a document says: it writes the files into dir, has run execute
// each command, and compares what that prints with the block that follows. A
// file with a note is wrong, and there for the next command only.
func follow(t *testing.T, blocks []block, dir string, run func(t *testing.T, command string) string) {
	t.Helper()
	for _, b := range blocks {
		if b.file != "" && b.note == "" {
			b.put(t, dir)
		}
	}
	ran, wrong := 0, ""
	for i, b := range blocks {
		if b.note != "" {
			b.put(t, dir)
			wrong = filepath.Join(dir, filepath.FromSlash(b.file))
		}
		if b.kind != "sh" {
			continue
		}
		command := strings.TrimSpace(b.text)
		if got, want := run(t, command), blocks[i+1].text; got != want {
			t.Errorf("%s\nprints\n%s\nwant\n%s", command, got, want)
		}
		if wrong != "" {
			if err := os.Remove(wrong); err != nil {
				t.Fatal(err)
			}
			wrong = ""
		}
		ran++
	}
	if ran == 0 {
		t.Error("no command was run")
	}
}

// ranGrow runs a command line of grow that is to end with one of codes, and
// returns what it prints.
func ranGrow(t *testing.T, command string, codes ...int) (out, errs string) {
	t.Helper()
	args, ok := strings.CutPrefix(command, "grow ")
	if !ok {
		t.Fatalf("%q is not a command of grow", command)
	}
	var o, e bytes.Buffer
	if code := execute(strings.Fields(args), strings.NewReader(""), &o, &e); !slices.Contains(codes, code) {
		t.Errorf("%s: exit code %d\n%s%s", command, code, o.String(), e.String())
	}
	return o.String(), e.String()
}

// timelessly is what a command prints in a service's folder but for the time
// it took, which is N ms.
func timelessly(dir string) func(*testing.T, string) string {
	return func(t *testing.T, command string) string {
		t.Helper()
		out, _ := ranGrow(t, command+" -C "+dir, exitDone)
		return duration.ReplaceAllString(out, "N ms")
	}
}

// TestGuides: every command of README and docs is run by some test.
func TestGuides(t *testing.T) {
	files, err := filepath.Glob("../../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := "docs/" + filepath.Base(file)
		commands := slices.ContainsFunc(blocksOf(string(text)), func(b block) bool { return b.kind == "sh" || b.kind == "bash" || b.kind == "console" })
		if commands != slices.Contains(guides, name) {
			t.Errorf("%s has commands: %v; a test runs them: %v", name, commands, !commands)
		}
	}
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocksOf(string(text)) {
		if b.kind != "sh" {
			continue
		}
		for line := range strings.Lines(b.text) {
			command, _, _ := strings.Cut(line, "#")
			target, ok := strings.CutPrefix(strings.TrimSpace(command), "make ")
			if !ok { // README itself is run by the set-up of every machine
				t.Errorf("README.md has a command that no test runs: %s", line)
				continue
			}
			if out, err := exec.CommandContext(t.Context(), "make", "-C", "../../..", "-n", target).CombinedOutput(); err != nil {
				t.Errorf("make %s: %v\n%s", target, err, out)
			}
		}
	}
}

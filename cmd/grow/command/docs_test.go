package command

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler/project"
)

// TestGettingStarted does what docs/getting-started.md says: it writes the
// files, builds and runs the service, runs the commands and compares what they
// print with the block that follows.
func TestGettingStarted(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a Rust actor")
	}
	_, text := gettingStarted(t)
	dir := t.TempDir()
	blocks := blocksOf(text)
	for _, b := range blocks {
		if b.file != "" {
			b.put(t, dir)
		}
	}
	follow(t, blocks, dir, calling(dir, startIn(t, dir)))
}

// gettingStarted is docs/getting-started.md in two: the first minute, and the
// service that is made by hand.
func gettingStarted(t *testing.T) (minute, byHand string) {
	t.Helper()
	minute, byHand, ok := strings.Cut(readGuide(t, "docs/getting-started.md"), "\n## 1. ")
	if !ok || !strings.Contains(minute, "\n## In one minute\n") {
		t.Fatal("docs/getting-started.md has other parts than this test knows")
	}
	return minute, byHand
}

// calling runs commands, those that are not grow's with h as the service that they call.
func calling(dir string, h *app.Host) func(*testing.T, string) string {
	return func(t *testing.T, command string) string {
		t.Helper()
		if strings.HasPrefix(command, "grow ") {
			return timelessly(dir)(t, command)
		}
		out, err := exec.CommandContext(t.Context(), "bash", "-c", strings.ReplaceAll(command, exampleURL, h.URL())).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
		return strings.TrimSpace(string(out)) + "\n"
	}
}

// TestInOneMinute does what the first part of docs/getting-started.md says: it
// runs its commands, serves what they made, and calls it.
func TestInOneMinute(t *testing.T) {
	if testing.Short() {
		t.Skip("builds an actor")
	}
	minute, _ := gettingStarted(t)
	blocks, dir := blocksOf(minute), t.TempDir()
	first := exec.CommandContext(t.Context(), "bash", "-ec", blocks[0].text)
	first.Dir = dir
	if out, err := first.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", blocks[0].text, err, out)
	}
	made := filepath.Join(dir, "hello")
	follow(t, blocks[1:], made, calling(made, startIn(t, made)))
}

// startIn builds and starts the service in dir, on any free port.
func startIn(t *testing.T, dir string) *app.Host {
	t.Helper()
	service, err := app.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := project.Build(t.Context(), service, project.Options{}); err != nil {
		t.Fatal(err)
	}
	return started(t, app.Options{Dir: dir, Service: service, Modules: paths(service), Listen: "127.0.0.1:0", Journal: app.Journal{At: app.Memory}, CacheDir: t.TempDir()})
}

// started starts a host that ends with the test.
func started(t *testing.T, o app.Options) *app.Host {
	t.Helper()
	h, err := app.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := h.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// TestREADME holds what README says of its size and of the commands there are.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n >= 200 {
		t.Errorf("README.md has %d lines; it stays under 200", n)
	}
	s := &shell{}
	for _, c := range s.root().Commands() {
		if !strings.Contains(string(text), c.Name()) && c.Name() != "help" {
			t.Errorf("README.md does not name grow %s", c.Name())
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat(filepath.Join("../../..", link[1])); err != nil {
			t.Errorf("README.md links to %s: %v", link[1], err)
		}
	}
}

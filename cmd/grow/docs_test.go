package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler/project"
)

// fence is a fenced block: what it is, the file it is when it is one, the text.
var fence = regexp.MustCompile("(?ms)^```([a-z]+)(?: (\\S+))?\n(.*?)^```$")

// TestGettingStarted does what docs/getting-started.md says: it writes the
// files, builds and runs the service, runs the commands and compares what they
// print with the block that follows.
func TestGettingStarted(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a Rust actor")
	}
	_, text := gettingStarted(t)
	dir := t.TempDir()
	var steps [][]string
	for _, b := range fence.FindAllStringSubmatch(text, -1) {
		if b[2] == "" {
			steps = append(steps, b[1:])
			continue
		}
		file := filepath.Join(dir, filepath.FromSlash(b[2]))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(b[3]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if ran := follow(t, steps, dir, startIn(t, dir)); ran < 5 {
		t.Errorf("%d commands were run", ran)
	}
}

// gettingStarted is docs/getting-started.md in two: the first minute, and the
// service that is made by hand.
func gettingStarted(t *testing.T) (minute, byHand string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/getting-started.md")
	if err != nil {
		t.Fatal(err)
	}
	minute, byHand, ok := strings.Cut(string(text), "\n## 1. ")
	if !ok || !strings.Contains(minute, "\n## In one minute\n") {
		t.Fatal("docs/getting-started.md has other parts than this test knows")
	}
	return minute, byHand
}

// follow runs the commands among blocks against a host of the service in dir, and compares what they
// print with the block that follows each. It returns how many were run.
func follow(t *testing.T, steps [][]string, dir string, h *app.Host) (ran int) {
	t.Helper()
	for i, s := range steps {
		if s[0] != "sh" {
			continue
		}
		if line, ok := strings.CutPrefix(strings.TrimSpace(s[2]), "grow "); ok {
			holdPrinted(t, dir, line, steps[i+1][2])
			ran++
			continue
		}
		out, err := exec.CommandContext(t.Context(), "bash", "-c", strings.ReplaceAll(s[2], exampleURL, h.URL())).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", s[2], err, out)
		}
		if want := steps[i+1][2]; strings.TrimSpace(string(out)) != strings.TrimSpace(want) {
			t.Errorf("%sprints\n%s\nwant\n%s", s[2], out, want)
		}
		ran++
	}
	return ran
}

// TestInOneMinute does what the first part of docs/getting-started.md says: it
// runs its commands, serves what they made, and calls it.
func TestInOneMinute(t *testing.T) {
	if testing.Short() {
		t.Skip("builds an actor")
	}
	minute, _ := gettingStarted(t)
	var steps [][]string
	for _, b := range fence.FindAllStringSubmatch(minute, -1) {
		steps = append(steps, b[1:])
	}
	dir := t.TempDir()
	first := exec.CommandContext(t.Context(), "bash", "-ec", steps[0][2])
	first.Dir = dir
	if out, err := first.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", steps[0][2], err, out)
	}
	if ran := follow(t, steps[1:], filepath.Join(dir, "hello"), startIn(t, filepath.Join(dir, "hello"))); ran != 1 {
		t.Errorf("%d commands were run", ran)
	}
}

// holdPrinted runs a command in a service's folder and compares what it prints,
// but for the time it took, which is N ms.
func holdPrinted(t *testing.T, dir, line, want string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := execute(append(strings.Fields(line), "-C", dir), strings.NewReader(""), &out, &errs); code != exitDone {
		t.Errorf("grow %s: exit code %d\n%s%s", line, code, out.String(), errs.String())
	}
	if diff := cmp.Diff(want, string(duration.ReplaceAll(out.Bytes(), []byte("N ms")))); diff != "" {
		t.Errorf("grow %s:\n%s", line, diff)
	}
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
	return started(t, app.Options{Dir: dir, Service: service, Modules: paths(service), Listen: "127.0.0.1:0", CacheDir: t.TempDir()})
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
	text, err := os.ReadFile("../../README.md")
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
		if _, err := os.Stat(filepath.Join("../..", link[1])); err != nil {
			t.Errorf("README.md links to %s: %v", link[1], err)
		}
	}
}

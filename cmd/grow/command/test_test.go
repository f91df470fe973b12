package command

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/expect"
	"github.com/grow-platform/grow/testdata/wat"
)

// echoFiles are a service of one actor, echo, with a test that passes.
var echoFiles = map[string]string{
	"grow.yaml":                  "service: shop\n",
	"types/all.cue":              "\"echo.done\": _\n",
	"actors/echo/actor.yaml":     "actor: echo\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nout: [echo.done]\n",
	"actors/echo/module.wasm":    string(wat.Module("echo")),
	"actors/echo/tests/one.yaml": passing,
	"actors/other/actor.yaml":    "actor: other\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nout: [echo.done]\n",
	"actors/other/module.wasm":   string(wat.Module("echo")),
	"actors/other/tests/a.yaml":  passing,
}

const passing = "- test: it sends what it gets\n  when: {echo.done: {a: 1}}\n  then: [{echo.done: {a: 1}}]\n"

func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWatchTests edits files while tests are watched: what the edit touches is
// run again, a mistake is told, and Ctrl-C ends it with its own exit code.
func TestWatchTests(t *testing.T) {
	newCache(t)
	dir := t.TempDir()
	writeFiles(t, dir, echoFiles)
	out, w := io.Pipe()
	s := &shell{stdout: w, stderr: w, output: "table"}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- s.watchTests(ctx, dir, testOptions{})
		w.Close()
	}()
	lines := bufio.NewScanner(out)
	// until reads lines up to one that says so.
	until := func(end string) string {
		var all strings.Builder
		for lines.Scan() {
			all.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), end) {
				return all.String()
			}
		}
		t.Fatalf("it ended without %q:\n%s", end, all.String())
		return ""
	}
	holds := func(text string, want ...string) {
		t.Helper()
		for _, line := range want {
			if !strings.Contains(text, line) {
				t.Errorf("%q is not in\n%s", line, text)
			}
		}
	}
	// edit replaces a file at once: one that is half written is another edit.
	edit := func(name, text string) {
		t.Helper()
		beside := filepath.Join(t.TempDir(), "edited")
		if err := errors.Join(os.WriteFile(beside, []byte(text), 0o600), os.Rename(beside, filepath.Join(dir, filepath.FromSlash(name)))); err != nil {
			t.Fatal(err)
		}
	}
	holds(until("waiting for changes"), "2 passed in")
	edit("actors/echo/tests/one.yaml", strings.ReplaceAll(passing, "then: [{echo.done: {a: 1}}]", "then: []"))
	text := until("waiting for changes")
	holds(text, "FAIL echo: it sends what it gets", "0 passed, 1 failed in")
	if strings.Contains(text, "other") {
		t.Errorf("tests of another actor were run:\n%s", text)
	}
	edit("actors/echo/tests/one.yaml", "- tst: x\n")
	holds(until("waiting for changes"), "actors/echo/tests/one.yaml:1:3", "problem")
	edit("actors/echo/tests/one.yaml", passing)
	holds(until("waiting for changes"), "2 passed in")
	edit("types/all.cue", "\"echo.done\": {...}\n")
	holds(until("waiting for changes"), "2 passed in")
	cancel()
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if err := <-ended; !errors.Is(err, errFollowed) {
		t.Errorf("it ended with %v", err)
	}
	if code := s.fail(ctx, errFollowed); code != exitInterrupted {
		t.Errorf("exit code %d", code)
	}
}

func TestTouches(t *testing.T) {
	for _, c := range []struct {
		paths []string
		want  touched
	}{
		{[]string{"actors/a/src/lib.rs"}, touched{"a": true}},
		{[]string{"actors/a/tests/one.yaml"}, touched{"a": false}},
		{[]string{"actors/a/tests/one.yaml", "actors/a/src/lib.rs", "actors/b/actor.yaml"}, touched{"a": true, "b": true}},
		{[]string{"actors/a/src/lib.rs", "types/a.cue"}, nil},
		{[]string{"workflows/a.yaml"}, nil},
		{[]string{"actors", "actors/a", "actors/a/actor.yaml"}, touched{"a": true}},
		{[]string{"."}, nil},
	} {
		if diff := cmp.Diff(c.want, touches(c.paths)); diff != "" {
			t.Errorf("%v:\n%s", c.paths, diff)
		}
	}
}

// TestJUnit holds the XML against what readers of it ask for: counts that are
// right, the attributes that the schema of JUnit's ant task requires, and text
// that XML allows.
func TestJUnit(t *testing.T) {
	test := &specs.Test{Name: `one <"&'> ` + "\u00e9\x01", Of: specs.OfActor, Subject: "echo", At: specs.Position{File: "actors/echo/tests/a.yaml", Line: 3}}
	run := &testRun{service: &specs.Service{Name: "shop"}, took: 1500 * time.Millisecond, results: []*actortest.Result{
		{Test: test, Took: 20 * time.Millisecond},
		{Test: test, Took: 30 * time.Millisecond, Failures: []actortest.Failure{{Where: "then[0]", Differences: []expect.Difference{
			{Path: "a", Want: "1", Got: "\"]]>\x1b[31m\""}, {Path: "b", Got: "2"},
		}}}, Logs: []actor.Line{{Level: "info", Text: "said\x00", Fields: map[string]string{"b": "2", "a": "1"}}}},
		{Test: &specs.Test{Name: "two", Of: specs.OfService, Subject: "shop"}, Took: time.Millisecond},
	}}
	var b bytes.Buffer
	if err := encodeJUnit(&b, junitOf(run, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))); err != nil {
		t.Fatal(err)
	}
	var got junitSuites
	if err := xml.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatalf("%v\n%s", err, b.Bytes())
	}
	if got.Tests != 3 || got.Failures != 1 || got.Time != "1.500000" || len(got.Suites) != 2 {
		t.Errorf("the run is %d tests, %d failures, %s s, %d suites", got.Tests, got.Failures, got.Time, len(got.Suites))
	}
	for _, suite := range got.Suites {
		failures := 0
		for _, c := range suite.Cases {
			if c.Name == "" || c.Classname == "" || c.Time == "" {
				t.Errorf("a case lacks what is required: %+v", c)
			}
			if c.Failure != nil {
				failures++
				if c.Failure.Message == "" || c.Failure.Type == "" {
					t.Errorf("a failure lacks what is required: %+v", c.Failure)
				}
			}
		}
		if suite.Name == "" || suite.Tests != len(suite.Cases) || suite.Failures != failures || suite.Timestamp != "2026-03-01T12:00:00" {
			t.Errorf("the suite %s is %d tests, %d failures at %s", suite.Name, suite.Tests, suite.Failures, suite.Timestamp)
		}
	}
	failed := got.Suites[0].Cases[1]
	if want := "then[0]: a: expected 1, got \"]]>\\x1b[31m\"\nthen[0]: b: 2 is not expected\n"; failed.Failure.Text != want {
		t.Errorf("the failure is %q, want %q", failed.Failure.Text, want)
	}
	if want := "info said\\x00 a=1 b=2"; failed.SystemOut != want {
		t.Errorf("the log is %q, want %q", failed.SystemOut, want)
	}
	if lint, err := exec.LookPath("xmllint"); err == nil {
		c := exec.CommandContext(t.Context(), lint, "--noout", "-")
		c.Stdin = &b
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("xmllint: %v\n%s", err, out)
		}
	}
}

func TestFolded(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"short", 20, []string{"short"}},
		{"two words are broken", 14, []string{"two words are", "broken"}},
		{"abcdefghijklmnopqrstuvwxyz", 12, []string{"abcdefghijkl", "mnopqrstuvwx", "yz"}},
		{"日本語日本語日本語", 12, []string{"日本語日本語", "日本語"}}, // two columns each
		{"", 3, []string{""}},
	} {
		if diff := cmp.Diff(c.want, folded(c.text, c.width)); diff != "" {
			t.Errorf("%q:\n%s", c.text, diff)
		}
	}
}

package prompt

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// TestPipe: lines of a pipe are read one by one, and what follows them is left to others.
func TestPipe(t *testing.T) {
	in := strings.NewReader("one\n\nthree\nof another\nrest")
	l := New(in, io.Discard, nil)
	for _, want := range []string{"one", "", "three"} {
		if got, err := l.Next("> "); got != want || err != nil {
			t.Fatalf("a line is %q, %v; want %q", got, err, want)
		}
	}
	line := make([]byte, 100)
	if n, err := l.Rest().Read(line); string(line[:n]) != "of another\n" || err != nil {
		t.Errorf("a line for a command is %q, %v", line[:n], err)
	}
	if rest, _ := io.ReadAll(in); string(rest) != "rest" {
		t.Errorf("what is left is %q", rest)
	}
	if _, err := l.Next("> "); !errors.Is(err, io.EOF) {
		t.Errorf("after the last line: %v", err)
	}
	if _, err := New(io.MultiReader(strings.NewReader(strings.Repeat("x", LineMax+1))), io.Discard, nil).Next(""); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a line without an end: %v", err)
	}
	if got, err := New(strings.NewReader("last"), io.Discard, nil).Next(""); got != "last" || err != nil {
		t.Errorf("a last line without its end is %q, %v", got, err)
	}
}

// TestEdited: at a terminal lines are completed by tab, remembered, and given up by Control-C.
func TestEdited(t *testing.T) {
	var shown strings.Builder
	l := &Lines{}
	l.edit(struct {
		io.Reader
		io.Writer
	}{keys{strings.NewReader("nonsense\x03mail\t\r\x1b[A\r\x04")}, &shown}, func(line string, pos int) (string, int, bool) {
		return line + "box", pos + 3, true
	})
	for range 2 {
		if got, err := l.Next("> "); got != "mailbox" || err != nil {
			t.Fatalf("a line is %q, %v", got, err)
		}
	}
	if _, err := l.Next("> "); !errors.Is(err, io.EOF) {
		t.Errorf("after Control-D: %v", err)
	}
	if !l.AtTerminal() || !strings.Contains(shown.String(), "> ") {
		t.Errorf("no prompt is shown: %q", shown.String())
	}
}

package command

import (
	"strings"
	"testing"
)

func TestParagraphs(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"one two three", 0, "one two three\n"},
		{"one two three", 7, "one two\nthree\n"},
		{"a-word-that-is-long one", 7, "a-word-that-is-long\none\n"},
		{"  kept as it is written", 7, "  kept as it is written\n"},
		{"one\n\ntwo three", 5, "one\n\ntwo\nthree\n"},
	} {
		if got := paragraphs(c.text, c.width); got != c.want {
			t.Errorf("paragraphs(%q, %d): %q, want %q", c.text, c.width, got, c.want)
		}
	}
	if got, want := hang("  name  ", "        ", "what it is for", 14), "  name  what\n        it is\n        for"; got != want {
		t.Errorf("hang: %q, want %q", got, want)
	}
}

// TestHelpIsOneOfAGroup: every command is listed under a heading.
func TestHelpIsOneOfAGroup(t *testing.T) {
	var out strings.Builder
	if code := execute([]string{"--help"}, strings.NewReader(""), &out, &out); code != exitDone {
		t.Fatal(code)
	}
	root := (&shell{}).root()
	for _, c := range root.Commands() {
		if c.GroupID == "" {
			t.Errorf("grow %s is in no group", c.Name())
		}
		if !strings.Contains(out.String(), "\n  "+c.Name()+" ") {
			t.Errorf("grow --help does not list %s", c.Name())
		}
	}
	if strings.Contains(out.String(), "\nCommands:\n") {
		t.Error("there are commands without a group")
	}
}

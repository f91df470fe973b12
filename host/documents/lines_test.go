package documents

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"
)

var sides = Names{Ours: "mine", Theirs: "yours"}

func TestMergeLines(t *testing.T) {
	for name, k := range map[string]struct {
		base, ours, theirs, want string
		clean                    bool
	}{
		"nothing":              {"a\nb\n", "a\nb\n", "a\nb\n", "a\nb\n", true},
		"ours":                 {"a\nb\n", "a\nB\n", "a\nb\n", "a\nB\n", true},
		"theirs":               {"a\nb\n", "a\nb\n", "a\nB\n", "a\nB\n", true},
		"the same":             {"a\nb\n", "a\nB\n", "a\nB\n", "a\nB\n", true},
		"places apart":         {"a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", "A\nb\nC\n", true},
		"one place":            {"a\nb\nc\n", "a\n1\nc\n", "a\n2\nc\n", "a\n<<<<<<< mine\n1\n=======\n2\n>>>>>>> yours\nc\n", false},
		"removed and changed":  {"a\nb\nc\n", "a\nc\n", "a\n2\nc\n", "a\n<<<<<<< mine\n=======\n2\n>>>>>>> yours\nc\n", false},
		"what both add":        {"a\n", "a\nx\n1\n", "a\nx\n2\n", "a\nx\n<<<<<<< mine\n1\n=======\n2\n>>>>>>> yours\n", false},
		"made by both":         {"", "1\n", "2\n", "<<<<<<< mine\n1\n=======\n2\n>>>>>>> yours\n", false},
		"no end of line":       {"a", "b", "c", "<<<<<<< mine\nb\n=======\nc\n>>>>>>> yours\n", false},
		"an end of line added": {"a\nb\nc", "a\nb\nc\n", "A\nb\nc", "A\nb\nc\n", true},
		"lines that repeat":    {"x\n\ny\n\nz\n", "x\n\ny\n\nz\n\nw\n", "v\n\nx\n\ny\n\nz\n", "v\n\nx\n\ny\n\nz\n\nw\n", true},
	} {
		got, clean := MergeLines([]byte(k.base), []byte(k.ours), []byte(k.theirs), sides)
		if string(got) != k.want || clean != k.clean {
			t.Errorf("%s: %q, %v; want %q, %v", name, got, clean, k.want, k.clean)
		}
		if Marked(got) == k.clean {
			t.Errorf("%s: marked is %v", name, k.clean)
		}
	}
}

// TestMergeLinesHolds: whatever the texts, what only one side has changed is what that
// side has made of it, sides may be swapped, and nothing of either is lost.
func TestMergeLinesHolds(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a\n", "b\n", "c\n", "d\n", "\n"}), 0, 12).Draw(t, "lines"), "")
	})
	property.Check(t, func(t *rapid.T) {
		base, ours, theirs := []byte(text.Draw(t, "base")), []byte(text.Draw(t, "ours")), []byte(text.Draw(t, "theirs"))
		if got, clean := MergeLines(base, ours, base, sides); !clean || string(got) != string(ours) {
			t.Fatalf("only ours: %q, %v", got, clean)
		}
		if got, clean := MergeLines(base, base, theirs, sides); !clean || string(got) != string(theirs) {
			t.Fatalf("only theirs: %q, %v", got, clean)
		}
		if got, clean := MergeLines(base, ours, ours, sides); !clean || string(got) != string(ours) {
			t.Fatalf("both alike: %q, %v", got, clean)
		}
		one, cleanOne := MergeLines(base, ours, theirs, sides)
		two, cleanTwo := MergeLines(base, theirs, ours, Names{"yours", "mine"})
		if cleanOne != cleanTwo || cleanOne && string(one) != string(two) {
			t.Fatalf("%q, %v; swapped: %q, %v", one, cleanOne, two, cleanTwo)
		}
	})
}

// TestMergeLinesAsGit holds marks against those that git writes for the same texts.
func TestMergeLinesAsGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	dir := t.TempDir()
	base := "# Goals\n\nFast.\nCheap.\nSmall.\n\nEnd.\n"
	ours := "# Goals\n\nFast.\nFree of charge.\nSmall.\n\nThe end.\n"
	theirs := "# Goals\n\nVery fast.\nCheaper.\nSmall.\n\nEnd.\n"
	for name, text := range map[string]string{"base": base, "ours": ours, "theirs": theirs} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.Command("git", "merge-file", "-p", "-L", "mine", "-L", "base", "-L", "yours", "ours", "base", "theirs")
	c.Dir = dir
	want, err := c.Output()
	if err == nil {
		t.Fatal("git finds no conflict")
	}
	if got, clean := MergeLines([]byte(base), []byte(ours), []byte(theirs), sides); clean || string(got) != string(want) {
		t.Errorf("got:\n%s\ngit:\n%s", got, want)
	}
}

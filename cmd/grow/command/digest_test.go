package command

import (
	"strings"
	"testing"
)

// TestWithDigest: only code changes in a definition.
func TestWithDigest(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	line := `code: {language: wasm, digest: "sha256:` + digest + `"}`
	for name, c := range map[string]struct{ path, text, want string }{
		"one line":        {"actor.yaml", "actor: a\ncode: {language: rust, source: src/rust} # mine\nin: [x]\n", "actor: a\n" + line + "\nin: [x]\n"},
		"several lines":   {"actor.yaml", "actor: a\ncode:\n  language: rust\n  source: src/rust\n\n# What it takes.\nin: [x]\n", "actor: a\n" + line + "\n\n# What it takes.\nin: [x]\n"},
		"the last":        {"actor.yaml", "actor: a # me\nin: [x]\ncode:\n  language: rust\n  source: src/rust", "actor: a # me\nin: [x]\n" + line + "\n"},
		"none":            {"actor.yaml", "actor: a\nabout: >\n  Some\n  text.\nin: [x]\n", "actor: a\n" + line + "\nabout: >\n  Some\n  text.\nin: [x]\n"},
		"nothing else":    {"actor.yaml", "actor: a\n", "actor: a\n" + line + "\n"},
		"in braces":       {"actor.yaml", "{actor: a, code: {language: go, source: src/go}, in: [x]}\n", "{actor: a, " + strings.Replace(line, "code: ", "code: ", 1) + ", in: [x]}\n"},
		"in CUE":          {"actor.cue", "actor: \"a\" // me\ncode: {language: \"go\", source: \"src/go\"}\nin: [\"x\"]\n", "actor: \"a\" // me\ncode: {\n\tlanguage: \"wasm\"\n\tdigest:   \"sha256:" + digest + "\"\n}\nin: [\"x\"]\n"},
		"in CUE and none": {"actor.cue", "actor: \"a\"\n", "actor: \"a\"\ncode: {\n\tlanguage: \"wasm\"\n\tdigest:   \"sha256:" + digest + "\"\n}\n"},
	} {
		got, err := withDigest(c.path, []byte(c.text), digest)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, got, c.want)
		}
		again, err := withDigest(c.path, got, digest)
		if err != nil || string(again) != c.want {
			t.Errorf("%s again: %v\n%s", name, err, again)
		}
	}
	for _, c := range [][2]string{{"actor.yaml", "[a]\n"}, {"actor.yaml", "a: b: c\n"}, {"actor.yaml", ""}, {"actor.cue", "actor: {\n"}} {
		if got, err := withDigest(c[0], []byte(c[1]), digest); err == nil {
			t.Errorf("%q becomes %q", c[1], got)
		}
	}
}

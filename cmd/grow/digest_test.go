package main

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

func TestChangedTests(t *testing.T) {
	old := "- test: stays\n  when: {a: {b: 1}}\n- test: goes\n- test: differs\n  then: [{c: 1}]\n"
	new := "# another order\n- test: differs\n  then: [{c: 2}]\n- test: comes\n- test: stays\n  when:\n    a: {b: 1}\n"
	var got []string
	for _, c := range changedTests("x.yaml", []byte(old), []byte(new)) {
		got = append(got, c.How+" "+c.Test)
	}
	if want := "added comes, changed differs, removed goes"; strings.Join(got, ", ") != want {
		t.Errorf("%v; want %s", got, want)
	}
	workflow := changedTests("workflows/w.yaml", []byte("workflow: w\ntests:\n  - test: one\n"), []byte("workflow: w\n"))
	if len(workflow) != 1 || workflow[0] != (changedTest{"workflows/w.yaml", "one", "removed"}) {
		t.Errorf("%+v", workflow)
	}
	for _, text := range []string{"", "a: b: c", "- 1\n- {no: name}\n", "tests: 3\n"} {
		if list := changedTests("x", []byte(text), []byte(text)); len(list) != 0 {
			t.Errorf("%q: %+v", text, list)
		}
	}
}

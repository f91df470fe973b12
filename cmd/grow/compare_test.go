package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCompatibilityDocument does what docs/compatibility.md says: it writes the
// files, runs the commands and holds what they print against the block that follows.
func TestCompatibilityDocument(t *testing.T) {
	blocks := blocksOf(readGuide(t, "docs/compatibility.md"))
	t.Setenv("COLUMNS", "")
	t.Chdir(t.TempDir())
	follow(t, blocks, ".", func(t *testing.T, command string) string {
		out, errs := ranGrow(t, command, exitNo)
		if strings.HasSuffix(command, "json") {
			return out
		}
		return out + errs
	})
}

// TestCompareIsReadable holds that lines fit a narrow terminal, but for messages,
// which are to be copied.
func TestCompareIsReadable(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"old.cue": `"order.placed": {customer!: string, tier!: "gold" | "silver" | "bronze", lines!: [...{quantity!: int & >0}]}`,
		"new.cue": `"order.placed": {client!: string, tier!: "gold" | "platinum", lines!: [...{quantity!: int & >10}]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	message := regexp.MustCompile(`^ +fails: \{`)
	for _, columns := range []string{"40", "80"} {
		t.Setenv("COLUMNS", columns)
		var out, errs bytes.Buffer
		if code := execute([]string{"compare", "old.cue", "new.cue"}, strings.NewReader(""), &out, &errs); code != exitNo {
			t.Fatalf("exit code %d: %s", code, errs.String())
		}
		most := 40
		if columns == "80" {
			most = 80
		}
		for line := range strings.Lines(out.String()) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > most && !message.MatchString(line) {
				t.Errorf("%d columns of %s: %s", n, columns, line)
			}
		}
	}
}

// TestRevisionInterrupted holds that who ends git is told so, and not that
// there is no repository.
func TestRevisionInterrupted(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"grow.yaml": "service: shop\n"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := &finder{shell: &shell{}, temp: t.TempDir()}
	if _, err := f.checkout(ctx, "main", dir); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted comparison ends with: %v", err)
	}
}

// TestUnpack holds that nothing of an archive gets out of its folder.
func TestUnpack(t *testing.T) {
	pack := func(headers ...tar.Header) *bytes.Buffer {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range headers {
			if h.Typeflag == tar.TypeReg {
				h.Size = 4
			}
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			if h.Typeflag == tar.TypeReg {
				if _, err := w.Write([]byte("text")); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return &b
	}
	dir := filepath.Join(t.TempDir(), "in")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	err := unpack(pack(
		tar.Header{Name: "a/b.txt", Typeflag: tar.TypeReg}, tar.Header{Name: "a/c.txt", Typeflag: tar.TypeSymlink, Linkname: "b.txt"},
		tar.Header{Name: "out", Typeflag: tar.TypeSymlink, Linkname: "../.."}, tar.Header{Name: "etc", Typeflag: tar.TypeSymlink, Linkname: "/etc"},
	), dir)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "a", "c.txt")); err != nil || string(text) != "text" {
		t.Errorf("a link within: %s %v", text, err)
	}
	for _, name := range []string{"out", "etc"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			t.Errorf("the link %s leads out", name)
		}
	}
	for _, name := range []string{"../x", "a/../../x", "/x"} {
		if err := unpack(pack(tar.Header{Name: name, Typeflag: tar.TypeReg}), dir); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	if err := unpack(strings.NewReader("no archive, but long enough to be read as the header of one"+strings.Repeat(".", 600)), dir); err == nil {
		t.Error("what is no archive was unpacked")
	}
}

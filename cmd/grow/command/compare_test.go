package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// TestUnpack holds that nothing of a revision gets out of its folder, and that
// what git says is read with care.
func TestUnpack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "in")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	list, said := "", ""
	for i, f := range [][3]string{
		{"100644", "a/b.txt", "text"}, {"100755", "empty", ""}, {"120000", "a/c.txt", "b.txt"}, {"120000", "out", "../../.."}, {"120000", "etc", "/etc"},
	} {
		list += fmt.Sprintf("%s blob %040d %7d\t%s\x00", f[0], i, len(f[2]), f[1])
		said += fmt.Sprintf("%040d blob %d\n%s\n", i, len(f[2]), f[2])
	}
	blobs, err := blobsOf([]byte(list + fmt.Sprintf("160000 commit %040d       -\tsub\x00", 9)))
	if err != nil || len(blobs) != 5 {
		t.Fatalf("read are %v: %v", blobs, err)
	}
	if err := unpack(strings.NewReader(said), blobs, dir); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "a", "c.txt")); err != nil || string(text) != "text" {
		t.Errorf("a link within: %s %v", text, err)
	}
	for _, name := range []string{"out", "etc", "sub"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	for _, name := range []string{"../x", "a/../../x", "/x", "a/b.txt", "a/b.txt/x"} {
		if err := unpack(strings.NewReader("0 blob 1\nx\n"), []blob{{path: name, id: "0", size: 1}}, dir); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	for _, said := range []string{"", "0 missing\n", "0 blob 5\n", "0 blob 4\nte", "0 blob 4\ntext", "0 tree 4\ntext\n", strings.Repeat("0", 1<<20)} {
		if err := unpack(strings.NewReader(said), []blob{{path: fmt.Sprint("new", len(said)), id: "0", size: 4}}, dir); err == nil {
			t.Errorf("%.20q was taken", said)
		}
	}
}

// TestRevisionIsBounded: what is too large is refused before any of it is read.
func TestRevisionIsBounded(t *testing.T) {
	for _, list := range []string{
		fmt.Sprintf("100644 blob 0 %d\ta\x00", revisionBytesMax+1),
		strings.Repeat("100644 blob 0 0\ta\x00", revisionFilesMax+1),
	} {
		if _, err := blobsOf([]byte(list)); !errors.Is(err, errRevisionSize) {
			t.Errorf("%.30q: %v", list, err)
		}
	}
	if _, err := blobsOf([]byte("100644 blob 0 x\ta\x00")); err == nil {
		t.Error("a size that is none was taken")
	}
}

package command

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/store"
)

// evil is a host that answers with whatever paths.
func evil(t *testing.T, paths ...string) {
	t.Helper()
	const text = "evil"
	digest := string(store.DigestOf([]byte(text)))
	c := api.Change{ID: strings.Repeat("0", 64), Number: 1, By: "mallory"}
	for _, p := range paths {
		c.Files = append(c.Files, api.File{Path: p, Digest: digest, Size: int64(len(text)), Exec: true})
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/file") {
			w.Header().Set("Grow-Digest", digest)
			_, _ = w.Write([]byte(text))
			return
		}
		_ = json.NewEncoder(w).Encode(c)
	}))
	t.Cleanup(s.Close)
	t.Setenv(envHost, s.URL)
	t.Setenv(envToken, "x")
}

// TestPullWithin: whatever a host says, pull writes into the folder, and not into what
// git and grow have there.
func TestPullWithin(t *testing.T) {
	for _, path := range []string{"../out", "a/../../out", "/out", `..\out`, ".git/hooks/post-checkout", ".grow/secret", "a\x00", "con", ""} {
		h := &hosted{t: t}
		evil(t, path)
		dir := filepath.Join(t.TempDir(), "in")
		block{file: "grow.yaml", text: "service: shop\n"}.put(t, dir)
		t.Chdir(dir)
		for _, how := range []string{"pull", "pull --plan"} {
			holds(t, h.run(exitFailed, how), "the host's documents are not taken")
		}
		if list, err := filepath.Glob(filepath.Join(filepath.Dir(dir), "*")); err != nil || len(list) != 1 {
			t.Errorf("%q: %v, %v", path, list, err)
		}
		if list, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(list) != 1 {
			t.Errorf("%q: %v, %v", path, list, err)
		}
	}
}

// TestPullLinks: a link in the folder does not lead out of it; all or nothing is brought.
func TestPullLinks(t *testing.T) {
	h := &hosted{t: t}
	evil(t, "a.md", "docs/goals.md", "grow.yaml")
	dir, out := t.TempDir(), t.TempDir()
	block{file: "grow.yaml", text: "service: shop\n"}.put(t, dir)
	if err := os.Symlink(out, filepath.Join(dir, "docs")); err != nil {
		t.Skip("there are no links: " + err.Error())
	}
	t.Chdir(dir)
	holds(t, h.run(exitFailed, "pull"), "docs/goals.md", "nothing was brought")
	if list, err := os.ReadDir(out); err != nil || len(list) != 0 {
		t.Errorf("outside there is %v, %v", list, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a.md")); err == nil {
		t.Error("a part was brought")
	}
	if b, err := os.ReadFile(filepath.Join(dir, "grow.yaml")); err != nil || string(b) != "service: shop\n" {
		t.Errorf("grow.yaml is %q, %v", b, err)
	}
}

// TestPushLimits: what is too large for a document, and links, are named before anything
// is sent.
func TestPushLimits(t *testing.T) {
	h := newHosted(t)
	dir := t.TempDir()
	block{file: "grow.yaml", text: "service: shop\n"}.put(t, dir)
	large := filepath.Join(dir, "large.bin")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 10<<30); err != nil { // which takes no room
		t.Fatal(err)
	}
	t.Chdir(dir)
	holds(t, h.run(exitFailed, "push"), "large.bin has 10737418240 bytes", ".gitignore")
	if err := os.Remove(large); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("grow.yaml", filepath.Join(dir, "link")); err != nil {
		t.Skip("there are no links: " + err.Error())
	}
	holds(t, h.run(exitDone, "push"), "left out, since links are no documents: link", "1 file: change 1 of main/shop")
}

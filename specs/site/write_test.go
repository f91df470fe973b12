package site_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/site"
)

// service is a service in a folder of its own.
func service(t *testing.T) *specs.Service {
	dir := t.TempDir()
	for _, part := range []string{"actors", "types", "docs", "workflows"} {
		put(t, filepath.Join(dir, part, "a.md"), "")
	}
	put(t, filepath.Join(dir, "grow.yaml"), "service: s")
	return &specs.Service{Name: "s", Dir: dir}
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// holds lists the files in a folder.
func holds(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(dir, name)
			out = append(out, filepath.ToSlash(rel))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestWrite: a site takes the place of the one before, pages that are no more
// go, and nothing is left beside it.
func TestWrite(t *testing.T) {
	s, beside := service(t), t.TempDir()
	out := filepath.Join(beside, "deep", "site")
	for _, pages := range []site.Pages{
		{"index.html": []byte("1"), "actors/old.html": []byte("1")},
		{"index.html": []byte("2"), "actors/new.html": []byte("2")},
	} {
		if err := site.Write(s, pages, out, false); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(append([]string{site.Marker}, pages.Names()...), holds(t, out)); diff != "" {
			t.Error(diff)
		}
	}
	if text, err := os.ReadFile(filepath.Join(out, "index.html")); err != nil || string(text) != "2" {
		t.Errorf("index.html is %q, %v", text, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(out)); len(left) != 1 {
		t.Errorf("beside the site there are %v", left)
	}
}

// TestConflicts: what is somebody's own is left alone, and what is the
// service's own or a repository whatever is asked for.
func TestConflicts(t *testing.T) {
	s := service(t)
	pages := site.Pages{"index.html": []byte("new")}
	beside := t.TempDir()
	file, empty, full, repository := filepath.Join(beside, "file"), filepath.Join(beside, "empty"), filepath.Join(beside, "full"), filepath.Join(beside, "repository")
	put(t, file, "")
	put(t, filepath.Join(full, "mine.txt"), "")
	put(t, filepath.Join(full, "sub", "mine.txt"), "")
	put(t, filepath.Join(repository, ".git", "HEAD"), "")
	around := filepath.Join(beside, "around") // a folder of repositories
	put(t, filepath.Join(around, "a.txt"), "")
	put(t, filepath.Join(around, "b.txt"), "")
	put(t, filepath.Join(around, "deep", "work", ".git"), "gitdir: elsewhere")
	if err := os.Mkdir(empty, 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(beside, "link")
	if err := os.Symlink(s.Dir, link); err != nil {
		t.Fatal(err)
	}
	const refused, forced, fine = 0, 1, 2
	for dir, want := range map[string]int{
		file: refused, repository: refused, around: refused, s.Dir: refused, filepath.Dir(s.Dir): refused, link: refused,
		filepath.Join(s.Dir, "actors"): refused, filepath.Join(s.Dir, "types", "site"): refused, filepath.Join(link, "workflows"): refused,
		filepath.Join(s.Dir, "docs"): forced, full: forced, empty: fine, filepath.Join(s.Dir, "site"): fine,
	} {
		before := []string{}
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			before = holds(t, dir)
		}
		err := site.Write(s, pages, dir, false)
		var conflict *site.ConflictError
		if errors.As(err, &conflict) != (want != fine) || want != fine && conflict.Force != (want == forced) {
			t.Errorf("%s: %v", dir, err)
		}
		if want != fine && len(before) > 0 && !slices.Equal(before, holds(t, dir)) {
			t.Errorf("%s holds %v after a refusal", dir, holds(t, dir))
		}
		if err := site.Write(s, pages, dir, true); (err == nil) != (want != refused) {
			t.Errorf("%s with force: %v", dir, err)
		}
		if want == forced && !slices.Equal(holds(t, dir), []string{site.Marker, "index.html"}) {
			t.Errorf("%s holds %v after force", dir, holds(t, dir))
		}
	}
	// A file that somebody put into a site.
	put(t, filepath.Join(empty, "CNAME"), "mine")
	if err := site.Write(s, pages, empty, false); err == nil || !strings.Contains(err.Error(), "CNAME") {
		t.Errorf("a file that is somebody's own: %v", err)
	}
}

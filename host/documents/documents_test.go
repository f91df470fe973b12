package documents

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"

	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/store/files"
)

var shop = Service{"main", "shop"}

func newDocuments(t *testing.T) *Documents {
	t.Helper()
	s, err := files.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return New(s, func() time.Time { now = now.Add(time.Minute); return now })
}

// tree keeps files, given as pairs of a path and a text, and returns them.
func tree(t *testing.T, d *Documents, pairs ...string) Tree {
	t.Helper()
	var all Tree
	for i := 0; i < len(pairs); i += 2 {
		f, err := d.Put(t.Context(), pairs[i], []byte(pairs[i+1]), false)
		if err != nil {
			t.Fatal(err)
		}
		all = all.With(f)
	}
	return all
}

func revise(t *testing.T, d *Documents, all Tree, parent Change, by string) Change {
	t.Helper()
	c, err := d.Revise(t.Context(), shop, all, Change{Parent: parent.ID, By: by, Text: "because"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRevise(t *testing.T) {
	d := newDocuments(t)
	if _, err := d.Last(t.Context(), shop); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no documents: %v", err)
	}
	one := tree(t, d, "grow.yaml", "service: shop", "docs/a.md", "a")
	first := revise(t, d, one, Change{}, "ann")
	if first.Number != 1 || first.Time.IsZero() || first.By != "ann" {
		t.Errorf("%+v", first)
	}
	if again := revise(t, d, one, first, "bob"); again != first {
		t.Errorf("what changes nothing: %+v; want %+v", again, first)
	}
	two := one.With(tree(t, d, "docs/a.md", "b")[0])
	second := revise(t, d, two, first, "bob")
	if second.Number != 2 || second.Parent != first.ID {
		t.Errorf("%+v", second)
	}
	var stale *StaleError
	for _, seen := range []store.Digest{"", first.ID} {
		if _, err := d.Revise(t.Context(), shop, one, Change{Parent: seen, By: "ann"}); !errors.As(err, &stale) || stale.Last.ID != second.ID || !errors.Is(err, store.ErrConflict) {
			t.Errorf("who has seen %q: %v", seen, err)
		}
	}
	if got, err := d.Tree(t.Context(), second.Tree); err != nil || !cmp.Equal(got, two) {
		t.Errorf("%v, %v; want %v", got, err, two)
	}
	f, _ := two.Find("docs/a.md")
	if b, err := d.Read(t.Context(), f); err != nil || string(b) != "b" {
		t.Errorf("%q, %v", b, err)
	}
	if list, err := d.Services(t.Context()); err != nil || !slices.Equal(list, []Service{shop}) {
		t.Errorf("%v, %v", list, err)
	}
}

func TestReviseRefused(t *testing.T) {
	d := newDocuments(t)
	unsent := Tree{{Path: "a", Digest: store.DigestOf([]byte("a")), Size: 1}}
	if _, err := d.Revise(t.Context(), shop, unsent, Change{By: "ann"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a file that was not sent: %v", err)
	}
	if missing, err := d.Missing(t.Context(), unsent); err != nil || !slices.Equal(missing, []store.Digest{unsent[0].Digest}) {
		t.Errorf("%v, %v", missing, err)
	}
	if _, err := d.Put(t.Context(), "a", []byte("a"), false); err != nil {
		t.Fatal(err)
	}
	lied := Tree{{Path: "a", Digest: unsent[0].Digest, Size: 2}}
	if _, err := d.Revise(t.Context(), shop, lied, Change{By: "ann"}); err == nil {
		t.Error("a size that is not the file's was taken")
	}
	if _, err := d.Revise(t.Context(), shop, unsent, Change{By: strings.Repeat("x", personMax+1)}); !errors.Is(err, ErrLimit) {
		t.Errorf("a long name: %v", err)
	}
	if _, err := d.Put(t.Context(), "big", make([]byte, FileMax+1), false); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("a large file: %v", err)
	}
}

func TestHistory(t *testing.T) {
	d := newDocuments(t)
	var c Change
	for i, all := range []Tree{
		tree(t, d, "a", "1"), tree(t, d, "a", "1", "b", "1"), tree(t, d, "a", "2", "b", "1"), tree(t, d, "a", "2"), tree(t, d, "a", "2", "b", "2"),
	} {
		c = revise(t, d, all, c, fmt.Sprint("p", i+1))
	}
	for _, k := range []struct {
		path  string
		limit int
		want  string
	}{{"a", 10, "3+ 1+"}, {"b", 10, "5+ 4- 2+"}, {"b", 2, "5+ 4-"}, {"a", 1, "3+"}} {
		list, err := d.HistoryOf(t.Context(), shop, k.path, k.limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range list {
			sign := "-"
			if v.File != nil {
				sign = "+"
			}
			got = append(got, fmt.Sprint(v.Change.Number, sign))
		}
		if s := strings.Join(got, " "); s != k.want {
			t.Errorf("%s, %d: %s; want %s", k.path, k.limit, s, k.want)
		}
	}
	if _, err := d.HistoryOf(t.Context(), shop, "c", 10); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a file that never was: %v", err)
	}
	n := 0
	if err := d.History(t.Context(), shop, func(Change) bool { n++; return n < 3 }); err != nil || n != 3 {
		t.Errorf("%d changes seen, %v", n, err)
	}
}

func TestCheckPath(t *testing.T) {
	for _, p := range []string{"a", "grow.yaml", "actors/price/src/python/main.py", "docs/Ünï.md", ".github/workflows/a.yml", ".gitignore", "a b/c", "console/x"} {
		if err := CheckPath(p); err != nil {
			t.Error(err)
		}
	}
	for _, p := range []string{
		"", ".", "..", "/a", "a/", "a//b", "./a", "a/./b", "../a", "a/../b", "a/../../b", "a\\b", "c:a", "a\x00b", "a\nb", "\xff", "a.", "a /b", " a", "a/ b", "a?", "con", "x/NUL.txt",
		".git/config", "sub/.git/hooks/post-checkout", ".grow/secret", strings.Repeat("a", PathMax+1), strings.Repeat("a/", DepthMax) + "a", "a\x7f",
	} {
		var fault *PathError
		if err := CheckPath(p); !errors.As(err, &fault) {
			t.Errorf("%q: %v", p, err)
		}
	}
}

func TestTreeCheck(t *testing.T) {
	d := store.DigestOf(nil)
	file := func(p string) File { return File{Path: p, Digest: d} }
	for _, k := range []struct {
		name string
		tree Tree
		want string
	}{
		{"fine", Tree{file("a"), file("a.b"), file("b/c"), file("b/d")}, ""},
		{"twice", Tree{file("a"), file("a")}, "order"},
		{"order", Tree{file("b"), file("a")}, "order"},
		{"case", Tree{file("A"), file("a")}, "the same as A"},
		{"case of a folder", Tree{file("A/x"), file("a/y")}, "its folder is the same as A"},
		{"file and folder", Tree{file("a"), file("a/b")}, "its folder is the same as a"},
		{"file and folder by case", Tree{file("A/b"), file("a")}, "the same as A"},
		{"digest", Tree{{Path: "a", Digest: "../../x"}}, "no digest"},
		{"size", Tree{{Path: "a", Digest: d, Size: -1}}, "over a limit"},
		{"large", Tree{{Path: "a", Digest: d, Size: FileMax + 1}}, "over a limit"},
		{"many", make(Tree, FilesMax+1), "over a limit"},
	} {
		err := k.tree.Check()
		if k.want == "" && err != nil || k.want != "" && (err == nil || !strings.Contains(err.Error(), k.want)) {
			t.Errorf("%s: %v; want %q", k.name, err, k.want)
		}
	}
	var total Tree
	for i := range TotalMax/FileMax + 1 {
		total = append(total, File{Path: fmt.Sprintf("%03d", i), Digest: d, Size: FileMax})
	}
	if err := total.Check(); !errors.Is(err, ErrLimit) {
		t.Errorf("large in all: %v", err)
	}
}

// drawTree draws a tree of a few paths and contents, so that two have much in common.
func drawTree(t *rapid.T, label string) Tree {
	var all Tree
	for p, text := range rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c/d", "c/e", "f"}), rapid.SampledFrom([]string{"1", "2"}), 0, 5).Draw(t, label) {
		all = all.With(File{Path: p, Digest: store.DigestOf([]byte(text)), Size: 1})
	}
	return all
}

func TestDiffLeads(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		from, to := drawTree(t, "from"), drawTree(t, "to")
		got := slices.Clone(from)
		for _, d := range Diff(from, to) {
			if d.New == nil {
				got = got.Without(d.Path)
			} else {
				got = got.With(*d.New)
			}
			if was, ok := from.Find(d.Path); ok != (d.Old != nil) || ok && was != *d.Old {
				t.Fatalf("%s was %v; the difference says %v", d.Path, was, d.Old)
			}
		}
		if len(got) != len(to) || len(to) > 0 && !cmp.Equal(got, to) {
			t.Fatalf("the differences lead to %v; want %v", got, to)
		}
	})
}

// TestMerge holds a merge, path by path, against what git does with whole files.
func TestMerge(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		base, ours, theirs := drawTree(t, "base"), drawTree(t, "ours"), drawTree(t, "theirs")
		merged, conflicts := Merge(base, ours, theirs)
		at := func(all Tree, p string) string {
			f, ok := all.Find(p)
			if !ok {
				return "none"
			}
			return string(f.Digest)
		}
		clash := map[string]bool{}
		for _, c := range conflicts {
			clash[c.Path] = true
		}
		for _, p := range []string{"a", "b", "c/d", "c/e", "f"} {
			b, o, th, m := at(base, p), at(ours, p), at(theirs, p), at(merged, p)
			want, both := o, false
			switch {
			case o == th || b == th:
			case b == o:
				want = th
			default:
				both = true
			}
			if m != want || clash[p] != both {
				t.Fatalf("%s: base %.4s ours %.4s theirs %.4s: merged %.4s, conflict %v; want %.4s, %v", p, b, o, th, m, clash[p], want, both)
			}
		}
		if err := merged.Check(); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzTree(f *testing.F) {
	f.Add([]byte(`[{"path":"a","digest":"` + strings.Repeat("0", 64) + `","size":1}]`))
	f.Add([]byte(`[{"path":"../a","digest":"","size":-1,"exec":true}]`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := decodeTree(b)
		if err != nil {
			return
		}
		again, err := all.encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := decodeTree(again); err != nil || len(back) != len(all) || len(all) > 0 && !cmp.Equal(back, all) {
			t.Fatalf("%v comes back as %v, %v", all, back, err)
		}
	})
}

package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// folder is a watched folder of a test.
type folder struct {
	*testing.T
	dir     string
	watcher *Watcher
}

func open(t *testing.T, o Options, files ...string) *folder {
	t.Helper()
	f := &folder{T: t, dir: t.TempDir()}
	for _, name := range files {
		f.write(name, "old")
	}
	var err error
	if f.watcher, err = Open(f.dir, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.watcher.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

func (f *folder) do(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *folder) write(name, text string) {
	f.Helper()
	f.do(os.MkdirAll(filepath.Dir(f.path(name)), 0o755))
	f.do(os.WriteFile(f.path(name), []byte(text), 0o600))
}

func (f *folder) rename(from, to string) {
	f.Helper()
	f.do(os.Rename(f.path(from), f.path(to)))
}

// await takes batches until all of the paths were told, and returns all that were.
func (f *folder) await(paths ...string) []string {
	f.Helper()
	told := map[string]bool{}
	for {
		select {
		case b := <-f.watcher.Batches():
			for _, path := range b.Paths {
				told[path] = true
			}
			if b.First.IsZero() || !slices.IsSorted(b.Paths) {
				f.Fatalf("batch %+v", b)
			}
		case <-f.Context().Done():
			f.Fatalf("told was %v, want %v", told, paths)
		}
		if !slices.ContainsFunc(paths, func(p string) bool { return !told[p] }) {
			break
		}
	}
	var list []string
	for path := range told {
		list = append(list, path)
	}
	slices.Sort(list)
	return list
}

// TestScanPlain: what is neither a file nor a folder is not listed, by itself or
// at the end of a link: who reads it may wait for ever.
func TestScanPlain(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "plain"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(os.DevNull, filepath.Join(dir, "device")); err != nil {
		t.Skip(err)
	}
	files, err := Scan(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, plain := files["plain"]; !plain || len(files) != 1 {
		t.Errorf("listed are %v", files)
	}
}

// TestPendingIsBounded: of more paths than are kept nothing is told but that
// the folder has changed.
func TestPendingIsBounded(t *testing.T) {
	w := &Watcher{pending: map[string]bool{}}
	for i := range FilesMax + 10 {
		w.note(fmt.Sprint(i))
	}
	if len(w.pending) > FilesMax || !w.pending["."] {
		t.Errorf("%d paths are kept", len(w.pending))
	}
}

// TestChanges goes through the ways in which files change, as the operating
// system tells of them and as the watcher finds them itself. After each the
// last file is written, so that what is told in between is all there is.
func TestChanges(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		do    func(f *folder)
		want  []string
	}{
		{"a file is written", []string{"a.yaml"}, func(f *folder) { f.write("a.yaml", "longer") }, []string{"a.yaml"}},
		{"a file is made", nil, func(f *folder) { f.write("a.yaml", "new") }, []string{"a.yaml"}},
		{"a file is removed", []string{"a.yaml"}, func(f *folder) { f.do(os.Remove(f.path("a.yaml"))) }, []string{"a.yaml"}},
		{"a file is renamed", []string{"a.yaml"}, func(f *folder) { f.rename("a.yaml", "b.yaml") }, []string{"a.yaml", "b.yaml"}},
		{"written beside and renamed", []string{"d/a.yaml"}, func(f *folder) {
			f.write("d/.a.yaml.tmp", "longer")
			f.rename("d/.a.yaml.tmp", "d/a.yaml")
		}, []string{"d/a.yaml"}},
		{"kept as a backup and written anew", []string{"d/a.yaml"}, func(f *folder) {
			f.write("d/4913", "")
			f.do(os.Remove(f.path("d/4913")))
			f.rename("d/a.yaml", "d/a.yaml~")
			f.write("d/a.yaml", "longer")
			f.do(os.Remove(f.path("d/a.yaml~")))
		}, []string{"d/a.yaml"}},
		{"hidden files, products and what editors leave", []string{"a.yaml"}, func(f *folder) {
			for _, name := range []string{".grow/build/a.wasm", ".git/index", "src/target/x.o", "node_modules/m/i.js", "#a.yaml#", ".#a.yaml", ".a.yaml.swp", "a.yaml.swp"} {
				f.write(name, "new")
			}
		}, []string{"src"}},
		{"a file is only touched upon", []string{"a.yaml"}, func(f *folder) { f.do(os.Chmod(f.path("a.yaml"), 0o640)) }, nil},
		{"folders appear with files in them", nil, func(f *folder) { f.write("x/y/z/a.yaml", "new") }, []string{"x", "x/y", "x/y/z", "x/y/z/a.yaml"}},
		{"a folder is moved in", nil, func(f *folder) {
			f.write(".hidden/y/a.yaml", "new")
			f.rename(".hidden", "x")
		}, []string{"x", "x/y", "x/y/a.yaml"}},
		{"a folder is removed", []string{"x/y/a.yaml"}, func(f *folder) { f.do(os.RemoveAll(f.path("x"))) }, []string{"x", "x/y", "x/y/a.yaml"}},
	} {
		for _, poll := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, poll %t", c.name, poll), func(t *testing.T) {
				t.Parallel()
				f := open(t, Options{Poll: poll}, c.files...)
				c.do(f)
				f.write("zz-last", "new")
				want := append(slices.Clone(c.want), "zz-last")
				if diff := cmp.Diff(want, f.await(want...)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

// TestNewFolder: what happens in a folder that was made, moved or made again
// after Open is told.
func TestNewFolder(t *testing.T) {
	f := open(t, Options{}, "x/a")
	f.write("new/one/a", "1")
	f.await("new/one/a")
	f.write("new/one/a", "22")
	f.await("new/one/a")
	f.do(os.RemoveAll(f.path("new")))
	f.await("new")
	f.write("new/one/a", "333")
	f.await("new/one/a")
	f.rename("x", "y")
	f.await("x", "y", "y/a")
	f.write("y/a", "4444")
	f.await("y/a")
	outside := filepath.Join(t.TempDir(), "away")
	f.do(os.Rename(f.path("y"), outside))
	f.await("y")
	f.do(os.WriteFile(filepath.Join(outside, "a"), []byte("nobody"), 0o600))
	f.write("last", "1")
	if told := f.await("last"); len(told) != 1 {
		t.Errorf("of a folder that was moved away is told %q", told)
	}
}

// TestMany: as many files as a change of branch brings.
func TestMany(t *testing.T) {
	const n = 2000
	f := open(t, Options{})
	var want []string
	for i := range n {
		name := fmt.Sprintf("d%d/f%d", i%20, i)
		f.write(name, "new")
		want = append(want, name)
	}
	f.await(want...)
}

// TestFolderGone: the watched folder itself goes away and comes back.
func TestFolderGone(t *testing.T) {
	f := open(t, Options{}, "grow.yaml")
	f.rename(".", "../"+filepath.Base(f.dir)+"-away")
	f.await(".")
	f.write("grow.yaml", "again")
	f.await("grow.yaml")
}

// TestFallBack: the reasons for which the watcher looks itself, and what it says.
func TestFallBack(t *testing.T) {
	for _, c := range []struct {
		cause error
		says  string
	}{
		{&os.PathError{Op: "watch", Err: syscall.ENOSPC}, "fs.inotify.max_user_watches"},
		{syscall.EMFILE, "fs.inotify.max_user_instances"},
		{errFolders, "more than 4096 folders"},
		{errors.New("other"), "cannot be told of changes: other"},
	} {
		f := open(t, Options{Poll: true}, "a")
		var said []string
		w := &Watcher{dir: f.dir, warn: func(text string) { said = append(said, text) }, folders: map[string]bool{}, pending: map[string]bool{}}
		w.fallBack(c.cause)
		if len(said) != 1 || !strings.Contains(said[0], c.says) || !strings.Contains(said[0], "every second") {
			t.Errorf("%v: %q", c.cause, said)
		}
		f.write("a", "longer")
		if !w.look() || !w.pending["a"] {
			t.Errorf("%v: a change is not found", c.cause)
		}
	}
}

func TestOpenNothing(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// TestLink: a folder that is named by a link is watched as well.
func TestLink(t *testing.T) {
	dir, link := t.TempDir(), filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	w, err := Open(link, Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := &folder{T: t, dir: dir, watcher: w}
	f.write("a", "new")
	f.await("a")
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if files, err := Scan(link); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
}

package interpreter

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// made makes what the last step's program leaves.
func made(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"python.wasm": "\x00asm the reactor", "lib/json/__init__.pyc": "json", "lib/abc.pyc": "abc", "lib/json/decoder.pyc": "decoder",
		"licenses/CPython 3.13.5": "a license", "licenses/zlib 1.3": "another", "versions": "python3.13 3.13.5\nzlib 1.3\n",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFind(t *testing.T) {
	if _, err := fs.Stat(dist, "dist/"+digestFile); err == nil {
		t.Skip("the binary of this test carries a runtime; make clean removes it")
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, err := Find()
	_, err2 := Versions()
	_, err3 := Licenses()
	for _, err := range []error{err, err2, err3} {
		if !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "make setup") {
			t.Fatalf("with an empty cache: %v", err)
		}
	}
	dir, err := Dir(Steps()[2])
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = Pack(made(t), dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	module, err := l.Module()
	if l.Name != "python" || l.Digest != Digest() || err != nil || string(module) != "\x00asm the reactor" {
		t.Errorf("found %s %s, module %q, %v", l.Name, l.Digest, module, err)
	}
	if list := names(t, library(t, l)); !slices.Equal(list, []string{"abc.pyc", "json/__init__.pyc", "json/decoder.pyc"}) {
		t.Errorf("the library has %q", list)
	}
	licenses, err := Licenses()
	if err != nil {
		t.Fatal(err)
	}
	if list := names(t, licenses); !slices.Equal(list, []string{"CPython 3.13.5", "zlib 1.3"}) {
		t.Errorf("the licenses are %q", list)
	}
	if text, err := fs.ReadFile(licenses, "zlib 1.3"); err != nil || string(text) != "another" {
		t.Errorf("license %q, %v", text, err)
	}
	if versions, err := Versions(); err != nil || versions != "python3.13 3.13.5, zlib 1.3" {
		t.Errorf("versions %q, %v", versions, err)
	}
}

// TestEmbed puts a runtime where the binary is built from, and finds it there.
func TestEmbed(t *testing.T) {
	packed, dist := t.TempDir(), filepath.Join(t.TempDir(), "dist")
	if err := Pack(made(t), packed); err != nil {
		t.Fatal(err)
	}
	if err := Embed(packed, dist); err != nil {
		t.Fatal(err)
	}
	l, err := open(os.DirFS(dist))
	if err != nil {
		t.Fatal(err)
	}
	if module, err := l.Module(); err != nil || !bytes.HasPrefix(module, []byte("\x00asm")) {
		t.Errorf("module %q, %v", module, err)
	}
	if err := Embed(t.TempDir(), dist); err == nil {
		t.Error("nothing was embedded without an error")
	}
}

func TestPackIsReproducible(t *testing.T) {
	var first fstest.MapFS
	for range 2 {
		in, out := made(t), t.TempDir()
		if err := os.Chtimes(filepath.Join(in, "lib", "abc.pyc"), time.Now(), time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		if err := Pack(in, out); err != nil {
			t.Fatal(err)
		}
		got := fstest.MapFS{}
		for _, name := range packedFiles {
			data, err := os.ReadFile(filepath.Join(out, name))
			if err != nil {
				t.Fatal(err)
			}
			got[name] = &fstest.MapFile{Data: data}
		}
		if first == nil {
			first = got
		}
		for name := range got {
			if !bytes.Equal(got[name].Data, first[name].Data) {
				t.Errorf("%s differs", name)
			}
		}
	}
}

// TestSteps changes a file of each step: that step has another digest and so have
// those after it, and no other.
func TestSteps(t *testing.T) {
	whole := recipe()
	for i, path := range []string{"compiler/ziglang.txt", "library/sources", "python/grow/__init__.py"} {
		changed := whole
		changed.files, changed.steps = map[string][]byte{}, nil
		for name, data := range whole.files {
			changed.files[name] = data
		}
		if changed.files[path] == nil {
			t.Fatalf("the recipe has no %s", path)
		}
		changed.files[path] = []byte("changed")
		changed.digest()
		for j, step := range changed.steps {
			if same := step == whole.steps[j]; same != (j < i) {
				t.Errorf("%s changed: digest of step %s is the same: %v", path, step.Name, same)
			}
		}
	}
	if d := Digest(); len(d) != 64 || d != whole.steps[2].Digest {
		t.Errorf("digest %s", d)
	}
}

func TestExtract(t *testing.T) {
	dir := t.TempDir()
	if err := Extract(dir); err != nil {
		t.Fatal(err)
	}
	for _, of := range []struct{ from, to string }{
		{"recipe/compiler", "compiler"}, {"recipe/library", "library"}, {"recipe/runtime", "runtime"},
		{"reactor", "reactor"}, {"../../../sdk/python/grow", "python/grow"},
	} {
		for _, name := range names(t, os.DirFS(of.from)) {
			if strings.Contains(name, "__pycache__/") {
				continue
			}
			want, err := os.ReadFile(filepath.Join(of.from, name))
			got, err2 := os.ReadFile(filepath.Join(dir, of.to, name))
			if err != nil || err2 != nil || !bytes.Equal(got, want) {
				t.Errorf("%s/%s: %v, %v", of.to, name, err, err2)
			}
		}
	}
}

// runtime returns what the recipe makes.
func runtime(t testing.TB) engine.Language {
	t.Helper()
	l, err := Find()
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// library opens the standard library as a guest sees it.
func library(t testing.TB, l engine.Language) *zip.Reader {
	t.Helper()
	if len(l.Files) != 1 || l.Files[0].At != "/lib" {
		t.Fatalf("mounts %v", l.Files)
	}
	f, err := l.Files[0].Files.Open(path.Base(Library))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(f.(io.ReaderAt), info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func names(t testing.TB, files fs.FS) []string {
	t.Helper()
	var list []string
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestReactor holds the reactor against the contract with engines.
func TestReactor(t *testing.T) {
	binary, err := runtime(t).Module()
	if err != nil {
		t.Fatal(err)
	}
	m, err := wasm.Decode(binary)
	if err != nil {
		t.Fatal(err)
	}
	var exports []string
	for _, e := range m.Exports {
		exports = append(exports, e.Name)
	}
	for _, name := range []string{"memory", "_initialize", "grow_boot", "grow_load", "grow_alloc", "grow_handle"} {
		if !slices.Contains(exports, name) {
			t.Errorf("no export %s among %q", name, exports)
		}
	}
	for _, i := range m.Imports {
		if !slices.Contains([]string{"grow", "language", "wasi_snapshot_preview1"}, i.Module) {
			t.Errorf("imports %s.%s", i.Module, i.Name)
		}
	}
	for _, trace := range []string{"/root/", "/home/", "/.cache/"} {
		if at := bytes.Index(binary, []byte(trace)); at >= 0 {
			t.Errorf("says where it was built: %q", binary[max(0, at-40):min(len(binary), at+60)])
		}
	}
}

func TestLibrary(t *testing.T) {
	list := names(t, library(t, runtime(t)))
	for _, name := range []string{"json/decoder.pyc", "grow/__init__.pyc", "encodings/utf_8.pyc", "asyncio/tasks.pyc", "zoneinfo/__init__.pyc"} {
		if !slices.Contains(list, name) {
			t.Errorf("no %s", name)
		}
	}
	for _, name := range list {
		if top, _, _ := strings.Cut(name, "/"); !strings.HasSuffix(name, ".pyc") || slices.Contains([]string{"test", "tkinter", "idlelib", "ctypes"}, top) {
			t.Errorf("%s has no business there", name)
		}
	}
}

// BenchmarkFind finds the runtime and reads the directory of the library, which is
// what every start does.
func BenchmarkFind(b *testing.B) {
	runtime(b)
	for b.Loop() {
		l, err := Find()
		if err != nil {
			b.Fatal(err)
		}
		library(b, l)
	}
}

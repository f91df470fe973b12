package python

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/compiler"
)

// wheelOf writes a wheel to a folder: an index for pip.
func wheelOf(t testing.TB, dir, name, version, tag string, requires []string, files map[string]string) {
	t.Helper()
	info := name + "-" + version + ".dist-info/"
	all := maps.Clone(files)
	meta := "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\n"
	for _, r := range requires {
		meta += "Requires-Dist: " + r + "\n"
	}
	all[info+"METADATA"] = meta
	all[info+"WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: " + tag + "\n"
	var record strings.Builder
	for _, file := range slices.Sorted(maps.Keys(all)) {
		sum := sha256.Sum256([]byte(all[file]))
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", file, base64.RawURLEncoding.EncodeToString(sum[:]), len(all[file]))
	}
	all[info+"RECORD"] = record.String() + info + "RECORD,,\n"
	write(t, filepath.Join(dir, name+"-"+version+"-"+tag+".whl"), string(zipOf(t, all)))
}

func zipOf(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(files[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// offline makes a cache of its own and an index in a folder, and returns that.
func offline(t testing.TB) string {
	t.Helper()
	if _, found := findInstaller(t.Context()); !found.OK {
		t.Skip(found.Problem)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("PIP_NO_INDEX", "1")
	t.Setenv("PIP_CONFIG_FILE", os.DevNull)
	index := t.TempDir()
	t.Setenv("PIP_FIND_LINKS", index)
	return index
}

const native64 = "cp313-cp313-manylinux2014_x86_64"

func TestPackages(t *testing.T) {
	index := offline(t)
	wheelOf(t, index, "Paper_Size", "1.2", "py3-none-any", []string{"units>=2; python_version>'3'", "MarkupSafe>=2"}, map[string]string{
		"paper_size/__init__.py": "import units\n", "paper_size/sizes.json": "{}", "paper_size/__pycache__/__init__.pyc": "x", "paper_size-1.2.data/purelib/extra.py": "", "paper_size-1.2.data/scripts/paper": "",
	})
	wheelOf(t, index, "units", "2.0", "py3-none-any", nil, map[string]string{"units.py": "x = 1\n"})
	wheelOf(t, index, "units", "1.0", "py3-none-any", nil, map[string]string{"units.py": "x = 0\n"})
	wheelOf(t, index, "MarkupSafe", "3.0.2", native64, nil, map[string]string{"markupsafe/__init__.py": "", "markupsafe/_speedups.so": "\x7fELF"})
	s := sourceOf(t, map[string]string{"main.py": "import paper_size, units, extra, markupsafe\n" + handler, "requirements.txt": "# what it needs\npaper-size >= 1  # sizes\n"})
	c := newCompiler(t)
	r := mustBuild(t, c, s)
	if want := "actors/price/src/python/requirements.lock was made: 3 packages; commit it\n"; r.Log != want {
		t.Errorf("%q; want %q", r.Log, want)
	}
	want := []string{
		"app/main.py", "packages/MarkupSafe-3.0.2.dist-info/METADATA", "packages/Paper_Size-1.2.dist-info/METADATA", "packages/extra.py", "packages/markupsafe/__init__.py",
		"packages/paper_size/__init__.py", "packages/paper_size/sizes.json", "packages/units-2.0.dist-info/METADATA", "packages/units.py",
	}
	if got := names(packed(t, r.Module).Files); !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	made, err := os.ReadFile(filepath.Join(s.Path, lockName))
	if err != nil {
		t.Fatal(err)
	}
	l, ok := parseLock(made)
	if !ok || len(l.Pins) != 3 || l.Pins[0].Name != "markupsafe" || !l.Pins[0].Partly || l.Pins[1].Name != "paper-size" || l.Pins[2].Version != "2.0" {
		t.Errorf("%s", made)
	}

	// With the lock and the cache nothing else is needed, whatever there is in the index.
	path := os.Getenv("PATH")
	t.Setenv("PATH", t.TempDir())
	wheelOf(t, index, "units", "2.1", "py3-none-any", nil, map[string]string{"units.py": "x = 2\n"})
	write(t, filepath.Join(s.Path, "more.py"), "")
	if again := mustBuild(t, c, s); again.Cached || again.Log != "" {
		t.Errorf("%+v", again)
	}

	t.Setenv("PATH", path)

	// Without the cache what was locked is fetched, and nothing else.
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	fresh := newCompiler(t)
	write(t, filepath.Join(s.Path, "more.py"), "x = 1\n")
	r = mustBuild(t, fresh, s)
	if got := packed(t, r.Module).Files["packages/units.py"]; string(got) != "x = 1\n" {
		t.Errorf("%q", got)
	}

	// Other bytes under the same name and version are not taken.
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	wheelOf(t, index, "units", "2.0", "py3-none-any", nil, map[string]string{"units.py": "import os\n"})
	write(t, filepath.Join(s.Path, "more.py"), "x = 2\n")
	_, err = newCompiler(t).Build(t.Context(), s)
	if err == nil || !strings.Contains(err.Error(), "the index has other files than those that were locked") {
		t.Errorf("%v", err)
	}

	// Other requirements make the lock anew.
	write(t, filepath.Join(s.Path, requirementsName), "units<2\n")
	write(t, filepath.Join(s.Path, "main.py"), "import units\n"+handler)
	r = mustBuild(t, fresh, s)
	if !strings.Contains(r.Log, "was made anew, since requirements.txt has changed: 1 packages") || string(packed(t, r.Module).Files["packages/units.py"]) != "x = 0\n" {
		t.Errorf("%+v", r)
	}
}

func TestPackagesThatDoNotWork(t *testing.T) {
	index := offline(t)
	wheelOf(t, index, "numpy", "2.0", native64, nil, map[string]string{"numpy/__init__.py": ""})
	wheelOf(t, index, "fast", "1.0", native64, nil, map[string]string{"fast.so": ""})
	wheelOf(t, index, "table", "1.0", "py3-none-any", []string{"numpy>=1"}, map[string]string{"table.py": ""})
	wheelOf(t, index, "table", "1.1", "py3-none-any", []string{"numpy>=1.5"}, map[string]string{"table.py": ""})
	wheelOf(t, index, "sneaky", "1.0", "py3-none-any", nil, map[string]string{"sneaky/core.so": "\x7fELF"})
	wheelOf(t, index, "slip", "1.0", "py3-none-any", nil, map[string]string{"../../slip.py": ""})
	wheelOf(t, index, "hider", "1.0", "py3-none-any", nil, map[string]string{"grow/__init__.py": ""})
	wheelOf(t, index, "both1", "1.0", "py3-none-any", nil, map[string]string{"both.py": "1"})
	wheelOf(t, index, "both2", "1.0", "py3-none-any", []string{"both1"}, map[string]string{"both.py": "2"})
	wheelOf(t, index, "bomb", "1.0", "py3-none-any", nil, map[string]string{"bomb.txt": strings.Repeat("0", UnpackedMax+1)})
	wheelOf(t, index, "left", "1.0", "py3-none-any", []string{"right<2"}, map[string]string{"left.py": ""})
	wheelOf(t, index, "right", "2.0", "py3-none-any", nil, map[string]string{"right.py": ""})
	wheelOf(t, index, "right", "1.0", "py3-none-any", nil, map[string]string{"right.py": ""})
	c := newCompiler(t)
	for _, k := range []struct{ requirements, want string }{
		{"\nnumpy\n", "requirements.txt:2: the package numpy has native code, which an actor cannot run: use lists"},
		{"table\n", "requirements.txt: the package numpy, which table needs, has native code"},
		{"fast\n", "requirements.txt:1: the package fast has native code"},
		{"requests\n", "requirements.txt:1: the package requests needs sockets, which an actor does not have: use ctx.http"},
		{"nothing-of-it\n", "requirements.txt:1: there is no package nothing-of-it in the index"},
		{"right>=3\n", "requirements.txt:1: no version of the package right>=3 is in pure Python"},
		{"sneaky\n", "unpack package sneaky 1.0: its wheel holds native code"},
		{"slip\n", "unpack package slip 1.0: its wheel holds a file that leads out of its folder"},
		{"hider\n", "unpack package hider 1.0: it brings a module grow"},
		{"both2\n", "unpack package both2 1.0: it and both1 both bring both.py"},
		{"bomb\n", "unpack package bomb 1.0: with it the packages are larger than 30 MiB"},
		{"left\nright==2\n", "the conflict:"},
		{"-r other.txt\n", "requirements.txt:1: another file is named"},
		{"\n-e .\n", "requirements.txt:2: a folder is named"},
		{"x @ https://example.org/x.whl\n", "requirements.txt:1: not the name of a package"},
		{"--no-such-option\n", "requirements.txt:1: no option that is known here: --no-such-option"},
		{"a b c\n", "requirements.txt:1: not the name of a package"},
	} {
		e := mustFail(t, c, sourceOf(t, map[string]string{"main.py": handler, requirementsName: k.requirements}))
		text := e.Text
		for _, d := range e.Diagnostics {
			text += "\n" + strings.TrimPrefix(d.String(), "actors/price/src/python/")
		}
		if !strings.Contains(text, k.want) {
			t.Errorf("%q: %s; want %s\n%s", k.requirements, text, k.want, e.Log)
		}
	}
}

func TestNoInstaller(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	c := newCompiler(t)
	t.Setenv("PATH", t.TempDir())
	e := mustFail(t, c, sourceOf(t, map[string]string{"main.py": handler, requirementsName: "attrs\n"}))
	if e.Code != compiler.CodeToolchain || !strings.Contains(e.Hint, "uv") {
		t.Errorf("%+v", e)
	}
	s := sourceOf(t, map[string]string{"main.py": handler, requirementsName: "attrs\n"})
	if found, needed := c.CheckFetch(t.Context(), []string{t.TempDir(), s.Path}); found.OK || found.Fix == "" || !needed {
		t.Errorf("%+v %t", found, needed)
	}
	if _, needed := c.CheckFetch(t.Context(), []string{t.TempDir()}); needed {
		t.Error("it is needed without requirements")
	}
	if l, ok := parseLock(lock{For: digestOf([]byte("# nothing\n"))}.Bytes()); !ok || len(l.Pins) != 0 {
		t.Errorf("%+v", l)
	}
}

func FuzzRequirements(f *testing.F) {
	f.Add("attrs>=24\n# x\n-i https://example.org\nx[y] ; python_version < '3'\\\n z\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, fault := parseRequirements([]byte(text))
		if fault != nil && (fault.line < 1 || fault.line > strings.Count(text, "\n")+1) {
			t.Errorf("line %d of %q", fault.line, text)
		}
		for _, q := range all {
			if q.Line < 1 || q.Name != normal(q.Name) {
				t.Errorf("%+v", q)
			}
		}
	})
}

func FuzzLock(f *testing.F) {
	f.Add(string(lock{For: digestOf(nil), Pins: []pin{{"a-b", "1.0", strings.Repeat("0", 64), true}}}.Bytes()))
	f.Fuzz(func(t *testing.T, text string) {
		l, ok := parseLock([]byte(text))
		if !ok {
			return
		}
		again, ok := parseLock(l.Bytes())
		if !ok || again.For != l.For || !slices.Equal(again.Pins, l.Pins) {
			t.Errorf("%+v; want %+v", again, l)
		}
	})
}

package python

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/compiler"
)

// pathOf makes PATH a folder of some programs of it, and none other.
func pathOf(t *testing.T, programs map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, path := range programs {
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

// TestWithoutPip: where there is neither pip nor uv, only an actor that needs packages
// is refused.
func TestWithoutPip(t *testing.T) {
	c := newCompiler(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	pathOf(t, nil)
	mustBuild(t, c, sourceOf(t, map[string]string{"main.py": handler}))
	e := mustFail(t, c, sourceOf(t, map[string]string{"main.py": "import units\n" + handler, "requirements.txt": "units\n"}))
	if e.Code != compiler.CodeToolchain || !strings.Contains(e.Error(), "pip or uv") || !strings.Contains(e.Hint, "only actors with a requirements.txt") {
		t.Errorf("%+v", e)
	}
}

// TestUV fetches packages on a machine that has uv and a Python without pip: uv brings
// pip along.
func TestUV(t *testing.T) {
	programs := map[string]string{}
	for _, name := range []string{"uv", "sh", "realpath", "dirname"} { // the script that uv makes for pip needs the others
		path, err := exec.LookPath(name)
		if err != nil {
			t.Skip(err)
		}
		programs[name] = path
	}
	python, err := exec.Command("python3", "-c", "import sys; print('python3.%d' % sys.version_info[1], sys.executable)").Output()
	if err != nil {
		t.Skip("there is no python3")
	}
	name, path, _ := strings.Cut(strings.TrimSpace(string(python)), " ")
	programs[name] = path // not python3, or its own pip would be found
	index := offline(t)
	pathOf(t, programs)
	tool, found := findInstaller(t.Context())
	if !found.OK {
		t.Skipf("uv cannot fetch pip here: %s", found.Problem)
	}
	if filepath.Base(tool.Path) != "uv" || !strings.HasPrefix(found.Version, "pip ") {
		t.Fatalf("found %+v, %+v", tool, found)
	}
	wheelOf(t, index, "units", "2.0", "py3-none-any", []string{"sizes"}, map[string]string{"units.py": "x = 1\n"})
	wheelOf(t, index, "sizes", "1.1", "py3-none-any", nil, map[string]string{"sizes.py": "x = 1\n"})
	c := newCompiler(t)
	r := mustBuild(t, c, sourceOf(t, map[string]string{"main.py": "import units, sizes\n" + handler, "requirements.txt": "units\n"}))
	if got := names(packed(t, r.Module).Files); !slices.Contains(got, "packages/units.py") || !slices.Contains(got, "packages/sizes.py") {
		t.Errorf("packed %q", got)
	}
	e := mustFail(t, c, sourceOf(t, map[string]string{"main.py": "import unit\n" + handler, "requirements.txt": "unit\n"}))
	if len(e.Diagnostics) != 1 || !strings.Contains(e.Diagnostics[0].Text, "there is no package unit") {
		t.Errorf("%+v", e)
	}
}

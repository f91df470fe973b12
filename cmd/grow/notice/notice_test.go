package notice

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/grow-platform/grow/compiler/python/interpreter"
	"github.com/grow-platform/grow/host/console"
)

func TestWritten(t *testing.T) {
	want := []License{{"Go", "1.26.1", "a text"}, {"example.com/m", "v1.2.3", "another\nof two lines"}}
	var b, again bytes.Buffer
	if err := errors.Join(Write(&b, want), Write(&again, want)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("the same licenses are other bytes")
	}
	got, err := goModules(fstest.MapFS{"dist/" + File: {Data: b.Bytes()}})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("read %v, %v", got, err)
	}
	if _, err := goModules(fstest.MapFS{"dist/" + File: {Data: b.Bytes()[:20]}}); err == nil {
		t.Error("a file that is cut off was read")
	}
	if _, err := goModules(fstest.MapFS{}); !errors.Is(err, ErrModules) {
		t.Errorf("without a file: %v", err)
	}
}

// TestPythonRuntime: whatever is linked into the runtime comes with its license.
func TestPythonRuntime(t *testing.T) {
	if _, err := interpreter.Find(); err != nil {
		t.Skip(err)
	}
	list, err := pythonRuntime()
	if err != nil {
		t.Fatal(err)
	}
	for name, says := range map[string]string{
		"CPython": "PYTHON SOFTWARE FOUNDATION LICENSE", "zlib": "Jean-loup Gailly", "Expat": "Clark Cooper", "libmpdec": "Stefan Krah",
		"HACL": "INRIA", "Zig": "Zig contributors", "wasi-libc": "multi-licensed", "musl": "Rich Felker", "cloudlibc": "Nuxi",
	} {
		i := slices.IndexFunc(list, func(l License) bool { return l.Name == name })
		if i < 0 {
			t.Errorf("no license of %s", name)
			continue
		}
		if !strings.Contains(list[i].Text, says) {
			t.Errorf("%s: %.300s", name, list[i].Text)
		}
		if part := list[i].Version == ""; part != slices.Contains([]string{"Expat", "libmpdec", "HACL", "wasi-libc", "musl", "cloudlibc"}, name) {
			t.Errorf("%s has version %q", name, list[i].Version)
		}
	}
}

// TestConsole: so do the packages in the console.
func TestConsole(t *testing.T) {
	list, err := consolePackages()
	if err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Skip(console.ErrMissing)
	}
	i := slices.IndexFunc(list, func(l License) bool { return l.Name == "svelte" })
	if i < 0 || list[i].Version == "" || !strings.Contains(list[i].Text, "Svelte Contributors") {
		t.Errorf("no license of svelte among %d", len(list))
	}
}

// TestAll: a binary that is not from make build says so, and what it has.
func TestAll(t *testing.T) {
	all, err := All()
	if _, missing := os.Stat("dist/" + File); missing != nil {
		if !errors.Is(err, ErrModules) {
			t.Errorf("without %s: %v", File, err)
		}
		return
	}
	if err != nil || !slices.ContainsFunc(all, func(l License) bool { return l.Name == "Go" }) {
		t.Errorf("%d licenses, %v", len(all), err)
	}
}

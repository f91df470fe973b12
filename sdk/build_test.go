package sdk_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/sdk"
	"github.com/grow-platform/grow/testdata/wat"
)

// languages are the ways to make a ledger, as compiler packages do it but with
// nothing of theirs: the SDK is written out and an actor is built against it.
var languages = map[string]func(testing.TB) []byte{
	"wat":    func(testing.TB) []byte { return wat.Module("ledger") },
	"go":     buildGo,
	"rust":   buildRust,
	"python": func(t testing.TB) []byte { return packPython(t, readPython(t, "python/testdata/ledger")) },
}

// built keeps what has been built, by language.
var built sync.Map

func ledger(t testing.TB, language string) []byte {
	t.Helper()
	if b, ok := built.Load(language); ok {
		return b.([]byte)
	}
	b := languages[language](t)
	built.Store(language, b)
	return b
}

func run(t testing.TB, dir string, env []string, name string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if old, err := os.ReadFile(path); err == nil && string(old) == text {
		return
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// extract makes dir/sdk hold exactly files. What is there already stays as it
// is, so that cargo need not build it again.
func extract(t testing.TB, dir string, files fs.FS) {
	t.Helper()
	target := filepath.Join(dir, "sdk")
	if same(files, os.DirFS(target)) && same(os.DirFS(target), files) {
		return
	}
	if err := os.RemoveAll(target); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(target, files); err != nil {
		t.Fatal(err)
	}
}

// same reports whether b has every file of a.
func same(a, b fs.FS) bool {
	return nil == fs.WalkDir(a, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		x, err := fs.ReadFile(a, path)
		y, missing := fs.ReadFile(b, path)
		if err == nil && (missing != nil || string(x) != string(y)) {
			err = fs.ErrNotExist
		}
		return err
	})
}

// buildGo builds with what the SDK's go.mod needs: nothing that is fetched.
func buildGo(t testing.TB) []byte {
	t.Helper()
	dir := t.TempDir()
	extract(t, dir, sdk.Go())
	write(t, filepath.Join(dir, "main.go"), read(t, "go/testdata/ledger/main.go"))
	write(t, filepath.Join(dir, "go.mod"), "module ledger\n\ngo 1.24\n\nrequire "+sdk.Module+" v0.0.0\n\nreplace "+sdk.Module+" => ./sdk\n")
	env := []string{"GOOS=wasip1", "GOARCH=wasm", "GOPROXY=off", "GOFLAGS=", "GOWORK=off"}
	run(t, dir, env, "go", "vet", "./...")
	run(t, dir, env, "go", "build", "-trimpath", "-buildmode=c-shared", "-o", "ledger.wasm", ".")
	return []byte(read(t, filepath.Join(dir, "ledger.wasm")))
}

// buildRust builds in the user's cache, which keeps the dependencies built.
func buildRust(t testing.TB) []byte {
	t.Helper()
	const target = "wasm32-unknown-unknown"
	if testing.Short() {
		t.Skip("cargo is slow")
	}
	if _, err := exec.LookPath("cargo"); err != nil {
		t.Skip("cargo is not installed")
	}
	lib := strings.TrimSpace(run(t, ".", nil, "rustc", "--print", "target-libdir", "--target", target))
	if _, err := os.Stat(lib); err != nil {
		t.Skip("the target " + target + " is not installed")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(cache, "grow", "sdk-test")
	if err := os.MkdirAll(filepath.Join(dir, "src"), 0o700); err != nil {
		t.Fatal(err)
	}
	extract(t, dir, sdk.Rust())
	const source = "rust/tests/ledger/"
	write(t, filepath.Join(dir, "Cargo.toml"), strings.ReplaceAll(read(t, source+"Cargo.toml"), `"../.."`, `"sdk"`))
	write(t, filepath.Join(dir, "Cargo.lock"), read(t, source+"Cargo.lock"))
	write(t, filepath.Join(dir, "src", "lib.rs"), read(t, source+"src/lib.rs"))
	env := []string{"CARGO_TARGET_DIR=" + filepath.Join(dir, "target"), "RUSTFLAGS=-D warnings"}
	run(t, dir, env, "cargo", "build", "--quiet", "--release", "--locked", "--target", target)
	return []byte(read(t, filepath.Join(dir, "target", target, "release", "ledger.wasm")))
}

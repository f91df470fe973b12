package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/compiler"
)

// cachedSDK is where a page says that an SDK lies: the folder that grow doctor names.
var cachedSDK = regexp.MustCompile(`/home/ada/[^"\s]*/sdk/[a-z]+-[0-9a-f]{16}`)

// TestActorPages: what docs/rust.md and docs/go.md show is a whole actor. It does what
// testdata/pricing expects of it, and its own tests pass without Wasm.
func TestActorPages(t *testing.T) {
	if testing.Short() {
		t.Skip("builds actors")
	}
	base, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	t.Setenv("CARGO_TARGET_DIR", filepath.Join(base, "grow", "cargo-messages"))
	t.Setenv("GOWORK", "")
	t.Setenv("GOFLAGS", "")
	for _, c := range []struct {
		lang, files string
		tests       string // in the folder of the sources
	}{
		{"rust", "lib.rs quotes.rs Cargo.toml tests.rs .cargo/config.toml", "cargo test --quiet --lib"},
		{"go", "main.go quotes.go main_test.go", "go mod init pricing && go work init . SDK && go vet . && go test ."},
	} {
		t.Run(c.lang, func(t *testing.T) {
			buildable(t, c.lang)
			dir := t.TempDir()
			sources := filepath.Join(dir, "actors", "pricing", "src", c.lang)
			pricingIn(t, dir, c.lang)
			var files []string
			sdk := sdkOf(t, c.lang)
			for _, b := range blocksOf(actorPage(t, c.lang)) {
				b.text = cachedSDK.ReplaceAllLiteralString(b.text, sdk)
				b.put(t, dir)
				name, err := filepath.Rel(sources, filepath.Join(dir, b.file))
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, filepath.ToSlash(name))
			}
			if want := strings.Fields(c.files); !slices.Equal(files, want) {
				t.Fatalf("the page has the files %q, want %q", files, want)
			}
			ranGrow(t, "grow types -C "+dir, exitDone)
			if out, _ := ranGrow(t, "grow test -C "+dir, exitDone); !strings.Contains(out, "\n3 passed in ") {
				t.Errorf("grow test prints\n%s", out)
			}
			own := exec.CommandContext(t.Context(), "bash", "-ec", strings.ReplaceAll(c.tests, "SDK", sdk))
			own.Dir = sources
			if out, err := own.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", c.tests, err, out)
			}
		})
	}
}

// actorPage is the text of docs/LANG.md.
func actorPage(t *testing.T, lang string) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/" + lang + ".md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pricingIn makes a folder the service of testdata/pricing, whose actor is in one language.
func pricingIn(t *testing.T, dir, lang string) {
	t.Helper()
	if err := os.CopyFS(dir, os.DirFS("testdata/pricing")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "actors", "pricing", "actor.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(text), "LANGUAGE", lang)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sdkOf is the folder of a language's SDK, as grow doctor names it.
func sdkOf(t *testing.T, lang string) string {
	t.Helper()
	build, _ := compiler.For(lang)
	for _, f := range build.Check(t.Context()) {
		if f.Name == lang+" sdk" {
			return f.Path
		}
	}
	t.Fatalf("there is no finding of the SDK of %s", lang)
	return ""
}

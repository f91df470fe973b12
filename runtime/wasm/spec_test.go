package wasm

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// wazeroDir is where the module cache has the sources of wazero, with the test
// suite of the specification as binaries.
func wazeroDir(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// command is an entry of a manifest of the suite.
type command struct {
	Type     string `json:"type"`
	Line     int    `json:"line"`
	Filename string `json:"filename"`
	Text     string `json:"text"`
	Format   string `json:"module_type"`
}

// since are the modules that the suite of 1.0 calls invalid and those of 2.0 are valid:
// several results, several tables, and branches to labels of two types from
// where nothing is reached.
var since = map[string]bool{
	"func.20.wasm": true, "func.21.wasm": true, "type.3.wasm": true, "type.4.wasm": true,
	"imports.47.wasm": true, "imports.48.wasm": true, "imports.49.wasm": true,
	"unreached-invalid.87.wasm": true,
}

// TestSpecification: what the suites of core 1.0 and 2.0 call valid is accepted,
// what they call invalid or malformed is not.
func TestSpecification(t *testing.T) {
	dir := filepath.Join(wazeroDir(t), "internal", "integration_test", "spectest")
	for _, version := range []string{"v1", "v2"} {
		manifests, err := filepath.Glob(filepath.Join(dir, version, "testdata", "*.json"))
		if err != nil || len(manifests) == 0 {
			t.Fatalf("no manifests of %s: %v", version, err)
		}
		valid, wrong := 0, 0
		for _, m := range manifests {
			a, b := holdTo(t, m)
			valid, wrong = valid+a, wrong+b
		}
		if valid < 800 || wrong < 1600 {
			t.Errorf("%s: only %d valid and %d wrong modules were found", version, valid, wrong)
		}
	}
}

func holdTo(t *testing.T, manifest string) (valid, wrong int) {
	b, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	var suite struct{ Commands []command }
	if err := json.Unmarshal(b, &suite); err != nil {
		t.Fatal(err)
	}
	for _, c := range suite.Commands {
		if c.Filename == "" || c.Format == "text" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(filepath.Dir(manifest), c.Filename))
		if err != nil {
			continue // a module in text
		}
		_, err = Decode(b)
		switch c.Type {
		case "module", "assert_unlinkable", "assert_uninstantiable", "assert_trap":
			if valid++; err != nil {
				t.Errorf("%s:%d: %s: %v", manifest, c.Line, c.Filename, err)
			}
		case "assert_invalid", "assert_malformed":
			if wrong++; err == nil && !(since[c.Filename] && filepath.Base(filepath.Dir(filepath.Dir(manifest))) == "v1") {
				t.Errorf("%s:%d: %s is accepted: %s", manifest, c.Line, c.Filename, c.Text)
			}
		}
	}
	return valid, wrong
}

// Package vscode_test checks the extension for Visual Studio Code, and that it can be
// packaged.
package vscode_test

import (
	"archive/zip"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/specs/schema"
)

var update = flag.Bool("update", false, "write the schemas anew")

// TestSchemas holds the schemas of the extension to those of grow.
func TestSchemas(t *testing.T) {
	want := schema.JSONSchemas()
	for name, text := range want {
		file := filepath.Join("schemas", name)
		if *update {
			if err := os.WriteFile(file, text, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != string(text) {
			t.Errorf("%s is not what grow schema writes (go test -update writes it): %v", file, err)
		}
	}
	var manifest struct {
		Contributes struct {
			YAMLValidation []struct{ URL string } `json:"yamlValidation"`
		}
	}
	text, err := os.ReadFile("package.json")
	if err == nil {
		err = json.Unmarshal(text, &manifest)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range manifest.Contributes.YAMLValidation {
		delete(want, strings.TrimPrefix(v.URL, "./schemas/"))
	}
	if len(want) > 0 {
		t.Errorf("the extension checks no files by %d of the schemas", len(want))
	}
}

// TestExtension loads it with a stand-in for the editor.
func TestExtension(t *testing.T) {
	c := exec.CommandContext(t.Context(), node(t), "test/extension.cjs")
	if out, err := c.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "ok" {
		t.Errorf("%v\n%s", err, out)
	}
}

// vsceVersion is that of @vscode/vsce which the set-up installs.
const vsceVersion = "4.1.0"

// TestPackage makes the file that an editor installs.
func TestPackage(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	vsce := filepath.Join(cache, "grow", "vsce", vsceVersion, "node_modules", "@vscode", "vsce", "vsce")
	if _, err := os.Stat(vsce); err != nil {
		t.Skip("@vscode/vsce is not installed; make test does so")
	}
	file := filepath.Join(t.TempDir(), "grow.vsix")
	c := exec.CommandContext(t.Context(), node(t), vsce, "package", "--no-dependencies", "--skip-license", "--out", file)
	if out, err := c.CombinedOutput(); err != nil || strings.Contains(string(out), "WARN") {
		t.Fatalf("%v\n%s", err, out)
	}
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var got []string
	for _, f := range z.File {
		got = append(got, f.Name)
	}
	slices.Sort(got)
	want := []string{"[Content_Types].xml", "extension.vsixmanifest", "extension/extension.js", "extension/package.json", "extension/readme.md",
		"extension/schemas/actor.schema.json", "extension/schemas/grow.schema.json", "extension/schemas/tests.schema.json", "extension/schemas/workflow.schema.json"}
	if !slices.Equal(got, want) {
		t.Errorf("the package holds %q", got)
	}
}

func node(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	return path
}

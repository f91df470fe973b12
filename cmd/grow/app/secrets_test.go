package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/secrets"
)

// TestSecretOrder: the environment goes before a folder, that before what is sealed.
func TestSecretOrder(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"BOTH": "of-file\n", "FILE": "of-file\r\n", "LINES": "a\n\n", "LARGE": strings.Repeat("x", secrets.ValueMax+1), ".hidden": "x", "EMPTY": "",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(folder, "FOLDER"), 0o700); err != nil {
		t.Fatal(err)
	}
	sealed, err := secrets.Open(filepath.Join(folder, "sealed"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	place := secrets.Place{Namespace: "main", Service: "shop"}
	for _, name := range []string{"ENV", "BOTH", "FILE", "SEALED", "SEALED"} {
		if _, err := sealed.Set(place, name, []byte("of-seal"), "ann"); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{"ENV": "of-env", "BOTH": "of-env", secrets.KeyVariable: "key"}
	s := Secrets{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }, Folder: folder, Sealed: sealed, Place: place}
	for name, c := range map[string]struct{ value, from string }{
		"ENV": {"of-env", fromEnvironment}, "BOTH": {"of-env", fromEnvironment}, "FILE": {"of-file", fromFile}, "LINES": {"a\n", fromFile},
		"SEALED": {"of-seal", fromSealed}, "EMPTY": {"", fromFile},
	} {
		value, ok := s.Get(name)
		if from := s.From(name); !ok || value != c.value || from != c.from {
			t.Errorf("%s is %q from %s, %v", name, value, from, ok)
		}
	}
	for _, name := range []string{"", ".", "..", ".hidden", "FOLDER", "LARGE", "../" + filepath.Base(folder) + "/FILE", "MISSING", secrets.KeyVariable} {
		if value, ok := s.Get(name); ok {
			t.Errorf("%q is %.20q", name, value)
		}
	}
}

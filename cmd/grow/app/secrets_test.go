package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/secrets"
)

// TestSecretOrder: the environment goes before a folder, that before what is sealed; all
// are known, to be hidden.
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
	for name, c := range map[string]struct {
		value, from string
		known       []string
	}{
		"ENV":  {"of-env", fromEnvironment, []string{"of-env", "of-seal"}},
		"BOTH": {"of-env", fromEnvironment, []string{"of-env", "of-seal"}},
		"FILE": {"of-file", fromFile, []string{"of-file", "of-seal"}}, "LINES": {"a\n", fromFile, []string{"a\n"}},
		"SEALED": {"of-seal", fromSealed, []string{"of-seal"}}, "EMPTY": {"", fromFile, []string{""}},
	} {
		value, ok := s.Get(name)
		if from, known := s.From(name), s.Known(name); !ok || value != c.value || from != c.from || !slices.Equal(known, c.known) {
			t.Errorf("%s is %q from %s, %v, known %q", name, value, from, ok, known)
		}
	}
	for _, name := range []string{"", ".", "..", ".hidden", "FOLDER", "LARGE", "../" + filepath.Base(folder) + "/FILE", "MISSING", secrets.KeyVariable} {
		if value, ok := s.Get(name); ok {
			t.Errorf("%q is %.20q", name, value)
		}
	}
}

package command

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/testdata/wat"
)

var timeOfDay = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)

// TestHostingDocs does what docs/hosting.md says.
func TestHostingDocs(t *testing.T) {
	dir := t.TempDir()
	blocks := blocksOf(readGuide(t, "docs/hosting.md"))
	for _, b := range blocks {
		if b.file != "" {
			b.put(t, dir)
		}
	}
	for name, module := range map[string][]byte{"actors/echo/module.wasm": wat.Module("echo"), "echo2.wasm": withSection(wat.Module("echo"), "another", nil)} {
		if err := os.WriteFile(filepath.Join(dir, name), module, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	p, err := app.StartPlatform(t.Context(), app.PlatformOptions{Data: t.TempDir(), Listen: "127.0.0.1:0", Control: "127.0.0.1:0", CacheDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	token, err := p.FirstToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(envHost, p.ControlURL())
	t.Setenv(envToken, token)
	port := p.URL()[strings.LastIndex(p.URL(), ":"):]
	follow(t, blocks, dir, func(t *testing.T, command string) string {
		t.Helper()
		out, _ := ranGrow(t, strings.ReplaceAll(command, "'the first one'", "first"), exitDone)
		out = strings.ReplaceAll(strings.ReplaceAll(out, port, ":8080"), "passed  first\n", "passed  the first one\n")
		return timeOfDay.ReplaceAllString(out, "2026-07-01 12:00:00")
	})
}

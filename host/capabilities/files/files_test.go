package files

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/capability/capabilitytest"
	"github.com/grow-platform/grow/specs"
)

// folder is a service's, with what is next to it.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"secret.txt": "hidden", "shop/grow.yaml": "service: shop", "shop/docs/a.md": "text of a", "shop/docs/deep/b.md": "b",
		"shop/docs/large": strings.Repeat("x", FileMax+1), "shop/docs/.env": "hidden", "shop/docs2/c.md": "hidden",
	} {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{"out": "../../secret.txt", "up": "../..", "in": "a.md", "beside": "../docs2", "absolute": filepath.Join(dir, "secret.txt")} {
		if err := os.Symlink(to, filepath.Join(dir, "shop", "docs", from)); err != nil {
			t.Skip("this system has no links: ", err)
		}
	}
	return filepath.Join(dir, "shop")
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		params map[string]any
		says   string // "": fine
	}{
		{map[string]any{"paths": []any{"docs", "docs/a b.md"}}, ""},
		{map[string]any{}, "paths"},
		{map[string]any{"paths": []any{}}, "paths"},
		{map[string]any{"paths": []any{"../x"}}, "paths"},
		{map[string]any{"paths": []any{"/etc"}}, "paths"},
		{map[string]any{"paths": []any{".grow"}}, "paths"},
		{map[string]any{"paths": []any{"docs"}, "access": "write"}, "access"},
	} {
		err := capability.CheckGrant(specs.Grant{Kind: "files", Params: c.params})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.params, err, c.says)
		}
	}
}

// TestFiles: what is read, what is there, and what nothing leads to.
func TestFiles(t *testing.T) {
	c, err := kind{}.Open(t.Context(), specs.Grant{Params: map[string]any{"paths": []any{"docs"}}}, capability.Environment{Documents: folder(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, step := range []struct{ op, path, want string }{
		{Read, "docs/a.md", "text of a"},
		{Read, "docs/deep/b.md", "b"},
		{Read, "docs/in", "denied"},
		{Read, "docs/beside/c.md", "denied"},
		{List, "docs/beside", "denied"},
		{Read, "docs/large", `limit: "docs/large" is too large: 1048576 bytes of a file are allowed`},
		{Read, "docs/none", `not_found: there is no "docs/none"`},
		{Read, "docs/deep", `invalid: "docs/deep" is of another kind: files.read is for files, files.list for folders`},
		{Read, "docs/a.md/x", "denied"},
		{Read, "docs/out", "denied"},
		{Read, "docs/absolute", "denied"},
		{Read, "docs/up/secret.txt", "denied"},
		{Read, "docs/.env", "denied"},
		{Read, "docs2/c.md", "denied"},
		{Read, "grow.yaml", "denied"},
		{Read, "docs/../grow.yaml", "invalid"},
		{Read, "/etc/passwd", "invalid"},
		{Read, `docs\a.md`, "invalid"},
		{Read, "", "invalid"},
		{List, "docs", `[{"name":"a.md","size":9,"folder":false},{"name":"deep","size":0,"folder":true},{"name":"large","size":1048577,"folder":false}]`},
		{List, "docs/a.md", "invalid"},
		{List, "docs/up", "denied"},
		{List, ".", "denied"},
	} {
		a := c.Do(t.Context(), &capability.Request{Operation: step.op, Attr: func(name string) (string, bool) { return step.path, name == "path" }})
		got := string(a.Data)
		if a.Code != "" {
			got = a.Code + ": " + a.Text
		}
		if got != step.want && !(a.Code == step.want && a.Text != "") || strings.Contains(got, "hidden") {
			t.Errorf("%s %s: %s\nwant %s", step.op, step.path, got, step.want)
		}
	}
}

// TestPrint: it changes with what the grant covers, and with nothing else.
func TestPrint(t *testing.T) {
	dir := folder(t)
	g := specs.Grant{Kind: "files", Params: map[string]any{"paths": []any{"docs"}}}
	first := capability.Print(g, dir)
	for _, step := range []struct {
		file  string
		other bool
	}{{"docs2/c.md", false}, {"docs/.env", false}, {"docs/deep/b.md", true}, {"docs/deep/new", true}} {
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(step.file)), []byte("changed"), 0o644); err != nil {
			t.Fatal(err)
		}
		now := capability.Print(g, dir)
		if now == "" || (now != first) != step.other {
			t.Errorf("after %s: %s, and was %s", step.file, now, first)
		}
		first = now
	}
}

// TestSuite: files is a capability like others.
func TestSuite(t *testing.T) {
	capabilitytest.Run(t, func(t *testing.T) capabilitytest.Subject {
		dir := folder(t)
		read := func(path string) capabilitytest.Request {
			return capabilitytest.Request{Operation: Read, Attrs: []string{"path", path}}
		}
		return capabilitytest.Subject{
			Kind: "files", Params: map[string]any{"paths": []any{"docs"}}, Environment: capability.Environment{Documents: dir},
			Read: read("docs/a.md"), Denied: read("grow.yaml"), Large: read("docs/large"), Secrets: []string{"hidden"},
		}
	})
}

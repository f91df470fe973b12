package triagetest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/app"
)

// TestRehearsal: of messages that the classifier has handled in Rust the same comes out each
// time in Python, and a wrong branch there is found out by the one in 2,000 that takes it.
func TestRehearsal(t *testing.T) {
	right, err := classifiers["python"]()
	if err != nil {
		t.Fatal(err)
	}
	wrong := mistaken(t, `kind=about,`, `kind=about if read.delivery != "load-2-300" else "docs" if about != "docs" else "chore",`)
	l, c := newLoad(t), startIn(t, classifiers["rust"], t.TempDir(), app.Journal{})
	const messages = 2000
	l.during(t, c, func() { l.await(messages) })
	if len(l.sent[2]) <= 300 {
		t.Fatalf("a sender has sent %d", len(l.sent[2]))
	}
	for _, x := range []struct {
		name        string
		built       built
		last, wrong int
	}{{"as it was", right, messages / 10, 0}, {"with a wrong branch", wrong, messages, 1}} {
		ran, equal, err := c.host.Rehearse(t.Context(), x.built.service, x.built.modules, "triage/classify", x.last)
		if err != nil || ran != x.last || equal != x.last-x.wrong {
			t.Errorf("%s: %d of %d came out the same, %v; want all but %d of %d", x.name, equal, ran, err, x.wrong, x.last)
		}
	}
}

// mistaken builds the service with the classifier in Python, where a text of its code is
// another one.
func mistaken(t *testing.T, was, is string) built {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../services/triage")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "actors", "classify", "src", "python", "main.py")
	text, err := os.ReadFile(file)
	if err != nil || bytes.Count(text, []byte(was)) != 1 {
		t.Fatalf("%q is not in %s once: %v", was, file, err)
	}
	if err := os.WriteFile(file, bytes.Replace(text, []byte(was), []byte(is), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := build(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

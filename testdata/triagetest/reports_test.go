package triagetest

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/testdata/postbox"
	_ "modernc.org/sqlite"
)

// token is what GitHub is asked with.
const token = "canary-of-the-github-token"

// world is the service on a host as grow run starts it, with a GitHub, a mail server and a
// clock of the test around it.
type world struct {
	*app.Platform
	dir    string
	github *github
	post   *postbox.Box
	clock  *clock
	client http.Client
	ended  sync.Once
}

// startWorld starts one, which ends with the test or by stop.
func startWorld(t *testing.T, now time.Time) *world {
	t.Helper()
	b, err := triage()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{dir: t.TempDir(), github: startGitHub(t, token), post: postbox.Start(t, postbox.Options{Implicit: true}), clock: clockAt(now)}
	w.settle(t)
	service, err := app.Load(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	secrets := t.TempDir()
	if err := os.WriteFile(filepath.Join(secrets, "GITHUB_TOKEN"), []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	given := map[string]string{"GITHUB_WEBHOOK_SECRET": secret, "GROW_SMTP_DEFAULT": w.post.URL("smtps")}
	w.Platform, err = app.StartPlatform(t.Context(), app.PlatformOptions{
		Mount:  &app.Mount{Dir: w.dir, Service: service, Modules: b.modules, By: "test", Documents: w.documents},
		Listen: "127.0.0.1:0", Control: "127.0.0.1:0", CacheDir: compiled, Clock: w.clock, Secrets: secrets, Stderr: t.Output(), Level: slog.LevelWarn,
		Secret:   func(name string) (string, bool) { value, ok := given[name]; return value, ok },
		Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.client.Transport = &http.Transport{}
	t.Cleanup(func() { w.stop(t) })
	return w
}

// settle copies the service, for a GitHub of one's own.
func (w *world) settle(t *testing.T) {
	t.Helper()
	if err := os.CopyFS(w.dir, os.DirFS("../services/triage")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(w.dir, ".grow")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"clerk", "digest"} {
		file := filepath.Join(w.dir, "actors", name, "actor.yaml")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		was, is := "openapi: docs/github.yaml\n", "openapi: docs/github.yaml\n    server: "+w.github.URL+"\n    schemes: [http]\n    networks: [127.0.0.1/32]\n"
		if bytes.Count(text, []byte(was)) != 1 {
			t.Fatalf("%s has no grant with GitHub's document", file)
		}
		if err := os.WriteFile(file, bytes.Replace(text, []byte(was), []byte(is), 1), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// documents are the files of the service, as the host records them.
func (w *world) documents(context.Context) (documents.Tree, string, error) {
	var all documents.Tree
	root := os.DirFS(w.dir)
	err := fs.WalkDir(root, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() && path == ".grow" {
			return fs.SkipDir
		}
		if e.IsDir() {
			return nil
		}
		text, err := fs.ReadFile(root, path)
		all = append(all, documents.File{Path: path, Digest: store.DigestOf(text), Size: int64(len(text))})
		return err
	})
	return all, "", err
}

// stop ends the host; once more does nothing.
func (w *world) stop(t *testing.T) {
	t.Helper()
	w.ended.Do(func() {
		w.client.CloseIdleConnections()
		if _, err := w.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// ask makes a request, holds its status against one and reads its answer into one.
func (w *world) ask(t *testing.T, method, path, body string, status int, into any) http.Header {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	a := must(t)(read(resp))
	if a.status != status {
		t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	if text, ok := into.(*string); ok {
		*text = a.body
	} else if err := json.Unmarshal([]byte(a.body), into); err != nil {
		t.Fatalf("%s %s: %s: %v", method, path, a.body, err)
	}
	return a.header
}

// report is what the service says of one.
type report struct {
	ID, At, Repository, Title, Attachment string
	Issue                                 int
}

// TestReports: who reports something gets an issue at GitHub, which is asked with the token
// and a key; what was reported is in the database, its attachment in the bucket; and a mail
// tells of it in the morning.
func TestReports(t *testing.T) {
	w := startWorld(t, time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC))
	content := bytes.Repeat([]byte("a line of a log\n"), 20000)
	body, err := json.Marshal(map[string]any{
		"owner": "octo", "repo": "hello", "title": "It crashes", "text": "On start.",
		"attachment": map[string]string{"name": "crash.log", "data": base64.StdEncoding.EncodeToString(content)},
	})
	if err != nil {
		t.Fatal(err)
	}
	var kept report
	w.ask(t, http.MethodPost, "/reports", string(body), http.StatusCreated, &kept)
	if kept.Repository != "octo/hello" || kept.Issue != 1 || kept.Attachment != "crash.log" || !strings.HasPrefix(kept.At, "2026-07-01T12:") {
		t.Errorf("kept %+v", kept)
	}
	seen, faults := w.github.seen()
	if len(seen) != 1 || seen[0].method != http.MethodPost || seen[0].path != "/repos/octo/hello/issues" || !strings.HasPrefix(seen[0].key, kept.ID) || len(faults) > 0 {
		t.Errorf("GitHub was asked %+v, %v", seen, faults)
	}
	if made := w.github.issues[seen[0].key]; made.Title != "It crashes" || !strings.Contains(made.Body, kept.ID) || !strings.Contains(made.Body, "crash.log") {
		t.Errorf("%+v", made)
	}
	var listed struct{ Reports []report }
	w.ask(t, http.MethodGet, "/reports/octo/hello", "", http.StatusOK, &listed)
	if len(listed.Reports) != 1 || listed.Reports[0].ID != kept.ID || listed.Reports[0].Issue != 1 {
		t.Errorf("%+v", listed)
	}
	var got string
	header := w.ask(t, http.MethodGet, "/reports/octo/hello/"+kept.ID+"/attachment", "", http.StatusOK, &got)
	if got != string(content) || header.Get("Content-Disposition") != `attachment; filename="crash.log"` {
		t.Errorf("%d bytes, %v", len(got), header)
	}
	w.morning(t)
	if _, faults := w.github.seen(); len(faults) > 0 {
		t.Error(faults)
	}
	if dead := w.Mounted().Shard().DeadLetters(nil, 0); len(dead) > 0 {
		t.Errorf("%+v", dead)
	}
	w.stop(t)
	w.row(t, kept)
}

// morning has it be seven in Berlin, and reads the digest.
func (w *world) morning(t *testing.T) {
	t.Helper()
	w.clock.set(time.Date(2026, 7, 2, 4, 59, 59, 0, time.UTC))
	if n := len(w.post.All()); n != 0 {
		t.Errorf("%d mails came too early", n)
	}
	w.clock.set(time.Date(2026, 7, 2, 5, 0, 0, 0, time.UTC))
	m := w.post.Await(t, 1)[0]
	if m.From != "triage@example.com" || strings.Join(m.To, " ") != "maintainers@example.com" {
		t.Errorf("a mail from %s to %s", m.From, m.To)
	}
	for _, text := range []string{"Subject: 1 report, 1 open, until 2026-07-02 05:00 UTC\r\n", "octo/hello #1 open: It crashes"} {
		if !strings.Contains(m.Data, text) {
			t.Errorf("the mail lacks %q:\n%s", text, m.Data)
		}
	}
}

// row reads what the database of a host that has ended has of a report.
func (w *world) row(t *testing.T, want report) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(w.dir, ".grow", "data", app.DefaultNamespace, "triage", "sql", "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // it is only read
	var got report
	err = db.QueryRowContext(t.Context(), "select id, at, repository, title, attachment, issue from reports").
		Scan(&got.ID, &got.At, &got.Repository, &got.Title, &got.Attachment, &got.Issue)
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/audit"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/secrets"
	"github.com/grow-platform/grow/host/signing"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/store/files"
	"github.com/grow-platform/grow/host/token"
	"github.com/grow-platform/grow/host/upload"
)

// asked is a store that writes down what it is asked.
type asked struct {
	store.Store
	on   atomic.Bool
	list []string // of the one request that is under way
}

func (a *asked) note(what string) {
	if a.on.Load() {
		a.list = append(a.list, what)
	}
}

func (a *asked) Ref(ctx context.Context, name string) (store.Ref, error) {
	kind, _, _ := strings.Cut(name, "/")
	a.note("ref of " + kind)
	return a.Store.Ref(ctx, name)
}

func (a *asked) Refs(ctx context.Context, prefix string) ([]store.Ref, error) {
	a.note("refs")
	return a.Store.Refs(ctx, prefix)
}

func (a *asked) Stat(ctx context.Context, d store.Digest) (store.Object, error) {
	a.note("stat")
	return a.Store.Stat(ctx, d)
}

func (a *asked) Get(ctx context.Context, d store.Digest) (io.ReadCloser, store.Object, error) {
	a.note("get")
	return a.Store.Get(ctx, d)
}

// shared is a store with a clock, on which several hosts can be.
type shared struct {
	t     *testing.T
	store *asked
	now   atomic.Int64
	dir   string
}

func newShared(t *testing.T) *shared {
	t.Helper()
	s := &shared{t: t, dir: t.TempDir()}
	s.now.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	f, err := files.Open(filepath.Join(s.dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	s.store = &asked{Store: f}
	t.Cleanup(func() { _ = f.Close() })
	return s
}

func (s *shared) clock() time.Time { return time.Unix(0, s.now.Load()) }

func (s *shared) pass(d time.Duration) { s.now.Add(int64(d)) }

// host is another host on the store.
func (s *shared) host(name string) *host {
	s.t.Helper()
	docs := documents.New(s.store, s.clock)
	uploads, err := upload.New(upload.Options{Dir: filepath.Join(s.dir, name, "uploads"), Store: s.store})
	if err != nil {
		s.t.Fatal(err)
	}
	d, err := deploy.New(deploy.Options{Store: s.store, Documents: docs, Runner: runner{}, Dir: filepath.Join(s.dir, name, "work")})
	if err != nil {
		s.t.Fatal(err)
	}
	h := &host{t: s.t, tokens: token.New(s.store, s.clock)}
	sealed, err := secrets.Open(filepath.Join(s.dir, name, "secrets"), "", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	acts := audit.New(filepath.Join(s.dir, name, "audit"), nil)
	s.t.Cleanup(func() { _ = acts.Close() })
	h.Server = httptest.NewServer(New(Options{Version: "1", Documents: docs, Tokens: h.tokens, Keys: signing.New(s.store, s.clock), Sealed: sealed, Acts: acts, SecretFrom: func(string) string { return "sealed" }, Uploads: uploads, Deployer: d, Lifecycle: lifeless{}, Running: func(documents.Service) control.Backend { return nil }, Log: slog.New(slog.DiscardHandler)}))
	s.t.Cleanup(h.Close)
	return h
}

// TestOneTiming: whoever is refused is refused after the same steps, whatever the
// reason: the token is looked up, once, and nothing else is, so that the time it takes says
// nothing of which tokens, namespaces and services there are.
func TestOneTiming(t *testing.T) {
	s := newShared(t)
	h := s.host("one")
	admin, _ := h.make(token.Admin, "*")
	h.push(admin, "", map[string]string{"grow.yaml": "one"})
	reader, _ := h.make(token.Read, "main")
	elsewhere, _ := h.make(token.Admin, "other")
	revoked, id := h.make(token.Admin, "*")
	if err := h.tokens.Revoke(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	forged := admin[:len("growt_")+12] + revoked[len("growt_")+12:] // a known id, another secret; its sum is wrong, too
	answers := map[string]string{}
	for name, k := range map[string]struct {
		token, method, path string
		status              int
	}{
		"revoked":                         {revoked, http.MethodGet, shop + "/documents", 401},
		"revoked, and no such service":    {revoked, http.MethodGet, "/v1/namespaces/main/services/none/documents", 401},
		"another namespace":               {elsewhere, http.MethodGet, shop + "/documents", 404},
		"another, where nothing is":       {elsewhere, http.MethodGet, "/v1/namespaces/none/services/shop/documents", 404},
		"another, and no such service":    {elsewhere, http.MethodGet, "/v1/namespaces/main/services/none/documents", 404},
		"a reader writes":                 {reader, http.MethodPut, shop + "/documents", 403},
		"a reader writes what is not":     {reader, http.MethodPut, "/v1/namespaces/main/services/none/documents", 403},
		"a reader asks for the tokens":    {reader, http.MethodGet, "/v1/tokens", 403},
		"a reader deletes":                {reader, http.MethodDelete, shop, 403},
		"a reader revokes what is not":    {reader, http.MethodDelete, "/v1/tokens/none", 403},
		"of another, a service that runs": {elsewhere, http.MethodGet, shop + "/status", 404},
	} {
		s.pass(time.Minute) // nothing is remembered
		s.store.list = nil
		s.store.on.Store(true)
		status, text := h.ask(k.token, k.method, k.path, nil, nil)
		s.store.on.Store(false)
		if status != k.status {
			t.Errorf("%s: %d %s; want %d", name, status, text, k.status)
		}
		if got := strings.Join(s.store.list, ", "); got != "ref of tokens" {
			t.Errorf("%s: the store was asked for %s", name, got)
		}
		answers[name] = text
	}
	if a, b := answers["another namespace"], strings.ReplaceAll(answers["another, where nothing is"], "none", "main"); a != b {
		t.Errorf("a namespace that is there: %s\none that is not: %s", a, b)
	}
	s.store.list = nil
	s.store.on.Store(true)
	if status, _ := h.ask(forged, http.MethodGet, shop+"/documents", nil, nil); status != 401 || len(s.store.list) != 0 {
		t.Errorf("what is no token: %d, and the store was asked for %v", status, s.store.list)
	}
}

// TestRevokedEverywhere: a token that is revoked on one host is of no use on another, a
// second later.
func TestRevokedEverywhere(t *testing.T) {
	s := newShared(t)
	one, two := s.host("one"), s.host("two")
	admin, _ := one.make(token.Admin, "*")
	text, id := one.make(token.Read, "*")
	if status, _ := two.ask(text, http.MethodGet, "/v1/services", nil, nil); status != 200 {
		t.Fatalf("before: %d", status)
	}
	if status, _ := one.ask(admin, http.MethodDelete, "/v1/tokens/"+id, nil, nil); status != 204 {
		t.Fatalf("revoke: %d", status)
	}
	if status, _ := one.ask(text, http.MethodGet, "/v1/services", nil, nil); status != 401 {
		t.Errorf("on the host that revoked it: %d", status)
	}
	s.pass(time.Second)
	if status, _ := two.ask(text, http.MethodGet, "/v1/services", nil, nil); status != 401 {
		t.Errorf("on another, a second later: %d", status)
	}
}

// TestLifecycleScopes: who may read may not govern, who may deploy may not delete, and
// nobody may in another namespace, plans included.
func TestLifecycleScopes(t *testing.T) {
	h := newHost(t)
	h.push(h.pipeline, "", map[string]string{"grow.yaml": "one"})
	pause := Mode{Mode: "paused"}
	for name, k := range map[string]struct {
		token, method, path string
		in                  any
		status              int
	}{
		"a reader pauses":                 {h.reader, http.MethodPost, shop + "/mode", pause, 403},
		"a reader creates":                {h.reader, http.MethodPut, shop + "-2", NewService{}, 403},
		"a pipeline deletes":              {h.pipeline, http.MethodDelete, shop, nil, 403},
		"a pipeline plans to delete":      {h.pipeline, http.MethodDelete, shop + "?plan=true", nil, 403},
		"of another namespace: pauses":    {h.elsewhere, http.MethodPost, shop + "/mode", pause, 404},
		"of another namespace: creates":   {h.elsewhere, http.MethodPut, shop + "-2", NewService{}, 404},
		"of another namespace: deletes":   {h.elsewhere, http.MethodDelete, shop, nil, 404},
		"of another namespace: lists":     {h.elsewhere, http.MethodGet, shop + "/actors", nil, 404},
		"a pipeline creates":              {h.pipeline, http.MethodPut, shop + "-2", NewService{About: "a: b\nservice: other"}, 200},
		"a pipeline creates it again":     {h.pipeline, http.MethodPut, shop, NewService{}, 409},
		"a pipeline says what is no mode": {h.pipeline, http.MethodPost, shop + "/mode", Mode{Mode: "asleep"}, 422},
	} {
		if status, text := h.ask(k.token, k.method, k.path, k.in, nil); status != k.status {
			t.Errorf("%s: %d %s; want %d", name, status, text, k.status)
		}
	}
	if status, text := h.ask(h.reader, http.MethodGet, shop+"-2/file?path=grow.yaml", nil, nil); status != 200 || text != "service: shop-2\nabout: \"a: b\\nservice: other\"\n" {
		t.Errorf("%d %q", status, text)
	}
}

// TestTokensApart: who is admin of one namespace sees, makes and revokes the tokens of that
// one alone, and does not say which keys the host trusts.
func TestTokensApart(t *testing.T) {
	h := newHost(t)
	own, id := h.make(token.Deploy, "other")
	_, mains := h.make(token.Deploy, "main")
	_, alls := h.make(token.Read, "*")
	var list []token.Token
	if status, text := h.ask(h.elsewhere, http.MethodGet, "/v1/tokens", nil, &list); status != 200 || len(list) != 2 || list[0].Namespaces[0] != "other" || list[1].Namespaces[0] != "other" {
		t.Errorf("%d %s", status, text)
	}
	for _, foreign := range []string{mains, alls, "abc"} {
		if status, text := h.ask(h.elsewhere, http.MethodDelete, "/v1/tokens/"+foreign, nil, nil); status != 404 {
			t.Errorf("revokes another's: %d %s", status, text)
		}
	}
	for _, namespaces := range [][]string{{"*"}, {"main"}, {"other", "main"}} {
		if status, text := h.ask(h.elsewhere, http.MethodPost, "/v1/tokens", NewToken{Name: "more", Scopes: []token.Scope{token.Read}, Namespaces: namespaces}, nil); status != 403 {
			t.Errorf("makes one for %v: %d %s", namespaces, status, text)
		}
	}
	if status, text := h.ask(h.elsewhere, http.MethodDelete, "/v1/tokens/"+id, nil, nil); status != 204 {
		t.Errorf("revokes its own: %d %s", status, text)
	}
	if status, _ := h.ask(own, http.MethodGet, "/v1/services", nil, nil); status != 401 {
		t.Errorf("revoked: %d", status)
	}
	_, public, err := signing.Generate()
	if err != nil {
		t.Fatal(err)
	}
	key := NewKey{Name: "x", PEM: string(public)}
	if status, text := h.ask(h.elsewhere, http.MethodPost, "/v1/signkeys", key, nil); status != 403 {
		t.Errorf("trusts a key: %d %s", status, text)
	}
	var k signing.Key
	if status, text := h.ask(h.admin, http.MethodPost, "/v1/signkeys", key, &k); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	if status, text := h.ask(h.elsewhere, http.MethodDelete, "/v1/signkeys/"+k.ID, nil, nil); status != 403 {
		t.Errorf("distrusts a key: %d %s", status, text)
	}
}

// TestPaths: no name leads out of where documents, objects and records are kept.
func TestPaths(t *testing.T) {
	h := newHost(t)
	first := h.push(h.pipeline, "", map[string]string{"grow.yaml": "one"})
	digest := string(store.DigestOf([]byte("one")))
	for _, path := range []string{
		"../grow.yaml", "a/../../b", "/etc/passwd", "a//b", "./a", "a/.", "..", ".", "", `..\b`, `a\..\..\b`, "C:/b", "c:b", "a\x00b", "a\nb", "con", "NUL.txt", "a/aux.yaml",
		".git/hooks/post-checkout", "a/.git/config", ".grow/secret", "a. ", "a.", " a", strings.Repeat("a/", 30) + "b", strings.Repeat("a", 301),
	} {
		if status, text := h.ask(h.pipeline, http.MethodPut, shop+"/documents", Revise{Parent: first.ID, Files: []File{{Path: path, Digest: digest, Size: 3}}}, nil); status != 422 {
			t.Errorf("%q is taken for a document: %d %s", path, status, text)
		}
		if status, text := h.ask(h.reader, http.MethodGet, shop+"/file?path="+url.QueryEscape(path), nil, nil); status != 404 && status != 422 {
			t.Errorf("%q is read: %d %s", path, status, text)
		}
	}
	for _, pair := range [][2]string{{"a", "A"}, {"a", "a/b"}, {"a/b", "A/c"}} { // on some systems
		files := []File{{Path: pair[0], Digest: digest, Size: 3}, {Path: pair[1], Digest: digest, Size: 3}}
		if status, text := h.ask(h.pipeline, http.MethodPut, shop+"/documents", Revise{Parent: first.ID, Files: files}, nil); status != 422 {
			t.Errorf("%s and %s are taken: %d %s", pair[0], pair[1], status, text)
		}
	}
	up := url.PathEscape("../../store/refs")
	for _, path := range []string{
		"/v1/objects/" + up, shop + "/actors/" + up + "/revisions", "/v1/namespaces/" + up + "/services/shop/documents", "/v1/namespaces/main/services/" + up + "/documents",
		shop + "/../../../../../store",
	} {
		if status, text := h.ask(h.admin, http.MethodGet, path, nil, nil); status != 404 && status != 422 {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	for _, id := range []string{up, "a%2fb", "..", "A"} {
		if status, text := h.ask(h.admin, http.MethodDelete, "/v1/tokens/"+id, nil, nil); status != 404 && status != 422 && status != 405 {
			t.Errorf("revoke %s: %d %s", id, status, text)
		}
	}
	if list, err := h.tokens.List(t.Context()); err != nil || len(list) < 4 {
		t.Errorf("%d tokens are left, %v", len(list), err)
	}
}

// endless gives zeros, and counts them.
type endless struct{ given atomic.Int64 }

func (e *endless) Read(b []byte) (int, error) {
	clear(b)
	e.given.Add(int64(len(b)))
	return len(b), nil
}

// TestHugeBodies: a body that is too large is refused when it says so, and cut off where
// it does not, long before it is in memory or on the disk.
func TestHugeBodies(t *testing.T) {
	const huge = 10 << 30
	h := newHost(t)
	digest := strings.Repeat("0", 64)
	for _, path := range []string{shop + "/documents", "/v1/objects/" + digest + "?size=1", shop + "/deployments"} {
		method := http.MethodPut
		if strings.HasSuffix(path, "deployments") {
			method = http.MethodPost
		}
		for _, length := range []int64{huge, -1} {
			body := &endless{}
			r, err := http.NewRequestWithContext(t.Context(), method, h.URL+path, io.LimitReader(body, huge))
			if err != nil {
				t.Fatal(err)
			}
			r.ContentLength = length
			r.Header.Set("Authorization", "Bearer "+h.admin)
			r.Header.Set("Content-Type", "application/json")
			if strings.Contains(path, "objects") {
				r.Header.Set("Content-Type", "application/octet-stream")
			}
			answer, err := http.DefaultClient.Do(r)
			if err == nil {
				if answer.StatusCode != http.StatusRequestEntityTooLarge {
					t.Errorf("%s with %d bytes: %s", path, length, answer.Status)
				}
				_ = answer.Body.Close()
			} // else the host has hung up before it had all of it
			if got := body.given.Load(); got > 64<<20 {
				t.Errorf("%s: %d MiB were sent until the host had enough", path, got>>20)
			}
		}
	}
	if status, text := h.ask(h.pipeline, http.MethodPut, fmt.Sprintf("/v1/objects/%s?size=%d", digest, int64(huge)), []byte("x"), nil); status != 422 || !strings.Contains(text, "too large") {
		t.Errorf("an object of 10 GiB: %d %s", status, text)
	}
	files := []File{{Path: "a", Digest: digest, Size: huge}}
	if status, text := h.ask(h.pipeline, http.MethodPut, shop+"/documents", Revise{Files: files}, nil); status != 422 {
		t.Errorf("a document of 10 GiB: %d %s", status, text)
	}
}

// bomb is zeros that are large once they are unpacked.
func bomb(t *testing.T, size int64) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.Copy(w, io.LimitReader(&endless{}, size)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestBombs: nothing is unpacked, and nothing small is taken for something that it
// becomes: packed bodies are no requests, packed objects are the bytes that they are.
func TestBombs(t *testing.T) {
	h := newHost(t)
	packed := bomb(t, 64<<20)
	for _, encoding := range []string{"gzip", "deflate", "br", "zstd"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, h.URL+shop+"/documents", bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+h.pipeline)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Content-Encoding", encoding)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode < 400 || answer.StatusCode >= 500 {
			t.Errorf("packed by %s: %s", encoding, answer.Status)
		}
	}
	d := h.upload(h.pipeline, string(packed))
	var s upload.State
	if status, _ := h.ask(h.pipeline, http.MethodGet, "/v1/objects/"+d, nil, &s); status != 200 || s.Offset != int64(len(packed)) {
		t.Errorf("a packed object: %+v", s)
	}
	deep := strings.Repeat("[", 1<<20)
	for name, text := range map[string]string{"nested arrays": deep, "nested in a field": `{"files":` + deep, "nested objects": strings.Repeat(`{"a":`, 1<<19), "a number": `{"files":[{"path":"a","digest":"","size":1e999999999}]}`} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, h.URL+shop+"/documents", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+h.pipeline)
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode < 400 || answer.StatusCode >= 500 {
			t.Errorf("%s: %s", name, answer.Status)
		}
	}
}

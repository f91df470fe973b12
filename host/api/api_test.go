package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

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

// runner lets everything through but services that say no.
type runner struct{}

// lifeless is a host on which nothing is started, and nothing fails to be.
type lifeless struct{ Lifecycle }

// Fault implements Lifecycle.
func (lifeless) Fault(documents.Service) string { return "" }

func (runner) Check(_ context.Context, c deploy.Candidate, report func(deploy.Check)) error {
	b, err := os.ReadFile(filepath.Join(c.Dir, "grow.yaml"))
	k := deploy.Check{Name: "vet", Outcome: deploy.Passed, Text: "fine"}
	if strings.Contains(string(b), "no") {
		k.Outcome, k.Text = deploy.Failed, "it says no"
	}
	report(k)
	return err
}
func (runner) Prepare(context.Context, deploy.Candidate) error           { return nil }
func (runner) Try(context.Context, deploy.Candidate, deploy.Trial) error { return nil }
func (runner) Untry(context.Context, documents.Service) error            { return nil }
func (runner) Switch(context.Context, deploy.Candidate) error            { return nil }

// host is an API with tokens for all that it takes.
type host struct {
	*httptest.Server
	t                        *testing.T
	dir                      string // of its store
	tokens                   *token.Tokens
	admin, pipeline, reader  string
	elsewhere, revoked, cuts string
	running                  control.Backend // of every service
}

func newHost(t *testing.T) *host {
	t.Helper()
	dir := t.TempDir()
	s, err := files.Open(filepath.Join(dir, "store"))
	if err != nil {
		t.Fatal(err)
	}
	docs := documents.New(s, nil)
	uploads, err := upload.New(upload.Options{Dir: filepath.Join(dir, "uploads"), Store: s})
	if err != nil {
		t.Fatal(err)
	}
	d, err := deploy.New(deploy.Options{Store: s, Documents: docs, Runner: runner{}, Dir: filepath.Join(dir, "work")})
	if err != nil {
		t.Fatal(err)
	}
	h := &host{t: t, dir: filepath.Join(dir, "store"), tokens: token.New(s, nil)}
	sealed, err := secrets.Open(filepath.Join(dir, "secrets"), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	acts := audit.New(filepath.Join(dir, "audit"), nil)
	t.Cleanup(func() {
		if err := acts.Close(); err != nil {
			t.Error(err)
		}
	})
	h.Server = httptest.NewServer(New(Options{Version: "1", Documents: docs, Tokens: h.tokens, Keys: signing.New(s, nil), Sealed: sealed, Acts: acts, SecretFrom: func(string) string { return "sealed" }, Uploads: uploads, Deployer: d, Lifecycle: lifeless{}, Running: func(documents.Service) control.Backend { return h.running }, Graph: graphs, Log: slog.New(slog.DiscardHandler)}))
	t.Cleanup(func() {
		h.Close()
		_ = s.Close()
	})
	h.admin, _ = h.make(token.Admin, "*")
	h.pipeline, _ = h.make(token.Deploy, "main")
	h.reader, _ = h.make(token.Read, "main")
	h.elsewhere, _ = h.make(token.Admin, "other")
	var id string
	h.revoked, id = h.make(token.Admin, "*")
	if err := h.tokens.Revoke(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	h.cuts = h.admin[:len(h.admin)-1]
	return h
}

func (h *host) make(s token.Scope, namespace string) (text, id string) {
	h.t.Helper()
	text, made, err := h.tokens.Create(h.t.Context(), token.Token{Name: string(s) + " of " + namespace, Scopes: []token.Scope{s}, Namespaces: []string{namespace}, By: "test"})
	if err != nil {
		h.t.Fatal(err)
	}
	return text, made.ID
}

// ask sends a request, and decodes the answer into out unless that is nil.
func (h *host) ask(token, method, path string, in, out any) (int, string) {
	h.t.Helper()
	var r io.Reader
	switch b := in.(type) {
	case nil:
	case []byte:
		r = bytes.NewReader(b)
	default:
		encoded, err := json.Marshal(in)
		if err != nil {
			h.t.Fatal(err)
		}
		r = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(h.t.Context(), method, h.URL+path, r)
	if err != nil {
		h.t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if _, raw := in.([]byte); raw {
		request.Header.Set("Content-Type", "application/octet-stream")
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	if out != nil && answer.StatusCode < 300 {
		if err := json.Unmarshal(b, out); err != nil {
			h.t.Fatalf("%s %s: %v: %s", method, path, err, b)
		}
	}
	return answer.StatusCode, string(b)
}

// debugged is a service that somebody debugs: heard says, each time again asks, whether
// they may.
type debugged struct {
	control.Backend
	again chan struct{}
	heard chan error
}

func (d *debugged) Debug(ctx context.Context, conn io.ReadWriteCloser, _ string) error {
	defer conn.Close()
	for range d.again {
		d.heard <- control.Permitted(ctx)
	}
	return nil
}

// TestPermitted: who takes over a connection may do so until their token is revoked.
func TestPermitted(t *testing.T) {
	h := newHost(t)
	d := &debugged{again: make(chan struct{}), heard: make(chan error)}
	h.running = d
	text, id := h.make(token.Debug, "main")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+shop+"/debugger", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + text}, "Connection": {"Upgrade"}, "Upgrade": {control.DebugProtocol}}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(answer.Status)
	}
	defer close(d.again)
	d.again <- struct{}{}
	if err := <-d.heard; err != nil {
		t.Error(err)
	}
	if err := h.tokens.Revoke(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	d.again <- struct{}{}
	var told *control.Error
	if err := <-d.heard; !errors.As(err, &told) || told.Code != "token.wrong" {
		t.Errorf("once it is revoked: %v", err)
	}
}

const shop = "/v1/namespaces/main/services/shop"

// push puts documents on the host, and returns the change.
func (h *host) push(token, parent string, texts map[string]string) Change {
	h.t.Helper()
	in := Revise{Parent: parent}
	objects := map[string]string{}
	for path, text := range texts {
		d := string(store.DigestOf([]byte(text)))
		objects[d] = text
		in.Files = append(in.Files, File{Path: path, Digest: d, Size: int64(len(text))})
	}
	for range 2 {
		var out Revised
		if status, text := h.ask(token, http.MethodPut, shop+"/documents", in, &out); status != 200 {
			h.t.Fatalf("%d %s", status, text)
		}
		if out.Change != nil {
			return *out.Change
		}
		for _, d := range out.Missing {
			h.upload(token, objects[d])
		}
	}
	h.t.Fatal("files are missing still")
	return Change{}
}

func (h *host) upload(token, text string) string {
	h.t.Helper()
	d := string(store.DigestOf([]byte(text)))
	var s upload.State
	if status, body := h.ask(token, http.MethodPut, fmt.Sprintf("/v1/objects/%s?size=%d", d, len(text)), []byte(text), &s); status != 200 || !s.Done {
		h.t.Fatalf("%d %s", status, body)
	}
	return d
}

// deploy returns the lines of an answer.
func (h *host) deploy(token string, r Request) (int, []Progress) {
	h.t.Helper()
	status, text := h.ask(token, http.MethodPost, shop+"/deployments", r, nil)
	var list []Progress
	for line := range strings.Lines(text) {
		var p Progress
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			h.t.Fatalf("%v: %s", err, line)
		}
		list = append(list, p)
	}
	return status, list
}

func TestDeploy(t *testing.T) {
	h := newHost(t)
	first := h.push(h.pipeline, "", map[string]string{"grow.yaml": "yes", "actors/price/actor.yaml": "price"})
	module := h.upload(h.pipeline, "module")
	status, lines := h.deploy(h.pipeline, Request{Change: first.ID, Artifacts: map[string]Artifact{"price": {Digest: module}}, Seen: 0, Text: "first"})
	if status != 200 || len(lines) != 2 || lines[0].Check.Name != "vet" || lines[1].Deployment.State != deploy.Live || lines[1].Deployment.By != "deploy of main" {
		t.Fatalf("%d %+v", status, lines)
	}
	second := h.push(h.pipeline, first.ID, map[string]string{"grow.yaml": "no", "actors/price/actor.yaml": "price"})
	refused := Request{Change: second.ID, Seen: 1}
	if _, lines := h.deploy(h.pipeline, refused); len(lines) != 2 || lines[1].Fault == nil || lines[1].Fault.Code != "deploy.refused" || lines[1].Deployment.State != deploy.Refused {
		t.Errorf("%+v", lines)
	}
	refused.Force = "we know"
	if status, lines := h.deploy(h.pipeline, refused); status != 403 {
		t.Errorf("forced by a pipeline: %d %+v", status, lines)
	}
	if status, lines := h.deploy(h.admin, refused); status != 200 || lines[1].Deployment.State != deploy.Live || lines[1].Deployment.Actors["price"].Digest != store.Digest(module) {
		t.Errorf("forced by an administrator: %d %+v", status, lines)
	}
	if _, lines := h.deploy(h.admin, Request{Change: first.ID, Seen: 1}); lines[len(lines)-1].Fault.Code != "conflict" || !strings.Contains(lines[len(lines)-1].Fault.Message, "grow.yaml") {
		t.Errorf("who has seen an older one: %+v", lines)
	}
	var all []deploy.Deployment
	if status, text := h.ask(h.reader, http.MethodGet, shop+"/deployments", nil, &all); status != 200 || len(all) != 3 {
		t.Errorf("%d %s", status, text)
	}
	var list []Service
	if status, _ := h.ask(h.reader, http.MethodGet, "/v1/services", nil, &list); status != 200 || len(list) != 1 || list[0].Live != 3 {
		t.Errorf("%d %+v", status, list)
	}
	if status, _ := h.ask(h.elsewhere, http.MethodGet, "/v1/services", nil, &list); status != 200 || len(list) != 0 {
		t.Errorf("of another namespace: %d %+v", status, list)
	}
}

func TestDocuments(t *testing.T) {
	h := newHost(t)
	first := h.push(h.pipeline, "", map[string]string{"grow.yaml": "one", "a.md": "a", "empty": ""})
	second := h.push(h.pipeline, first.ID, map[string]string{"grow.yaml": "two", "a.md": "a", "empty": ""})
	var c Change
	if status, text := h.ask(h.reader, http.MethodGet, shop+"/documents", nil, &c); status != 200 || c.ID != second.ID || len(c.Files) != 3 {
		t.Errorf("%d %s", status, text)
	}
	if status, text := h.ask(h.reader, http.MethodGet, shop+"/file?path=grow.yaml&change="+first.ID, nil, nil); status != 200 || text != "one" {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := h.ask(h.reader, http.MethodGet, shop+"/file?path=none", nil, nil); status != 404 {
		t.Errorf("no such file: %d", status)
	}
	var history []Change
	if status, _ := h.ask(h.reader, http.MethodGet, shop+"/changes?path=a.md", nil, &history); status != 200 || len(history) != 1 || history[0].Number != 1 {
		t.Errorf("%d %+v", status, history)
	}
	digest := string(store.DigestOf([]byte("a")))
	for name, k := range map[string]struct {
		in     Revise
		status int
	}{
		"an old parent": {Revise{Parent: first.ID, Files: []File{{Path: "a.md", Digest: digest, Size: 1}}}, 409},
		"a way out":     {Revise{Parent: second.ID, Files: []File{{Path: "../a", Digest: digest, Size: 1}}}, 422},
		"git's own":     {Revise{Parent: second.ID, Files: []File{{Path: ".git/config", Digest: digest, Size: 1}}}, 422},
		"another size":  {Revise{Parent: second.ID, Files: []File{{Path: "a.md", Digest: digest, Size: 2}}}, 422},
		"no digest":     {Revise{Parent: second.ID, Files: []File{{Path: "a.md", Digest: "x", Size: 1}}}, 422},
	} {
		if status, text := h.ask(h.pipeline, http.MethodPut, shop+"/documents", k.in, nil); status != k.status {
			t.Errorf("%s: %d %s; want %d", name, status, text, k.status)
		}
	}
	// A change of another service is not found by its id.
	if status, text := h.ask(h.admin, http.MethodGet, "/v1/namespaces/main/services/other/documents?change="+first.ID, nil, nil); status != 404 {
		t.Errorf("%d %s", status, text)
	}
}

func TestTokens(t *testing.T) {
	h := newHost(t)
	h.push(h.pipeline, "", map[string]string{"grow.yaml": "one"})
	for name, k := range map[string]struct {
		token, method, path string
		status              int
	}{
		"none":                 {"", http.MethodGet, shop + "/documents", 401},
		"rubbish":              {"x", http.MethodGet, shop + "/documents", 401},
		"cut":                  {h.cuts, http.MethodGet, shop + "/documents", 401},
		"revoked":              {h.revoked, http.MethodGet, shop + "/documents", 401},
		"another namespace":    {h.elsewhere, http.MethodGet, shop + "/documents", 404},
		"a namespace of none":  {h.elsewhere, http.MethodGet, "/v1/namespaces/nobody/services/shop/documents", 404},
		"reading":              {h.reader, http.MethodGet, shop + "/documents", 200},
		"a reader writes":      {h.reader, http.MethodPut, shop + "/documents", 403},
		"a pipeline looks":     {h.pipeline, http.MethodGet, "/v1/tokens", 403},
		"an administrator":     {h.admin, http.MethodGet, "/v1/tokens", 200},
		"a path that is none":  {h.admin, http.MethodGet, "/v1/nothing", 404},
		"another method":       {h.admin, http.MethodTrace, shop + "/documents", 405},
		"a service of no name": {h.admin, http.MethodGet, "/v1/namespaces/main/services/A..b/documents", 422},
	} {
		if status, text := h.ask(k.token, k.method, k.path, nil, nil); status != k.status {
			t.Errorf("%s: %d %s; want %d", name, status, text, k.status)
		}
	}
	var made MadeToken
	if status, text := h.ask(h.admin, http.MethodPost, "/v1/tokens", NewToken{Name: "ci", Scopes: []token.Scope{token.Read}, Namespaces: []string{"main"}}, &made); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	if status, _ := h.ask(made.Text, http.MethodGet, shop+"/documents", nil, nil); status != 200 {
		t.Errorf("the new token: %d", status)
	}
	if status, text := h.ask(h.elsewhere, http.MethodPost, "/v1/tokens", NewToken{Name: "more", Scopes: []token.Scope{token.Read}, Namespaces: []string{"main"}}, nil); status != 403 {
		t.Errorf("more than it has itself: %d %s", status, text)
	}
	if status, text := h.ask(h.admin, http.MethodDelete, "/v1/tokens/"+made.Token.ID, nil, nil); status != 204 {
		t.Errorf("revoke: %d %s", status, text)
	}
	if status, _ := h.ask(made.Text, http.MethodGet, shop+"/documents", nil, nil); status != 401 {
		t.Errorf("revoked: %d", status)
	}
}

func TestOpenAPI(t *testing.T) {
	h := newHost(t)
	var doc struct {
		OpenAPI string                               `json:"openapi"`
		Paths   map[string]map[string]map[string]any `json:"paths"`
	}
	if status, text := h.ask(h.reader, http.MethodGet, "/v1/openapi.json", nil, &doc); status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || len(doc.Paths) < 10 {
		t.Errorf("%s, %d paths", doc.OpenAPI, len(doc.Paths))
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if op["summary"] == "" || op["security"] == nil || op["operationId"] == nil {
				t.Errorf("%s %s says too little: %v", method, path, op)
			}
		}
	}
}

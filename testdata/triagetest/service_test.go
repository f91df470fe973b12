package triagetest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/host/jail"
	"github.com/grow-platform/grow/host/logs"
	"github.com/grow-platform/grow/specs"
	"go.uber.org/goleak"
)

// secret signs the webhooks of these tests.
const secret = "it is a secret to nobody"

// compiled is where the engine keeps compiled modules, so that only the first
// host of a run compiles.
var compiled string

func TestMain(m *testing.M) {
	jail.Enter()
	dir, err := os.MkdirTemp("", "triagetest")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	compiled = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
		os.Exit(code)
	}))
}

// built is a service and the paths of its modules.
type built struct {
	service *specs.Service
	modules map[string]string
}

// build builds a service where `grow run` builds it, so that little is left to
// do the second time.
func build(dir string) (built, error) {
	service, err := app.Load(dir)
	if err != nil {
		return built{}, err
	}
	results, err := project.Build(context.Background(), service, project.Options{})
	if err != nil {
		return built{}, err
	}
	modules := map[string]string{}
	for name, r := range results {
		modules[name] = r.Module
	}
	return built{service, modules}, nil
}

var (
	triage = sync.OnceValues(func() (built, error) { return build("../services/triage") })
	small  = sync.OnceValues(func() (built, error) { return build("../services/small") })
)

// client is a host of its own and what a test asks it by. Its methods may be
// called concurrently.
type client struct {
	host *app.Host
	http *http.Client
}

// start runs a service until the test ends; nothing may be left over then.
func start(t *testing.T, get func() (built, error)) *client {
	t.Helper()
	return startIn(t, get, t.TempDir(), app.Journal{At: app.Memory})
}

// startIn is start in a folder that may have a journal.
func startIn(t *testing.T, get func() (built, error), dir string, j app.Journal) *client {
	t.Helper()
	b, err := get()
	if err != nil {
		t.Fatal(err)
	}
	h, err := app.Start(t.Context(), app.Options{
		Dir: dir, Service: b.service, Modules: b.modules, Listen: "127.0.0.1:0", Journal: j, CacheDir: compiled,
		Secret: func(name string) (string, bool) { return secret, name == "GITHUB_WEBHOOK_SECRET" },
	})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		left, err := h.Stop(context.Background())
		if err != nil || len(left.Waiting) > 0 {
			t.Errorf("stop: %v; waiting: %v", err, left.Waiting)
		}
		if t.Failed() {
			for _, r := range h.Logs().Query(logs.Filter{Level: "warn", Limit: 20}) {
				t.Logf("log: %+v", r)
			}
		}
	})
	return &client{h, &http.Client{Transport: transport}}
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// problem is what a response says went wrong.
type problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

func (a answer) problem() problem {
	var p problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		return problem{a.status, "", "not a problem: " + a.body}
	}
	return p
}

// header is what GitHub sends with it.
func (h hook) header() http.Header {
	return http.Header{
		"Content-Type": {"application/json"}, "User-Agent": {"GitHub-Hookshot/044aadd"},
		"X-Github-Event": {h.event}, "X-Github-Delivery": {h.delivery}, "X-Hub-Signature-256": {sign(secret, h.body)},
	}
}

// sign is X-Hub-Signature-256 (GitHub: "Validating webhook deliveries").
func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// post sends a body; an error is the connection's.
func (c *client) post(path string, header http.Header, body []byte) (answer, error) {
	r, err := http.NewRequest(http.MethodPost, c.host.URL()+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header = header
	return c.do(r)
}

func (c *client) do(r *http.Request) (answer, error) {
	resp, err := c.http.Do(r)
	if err != nil {
		return answer{}, err
	}
	return read(resp)
}

func read(resp *http.Response) (answer, error) {
	body, err := io.ReadAll(resp.Body)
	if closed := resp.Body.Close(); err == nil {
		err = closed
	}
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

// deliver sends a webhook with its own signature.
func (c *client) deliver(h hook) (answer, error) { return c.post("/hooks/github", h.header(), h.body) }

// must is for what cannot fail unless the test or the machine is broken.
func must(t *testing.T) func(answer, error) answer {
	return func(a answer, err error) answer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

// stats reads the counts of a repository; false when it has none.
func (c *client) stats(t *testing.T, repository string) (Counts, bool) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, c.host.URL()+"/stats/"+repository, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := must(t)(c.do(r))
	var got Counts
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatalf("counts of %s: %d %s: %v", repository, a.status, a.body, err)
	}
	if got.Repository != repository || a.status != http.StatusOK && a.status != http.StatusNotFound {
		t.Fatalf("counts of %s: %d %s", repository, a.status, a.body)
	}
	return got, a.status == http.StatusOK
}

// untouched checks that nothing was counted for a repository.
func (c *client) untouched(t *testing.T, repository string) {
	t.Helper()
	if got, found := c.stats(t, repository); found {
		t.Errorf("%s was counted: %+v", repository, got)
	}
}

// quiet checks that nothing was given up on.
func (c *client) quiet(t *testing.T) {
	t.Helper()
	for _, d := range c.host.Shard().DeadLetters(nil, 0) {
		t.Errorf("dead letter of %s: %s: %s", d.Node, d.Code, d.Reason)
	}
}

// opened is a body of GitHub's `issues` event, with labels.
func opened(repository string, labels ...string) []byte {
	type label struct {
		Name string `json:"name"`
	}
	list := []label{}
	for _, name := range labels {
		list = append(list, label{name})
	}
	body, err := json.Marshal(map[string]any{
		"action": "opened", "issue": map[string]any{"title": "It crashes", "labels": list},
		"repository": map[string]any{"full_name": repository},
	})
	if err != nil {
		panic(err) // strings are always JSON
	}
	return body
}

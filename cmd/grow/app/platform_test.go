package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/logs"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/testdata/wat"
)

// echoFiles are the documents of a service that says what it hears.
func echoFiles(about, test string) map[string]string {
	files := map[string]string{
		"grow.yaml":              "service: echoes\nhttp:\n  POST /: {send: echo.done, to: echo, reply: {echo.done: 200}, timeout: 1m}\n",
		"types/echo.cue":         "\"echo.done\": string\n",
		"actors/echo/actor.yaml": "actor: echo\nabout: " + about + "\ncode: {language: wasm, source: module.wasm}\nin: [echo.done]\nout: [echo.done]\n",
	}
	if test != "" {
		files["actors/echo/tests/first.yaml"] = test
	}
	return files
}

var echoes2 = documents.Service{Namespace: "main", Name: "echoes"}

// platform is a host in a folder, which can be started again.
type platform struct {
	*Platform
	t       testing.TB
	options PlatformOptions
}

func newPlatform(t testing.TB) *platform {
	t.Helper()
	p := &platform{t: t, options: PlatformOptions{Data: t.TempDir(), Listen: "127.0.0.1:0", Control: "127.0.0.1:0", CacheDir: t.TempDir()}}
	p.start()
	t.Cleanup(p.stop)
	return p
}

func (p *platform) start() {
	p.t.Helper()
	var err error
	if p.Platform, err = StartPlatform(context.Background(), p.options); err != nil {
		p.t.Fatal(err)
	}
}

func (p *platform) stop() {
	if _, err := p.Stop(context.Background()); err != nil {
		p.t.Error(err)
	}
}

// request puts documents and a module on the host.
func (p *platform) request(files map[string]string, module []byte) deploy.Request {
	p.t.Helper()
	var tree documents.Tree
	for path, text := range files {
		f, err := p.Documents.Put(p.t.Context(), path, []byte(text), false)
		if err != nil {
			p.t.Fatal(err)
		}
		tree = tree.With(f)
	}
	seen := store.Digest("")
	if last, err := p.Documents.Last(p.t.Context(), echoes2); err == nil {
		seen = last.ID
	}
	c, err := p.Documents.Revise(p.t.Context(), echoes2, tree, documents.Change{Parent: seen, By: "ann"})
	if err != nil {
		p.t.Fatal(err)
	}
	d := store.DigestOf(module)
	if _, err := p.Uploads.Add(p.t.Context(), d, int64(len(module)), 0, bytes.NewReader(module)); err != nil {
		p.t.Fatal(err)
	}
	return deploy.Request{Service: echoes2, Documents: tree, Change: c.ID, Artifacts: map[string]deploy.Artifact{"echo": {Digest: d, Size: int64(len(module))}}, Seen: deploy.AnySeen, By: "ann"}
}

func (p *platform) post() (int, string) {
	p.t.Helper()
	r, err := http.Post(p.URL()+"/", "application/json", strings.NewReader(`"hello"`))
	if err != nil {
		p.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

const (
	echoTest = "- test: it says what it hears\n  when: {echo.done: hello}\n  then: [{echo.done: hello}]\n"
	badTest  = "- test: it says something else\n  when: {echo.done: hello}\n  then: [{echo.done: goodbye}]\n"
)

func TestPlatform(t *testing.T) {
	p := newPlatform(t)
	if status, _ := p.post(); status != 404 {
		t.Errorf("before anything is deployed: %d", status)
	}
	n, err := p.Deployer.Deploy(t.Context(), p.request(echoFiles("One.", echoTest), wat.Module("echo")))
	if err != nil {
		t.Fatalf("%v\n%+v", err, n.Checks)
	}
	if status, body := p.post(); status != 200 || body != `"hello"` {
		t.Errorf("%d %s", status, body)
	}
	n, err = p.Deployer.Deploy(t.Context(), p.request(echoFiles("Two.", badTest), wat.Module("echo")))
	var refused *deploy.RefusedError
	if !errors.As(err, &refused) {
		t.Fatalf("%v\n%+v", err, n.Checks)
	}
	failed := n.Failed()
	if len(failed) != 1 || failed[0].Name != "tests of echo" || !strings.Contains(failed[0].Details[0].Text, "goodbye") || failed[0].Details[0].At != "actors/echo/tests/first.yaml:3:10" {
		t.Errorf("%+v", failed)
	}
	if status, body := p.post(); status != 200 || body != `"hello"` {
		t.Errorf("what ran before: %d %s", status, body)
	}
	p.stop()
	p.start()
	if status, body := p.post(); status != 200 || body != `"hello"` {
		t.Errorf("after a restart: %d %s", status, body)
	}
}

// TestRoutes: who a host name leads to, and that the service which is the longest there
// keeps every other name.
func TestRoutes(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(int64(n), 0) }
	all := map[documents.Service]*placed{}
	for i, s := range []documents.Service{{Namespace: "main", Name: "orders"}, {Namespace: "main", Name: "audit"}, {Namespace: "lab", Name: "orders"}} {
		all[s] = &placed{id: s, since: at(i)}
	}
	stopped := documents.Service{Namespace: "lab", Name: "audit"}
	r := routesOf(all, map[documents.Service]*placed{stopped: {id: stopped, since: at(7)}})
	for host, want := range map[string]string{
		"127.0.0.1:8080": "main/orders", "localhost": "main/orders", "example.org": "main/orders", "[::1]:80": "main/orders",
		"audit.localhost:8080": "main/audit", "Audit.Example.org": "main/audit", "orders.lab.localhost": "lab/orders", "orders.localhost": "main/orders",
		"audit.lab.localhost": "lab/audit", "audit.test.localhost": "main/audit", "": "main/orders",
	} {
		if got := r.find(host); got == nil || got.id.String() != want {
			t.Errorf("%q: %v, want %s", host, got, want)
		}
	}
	if got := routesOf(nil, nil).find("orders.localhost"); got != nil {
		t.Errorf("nothing runs: %v", got)
	}
}

// TestStoppedKeepsNames: what is asked of a service that is stopped no other one does, also after
// a restart; once it is deleted its names are free.
func TestStoppedKeepsNames(t *testing.T) {
	p := newPlatform(t)
	if n, err := p.Deployer.Deploy(t.Context(), p.request(echoFiles("One.", echoTest), wat.Module("echo"))); err != nil {
		t.Fatalf("%v\n%+v", err, n.Checks)
	}
	other := documents.Service{Namespace: "lab", Name: echoes2.Name}
	if n, err := p.deployAs(other, echoFiles("One.", echoTest), map[string][]byte{"echo": wat.Module("echo")}); err != nil {
		t.Fatalf("%v\n%+v", err, n.Checks)
	}
	refused := func(when string) {
		t.Helper()
		if status, body := p.post(); status != http.StatusServiceUnavailable || !strings.Contains(body, `"code":"service.stopped"`) {
			t.Errorf("%s: %d %s", when, status, body)
		}
	}
	if err := p.Govern(t.Context(), echoes2, "", shard.Stopped); err != nil {
		t.Fatal(err)
	}
	refused("stopped")
	p.stop()
	p.start()
	refused("after a restart")
	if err := p.Govern(t.Context(), echoes2, "", shard.Running); err != nil {
		t.Fatal(err)
	}
	if status, body := p.post(); status != 200 {
		t.Errorf("started again: %d %s", status, body)
	}
	if err := p.Govern(t.Context(), echoes2, "", shard.Stopped); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Remove(t.Context(), echoes2, false); err != nil {
		t.Fatal(err)
	}
	if status, body := p.post(); status != 200 {
		t.Errorf("the other one, when it is the first: %d %s", status, body)
	}
}

// TestLogsApart: a service of a host is told nothing of another's log.
func TestLogsApart(t *testing.T) {
	p := newPlatform(t)
	for _, namespace := range []string{"main", "lab"} {
		s := documents.Service{Namespace: namespace, Name: "shop"}
		if n, err := p.deployAs(s, consoleFiles(echoTest), map[string][]byte{"price": wat.Module("echo"), "ship": wat.Module("trap")}); err != nil {
			t.Fatalf("%v\n%+v", err, n.Checks)
		}
	}
	sent := map[string]string{}
	for _, namespace := range []string{"main", "lab"} {
		b := p.backendOf(documents.Service{Namespace: namespace, Name: "shop"})
		r, err := b.Send(t.Context(), control.SendRequest{To: "checkout/ship", Type: "echo.done", Data: []byte(`"x"`), Wait: true})
		if err != nil {
			t.Fatal(err)
		}
		sent[namespace] = r.ID
	}
	for namespace, id := range sent {
		b := p.backendOf(documents.Service{Namespace: namespace, Name: "shop"})
		var told []string
		if err := b.Logs(t.Context(), logs.Filter{Node: "checkout/ship"}, false, func(r logs.Record) error {
			told = append(told, r.Message)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if len(told) == 0 || slices.ContainsFunc(told, func(m string) bool { return m != id }) {
			t.Errorf("%s, which was sent %s, is told of %v", namespace, id, told)
		}
	}
}

// TestStopTwice: whoever stops a host that is being stopped, or was, is told the same when it has
// ended.
func TestStopTwice(t *testing.T) {
	p := newPlatform(t)
	if n, err := p.Deployer.Deploy(t.Context(), p.request(echoFiles("One.", ""), wat.Module("echo"))); err != nil {
		t.Fatalf("%v\n%+v", err, n.Checks)
	}
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			left, err := p.Stop(t.Context())
			if err != nil || !left.Kept || p.running(echoes2) != nil {
				t.Errorf("at the same time: %+v, %v", left, err)
			}
		})
	}
	group.Wait()
	if left, err := p.Stop(t.Context()); err != nil || !left.Kept {
		t.Errorf("afterwards: %+v, %v", left, err)
	}
	p.start() // nothing holds the folder, nor do the calls before end another host
	if status, _ := p.post(); status != 200 {
		t.Errorf("after a restart: %d", status)
	}
}

// TestStopLetsGo: a host that is stopped does not wait for those who follow a log.
func TestStopLetsGo(t *testing.T) {
	p := newPlatform(t)
	if n, err := p.Deployer.Deploy(t.Context(), p.request(echoFiles("One.", ""), wat.Module("echo"))); err != nil {
		t.Fatalf("%v\n%+v", err, n.Checks)
	}
	token, err := p.FirstToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := api.NewClient(api.ClientOptions{URL: p.ControlURL(), Token: token})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	followed, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() { // ends with the host
		ended <- c.At("main", "echoes").Logs(t.Context(), logs.Filter{}, true, func(logs.Record) error {
			select {
			case followed <- struct{}{}:
			default:
			}
			return nil
		})
	}()
	p.running(echoes2).log.Info("a line")
	<-followed
	p.stop() // it fails when the context of those who wait has to end
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "the host has stopped") {
		t.Errorf("who followed is told: %v", err)
	}
	p.start()
}

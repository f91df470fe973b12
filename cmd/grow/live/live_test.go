package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/host/jail"
	"github.com/grow-platform/grow/host/watch"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/testdata/wat"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	jail.Enter()
	goleak.VerifyTestMain(m)
}

// book is a service of a ledger, whose answers hold its config, behind a workflow.
var book = map[string]string{
	"grow.yaml": `service: books
http:
  POST /post: {send: ledger.post, to: book, reply: {ledger.posted: 200}}
  POST /show: {send: ledger.show, to: book, reply: {ledger.shown: 200}}
`,
	"types/ledger.cue": `"ledger.post": {account: string, n: int}
"ledger.show": {account: string}
"ledger.posted": _
"ledger.shown": _
"ledger.state": _
`,
	"actors/ledger/actor.yaml": ledger(0),
	"actors/other/actor.yaml":  "actor: other\nabout: Stands beside.\ncode: {language: wasm, source: m.wasm}\nin: [ledger.posted]\nout: [echo.done]\n",
	"types/echo.cue":           "\"echo.done\": _\n",
	"workflows/book.yaml": `workflow: book
in: [ledger.post, ledger.show]
out: [ledger.posted, ledger.shown, echo.done]
nodes: {ledger: ledger, other: other}
routes:
  - {from: input, to: ledger}
  - {from: ledger, to: output}
  - {from: other, to: output}
`,
	"actors/ledger/tests/post.yaml": test("one"),
	"actors/ledger/docs/goals.md":   "Keeps books.\n",
	"actors/ledger/src/Cargo.lock":  "old",
}

func test(name string) string {
	return "- test: " + name + "\n  when: {ledger.show: {account: a}}\n  then: [{ledger.shown: {entries: []}}]\n"
}

func ledger(revision int) string {
	return fmt.Sprintf(`actor: ledger
about: Keeps books.
code: {language: wasm, source: m.wasm}
config: {revision: {type: int, default: %d}}
in: [ledger.post, ledger.show]
out: [ledger.posted, ledger.shown]
key: data.account
state: ledger.state
`, revision)
}

// module is a module whose bytes differ by n, and that does what NAME.wat does.
func module(name string, n int) string {
	note := fmt.Sprintf("note%d", n)
	section := append([]byte{0, byte(1 + len(note)), 4}, note...)
	return string(append(wat.Module(name), section...))
}

// watched is a service whose edits take effect.
type watched struct {
	*testing.T
	dir    string
	host   *app.Host
	events chan Event
	client *http.Client
}

func start(t *testing.T, proof Proof) *watched {
	t.Helper()
	w := &watched{T: t, dir: t.TempDir(), events: make(chan Event, 100)}
	for name, text := range book {
		w.write(name, text)
	}
	w.write("actors/ledger/m.wasm", module("ledger", 0))
	w.write("actors/other/m.wasm", module("echo", 0))
	watcher, err := watch.Open(w.dir, watch.Options{})
	w.do(err)
	files, err := watch.Scan(w.dir)
	w.do(err)
	service, err := app.Load(w.dir)
	w.do(err)
	_, err = project.Build(t.Context(), service, project.Options{})
	w.do(err)
	w.host, err = app.Start(t.Context(), app.Options{
		Dir: w.dir, Service: service, Modules: paths(service), Listen: "127.0.0.1:0", Journal: app.Journal{At: app.Memory}, CacheDir: t.TempDir(), Watched: true,
		Secret: func(string) (string, bool) { return "", false },
	})
	w.do(err)
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	w.client = &http.Client{Transport: transport}
	ctx, cancel := context.WithCancel(context.Background())
	f, err := New(Options{
		Host: w.host, Service: service, Watcher: watcher, Files: files, Proof: proof, Report: func(e Event) { w.events <- e },
	})
	w.do(err)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		f.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-followed
		transport.CloseIdleConnections()
		_, stopErr := w.host.Stop(context.Background())
		if err := errors.Join(watcher.Close(), stopErr); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *watched) do(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// write replaces a file as editors do: beside it, then renamed.
func (w *watched) write(name, text string) {
	w.Helper()
	file := filepath.Join(w.dir, filepath.FromSlash(name))
	w.do(os.MkdirAll(filepath.Dir(file), 0o755))
	draft := filepath.Join(filepath.Dir(file), ".draft")
	w.do(os.WriteFile(draft, []byte(text), 0o600))
	w.do(os.Rename(draft, file))
}

// replace edits a file of the book.
func (w *watched) replace(name, old, text string) {
	w.Helper()
	if !strings.Contains(book[name], old) {
		w.Fatalf("%s has no %q", name, old)
	}
	w.write(name, strings.Replace(book[name], old, text, 1))
}

// await returns the next event, of a kind that is wanted.
func (w *watched) await(kind Kind) Event {
	w.Helper()
	e := <-w.events
	if e.Kind != kind {
		w.Fatalf("event %+v, want %s", e, kind)
	}
	return e
}

// post sends a request and returns the answer.
func (w *watched) post(path, body string) (status int, fault, answer string) {
	r, err := w.client.Post(w.host.URL()+path, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, "", err.Error()
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, "", err.Error()
	}
	return r.StatusCode, r.Header.Get("Grow-Dev-Error"), string(b)
}

// answers holds the service against a revision of the ledger.
func (w *watched) answers(revision int) {
	w.Helper()
	status, _, got := w.post("/post", `{"account":"probe","n":1}`)
	if want := fmt.Sprintf(`{"config":{"revision":%d},"entry":{"account":"probe","n":1}}`, revision); status != 200 || got != want {
		w.Errorf("answered is %d %s, want %s", status, got, want)
	}
}

// TestEdits goes through edits of one service: what is live, what is not and why.
func TestEdits(t *testing.T) {
	w := start(t, nil)
	w.answers(0)

	w.write("actors/ledger/actor.yaml", ledger(1))
	e := w.await(Swapped)
	w.answers(1)
	if len(e.Changes) != 1 || e.Changes[0].Node != "book/ledger" || e.Changes[0].From == e.Changes[0].To || !slices.Equal(e.Files, []string{"actors/ledger/actor.yaml"}) {
		t.Errorf("%+v", e)
	}

	w.write("actors/other/m.wasm", module("echo", 1))
	if e := w.await(Swapped); len(e.Changes) != 1 || e.Changes[0].Actor != "other" || e.Built == 0 || len(e.Files) != 0 {
		t.Errorf("a module: %+v", e)
	}
	w.replace("workflows/book.yaml", "{from: ledger, to: output}", "{from: ledger, type: ledger.shown, to: output}\n  - {from: ledger, to: other}")
	w.replace("grow.yaml", "ledger.posted: 200", "echo.done: 201")
	e = <-w.events
	if e.Kind == Failed { // the first of the two edits alone
		e = <-w.events
	}
	if e.Kind != Swapped || len(e.Changes) != 0 || !slices.Equal(e.Files, []string{"grow.yaml", "workflows/book.yaml"}) {
		t.Errorf("a workflow: %+v", e)
	}
	if status, _, got := w.post("/post", `{"account":"a","n":1}`); status != 201 {
		t.Errorf("by the other route: %d %s", status, got)
	}
	w.write("types/ledger.cue", strings.Replace(book["types/ledger.cue"], "n: int", "n: int & <10", 1))
	if e := w.await(Swapped); len(e.Changes) != 1 || e.Changes[0].Node != "book/ledger" {
		t.Errorf("a type: %+v", e)
	}
	if status, _, got := w.post("/post", `{"account":"a","n":10}`); status != 400 {
		t.Errorf("what no longer fits: %d %s", status, got)
	}
}

// TestFailures: each of these edits is not live, and says so; the next one mends it.
func TestFailures(t *testing.T) {
	w := start(t, nil)
	for _, c := range []struct {
		name, file, text string
		stage            Stage
		says             string // in the header
	}{
		{"a field", "actors/ledger/actor.yaml", ledger(1) + "more: 1\n", Check, "check: actors/ledger/actor.yaml:9:1: more: there is no such field"},
		{"a type", "types/ledger.cue", "{{{", Check, "check: types/ledger.cue:1:"},
		{"no module", "actors/ledger/m.wasm", "text", Build, "build: build ledger: read module: not a WebAssembly module"},
		{"a module that is refused", "actors/ledger/m.wasm", module("badimport", 0), Build, "build: actor ledger: module.import"},
		{"a module that does not start", "actors/ledger/m.wasm", module("initfail", 0), Swap, "swap: start book/ledger: actor.init"},
		{"another name", "grow.yaml", strings.Replace(book["grow.yaml"], "service: books", "service: book", 1), Swap, "swap: the service is called book now, and runs as books"},
		{"a secret", "grow.yaml", strings.Replace(book["grow.yaml"], "reply: {ledger.shown: 200}", "body: raw, auth: {webhook: github, secret: NONE}, reply: {ledger.shown: 200}", 1), Check, "check: "},
		{"a secret that is missing", "actors/other/actor.yaml", book["actors/other/actor.yaml"] + "uses: {s: {kind: secret, names: [NONE]}}\n", Swap, "swap: book/other: "},
	} {
		w.write(c.file, c.text)
		e := w.await(Failed)
		if e.Stage != c.stage || e.Err == nil {
			t.Errorf("%s: failed by %s: %v, want %s", c.name, e.Stage, e.Err, c.stage)
		}
		status, fault, got := w.post("/show", `{"account":"none"}`)
		if status != 200 || got != `{"entries":[]}` {
			t.Errorf("%s: the old revision answers %d %s", c.name, status, got)
		}
		if !strings.HasPrefix(fault, c.says) {
			t.Errorf("%s: the header says %q, want %q", c.name, fault, c.says)
		}
		back := book[c.file]
		if strings.HasSuffix(c.file, "m.wasm") {
			back = module("ledger", 0)
		}
		w.write(c.file, back)
		w.await(Back)
		if _, fault, _ := w.post("/show", `{"account":"none"}`); fault != "" {
			t.Errorf("%s: mended, the header says %q", c.name, fault)
		}
	}
	// Mended by going on.
	w.write("actors/ledger/actor.yaml", "actor: [")
	w.await(Failed)
	w.write("actors/ledger/actor.yaml", ledger(3))
	w.await(Swapped)
	w.answers(3)
	if _, fault, _ := w.post("/show", `{"account":"none"}`); fault != "" {
		t.Errorf("mended, the header says %q", fault)
	}
}

// TestNothing: what does not change the service is not told of.
func TestNothing(t *testing.T) {
	w := start(t, nil)
	for name, text := range map[string]string{
		"README.md": "new", "actors/ledger/docs/goals.md": "other", "actors/ledger/tests/post.yaml": test("two"), "actors/ledger/src/notes.txt": "new",
		"actors/ledger/.actor.yaml.swp": "x", "types/ledger.cue": book["types/ledger.cue"],
	} {
		w.write(name, text)
	}
	w.write("actors/ledger/actor.yaml", ledger(1)) // in the same batch, or a later one
	if e := w.await(Swapped); !slices.Equal(e.Files, []string{"actors/ledger/actor.yaml"}) {
		t.Errorf("%+v", e)
	}
	select {
	case e := <-w.events:
		t.Errorf("%+v", e)
	default:
	}
}

// TestProof: the tests of what changed decide, and those of nothing else run.
func TestProof(t *testing.T) {
	type call struct{ changed []string }
	calls := make(chan call, 10)
	verdicts := make(chan error, 10)
	w := start(t, func(_ context.Context, service *specs.Service, modules map[string]string, changed []string) (passed, total int, err error) {
		if service.Name != "books" || len(modules) != 2 {
			err = fmt.Errorf("given is %s with %v", service.Name, modules)
		}
		calls <- call{changed}
		if verdict := <-verdicts; verdict != nil {
			return 11, 12, errors.Join(err, verdict)
		}
		return 12, 12, err
	})
	step := func(name string, verdict error, kind Kind, want ...string) Event {
		t.Helper()
		e := w.await(kind)
		c := <-calls
		if diff := cmp.Diff(want, c.changed); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if e.Total != 12 || (e.Passed == 12) != (verdict == nil) {
			t.Errorf("%s: %d of %d", name, e.Passed, e.Total)
		}
		return e
	}
	verdicts <- nil
	w.write("actors/ledger/actor.yaml", ledger(1))
	step("a definition", nil, Swapped, "book", "books", "ledger")
	w.answers(1)

	verdicts <- nil
	w.write("actors/ledger/tests/post.yaml", test("two"))
	step("tests alone", nil, Tested, "ledger")

	fails := errors.New("tests/post.yaml:1: expected 1, got 2")
	verdicts <- fails
	w.write("actors/ledger/actor.yaml", ledger(2))
	if e := step("a definition that fails", fails, Failed, "book", "books", "ledger"); e.Stage != Test || !errors.Is(e.Err, fails) {
		t.Errorf("%s: %v", e.Stage, e.Err)
	}
	w.answers(1)
	if _, fault, _ := w.post("/show", `{"account":"none"}`); fault != "test: "+fails.Error() {
		t.Errorf("the header says %q", fault)
	}
	// The same definition, after its test was mended.
	verdicts <- nil
	w.write("actors/ledger/tests/post.yaml", test("three"))
	step("a test that is mended", nil, Swapped, "book", "books", "ledger")
	w.answers(2)

	verdicts <- nil
	w.write("actors/other/m.wasm", module("echo", 1))
	step("the module of another", nil, Swapped, "book", "books", "other")
}

// TestStale: an edit during an attempt ends it; what it was about is never live.
func TestStale(t *testing.T) {
	entered, proceed := make(chan context.Context), make(chan struct{})
	w := start(t, func(ctx context.Context, _ *specs.Service, _ map[string]string, _ []string) (passed, total int, err error) {
		entered <- ctx
		<-proceed
		return 1, 1, nil // whoever does not heed ctx
	})
	w.write("actors/ledger/actor.yaml", ledger(1))
	first := <-entered
	w.write("actors/ledger/actor.yaml", ledger(2))
	<-first.Done()
	proceed <- struct{}{}
	<-entered
	w.answers(0) // and never 1
	proceed <- struct{}{}
	w.await(Swapped)
	w.answers(2)
}

// TestLocks: what the tools of a build write beside the sources neither ends an
// attempt nor has a failure told again.
func TestLocks(t *testing.T) {
	verdicts := make(chan error)
	w := start(t, func(context.Context, *specs.Service, map[string]string, []string) (passed, total int, err error) {
		err = <-verdicts
		return 1, 1, err
	})
	fails := errors.New("it fails")
	w.write("actors/ledger/actor.yaml", ledger(1))
	verdicts <- fails
	w.await(Failed)
	w.write("actors/ledger/src/Cargo.lock", "new")
	verdicts <- fails // told already
	w.write("actors/ledger/actor.yaml", ledger(2))
	verdicts <- nil
	w.await(Swapped)

	w.write("actors/ledger/actor.yaml", ledger(3))
	w.write("actors/ledger/src/Cargo.lock", "newer")
	verdicts <- nil // once: the attempt goes on
	w.await(Swapped)
	w.answers(3)
	for _, c := range []struct {
		paths []string
		want  bool
	}{{[]string{"a/Cargo.lock", "go.sum"}, true}, {[]string{"a/Cargo.lock", "a/lib.rs"}, false}, {[]string{"."}, false}} {
		if got := byTools(watch.Batch{Paths: c.paths}); got != c.want {
			t.Errorf("%q: %t", c.paths, got)
		}
	}
}

// TestTools: errors keep what the command line explains them by.
func TestTools(t *testing.T) {
	w := start(t, nil)
	w.write("actors/ledger/m.wasm", "text")
	var built *compiler.Error
	if e := w.await(Failed); !errors.As(e.Err, &built) || built.Actor != "ledger" {
		t.Errorf("%#v", e.Err)
	}
	w.write("actors/ledger/m.wasm", module("noexport", 0))
	var fault *engine.Error
	if e := w.await(Failed); !errors.As(e.Err, &fault) || fault.Code != engine.CodeExport {
		t.Errorf("%#v", e.Err)
	}
	w.write("grow.yaml", "")
	var problems specs.Problems
	if e := w.await(Failed); !errors.As(e.Err, &problems) {
		t.Errorf("%#v", e.Err)
	}
}

// TestLoad: fifty edits under constant load. No request fails, none is lost or
// doubled, and the first message after each edit's event is handled by it.
func TestLoad(t *testing.T) {
	const edits, clients, perKey = 50, 4, 100
	w := start(t, nil)
	end := make(chan struct{})
	var wait sync.WaitGroup
	counts := make([]int, clients)
	for c := range clients {
		wait.Go(func() {
			for last := 0; ; counts[c]++ {
				select {
				case <-end:
					return
				default:
				}
				n := counts[c]
				entry := fmt.Sprintf(`{"account":"%d-%d","n":%d}`, c, n/perKey, n)
				status, fault, got := w.post("/post", entry)
				var revision int
				if _, err := fmt.Sscanf(got, `{"config":{"revision":%d},"entry":`, &revision); err != nil || status != 200 || fault != "" ||
					got != fmt.Sprintf(`{"config":{"revision":%d},"entry":%s}`, revision, entry) {
					t.Errorf("client %d, request %d: %d %q %s", c, n, status, fault, got)
					return
				}
				if revision < last {
					t.Errorf("client %d, request %d: revision %d after %d", c, n, revision, last)
				}
				last = revision
			}
		})
	}
	revision := 0
	for i := 1; i <= edits; i++ {
		switch i % 3 {
		case 0:
			w.write("actors/ledger/m.wasm", module("ledger", i))
		case 1:
			w.write("types/ledger.cue", strings.Replace(book["types/ledger.cue"], "n: int", fmt.Sprintf("n: int & >=-%d", i), 1))
		default:
			revision = i
			w.write("actors/ledger/actor.yaml", ledger(i))
		}
		if e := w.await(Swapped); len(e.Changes) != 1 {
			t.Errorf("edit %d: %+v", i, e)
		}
		w.answers(revision)
	}
	close(end)
	wait.Wait()
	total := 0
	for c, n := range counts {
		total += n
		for key := range (n + perKey - 1) / perKey {
			var entries []string
			for i := key * perKey; i < min(n, (key+1)*perKey); i++ {
				entries = append(entries, fmt.Sprintf(`{"account":"%d-%d","n":%d}`, c, key, i))
			}
			_, _, got := w.post("/show", fmt.Sprintf(`{"account":"%d-%d"}`, c, key))
			if diff := cmp.Diff(`{"entries":[`+strings.Join(entries, ",")+`]}`, got); diff != "" {
				t.Errorf("account %d-%d: %s", c, key, diff)
			}
		}
	}
	if total < edits {
		t.Errorf("%d requests is no load", total)
	}
	if dead, _ := w.host.Shard().DeadCount(); dead != 0 {
		t.Errorf("%d dead letters", dead)
	}
	t.Logf("%d requests during %d edits", total, edits)
}

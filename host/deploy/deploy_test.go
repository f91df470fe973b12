package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/store/files"
)

var shop = documents.Service{Namespace: "main", Name: "shop"}

// host is a host whose runner runs what is written in a file of the service.
type host struct {
	*Deployer
	t         *testing.T
	dir       string
	store     *files.Store
	documents *documents.Documents
	runner    *runner
	step      func(string)
}

// runner takes services whose file grow.yaml does not say otherwise.
type runner struct {
	running  string // what grow.yaml says of what runs
	prepared string
	tried    string // beside what runs
	share    float64
	refuse   bool // whatever it is
}

func says(c Candidate) (string, error) {
	b, err := os.ReadFile(filepath.Join(c.Dir, "grow.yaml"))
	return string(b), err
}

func (r *runner) Check(_ context.Context, c Candidate, report func(Check)) error {
	text, err := says(c)
	if err != nil {
		return err
	}
	report(Check{Name: "vet", Outcome: Passed, Text: "fine"})
	if strings.Contains(text, "cannot be checked") {
		return errors.New("the checker broke")
	}
	test := Check{Name: "tests of price", Outcome: Passed, Text: "1 test passed"}
	if strings.Contains(text, "fails its tests") {
		test.Outcome, test.Text = Failed, "1 of 1 tests failed"
		test.Add(Detail{Subject: "a gold customer", Text: "total differs", Diff: "-1\n+2"})
	}
	report(test)
	return nil
}

func (r *runner) Prepare(ctx context.Context, c Candidate) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	text, err := says(c)
	if err != nil || r.refuse || strings.Contains(text, "traps at start") {
		return errors.Join(err, errors.New("trap"))
	}
	r.prepared = text
	return nil
}

func (r *runner) Switch(ctx context.Context, c Candidate) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	text, err := says(c)
	if err != nil || text != r.prepared || strings.Contains(text, "cannot switch") {
		return errors.Join(err, errors.New("no switch"))
	}
	r.running, r.tried = text, ""
	return nil
}

func (r *runner) Try(ctx context.Context, c Candidate, t Trial) error {
	text, err := says(c)
	if err != nil || text != r.prepared || strings.Contains(text, "cannot be tried") {
		return errors.Join(err, errors.New("no trial"))
	}
	r.tried, r.share = text, t.Plan.Steps[t.Step].Share
	return ctx.Err()
}

func (r *runner) Untry(context.Context, documents.Service) error {
	r.tried = ""
	return nil
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{t: t, dir: t.TempDir(), step: func(string) {}}
	h.start()
	t.Cleanup(func() { _ = h.store.Close() })
	return h
}

// start starts the host on what is in its folder, as after a crash.
func (h *host) start() {
	h.t.Helper()
	if h.store != nil {
		if err := h.store.Close(); err != nil {
			h.t.Fatal(err)
		}
	}
	var err error
	if h.store, err = files.Open(filepath.Join(h.dir, "store")); err != nil {
		h.t.Fatal(err)
	}
	h.documents, h.runner = documents.New(h.store, nil), &runner{}
	h.Deployer, err = New(Options{Store: h.store, Documents: h.documents, Runner: h.runner, Dir: filepath.Join(h.dir, "work"), Step: func(s string) { h.step(s) }})
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.Start(h.t.Context(), shop); err != nil && !errors.Is(err, store.ErrNotFound) {
		h.t.Fatal(err)
	}
}

// request makes a change of documents in which grow.yaml says text, and the actor price
// is a module of its own.
func (h *host) request(text, module string) Request {
	h.t.Helper()
	var tree documents.Tree
	for path, body := range map[string]string{"grow.yaml": text, "actors/price/actor.yaml": "actor: price # " + module, "types/all.cue": "x: _"} {
		f, err := h.documents.Put(h.t.Context(), path, []byte(body), false)
		if err != nil {
			h.t.Fatal(err)
		}
		tree = tree.With(f)
	}
	parent := store.Digest("")
	if last, err := h.documents.Last(h.t.Context(), shop); err == nil {
		parent = last.ID
	}
	c, err := h.documents.Revise(h.t.Context(), shop, tree, documents.Change{Parent: parent, By: "ann"})
	if err != nil {
		h.t.Fatal(err)
	}
	o, err := h.store.Put(h.t.Context(), strings.NewReader(module), 1000)
	if err != nil {
		h.t.Fatal(err)
	}
	return Request{Service: shop, Documents: tree, Change: c.ID, Artifacts: map[string]Artifact{"price": {Digest: o.Digest, Size: o.Size}}, Seen: AnySeen, By: "ann", Text: "because"}
}

func (h *host) deploy(text, module string) Deployment {
	h.t.Helper()
	n, err := h.Deploy(h.t.Context(), h.request(text, module))
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

func TestDeploy(t *testing.T) {
	h := newHost(t)
	if _, err := h.Live(t.Context(), shop); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nothing is live: %v", err)
	}
	first := h.deploy("one", "a")
	if first.Number != 1 || first.State != Live || first.Actors["price"].Revision != 1 || h.runner.running != "one" || first.Live.IsZero() {
		t.Errorf("%+v, running %q", first, h.runner.running)
	}
	second := h.deploy("two", "b")
	third := h.deploy("three", "b") // the actor is as it was
	if second.Before != 1 || third.Before != 2 || second.Actors["price"].Revision != 2 || third.Actors["price"].Revision != 2 || h.runner.running != "three" {
		t.Errorf("%+v\n%+v, running %q", second, third, h.runner.running)
	}
	back := h.deploy("one", "a") // a roll-back goes through the same checks
	if back.Number != 4 || back.Actors["price"].Revision != 3 {
		t.Errorf("%+v", back)
	}
	all, err := h.Deployments(t.Context(), shop, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, n := range all {
		states = append(states, fmt.Sprint(n.Number, " ", n.State))
	}
	if want := []string{"4 live", "3 past", "2 past", "1 past"}; !slices.Equal(states, want) {
		t.Errorf("%v; want %v", states, want)
	}
	if some, err := h.Deployments(t.Context(), shop, 3, 1); err != nil || len(some) != 1 || some[0].Number != 2 {
		t.Errorf("before 3: %+v, %v", some, err)
	}
	revisions, err := h.Revisions(t.Context(), shop, "price", 0, 10)
	if err != nil || len(revisions) != 3 || revisions[1].Parent != 1 || revisions[2].Parent != 0 || revisions[0].Deployment != 4 {
		t.Errorf("%+v, %v", revisions, err)
	}
	if proof := revisions[0].Proof; len(proof) != 1 || proof[0].Name != "tests of price" {
		t.Errorf("%+v", proof)
	}
	h.start()
	if h.runner.running != "one" {
		t.Errorf("after a restart %q runs", h.runner.running)
	}
}

// TestStartFails: what ran once is not given up because a start fails.
func TestStartFails(t *testing.T) {
	h := newHost(t)
	h.deploy("one", "a")
	h.deploy("two", "b")
	h.runner.refuse = true
	for range 2 {
		if _, err := h.Start(t.Context(), shop); !errors.Is(err, ErrStart) {
			t.Errorf("%v", err)
		}
	}
	h.runner.refuse = false
	if live, err := h.Start(t.Context(), shop); err != nil || live.Number != 2 || h.runner.running != "two" {
		t.Errorf("%+v, %v, running %q", live, err, h.runner.running)
	}
}

func TestRefused(t *testing.T) {
	h := newHost(t)
	h.deploy("one", "a")
	var reported []string
	r := h.request("fails its tests", "b")
	r.Report = func(c Check) { reported = append(reported, c.Name+" "+string(c.Outcome)) }
	n, err := h.Deploy(t.Context(), r)
	var refused *RefusedError
	if !errors.As(err, &refused) || n.State != Refused || n.Number != 2 || refused.Deployment.Failed()[0].Details[0].Diff != "-1\n+2" || h.runner.running != "one" {
		t.Errorf("%+v, %v, running %q", n, err, h.runner.running)
	}
	if err == nil || err.Error() != "not deployed: tests of price: 1 of 1 tests failed" {
		t.Errorf("%v", err)
	}
	if want := []string{"vet passed", "tests of price failed"}; !slices.Equal(reported, want) {
		t.Errorf("%v; want %v", reported, want)
	}
	r.Plan, r.Report = true, nil
	if n, err := h.Deploy(t.Context(), r); !errors.As(err, &refused) || n.Number != 0 {
		t.Errorf("a plan: %+v, %v", n, err)
	}
	r.Plan, r.Force = false, "the test is wrong"
	if n, err := h.Deploy(t.Context(), r); err != nil || n.State != Live || n.Forced != "the test is wrong" || n.Number != 3 || h.runner.running != "fails its tests" {
		t.Errorf("forced: %+v, %v", n, err)
	}
	fine := h.request("two", "c")
	fine.Plan, fine.Force = true, "not needed"
	if n, err := h.Deploy(t.Context(), fine); err != nil || n.Number != 0 || n.Forced != "" || len(n.Checks) != 2 || h.runner.running == "two" {
		t.Errorf("a plan that would go through: %+v, %v", n, err)
	}
	if _, err := h.Deploy(t.Context(), h.request("cannot be checked", "c")); err == nil || errors.As(err, &refused) {
		t.Errorf("a checker that broke: %v", err)
	}
	if list, err := h.Deployments(t.Context(), shop, 0, 10); err != nil || len(list) != 3 {
		t.Errorf("%d are recorded, %v", len(list), err)
	}
}

func TestBroken(t *testing.T) {
	for _, text := range []string{"traps at start", "cannot switch"} {
		h := newHost(t)
		if n, err := h.Deploy(t.Context(), h.request(text, "a")); !errors.Is(err, ErrStart) || n.State != Broken || n.Fault == "" {
			t.Errorf("%s as the first: %+v, %v", text, n, err)
		}
		if _, err := h.Live(t.Context(), shop); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: something is live: %v", text, err)
		}
		h.deploy("one", "a")
		n, err := h.Deploy(t.Context(), h.request(text, "b"))
		if !errors.Is(err, ErrStart) || n.State != Broken || h.runner.running != "one" {
			t.Errorf("%s: %+v, %v, running %q", text, n, err, h.runner.running)
		}
		if live, err := h.Live(t.Context(), shop); err != nil || live.Number != 2 {
			t.Errorf("%s: live is %+v, %v", text, live, err)
		}
		if kept, err := h.Deployment(t.Context(), shop, 3); err != nil || kept.State != Broken || kept.Fault != n.Fault {
			t.Errorf("%s: %+v, %v", text, kept, err)
		}
		h.deploy("two", "b")
	}
}

func TestStale(t *testing.T) {
	h := newHost(t)
	first := h.deploy("one", "a")
	mine := h.request("two", "b")
	mine.Seen = first.Number
	h.deploy("three", "c")
	_, err := h.Deploy(t.Context(), mine)
	var stale *StaleError
	if !errors.As(err, &stale) || !errors.Is(err, store.ErrConflict) || stale.Live.Number != 2 || len(stale.Since) != 2 || stale.Since[1].Path != "grow.yaml" {
		t.Errorf("%v: %+v", err, stale)
	}
	mine.Seen = 99
	if _, err := h.Deploy(t.Context(), mine); !errors.As(err, &stale) || len(stale.Since) != 3 {
		t.Errorf("who knows of one that never was: %v", err)
	}
	mine.Seen = 2
	if n, err := h.Deploy(t.Context(), mine); err != nil || n.State != Live {
		t.Errorf("%+v, %v", n, err)
	}
	other := newHost(t)
	r := other.request("one", "a")
	r.Seen = 1
	if _, err := other.Deploy(t.Context(), r); !errors.Is(err, store.ErrConflict) {
		t.Errorf("nothing is live: %v", err)
	}
	r.Seen, r.Documents = 0, r.Documents.Without("grow.yaml")
	if _, err := other.Deploy(t.Context(), r); err == nil {
		t.Error("documents of another change were taken")
	}
}

// TestTurns: of many that deploy at one time with the same view, one gets through.
func TestTurns(t *testing.T) {
	h := newHost(t)
	h.deploy("one", "a")
	r := h.request("two", "b")
	r.Seen = 1
	results := make(chan error, 8)
	for range cap(results) {
		go func() {
			_, err := h.Deploy(context.Background(), r)
			results <- err
		}()
	}
	through := 0
	for range cap(results) {
		switch err := <-results; {
		case err == nil:
			through++
		case !errors.Is(err, store.ErrConflict):
			t.Error(err)
		}
	}
	if through != 1 || h.runner.running != "two" {
		t.Errorf("%d got through, running %q", through, h.runner.running)
	}
	end, err := h.turn(t.Context(), shop)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Deploy(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("who does not want to wait: %v", err)
	}
}

// TestCallerGone: who asks for a deployment goes away at each of its steps. While it is
// checked nothing comes of it; from then on it goes live all the same.
func TestCallerGone(t *testing.T) {
	steps := 0
	for k := 1; ; k++ {
		h := newHost(t)
		if _, err := h.Deploy(t.Context(), h.request("one", "a")); err != nil {
			t.Fatal(err)
		}
		r := h.request("two", "b")
		ctx, cancel := context.WithCancel(t.Context())
		n, at := 0, ""
		h.step = func(name string) {
			if n++; n == k {
				at = name
				cancel()
			}
		}
		d, err := h.Deploy(ctx, r)
		cancel()
		if n < k { // it has no step more
			break
		}
		steps++
		live, liveErr := h.Live(t.Context(), shop)
		switch {
		case liveErr != nil:
			t.Fatal(liveErr)
		case err == nil && (d.State != Live || live.Number != d.Number || h.runner.running != "two" || live.Live.IsZero()):
			t.Errorf("step %d: %+v, running %q", k, d, h.runner.running)
		case err != nil && (at == "prepare" || at == "move live ref" || at == "switch"):
			t.Errorf("who went away before %q took it along: %v", at, err)
		case err != nil && (!errors.Is(err, context.Canceled) || live.Number != 1 || h.runner.running != "one"):
			t.Errorf("step %d: %v; running %q", k, err, h.runner.running)
		}
	}
	if steps < 5 {
		t.Errorf("a deployment has %d steps", steps)
	}
}

// errKilled ends a host in a test.
var errKilled = errors.New("killed")

// TestKilled ends the host before each of its steps, for a deployment that goes through
// and one that cannot switch, and starts it again: what runs then is what its records
// say, the old one or the new one.
func TestKilled(t *testing.T) {
	for _, text := range []string{"two", "cannot switch"} {
		for k := 1; ; k++ {
			h := newHost(t)
			h.deploy("one", "a")
			r := h.request(text, "b")
			at := h.killedAt(k, func() { _, _ = h.Deploy(t.Context(), r) })
			if at == "" {
				if k < 6 {
					t.Errorf("only %d steps were seen", k-1)
				}
				break
			}
			h.start()
			live, err := h.Live(t.Context(), shop)
			if err != nil {
				t.Fatalf("%s, killed at %q: %v", text, at, err)
			}
			want := map[int]string{1: "one", 2: text}[live.Number]
			if h.runner.running != want || live.State != Live || live.Live.IsZero() {
				t.Errorf("%s, killed at %q: %q runs, and %+v is live", text, at, h.runner.running, live)
			}
			if n := h.deploy("three", "c"); n.State != Live || h.runner.running != "three" {
				t.Errorf("%s, killed at %q: afterwards %+v, running %q", text, at, n, h.runner.running)
			}
		}
	}
}

// killedAt does something until the host is killed before the kth step, which it returns; "": there
// are not so many.
func (h *host) killedAt(k int, act func()) (at string) {
	n := 0
	h.step = func(step string) {
		if n++; n == k {
			at = step
			panic(errKilled)
		}
	}
	h.dies(act)
	h.step = func(string) {}
	return at
}

// dies does something until the host is killed, or to the end.
func (h *host) dies(act func()) {
	defer func() {
		if p := recover(); p != nil && p != errKilled { //nolint:errorlint // what is thrown is the value itself
			panic(p)
		}
	}()
	act()
}

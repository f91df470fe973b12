package sweep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/store/files"
	"github.com/grow-platform/grow/host/upload"
)

// world is a host, whose clock is that of the test's bubble.
type world struct {
	t         *testing.T
	store     *files.Store
	documents *documents.Documents
	uploads   *upload.Uploads
	deployer  *deploy.Deployer
	removed   int // by sweeps
	retained  int // deployments that were old
}

// slow checks for up to so long, and refuses what says so.
type slow time.Duration

func (s slow) Check(_ context.Context, c deploy.Candidate, report func(deploy.Check)) error {
	time.Sleep(rand.N(time.Duration(s)))
	check := deploy.Check{Name: "tests", Outcome: deploy.Passed, Text: "passed"}
	if c.Actors["price"].Language == "bad" {
		check.Outcome = deploy.Failed
	}
	report(check)
	return nil
}
func (slow) Prepare(context.Context, deploy.Candidate) error           { return nil }
func (slow) Switch(context.Context, deploy.Candidate) error            { return nil }
func (slow) Try(context.Context, deploy.Candidate, deploy.Trial) error { return nil }
func (slow) Untry(context.Context, documents.Service) error            { return nil }

// step has a deployment take its time between its steps.
func step(string) { time.Sleep(rand.N(Grace / 100)) }

func newWorld(t *testing.T, s slow) *world {
	t.Helper()
	w, dir := &world{t: t}, t.TempDir()
	var err error
	if w.store, err = files.Open(filepath.Join(dir, "store")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	w.documents = documents.New(w.store, nil)
	if w.uploads, err = upload.New(upload.Options{Dir: filepath.Join(dir, "uploads"), Store: w.store}); err != nil {
		t.Fatal(err)
	}
	if w.deployer, err = deploy.New(deploy.Options{Store: w.store, Documents: w.documents, Runner: s, Dir: filepath.Join(dir, "work"), Step: step}); err != nil {
		t.Fatal(err)
	}
	return w
}

// body is one of few, so that what was forgotten comes back.
func body(r *rand.Rand, kind string) []byte { return fmt.Appendf(nil, "%s %d", kind, r.IntN(8)) }

// upload brings bytes as a client does, that sends only what is not there.
func (w *world) upload(ctx context.Context, b []byte) store.Digest {
	d := store.DigestOf(b)
	s, err := w.uploads.State(ctx, d)
	if err == nil && !s.Done {
		_, err = w.uploads.Add(ctx, d, int64(len(b)), s.Offset, bytes.NewReader(b[s.Offset:]))
	}
	if err != nil && !errors.Is(err, upload.ErrBusy) && !errors.Is(err, upload.ErrOffset) {
		w.t.Errorf("upload: %v", err)
	}
	return d
}

// send brings a tree's files, those that are missing, and takes its time.
func (w *world) send(ctx context.Context, r *rand.Rand) documents.Tree {
	var tree documents.Tree
	bodies := map[store.Digest][]byte{}
	for _, p := range []string{"actors/price/actor.yaml", "grow.yaml", "types/all.cue"} {
		b := body(r, p)
		d := store.DigestOf(b)
		bodies[d] = b
		tree = tree.With(documents.File{Path: p, Digest: d, Size: int64(len(b))})
	}
	missing, err := w.documents.Missing(ctx, tree)
	if err != nil {
		w.t.Error(err)
	}
	for _, d := range missing {
		time.Sleep(time.Duration(r.Int64N(int64(Grace / 32))))
		w.upload(ctx, bodies[d])
	}
	return tree
}

// deploy does what a client does, within Grace, and then waits for the checks.
func (w *world) deploy(ctx context.Context, r *rand.Rand, s documents.Service) {
	tree := w.send(ctx, r)
	module := body(r, "module")
	a := deploy.Artifact{Digest: w.upload(ctx, module), Size: int64(len(module))}
	if r.IntN(4) == 0 {
		a.Language = "bad"
	}
	time.Sleep(time.Duration(r.Int64N(int64(Grace / 8))))
	last, err := w.documents.Last(ctx, s)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		w.t.Errorf("last change of %s: %v", s, err)
	}
	request := deploy.Request{Service: s, Documents: tree, Parent: last.ID, Artifacts: map[string]deploy.Artifact{"price": a}, Seen: deploy.AnySeen, By: "ann", Hold: r.IntN(4) == 0}
	_, err = w.deployer.Deploy(ctx, request)
	if err != nil && !allowed(err) {
		w.t.Errorf("deploy %s: %v", s, err)
	}
}

// allowed are the errors that have nothing to do with what is there.
func allowed(err error) bool {
	var refused *deploy.RefusedError
	return errors.As(err, &refused) || errors.Is(err, store.ErrConflict)
}

// push changes documents without a deployment.
func (w *world) push(ctx context.Context, r *rand.Rand, s documents.Service) {
	tree := w.send(ctx, r)
	last, err := w.documents.Last(ctx, s)
	if err == nil || errors.Is(err, store.ErrNotFound) {
		_, err = w.documents.Revise(ctx, s, tree, documents.Change{Parent: last.ID, By: "bob"})
	}
	if err != nil && !allowed(err) {
		w.t.Errorf("push %s: %v", s, err)
	}
}

func (w *world) remove(ctx context.Context, s documents.Service) {
	nothing := func() error { return nil }
	if _, err := w.deployer.Remove(ctx, s, false, nothing, nothing); err != nil && !errors.Is(err, store.ErrNotFound) && !allowed(err) {
		w.t.Errorf("remove %s: %v", s, err)
	}
}

// named are the objects that are named, found through the host's own ways of reading;
// each of them is read.
func (w *world) named(ctx context.Context) map[store.Digest]bool {
	named := map[store.Digest]bool{}
	read := func(what string, d store.Digest) {
		named[d] = true
		if _, err := w.store.Stat(ctx, d); err != nil {
			w.t.Errorf("%s: %v", what, err)
		}
	}
	tree := func(what string, d store.Digest) {
		read(what, d)
		t, err := w.documents.Tree(ctx, d)
		if err != nil {
			w.t.Errorf("%s: %v", what, err)
		}
		for _, f := range t {
			read(what+" "+f.Path, f.Digest)
		}
	}
	refs, err := w.store.Refs(ctx, "")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range refs {
		if d := store.Digest(r.Value); d.Check() == nil {
			read(r.Name, d)
		}
	}
	for _, s := range services {
		if err := w.documents.History(ctx, s, func(c documents.Change) bool {
			read("change", c.ID)
			tree("tree of a change", c.Tree)
			return true
		}); err != nil && !errors.Is(err, store.ErrNotFound) {
			w.t.Error(err)
		}
		list, err := w.deployer.Deployments(ctx, s, 0, 1e6)
		if err != nil {
			w.t.Error(err)
		}
		for _, n := range list {
			tree("tree of a deployment", n.Tree)
			read("module of a deployment", n.Actors["price"].Digest)
			for c := n.Change; c != ""; {
				read("change of a deployment", c)
				change, err := w.documents.Change(ctx, c)
				if err != nil {
					w.t.Error(err)
				}
				tree("tree of its change", change.Tree)
				c = change.Parent
			}
		}
		revisions, err := w.deployer.Revisions(ctx, s, "price", 0, 1e6)
		if err != nil {
			w.t.Error(err)
		}
		for _, v := range revisions {
			read("module of a revision", v.Artifact.Digest)
			for _, f := range v.Documents {
				read("document of a revision", f.Digest)
			}
		}
	}
	return named
}

var services = []documents.Service{{Namespace: "main", Name: "shop"}, {Namespace: "main", Name: "desk"}, {Namespace: "side", Name: "shop"}}

// sweep sweeps, and now and then is cut off while it looks or removes.
func (w *world) sweep(ctx context.Context, r *rand.Rand) {
	cut := &cutOff{Store: w.store, left: 1e9}
	if r.IntN(3) == 0 {
		cut.left = r.IntN(40)
	}
	o := Options{Store: cut, Documents: documents.New(cut, nil), RemoveMax: 1 + r.IntN(10)}
	s, err := Once(ctx, o)
	w.removed += s.Removed
	if err != nil && !errors.Is(err, errCut) {
		w.t.Errorf("sweep: %v", err)
	}
	w.retain(ctx, services[r.IntN(len(services))], keeps[r.IntN(len(keeps))])
	if s.Removed > o.RemoveMax {
		w.t.Errorf("%d objects were removed; at most %d were to be", s.Removed, o.RemoveMax)
	}
}

var keeps = []deploy.Retention{{Last: 1}, {Last: 3}, {Last: 1, For: 4 * Grace}}

// retain has old deployments of a service removed. What is young, live, or was live
// before stays.
func (w *world) retain(ctx context.Context, s documents.Service, keep deploy.Retention) {
	before, err := w.deployer.Deployments(ctx, s, 0, 1e6)
	if err != nil {
		w.t.Error(err)
	}
	n, err := w.deployer.Retain(ctx, s, keep)
	if err != nil {
		w.t.Errorf("retain %s: %v", s, err)
	}
	w.retained += n.Deployments
	for _, one := range before {
		if _, err := w.deployer.Deployment(ctx, s, one.Number); errors.Is(err, deploy.ErrForgotten) && time.Since(one.Time) < keep.For {
			w.t.Errorf("deployment %d of %s was young, and is gone", one.Number, s)
		}
	}
	live, err := w.deployer.Live(ctx, s)
	if err != nil {
		if !errors.Is(err, store.ErrNotFound) || errors.Is(err, deploy.ErrForgotten) {
			w.t.Errorf("live of %s: %v", s, err)
		}
		return
	}
	for actor, is := range live.Actors {
		if _, err := w.deployer.Revision(ctx, s, actor, is.Revision); errors.Is(err, deploy.ErrForgotten) {
			w.t.Errorf("revision %d that runs: %v", is.Revision, err)
		}
	}
	if live.Before > 0 {
		if _, err := w.deployer.Deployment(ctx, s, live.Before); errors.Is(err, deploy.ErrForgotten) {
			w.t.Errorf("what a rollback of %s goes to: %v", s, err)
		}
	}
}

var errCut = errors.New("cut off")

// cutOff is a store that takes its time, so that others come between a look and a removal,
// and that breaks off after some calls, as a crash does.
type cutOff struct {
	store.Store
	left int
}

func (c *cutOff) call() error {
	time.Sleep(rand.N(Grace / 20))
	if c.left--; c.left < 0 {
		return errCut
	}
	return nil
}

func (c *cutOff) Get(ctx context.Context, d store.Digest) (io.ReadCloser, store.Object, error) {
	if c.left--; c.left < 0 {
		return nil, store.Object{}, errCut
	}
	return c.Store.Get(ctx, d)
}

func (c *cutOff) Remove(ctx context.Context, d store.Digest) error {
	if err := c.call(); err != nil {
		return err
	}
	return c.Store.Remove(ctx, d)
}

func (c *cutOff) RemoveUnchanged(ctx context.Context, o store.Object) error {
	if err := c.call(); err != nil {
		return err
	}
	return c.Store.RemoveUnchanged(ctx, o)
}

// quick are checks that take less than Grace, with what a client does before; others take
// longer, and it must not miss anything it was promised there either.
const quick = slow(Grace / 5)

func TestNothingNamedIsLost(t *testing.T) {
	var removed, retained int // by all: who comes first is chance, and one of them may find nothing old
	for seed := range uint64(4) {
		checks := quick
		if seed%2 == 1 {
			checks = slow(3 * Grace)
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				objects, deployments := live(t, seed, checks)
				removed += objects
				retained += deployments
			})
		})
	}
	if removed == 0 {
		t.Error("nothing was ever removed")
	}
	if retained == 0 {
		t.Error("no deployment was ever old")
	}
}

// live has clients, and a sweeper, do what they like for some days. It returns how many objects
// and deployments were removed.
func live(t *testing.T, seed uint64, checks slow) (removed, retained int) {
	w, ctx := newWorld(t, checks), t.Context()
	var group sync.WaitGroup
	for client := range uint64(4) {
		group.Go(func() {
			r := rand.New(rand.NewPCG(seed, client))
			for range 12 {
				s := services[r.IntN(len(services))]
				switch r.IntN(8) {
				case 0:
					w.upload(ctx, body(r, "never deployed"))
				case 1:
					w.remove(ctx, s)
				case 2, 3:
					w.push(ctx, r, s)
				default:
					w.deploy(ctx, r, s)
				}
				time.Sleep(time.Duration(r.Int64N(int64(3 * Grace))))
			}
		})
	}
	ending, end := context.WithCancel(ctx)
	var sweeper sync.WaitGroup
	sweeper.Go(func() {
		r := rand.New(rand.NewPCG(seed, 99))
		for ending.Err() == nil {
			time.Sleep(time.Duration(r.Int64N(int64(Grace / 4))))
			w.sweep(ctx, r)
		}
	})
	group.Wait()
	end()
	sweeper.Wait()
	w.named(ctx)
	time.Sleep(2 * Grace)
	s, err := Once(ctx, Options{Store: w.store, Documents: w.documents})
	if err != nil || s.Young != 0 || s.More {
		t.Errorf("the last sweep: %+v, %v", s, err)
	}
	w.exactly(ctx)
	return w.removed + s.Removed, w.retained
}

// exactly fails unless what is named is all there is.
func (w *world) exactly(ctx context.Context) {
	w.t.Helper()
	there := map[store.Digest]bool{}
	for o, err := range w.store.Objects(ctx) {
		if err != nil {
			w.t.Fatal(err)
		}
		there[o.Digest] = true
	}
	if named := w.named(ctx); !maps.Equal(there, named) {
		w.t.Errorf("%d objects are there, and %d named", len(there), len(named))
	}
}

func TestGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newWorld(t, slow(time.Second)), t.Context()
		o := Options{Store: w.store, Documents: w.documents}
		d := w.upload(ctx, []byte("a module"))
		w.upload(ctx, []byte("another"))
		time.Sleep(Grace)
		if s, err := Once(ctx, o); err != nil || s != (Swept{Young: 2}) {
			t.Errorf("%+v, %v; want two that are young", s, err)
		}
		if s, err := w.uploads.State(ctx, d); err != nil || !s.Done {
			t.Errorf("%+v, %v", s, err)
		}
		time.Sleep(time.Second)
		if s, err := Once(ctx, o); err != nil || s != (Swept{Young: 1, Removed: 1, Bytes: 7}) {
			t.Errorf("%+v, %v; want the other one removed", s, err)
		}
		if _, err := w.store.Stat(ctx, d); err != nil {
			t.Error(err)
		}
	})
}

// meanwhile is a store in which somebody asks for an object between the look at the refs
// and its removal.
type meanwhile struct {
	store.Store
	ask func(store.Digest)
}

func (m meanwhile) Remove(ctx context.Context, d store.Digest) error {
	m.ask(d)
	return m.Store.Remove(ctx, d)
}

func (m meanwhile) RemoveUnchanged(ctx context.Context, o store.Object) error {
	m.ask(o.Digest)
	return m.Store.RemoveUnchanged(ctx, o)
}

func TestPromisedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newWorld(t, slow(time.Second)), t.Context()
		d := w.upload(ctx, []byte("a module"))
		time.Sleep(2 * Grace)
		s, err := Once(ctx, Options{Documents: w.documents, Store: meanwhile{w.store, func(d store.Digest) {
			if s, err := w.uploads.State(ctx, d); err != nil || !s.Done {
				t.Errorf("%+v, %v", s, err)
			}
		}}})
		if err != nil || s != (Swept{Young: 1}) {
			t.Errorf("%+v, %v", s, err)
		}
		if _, err := w.store.Stat(ctx, d); err != nil {
			t.Error(err)
		}
	})
}

// TestUnreadable has a sweep remove nothing when it cannot see what is named.
func TestUnreadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, ctx := newWorld(t, slow(time.Second)), t.Context()
		r := rand.New(rand.NewPCG(1, 1))
		w.push(ctx, r, services[0])
		last, err := w.documents.Last(ctx, services[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := w.store.Remove(ctx, last.Tree); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * Grace)
		s, err := Once(ctx, Options{Store: w.store, Documents: w.documents})
		if !errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "documents/main/shop") || s != (Swept{}) {
			t.Errorf("%+v, %v", s, err)
		}
	})
}

// TestRun has it sweep at once and again and again, log it, and end.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, slow(time.Second))
		ctx, end := context.WithCancel(t.Context())
		w.upload(ctx, []byte("old"))
		time.Sleep(2 * Grace)
		w.upload(ctx, []byte("young"))
		log := &lines{}
		var group sync.WaitGroup
		group.Go(func() { Run(ctx, Options{Store: w.store, Documents: w.documents, Log: log.logger()}) })
		synctest.Wait()
		if got := log.all(); !slices.Equal(got, []string{"removed objects that nobody names objects=1 bytes=3"}) {
			t.Errorf("at once: %q", got)
		}
		time.Sleep(2*Every + time.Second)
		synctest.Wait()
		if got := log.all(); len(got) != 2 {
			t.Errorf("later: %q", got)
		}
		end()
		group.Wait()
	})
}

// keeper is a service that keeps things for a time.
type keeper struct {
	name    string
	objects int
	err     error
}

func (k keeper) String() string { return k.name }
func (k keeper) Expire(context.Context) (int, int64, error) {
	return k.objects, int64(10 * k.objects), k.err
}

// TestRunServices has services remove what is over its time; one that fails keeps none from it.
func TestRunServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, slow(time.Second))
		ctx, end := context.WithCancel(t.Context())
		log := &lines{}
		services := func() []Service {
			return []Service{keeper{"main/broken", 0, io.ErrUnexpectedEOF}, keeper{"main/shop", 3, nil}, keeper{"main/idle", 0, nil}}
		}
		var group sync.WaitGroup
		group.Go(func() {
			Run(ctx, Options{Store: w.store, Documents: w.documents, Services: services, Log: log.logger()})
		})
		synctest.Wait()
		if got := strings.Join(log.all(), "\n"); !strings.Contains(got, "over their time stay service=main/broken") || !strings.Contains(got, "removed kept answers that are over their time service=main/shop objects=3") || strings.Contains(got, "idle") {
			t.Errorf("%q", got)
		}
		end()
		group.Wait()
	})
}

// Package live keeps a running service equal to the files it is made of: after
// each edit it checks them, builds what changed, has the tests of that run, and
// puts the new revision in force. Where one of these fails the old revision
// goes on, and its responses tell why the edit is not live.
package live

import (
	"context"
	"fmt"
	"iter"
	"path"
	"slices"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/cmd/grow/edition"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/host/watch"
	"github.com/grow-platform/grow/specs"
)

// Proof runs the tests of actors, workflows and the service that an edit has
// changed, by name, with the modules at the given paths. Anything but all passed keeps the
// edit from going live; err says what failed, or why the tests could not run.
type Proof func(ctx context.Context, service *specs.Service, modules map[string]string, changed []string) (passed, total int, err error)

// Options is what a Follower works with. The functions are called one at a time.
type Options struct {
	Host    Host
	Service *specs.Service // that the host runs, built where project puts modules
	// Watcher is of the service's folder, and Files what was in it; both from
	// before the service was loaded.
	Watcher *watch.Watcher
	Files   watch.Files
	Proof   Proof // nil: no tests are run
	// Building is told how a build goes on; nil: nobody is.
	Building func(project.Event)
	// Explain writes an error for the clients of the service; nil: as it is.
	Explain func(error) string
	// Record is called when an edit is live, before Report is; nil: nobody is.
	Record func(service *specs.Service, e Event)
	// Report is told what came of an edit.
	Report func(Event)
}

// Host is what runs the service; see app.Host and app.Mounted.
type Host interface {
	Prepare(ctx context.Context, service *specs.Service, modules map[string]string) error
	Apply(ctx context.Context, service *specs.Service, modules map[string]string) ([]app.Change, error)
	Fault(text string)
	Revisions() map[string]string
}

// Kind is what came of an edit.
type Kind string

// The kinds of event.
const (
	Swapped Kind = "swap"   // the edit is live
	Failed  Kind = "failed" // it is not: Stage and Err say why
	Tested  Kind = "tested" // only tests were edited, and they pass
	Same    Kind = "same"   // what was built is what is served
	Back    Kind = "back"   // after a failure the files are again as what is served
)

// Event tells what came of an edit. An edit that changes nothing of the service
// has none.
type Event struct {
	Kind     Kind
	Changes  []app.Change    // nodes with another revision
	Files    []string        // definitions that differ from what was served, sorted
	Warnings []specs.Problem // that the edit has brought
	Built    time.Duration   // down to machine code; 0: nothing had to be
	Passed   int             // tests
	Total    int
	Tested   time.Duration
	Swap     time.Duration // to start instances and change over
	Live     time.Duration // from the first change that was noticed to the end of it all
	Stage    Stage
	Err      error
}

// Stage is where an edit failed.
type Stage string

// The stages an edit goes through.
const (
	Check Stage = "check"
	Build Stage = "build"
	Test  Stage = "test"
	Swap  Stage = "swap"
)

// Follower makes edits of a service live. An attempt at one owns all of it while
// it runs, else the goroutine of Run does.
type Follower struct {
	Options
	live   edition.Edition   // what is served
	proved map[string]string // prints of what has passed its tests
	fault  string            // why the last edit is not live; "": it is
}

// New notes what is served; nothing runs yet.
func New(o Options) (*Follower, error) {
	if o.Explain == nil {
		o.Explain = error.Error
	}
	f := &Follower{Options: o}
	return f, f.begin()
}

// begin notes what is served at the start.
func (f *Follower) begin() error {
	files, err := watch.Scan(f.Service.Dir)
	if err != nil {
		return err
	}
	f.live = edition.Edition{Service: f.Service}
	if len(f.Files.Diff(files)) == 0 { // else it is not known what was loaded
		if f.live.Inputs, err = edition.ReadInputs(f.Service.Dir, names(files)); err != nil {
			return err
		}
	}
	if f.live.Modules, err = edition.Modules(f.Service); err != nil {
		return err
	}
	f.proved = f.live.Prints()
	return nil
}

// Run makes edits live until ctx ends; nothing of it runs when it returns. It
// starts an attempt for each batch of changes. One that comes during an attempt
// ends it: it would make live what is not in the files any more.
func (f *Follower) Run(ctx context.Context) {
	var (
		done   chan *Event // of the attempt that runs; nil: none does
		cancel context.CancelFunc
		now    watch.Batch  // that it is for
		next   *watch.Batch // that came meanwhile
	)
	start := func(b watch.Batch) {
		var attempt context.Context
		attempt, cancel = context.WithCancel(ctx)
		now, next, done = b, nil, make(chan *Event, 1)
		go func() { done <- f.attempt(attempt, b.First) }() // awaited by Run
	}
	for {
		select {
		case b := <-f.Watcher.Batches():
			switch {
			case done == nil:
				start(b)
			case !byTools(b):
				cancel()
				next = &b
			case next == nil:
				next = &b // written by the build itself, most likely; it may go on
			}
		case e := <-done:
			cancel()
			done = nil
			f.settle(e, byTools(now))
			if next != nil && ctx.Err() == nil {
				start(*next)
			}
		case <-ctx.Done():
			if done != nil {
				f.settle(<-done, byTools(now))
				cancel()
			}
			return
		}
	}
}

// locks are files that tools write beside the sources while they build.
var locks = map[string]bool{"Cargo.lock": true, "go.sum": true, "package-lock.json": true}

// byTools reports whether a batch is of such files only.
func byTools(b watch.Batch) bool {
	return !slices.ContainsFunc(b.Paths, func(p string) bool { return !locks[path.Base(p)] })
}

// settle makes known what came of an attempt, unless it is what a build has
// written that fails as it did before.
func (f *Follower) settle(e *Event, byTools bool) {
	if e == nil {
		return
	}
	fault := ""
	if e.Kind == Failed {
		fault = fmt.Sprintf("%s: %s", e.Stage, f.Explain(e.Err))
	}
	if byTools && fault != "" && fault == f.fault {
		return
	}
	f.fault = fault
	f.Host.Fault(fault)
	f.Report(*e)
}

// names are the files among what was found.
func names(found watch.Files) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name, state := range found {
			if !state.Folder && !yield(name) {
				return
			}
		}
	}
}

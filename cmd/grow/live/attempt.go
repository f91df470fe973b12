package live

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/cmd/grow/edition"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/host/watch"
	"github.com/grow-platform/grow/specs"
)

// attempt makes what is in the files live, and says what came of it: nil when
// nothing has changed, or when the files have changed again.
func (f *Follower) attempt(ctx context.Context, first time.Time) *Event {
	a := &attempt{Follower: f}
	err := a.run(ctx)
	e := &a.event
	e.Live = time.Since(first)
	switch {
	case a.applied && a.Record != nil:
		a.Record(a.live.Service, *e)
	case a.applied:
	case ctx.Err() != nil || errors.Is(err, errStale):
		return nil
	case err != nil:
		e.Kind, e.Err = Failed, err
	case e.Total > 0:
		e.Kind = Tested
	case f.fault != "":
		e.Kind = Back
	case e.Built > 0:
		e.Kind = Same
	default:
		return nil
	}
	return e
}

// errStale: files have changed since they were read; a batch tells of it.
var errStale = errors.New("files have changed meanwhile")

// attempt is one way from files to a live revision.
type attempt struct {
	*Follower
	event   Event
	files   watch.Files // before anything was read
	next    edition.Edition
	applied bool
}

func (a *attempt) run(ctx context.Context) error {
	dir := a.Service.Dir
	var err error
	a.event.Stage = Check
	if a.files, err = watch.Scan(dir); err != nil {
		return err
	}
	if a.next.Inputs, err = edition.ReadInputs(dir, names(a.files)); err != nil {
		return err
	}
	service, err := app.Load(dir)
	if err != nil {
		return a.fresh(err)
	}
	a.next.Service = service
	a.event.Warnings = added(a.live.Service.Warnings, service.Warnings)
	a.event.Stage = Build
	if err := a.build(ctx); err != nil {
		return a.fresh(err)
	}
	a.event.Stage = Test
	if err := a.prove(ctx); err != nil {
		return a.fresh(err)
	}
	a.event.Stage = Swap
	return a.apply(ctx)
}

// fresh is what to say of an error: nothing when what it is about was changed
// in the middle of it.
func (a *attempt) fresh(err error) error {
	now, scanErr := watch.Scan(a.Service.Dir)
	if scanErr != nil {
		return err
	}
	for _, name := range a.files.Diff(now) {
		if !locks[path.Base(name)] && !now[name].Folder && !a.files[name].Folder {
			return errStale
		}
	}
	return err
}

// build builds what is out of date, down to machine code.
func (a *attempt) build(ctx context.Context) error {
	begin := time.Now()
	built, err := project.Build(ctx, a.next.Service, project.Options{Progress: a.Building})
	if err != nil {
		return err
	}
	a.next.Modules = map[string]string{}
	worked := false
	for name, r := range built {
		a.next.Modules[name] = r.Digest
		worked = worked || !r.Cached
	}
	if !maps.Equal(a.live.Modules, a.next.Modules) {
		worked = true
		err = a.Host.Prepare(ctx, a.next.Service, paths(a.next.Service))
	}
	if worked {
		a.event.Built = time.Since(begin)
	}
	return err
}

// prove has the tests run of what has changed since they last passed.
func (a *attempt) prove(ctx context.Context) error {
	if a.Proof == nil {
		return nil
	}
	prints := a.next.Prints()
	var changed []string
	for _, name := range slices.Sorted(maps.Keys(prints)) {
		if a.proved[name] != prints[name] {
			changed = append(changed, name)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	begin := time.Now()
	passed, total, err := a.Proof(ctx, a.next.Service, paths(a.next.Service), changed)
	a.event.Passed, a.event.Total, a.event.Tested = passed, total, time.Since(begin)
	if err == nil && passed < total {
		err = fmt.Errorf("%d of %d tests fail", total-passed, total)
	}
	if err != nil || ctx.Err() != nil {
		return err
	}
	a.proved = prints
	return nil
}

// apply puts the new revision in force, if it is one.
func (a *attempt) apply(ctx context.Context) error {
	if err := a.fresh(nil); err != nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	a.event.Files = edition.Differ(a.live.Inputs.Definitions, a.next.Inputs.Definitions)
	if len(a.event.Files) == 0 && maps.Equal(a.live.Modules, a.next.Modules) {
		return nil
	}
	begin := time.Now()
	changes, err := a.Host.Apply(ctx, a.next.Service, paths(a.next.Service))
	if err != nil {
		return err
	}
	a.event.Swap = time.Since(begin)
	a.event.Kind, a.event.Changes, a.applied = Swapped, changes, true
	a.live = a.next
	return nil
}

// paths are the modules of a service as a build leaves them.
func paths(service *specs.Service) map[string]string {
	list := map[string]string{}
	for name := range service.Actors {
		list[name] = project.Module(service.Dir, name)
	}
	return list
}

// added are the warnings that were not there before.
func added(before, now []specs.Problem) []specs.Problem {
	had := map[string]bool{}
	for _, w := range before {
		had[w.File+w.Path+w.Message] = true
	}
	var list []specs.Problem
	for _, w := range now {
		if !had[w.File+w.Path+w.Message] {
			list = append(list, w)
		}
	}
	return list
}

package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/cmd/grow/edition"
	"github.com/grow-platform/grow/compiler/cache"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/compare"
	"github.com/grow-platform/grow/specs/shape"
)

// gate looks at one candidate, check by check. What later checks need of one that
// failed is not looked at.
type gate struct {
	*Platform
	candidate deploy.Candidate
	report    func(deploy.Check)

	service *specs.Service
	now     map[string]string // prints of what is to go live, by name
	before  map[string]string // of what runs
	old     *specs.Service    // that runs; nil: none
	failed  bool              // a check has
}

// Check implements deploy.Runner.
func (p *Platform) Check(ctx context.Context, c deploy.Candidate, report func(deploy.Check)) error {
	if err := p.laidOut(ctx, c); err != nil {
		return err
	}
	g := &gate{Platform: p, candidate: c}
	g.report = func(k deploy.Check) {
		g.failed = g.failed || k.Outcome == deploy.Failed
		report(k)
	}
	for _, step := range []struct {
		name string
		run  func(context.Context, *deploy.Check) error
	}{
		{"vet", g.vet}, {"signatures", g.signatures}, {"modules", g.modules}, {"compatibility", g.compatibility},
	} {
		k, err := g.timed(ctx, step.name, step.run)
		if err != nil {
			return err
		}
		if k.Outcome == deploy.Failed && step.name != "compatibility" {
			return nil
		}
	}
	if err := g.bothWays(ctx); err != nil {
		return err
	}
	if err := g.tests(ctx); err != nil {
		return err
	}
	if g.candidate.Shadow > 0 {
		return g.shadow(ctx)
	}
	return g.rehearse(ctx)
}

// bothWays refuses a canary of what keeps state of another type, which a key that goes from
// one revision to the other and back would need both to read.
func (g *gate) bothWays(ctx context.Context) error {
	if !g.candidate.Canary || g.old == nil {
		return nil
	}
	var apart []string
	for _, name := range sorted(g.service.Actors) {
		if old := g.old.Actors[name]; old != nil && !old.Shares(g.service.Actors[name]) {
			apart = append(apart, name)
		}
	}
	if len(apart) == 0 {
		return nil
	}
	_, err := g.timed(ctx, "keys both ways", func(_ context.Context, k *deploy.Check) error {
		k.Outcome, k.Text = deploy.Failed, "a canary's keys go back and forth, and what runs and what is new keep other state"
		for _, name := range apart {
			k.Add(deploy.Detail{Subject: name, At: place(g.service.Actors[name].At), Text: "state: each of the two definitions has to migrate what the other keeps, by {type, from}; or deploy without a canary"})
		}
		return nil
	})
	return err
}

// timed runs one check, and reports it.
func (g *gate) timed(ctx context.Context, name string, run func(context.Context, *deploy.Check) error) (deploy.Check, error) {
	k := deploy.Check{Name: name, Outcome: deploy.Passed}
	began := time.Now()
	if err := run(ctx, &k); err != nil {
		return k, fmt.Errorf("%s: %w", name, err)
	}
	if len(k.Details) > 0 && k.Outcome == deploy.Passed && k.Text == "" {
		k.Outcome = deploy.Failed
	}
	k.Took = time.Since(began)
	g.report(k)
	return k, nil
}

// vet reads the documents as everything else will.
func (g *gate) vet(_ context.Context, k *deploy.Check) error {
	service, err := loadDeployed(g.candidate.Dir)
	var problems specs.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			if !p.Warning {
				k.Add(deploy.Detail{At: place(p.Position), Text: p.Error()})
			}
		}
		k.Outcome, k.Text = deploy.Failed, several(len(k.Details)+k.More, "mistake")
		return nil
	}
	if err != nil {
		return err
	}
	if service.Name != g.candidate.Service.Name {
		k.Outcome, k.Text = deploy.Failed, fmt.Sprintf("grow.yaml says that this is the service %s", service.Name)
		return nil
	}
	for name := range service.Actors {
		if g.candidate.Modules[name] == "" {
			k.Add(deploy.Detail{Subject: name, Text: "there is no module for actor " + name})
			k.Outcome, k.Text = deploy.Failed, "a module is missing"
		}
	}
	if k.Outcome == deploy.Passed {
		k.Text = several(len(service.Actors), "actor") + ", " + several(len(service.Workflows), "workflow") + ", " + several(len(service.Endpoints), "endpoint")
	}
	g.service = service
	return nil
}

// signatures holds those of new modules against the keys that the host trusts.
func (g *gate) signatures(ctx context.Context, k *deploy.Check) error {
	signed := 0
	for _, name := range sorted(g.candidate.Actors) {
		a := g.candidate.Actors[name]
		if a.Signature == "" && !g.opts.Signed {
			continue
		}
		if _, err := g.Keys.Verify(ctx, a.Digest, a.Signature); err != nil {
			k.Add(deploy.Detail{Subject: name, Text: err.Error()})
			continue
		}
		signed++
	}
	switch {
	case len(k.Details) > 0:
		k.Outcome, k.Text = deploy.Failed, several(len(k.Details)+k.More, "module")+" without a signature that counts"
	case signed == 0:
		k.Outcome, k.Text = deploy.Skipped, "no module is signed, and the host does not ask for it"
	default:
		k.Text = several(signed, "module") + " signed by keys that the host trusts"
	}
	return nil
}

// modules takes every module in, and starts each once.
func (g *gate) modules(ctx context.Context, k *deploy.Check) error {
	if err := g.prints(); err != nil {
		return err
	}
	if err := g.definitions(k); err != nil || k.Outcome == deploy.Failed {
		return err
	}
	err := g.rehearsal(ctx, g.candidate, g.service)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		k.Add(deploy.Detail{Text: err.Error()})
		k.Outcome, k.Text = deploy.Failed, "a module cannot run"
		return nil
	}
	k.Text = several(len(g.candidate.Modules), "module") + " admitted"
	return nil
}

// prints tells what of the service has changed.
func (g *gate) prints() error {
	now, err := editionOf(g.candidate.Dir, g.service, g.candidate.Modules)
	if err != nil {
		return err
	}
	g.now, g.before = now.Prints(), map[string]string{}
	if h := g.running(g.candidate.Service); h != nil {
		g.old = h.service.Load()
		old, err := editionOf(h.dir(), g.old, h.modules())
		if err != nil {
			return err
		}
		g.before = old.Prints()
	}
	return nil
}

// editionOf is a service as it lies in a folder.
func editionOf(dir string, service *specs.Service, modules map[string]string) (*edition.Edition, error) {
	e := &edition.Edition{Service: service, Modules: map[string]string{}}
	root := os.DirFS(dir)
	var err error
	if e.Inputs, err = edition.ReadInputs(dir, filesIn(root)); err != nil {
		return nil, err
	}
	for name, path := range modules {
		if e.Modules[name], err = cache.DigestFile(path); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// compatibility holds what is to go live against what runs, for those who use it.
func (g *gate) compatibility(_ context.Context, k *deploy.Check) error {
	if g.old == nil {
		k.Outcome, k.Text = deploy.Skipped, "nothing ran before"
		return nil
	}
	changes := compare.Services(g.old, g.service, compare.Options{})
	breaks, warnings := 0, 0
	for _, c := range changes {
		d := deploy.Detail{Subject: c.Subject, Text: c.Message}
		if c.Path != "" {
			d.Text = c.Path + ": " + d.Text
		}
		switch c.Verdict {
		case shape.Warn:
			warnings++
			k.Add(d)
		case shape.Break:
			breaks++
			if len(c.Example) > 0 {
				d.Text += fmt.Sprintf("; for instance %s: %s", c.Example, c.Refusal)
			}
			d.Text = "breaks: " + d.Text
			k.Add(d)
		}
	}
	if breaks > 0 {
		k.Outcome, k.Text = deploy.Failed, "those who use it are broken by "+several(breaks, "change")
		return nil
	}
	if k.Text = several(len(changes), "change") + ", none of which breaks anybody"; len(changes) == 0 {
		k.Text = "nothing that others see has changed"
	}
	if warnings > 0 {
		k.Text += "; look at " + several(warnings, "warning")
	}
	return nil
}

// tests runs those of what has changed, a check for each actor, each workflow and the
// service.
func (g *gate) tests(ctx context.Context) error {
	changed := edition.Differ(g.before, g.now)
	all := g.service.TestsOf(changed)
	if len(all) == 0 {
		_, err := g.timed(ctx, "tests", func(_ context.Context, k *deploy.Check) error {
			k.Outcome, k.Text = deploy.Skipped, "nothing that has changed has tests"
			return nil
		})
		return errors.Join(err, g.targets(ctx, changed))
	}
	checks := map[string]*deploy.Check{}
	passed := map[string]int{}
	done := func(r *actortest.Result) {
		name := subject(r.Test)
		k := checks[name]
		if k == nil {
			k = &deploy.Check{Name: name, Outcome: deploy.Passed}
			checks[name] = k
		}
		k.Took += r.Took
		if r.Passed() {
			passed[name]++
			return
		}
		k.Outcome = deploy.Failed
		for _, f := range r.Failures {
			for _, l := range f.Lines(r.Test) {
				k.Add(deploy.Detail{Subject: r.Test.Name, At: place(l.At), Text: l.Text})
			}
		}
	}
	// A processor, where there are several, is left to what runs.
	runner := newTests(g.shared.engine, g.service, g.candidate.Modules, max(1, processors()-1))
	if err := errors.Join(runner.Run(ctx, all, done), runner.Close(context.WithoutCancel(ctx))); err != nil {
		return fmt.Errorf("run tests: %w", err)
	}
	for _, name := range sorted(checks) {
		k := checks[name]
		total := 0
		for _, t := range all {
			if subject(t) == name {
				total++
			}
		}
		if k.Text = several(total, "test") + " passed"; k.Outcome == deploy.Failed {
			k.Text = fmt.Sprintf("%d of %s failed", total-passed[name], several(total, "test"))
		}
		g.report(*k)
	}
	return g.targets(ctx, changed)
}

// subject is what a check of tests is called.
func subject(t *specs.Test) string {
	if t.Of == specs.OfActor {
		return "tests of " + t.Subject
	}
	return "tests of " + t.Of.String() + " " + t.Subject
}

func place(at specs.Position) string {
	if at.Line == 0 {
		return at.File
	}
	return fmt.Sprintf("%s:%d:%d", at.File, at.Line, max(at.Col, 1))
}

// several says how many there are of something.
func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func sorted[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for name := range m {
		list = append(list, name)
	}
	slices.SortFunc(list, strings.Compare)
	return list
}

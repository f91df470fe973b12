package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs"
	"github.com/spf13/cobra"
)

// codeTestFailed is the code of tests that were run and do not all pass.
const codeTestFailed = "test.failed"

// testOptions is what a run of tests is asked for.
type testOptions struct {
	names    []string
	match    string
	verbose  bool
	parallel int
	failFast bool
	update   bool
	plan     bool // only show what update would change
	junit    string
	coverage bool
	watch    bool

	pattern *regexp.Regexp // match, compiled; nil: any name
	touched touched        // by an edit; nil: everything
}

// testRun is one run of the tests of a service.
type testRun struct {
	asked   testOptions
	service *specs.Service
	chosen  []*specs.Test
	results []*actortest.Result // fewer than chosen when a failure ended the run
	took    time.Duration
}

// failed are the results that are not as expected.
func (r *testRun) failed() []*actortest.Result {
	var list []*actortest.Result
	for _, result := range r.results {
		if !result.Passed() {
			list = append(list, result)
		}
	}
	return list
}

func (s *shell) test() *cobra.Command {
	var o testOptions
	c := &cobra.Command{
		Use: "test [NAME...]", Short: "run the tests of a service", Args: cobra.ArbitraryArgs,
		Long: "test runs the examples that actors, workflows and endpoints declare: those of a whole service, or those named by an\n" +
			"actor, a workflow, the service, NAME/PART of one of them, or a part of a test's name. Actors that the tests need are\n" +
			"built. Each test has a world of its own; they run in parallel. The exit code is 3 when one fails.\n\n" +
			"--update rewrites what failing tests expect by what came: data only, expressions are left alone.\n" +
			"--coverage lists requirements of documents that no test proves, and what no test uses. See docs/testing.md.",
		Example: "  grow test\n  grow test pricing --verbose\n  grow test pricing/discount checkout\n  grow test --run '^gold' --fail-fast -o json\n" +
			"  grow test --update --plan\n  grow test --coverage\n  grow test --junit tests.xml\n  grow test --watch",
		RunE: func(c *cobra.Command, args []string) error {
			o.names = args
			if err := s.checkTest(&o); err != nil {
				return err
			}
			dir, err := s.folder(nil)
			if err != nil {
				return err
			}
			if o.watch {
				return s.watchTests(c.Context(), dir, o)
			}
			return s.tested(c.Context(), dir, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.match, "run", "", "only tests whose name matches this regular `expression`")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "print a line for each test")
	f.IntVar(&o.parallel, "parallel", 0, "`number` of tests to run at a time; 0: as many as there are processors")
	f.BoolVar(&o.failFast, "fail-fast", false, "end with the first test that fails")
	f.BoolVar(&o.update, "update", false, "rewrite what failing tests expect by what came")
	f.BoolVar(&o.coverage, "coverage", false, "list requirements without a test, and what no test uses")
	f.BoolVar(&o.watch, "watch", false, "run again what an edit touches, until interrupted")
	f.StringVar(&o.junit, "junit", "", "write JUnit's XML into this `file`; - is stdout")
	f.BoolVar(&o.plan, "plan", false, "with --update: only show what it would change")
	return s.completes(c, subjectsOf)
}

// checkTest finds what does not stand together on a command line.
func (s *shell) checkTest(o *testOptions) (err error) {
	if o.pattern, err = regexp.Compile(o.match); err != nil {
		return usage("--run takes a regular expression: %v", err)
	}
	switch {
	case o.parallel < 0:
		return usage("--parallel takes a number of tests, 0 for as many as there are processors, not %d", o.parallel)
	case o.plan && !o.update:
		return usage("--plan stands with --update")
	case o.update && (o.watch || o.coverage):
		return usage("--update stands with neither --watch nor --coverage")
	case o.coverage && (o.watch || len(o.names) > 0 || o.match != "" || o.failFast):
		return usage("--coverage is of all tests: it takes no names, and none of --run, --watch and --fail-fast")
	case o.junit == "-" && (s.json() || o.update || o.coverage || o.watch):
		return usage("--junit - fills stdout: name a file beside -o json, --update, --coverage and --watch")
	}
	return o.writable()
}

// tested checks a service, runs its tests and prints what came of them.
func (s *shell) tested(ctx context.Context, dir string, o testOptions) error {
	service, err := s.vetted(dir)
	if err != nil {
		return err
	}
	chosen, err := choose(service, o)
	if err != nil {
		return err
	}
	chosen = slices.DeleteFunc(chosen, func(t *specs.Test) bool { return !o.touched.picks(service, t) })
	show, began := newShow(s, service, o.verbose), time.Now()
	show.silent = s.json() || o.junit == "-"
	run, err := s.runTests(ctx, service, chosen, o, show.result)
	if err != nil {
		return err
	}
	if o.junit != "" {
		if err := s.writeJUnit(run, began, o.junit); err != nil {
			return err
		}
	}
	report := reportOf(run)
	switch {
	case o.junit == "-": // which is all that stdout holds
		return run.verdict()
	case o.update:
		return s.updated(run, show, report, o.plan)
	case o.coverage:
		return s.covered(run, show, report)
	}
	if err := s.print(report, func(io.Writer) error { return show.end(run) }); err != nil {
		return err
	}
	err = run.verdict()
	if shown := (*told)(nil); errors.As(err, &shown) {
		shown.whole = true // in the last line: passed, failed
	}
	return err
}

// vetted loads a service; what is wrong with it is printed as vet prints it.
func (s *shell) vetted(dir string) (*specs.Service, error) {
	begin := time.Now()
	service, err := app.Load(dir)
	v, err := judge(service, err)
	if err != nil {
		return nil, err
	}
	if !v.OK {
		if err := s.print(v, func(w io.Writer) error { return v.write(w, time.Since(begin)) }); err != nil {
			return nil, err
		}
		return nil, v.fault(dir, s.json())
	}
	for _, w := range service.Warnings {
		s.say("warning: %s", cell(w.Error()))
	}
	return service, nil
}

// runTests builds what the tests need and runs them; done is told of each as
// it ends, in order.
func (s *shell) runTests(ctx context.Context, service *specs.Service, chosen []*specs.Test, o testOptions, done func(*actortest.Result)) (run *testRun, err error) {
	run = &testRun{service: service, chosen: chosen, asked: o}
	if len(chosen) == 0 {
		return run, nil
	}
	needed, err := needs(service, chosen)
	if err != nil {
		return nil, err
	}
	if len(needed) > 0 {
		if _, err := s.compile(ctx, service, project.Options{Only: needed}); err != nil {
			return nil, err
		}
	}
	begin := time.Now()
	tests, err := app.OpenTests(ctx, service, paths(service), "", o.parallel)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tests.Close(ctx)) }()
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	err = tests.Run(limited, chosen, func(r *actortest.Result) {
		if limited.Err() != nil {
			return // what ended with the first failure says nothing
		}
		run.results = append(run.results, r)
		done(r)
		if o.failFast && !r.Passed() {
			cancel()
		}
	})
	if ctx.Err() == nil && limited.Err() != nil {
		err = nil // ended by the first failure, as was asked for
	}
	run.took = time.Since(begin)
	return run, err
}

// verdict is the error of a run in which a test failed.
func (r *testRun) verdict() error {
	failed := len(r.failed())
	if failed == 0 {
		return nil
	}
	return &told{fault: control.Error{
		Code: codeTestFailed, Message: fmt.Sprintf("%d of %s failed", failed, count(len(r.results), "test")), At: r.service.Dir,
	}}
}

// none says that there are no tests, and how the first one is written.
func none(w io.Writer, service *specs.Service, o testOptions) error {
	what, actors := "the service", keysOf(service.Actors)
	if len(o.names) > 0 {
		what = strings.Join(o.names, ", ")
		actors = slices.DeleteFunc(actors, func(name string) bool { return !slices.Contains(o.names, name) })
	}
	text := what + " has no tests yet\n"
	if o.touched != nil {
		text, actors = "no test is touched by the edit\n", nil
	}
	actors = slices.DeleteFunc(actors, func(name string) bool { return len(service.Actors[name].In) == 0 })
	if len(actors) > 0 {
		text += "\n" + firstTest(service, service.Actors[actors[0]])
	}
	_, err := io.WriteString(w, text)
	return err
}

// firstTest is how the first test of an actor is written.
func firstTest(service *specs.Service, a *specs.Actor) string {
	then, data := "[]", "hello"
	if len(a.Out) > 0 {
		then = "[{" + a.Out[0] + ": {...: _}}]"
	}
	if t := service.Types[a.In[0]]; !t.Raw() {
		data = string(t.Sample())
	}
	file := filepath.ToSlash(filepath.Join(nearby(a.Dir), "tests", "first.yaml"))
	return fmt.Sprintf("Write the first one, for instance into %s:\n\n- test: what it shows, in a sentence\n  when: {%s: %s}\n  then: %s\n\nThen: grow test %s\n",
		file, a.In[0], data, then, a.Name)
}

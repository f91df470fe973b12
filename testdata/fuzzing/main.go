// Command fuzzing runs the fuzz targets of the repository, each for so many minutes, and
// writes down which ran on what and found what. What a target has been run for on the
// same sources counts: a run that was interrupted goes on where it was.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

type options struct {
	minutes float64
	only    string
	jobs    int
	summary string
	list    bool
}

func main() {
	var o options
	flag.Float64Var(&o.minutes, "minutes", 10, "how long each target is to have run on these sources")
	flag.StringVar(&o.only, "only", "", "texts separated by commas: targets whose package.Name has one of them, in this order")
	flag.IntVar(&o.jobs, "jobs", 1, "targets that run at the same time; they share the processors")
	flag.StringVar(&o.summary, "summary", "fuzz-summary.jsonl", "the file that says what ran; it is added to")
	flag.BoolVar(&o.list, "list", false, "only say which targets there are, and for how long each has run on these sources")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

// sayEvery is how often it is said how far it is.
const sayEvery = 15 * time.Second

// fuzzing is a run of many targets.
type fuzzing struct {
	o      options
	commit string

	mu    sync.Mutex // guards what follows, and the summary
	runs  map[string]*target
	todo  int // targets that have not begun
	done  int
	left  time.Duration // of those that have not begun
	found []entry
}

func run(ctx context.Context, o options) error {
	if o.minutes <= 0 || o.jobs < 1 {
		return errors.New("-minutes and -jobs must be more than nothing")
	}
	targets, err := find(ctx, o.only)
	if err != nil {
		return err
	}
	past, err := read(o.summary)
	if err != nil {
		return err
	}
	want := time.Duration(o.minutes * float64(time.Minute))
	var todo []*target
	for _, t := range targets {
		t.left = want - past.quiet(t)
		if o.list {
			fmt.Printf("%-60s %8s of %s\n", t.id(), past.quiet(t).Round(time.Second), want)
		}
		if t.left > 0 {
			todo = append(todo, t)
		}
	}
	if o.list {
		return nil
	}
	f := &fuzzing{o: o, runs: map[string]*target{}, todo: len(todo)}
	if f.commit, err = commit(ctx); err != nil {
		return err
	}
	for _, t := range todo {
		f.left += t.left
	}
	fmt.Printf("%d targets, %d of which have run for %s on these sources already\n", len(targets), len(targets)-len(todo), want)
	return f.all(ctx, todo, len(targets))
}

// all runs targets, some at the same time.
func (f *fuzzing) all(ctx context.Context, todo []*target, of int) error {
	said := make(chan struct{})
	ticking, enough := context.WithCancel(ctx)
	go func() { // ends with this function
		defer close(said)
		tick := time.NewTicker(sayEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				f.say()
			case <-ticking.Done():
				return
			}
		}
	}()
	queue := make(chan *target, len(todo))
	for _, t := range todo {
		queue <- t
	}
	close(queue)
	var wait sync.WaitGroup
	var failed error // to write the summary
	for range min(f.o.jobs, len(todo)) {
		wait.Go(func() {
			for t := range queue {
				if ctx.Err() != nil {
					return
				}
				err := f.one(ctx, t)
				f.mu.Lock()
				failed = errors.Join(failed, err)
				f.mu.Unlock()
			}
		})
	}
	wait.Wait()
	enough()
	<-said
	if err := errors.Join(failed, f.verdict()); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errors.New("it was interrupted; the same command goes on where it was")
	}
	fmt.Printf("%d of %d targets ran now, and nothing was found; %s says which ran for how long on what\n", f.done, of, f.o.summary)
	return nil
}

// one runs a target and writes down what came of it.
func (f *fuzzing) one(ctx context.Context, t *target) error {
	f.mu.Lock()
	f.runs[t.id()] = t
	f.todo, f.left = f.todo-1, f.left-t.left
	f.mu.Unlock()
	e, said := t.fuzz(ctx, max(1, runtime.GOMAXPROCS(0)/f.o.jobs))
	e.Commit = f.commit
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.runs, t.id())
	if e.Seconds == 0 && e.Found == "" {
		return nil // it was interrupted before it began
	}
	f.done++
	if e.Found != "" {
		f.found = append(f.found, e)
		fmt.Printf("FOUND %s after %.0f s: %s\n%s\n", t.id(), e.Seconds, e.Found, indented(said))
	} else {
		fmt.Printf("ok    %s: %.0f s, %s inputs, %d new ones kept\n", t.id(), e.Seconds, thousands(e.Inputs), e.New)
	}
	return add(f.o.summary, e)
}

// say tells how far it is.
func (f *fuzzing) say() {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := f.left / time.Duration(f.o.jobs)
	var now []string
	for id, t := range f.runs {
		seconds, inputs := t.seen()
		now = append(now, fmt.Sprintf("%s %.0f s, %s inputs", id, seconds, thousands(inputs)))
		left += max(0, t.left-time.Duration(seconds*float64(time.Second))) / time.Duration(f.o.jobs)
	}
	fmt.Printf("   %d done, %d to come, %d findings, %s left; now: %s\n", f.done, f.todo, len(f.found), left.Round(time.Second), strings.Join(now, "; "))
}

// verdict is an error when something was found.
func (f *fuzzing) verdict() error {
	if len(f.found) == 0 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d targets found something:", len(f.found), f.done)
	for _, e := range f.found {
		fmt.Fprintf(&b, "\n  %s: %s", e.Target, e.Found)
	}
	return errors.New(b.String())
}

func indented(text string) string {
	return "      " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n      ")
}

// thousands writes a number with commas.
func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

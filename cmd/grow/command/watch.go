package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/cmd/grow/live"
	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/watch"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/specs"
)

// namedMax is how many names a line about an edit holds.
const namedMax = 3

// runWatched serves the service in dir and has edits take effect, until ctx ends.
func (s *shell) runWatched(ctx context.Context, dir string, o runOptions) (err error) {
	w, err := s.watcher(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	for {
		files, err := watch.Scan(dir)
		if err != nil {
			return err
		}
		service, p, err := s.start(ctx, dir, o)
		if err == nil {
			f, err := live.New(live.Options{
				Host: p.Mounted(), Service: service, Watcher: w, Files: files, Proof: proof,
				Building: s.building(0), Explain: explained, Report: func(e live.Event) { s.edited(p.Mounted(), e) },
				Record: func(service *specs.Service, e live.Event) {
					p.Mounted().Record(service, paths(service), proved(e))
				},
			})
			if err != nil {
				_, stopErr := p.Stop(ctx)
				return errors.Join(err, stopErr)
			}
			return s.serve(ctx, p, service, o, f)
		}
		if !mendable(err) {
			return err
		}
		s.notServed(err)
		select {
		case <-w.Batches():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watcher watches the folder of a service.
func (s *shell) watcher(dir string) (*watch.Watcher, error) {
	w, err := watch.Open(dir, watch.Options{Warn: func(text string) { s.say("warning: %s", cell(text)) }})
	if errors.Is(err, watch.ErrTooMany) {
		err = &control.Error{Code: "watch.files", Message: err.Error(), At: dir, Next: "keep what is not the service's elsewhere, or in a folder whose name begins with a point"}
	}
	return w, err
}

// mendable reports whether an edit of the files can end an error of the start.
func mendable(err error) bool {
	var problems specs.Problems
	var built *compiler.Error
	var module *engine.Error
	return errors.As(err, &problems) || errors.As(err, &built) && !errors.Is(err, context.Canceled) || errors.As(err, &module)
}

// proved is what was checked of an edit before it went live.
func proved(e live.Event) []deploy.Check {
	tests := deploy.Check{Name: "tests", Outcome: deploy.Passed, Text: count(e.Total, "test") + " passed", Took: e.Tested}
	if e.Total == 0 {
		tests.Outcome, tests.Text = deploy.Skipped, "nothing that has changed has tests"
	}
	return []deploy.Check{{Name: "vet", Outcome: deploy.Passed, Text: "the files fit together"}, tests}
}

// notServed tells of a service that could not be started.
func (s *shell) notServed(err error) {
	all := split(err)
	if s.json() {
		_ = s.line(failure{Event: "failed", Stage: "start", Error: several(all), Serving: map[string]string{}}) // whoever read it is gone
		return
	}
	fmt.Fprint(s.stderr, s.blocks(all)+"nothing is served yet; waiting for an edit\n")
}

// explained is an error in words alone.
func explained(err error) string {
	var lines []string
	for _, e := range split(err) {
		lines = append(lines, e.Message)
	}
	return strings.Join(lines, "\n")
}

// swap is an edit that is live, for programs; event is swap, tested, same or back.
type swap struct {
	Event    live.Kind    `json:"event"`
	Changes  []app.Change `json:"changes"`
	Files    []string     `json:"files"` // definitions that were edited
	Passed   int          `json:"passed"`
	Total    int          `json:"total"` // tests that were run
	BuiltMS  int64        `json:"built_ms"`
	TestedMS int64        `json:"tested_ms"`
	SwapMS   int64        `json:"swap_ms"`
	LiveMS   int64        `json:"live_ms"` // from the save to the end
}

// failure is an edit that is not live, for programs.
type failure struct {
	Event   live.Kind         `json:"event"`
	Stage   live.Stage        `json:"stage"`
	Error   problems          `json:"error"`
	Serving map[string]string `json:"serving"` // revisions by node
}

// edited tells what came of an edit.
func (s *shell) edited(h live.Host, e live.Event) {
	if s.json() {
		_ = s.line(forPrograms(h, e)) // whoever read it is gone
		return
	}
	for _, w := range e.Warnings {
		s.say("warning: %s", cell(w.Error()))
	}
	if e.Kind == live.Failed {
		fmt.Fprint(s.stderr, s.blocks(split(e.Err))+"still serving "+serving(h.Revisions())+"\n")
		return
	}
	fmt.Fprintln(s.stdout, arrows(cell(sentence(e)), utf8Locale()))
}

func forPrograms(h live.Host, e live.Event) any {
	if e.Kind == live.Failed {
		return failure{e.Kind, e.Stage, several(split(e.Err)), h.Revisions()}
	}
	return swap{
		e.Kind, append([]app.Change{}, e.Changes...), append([]string{}, e.Files...), e.Passed, e.Total,
		e.Built.Milliseconds(), e.Tested.Milliseconds(), e.Swap.Milliseconds(), e.Live.Milliseconds(),
	}
}

// sentence is the one line of an edit that did not fail.
func sentence(e live.Event) string {
	var did []string
	if e.Built > 0 {
		did = append(did, "built "+short(e.Built))
	}
	if e.Total > 0 {
		did = append(did, fmt.Sprintf("%d/%s", e.Passed, count(e.Total, "test")))
	}
	switch e.Kind {
	case live.Tested:
		return "↻ tests  " + strings.Join(did, ", ") + " passed, nothing to swap: done"
	case live.Same:
		return "↻ " + strings.Join(did, ", ") + ", the same as what is served, nothing to swap: done"
	case live.Back:
		return "↻ the files are what is served again, nothing to swap: done"
	}
	did = append(did, "swapped in "+short(e.Swap), "live after "+short(e.Live), "state kept: done")
	return "↻ " + subjects(e) + "  " + strings.Join(did, ", ")
}

// subjects are what an edit has changed: actors with their revisions, or files
// that are no actor's.
func subjects(e live.Event) string {
	nodes := map[string][]app.Change{}
	for _, c := range e.Changes {
		nodes[c.Actor] = append(nodes[c.Actor], c)
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		c := nodes[name][0]
		switch {
		case len(nodes[name]) > 1:
			list = append(list, fmt.Sprintf("%s at %d nodes", name, len(nodes[name])))
		case c.From == "":
			list = append(list, fmt.Sprintf("%s  revision %s is new", c.Node, revision(c.To)))
		case c.To == "":
			list = append(list, c.Node+" is gone")
		default:
			list = append(list, fmt.Sprintf("%s  revision %s→%s", name, revision(c.From), revision(c.To)))
		}
	}
	if len(list) == 0 {
		list = slices.Clone(e.Files)
	}
	return few(list)
}

// serving says which revisions go on.
func serving(revisions map[string]string) string {
	var list []string
	for _, node := range slices.Sorted(maps.Keys(revisions)) {
		list = append(list, revision(revisions[node])+" of "+node)
	}
	if len(list) == 0 {
		return "what was there before"
	}
	return arrows("revision "+few(list), utf8Locale())
}

// few joins names, of many the first.
func few(list []string) string {
	if more := len(list) - namedMax; more > 0 {
		return strings.Join(list[:namedMax], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(list, ", ")
}

// revision is the beginning of a revision's name.
func revision(name string) string { return name[:min(6, len(name))] + "…" }

// arrows writes the signs of a line in ASCII where there is no more.
func arrows(text string, beyond bool) string {
	if beyond {
		return text
	}
	return strings.NewReplacer("↻", "->", "→", "->", "…", "..").Replace(text)
}

package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/coverage"
	"github.com/grow-platform/grow/host/control"
)

// codeTestProves is the code of tests that prove what is in no document.
const codeTestProves = "test.proves"

// covered finds what a run of tests leaves out, and prints it with the results.
func (s *shell) covered(run *testRun, show *show, report testReport) error {
	found, err := coverage.Of(run.service, run.results)
	if err != nil {
		return err
	}
	report.Coverage = found
	report.OK = report.OK && len(found.Missing) == 0
	if err := s.print(report, func(w io.Writer) error { return show.coverage(w, run, found) }); err != nil {
		return err
	}
	if err := run.verdict(); err != nil || len(found.Missing) == 0 {
		return err
	}
	return &told{fault: control.Error{
		Code: codeTestProves, Message: count(len(found.Missing), "test") + " named above proves what is in no document", At: run.service.Dir,
		Next: "a part is the number of a list's item, or the anchor of a heading",
	}}
}

// coverage prints what tests leave out.
func (w *show) coverage(out io.Writer, run *testRun, r *coverage.Report) error {
	if err := w.end(run); err != nil {
		return err
	}
	w.line("")
	w.line("%d of %s have a test", r.Proven(), count(len(r.Requirements), "requirement"))
	for _, q := range r.Requirements {
		if len(q.Tests) > 0 {
			continue
		}
		section := ""
		if q.Section != "" {
			section = "#" + q.Section
		}
		w.wrapped(cell(strings.TrimSpace(fmt.Sprintf("%s%s  %s", q.Doc, section, cut(q.Text, textShown)))), 2, 6, nil)
	}
	w.unused("never taken", r.NotTaken, " ")
	w.unused("never sent", r.NotSent, " ")
	w.unused("grants never used", r.Grants, " ")
	w.unused("nodes never passed", r.Nodes, "/")
	if len(r.Routes) > 0 {
		w.line("routes never taken")
	}
	for _, route := range r.Routes {
		text := fmt.Sprintf("%s:%d  %s -> %s", route.File, route.Line, route.From, strings.Join(route.To, ", "))
		if route.Type != "" {
			text += "  " + route.Type
		}
		if route.When != "" {
			text += "  when " + cut(route.When, textShown)
		}
		w.wrapped(cell(text), 2, 6, nil)
	}
	if len(r.Missing) > 0 {
		w.line("proved, but in no document")
	}
	for _, m := range r.Missing {
		w.wrapped(cell(fmt.Sprintf("%s:%d: %s#%s", m.File, m.Line, m.Doc, m.Section)), 2, 6, w.red)
	}
	return nil
}

// textShown is how many bytes are shown of a requirement or a rule.
const textShown = 90

// unused prints a list of what no test uses; nothing when all is used.
func (w *show) unused(what string, list []coverage.Unused, between string) {
	if len(list) == 0 {
		return
	}
	w.line("%s", what)
	for _, u := range list {
		w.line("  %s", cell(u.Of+between+u.Name))
	}
}

package command

import (
	"fmt"
	"io"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/amend"
	"github.com/grow-platform/grow/host/control"
	"github.com/rogpeppe/go-internal/diff"
)

// codeTestUpdate is the code of tests that an update would change.
const codeTestUpdate = "test.update"

// testUpdate is what an update has changed, or would change, for programs.
type testUpdate struct {
	Planned bool       `json:"planned"`
	Files   []testFile `json:"files"`
	Left    []testLeft `json:"left"`
}

type testFile struct {
	File  string `json:"file"`
	Tests int    `json:"tests"` // whose expectations change
	Diff  string `json:"diff"`  // unified
}

// testLeft is an expectation that was not met and stays as it is.
type testLeft struct {
	Test  string `json:"test"`
	File  string `json:"file"`
	Line  int    `json:"line"`
	Where string `json:"where,omitempty"`
	Why   string `json:"why"`
}

// updated has the tests of a run that failed expect what came, or only shows how.
func (s *shell) updated(run *testRun, show *show, report testReport, planned bool) error {
	plan, err := amend.Of(run.service, run.results)
	if err != nil {
		return err
	}
	if !planned {
		if err := plan.Write(run.service.Dir); err != nil {
			return err
		}
	}
	u := &testUpdate{Planned: planned, Files: []testFile{}, Left: []testLeft{}}
	tests := 0
	for _, f := range plan.Files {
		tests += f.Tests
		u.Files = append(u.Files, testFile{f.Name, f.Tests, string(diff.Diff("a/"+f.Name, f.Old, "b/"+f.Name, f.New))})
	}
	for _, l := range plan.Left {
		u.Left = append(u.Left, testLeft{l.Test.Name, l.Test.At.File, l.Line, l.Where, l.Why})
	}
	report.Update = u
	if err := s.print(report, func(w io.Writer) error { return show.update(w, run, u, tests) }); err != nil {
		return err
	}
	switch {
	case planned && len(u.Files) > 0:
		return &told{fault: control.Error{Code: codeTestUpdate, Message: count(tests, "test") + " would change; nothing was written", At: run.service.Dir, Next: "write it: grow test --update"}}
	case len(u.Left) > 0:
		return &told{fault: control.Error{Code: codeTestFailed, Message: count(len(u.Left), "expectation") + " left alone", At: run.service.Dir}}
	}
	return nil
}

// update prints what an update has changed.
func (w *show) update(out io.Writer, run *testRun, u *testUpdate, tests int) error {
	if err := w.end(run); err != nil {
		return err
	}
	for _, f := range u.Files {
		w.line("")
		for line := range strings.Lines(strings.TrimPrefix(f.Diff, "diff a/"+f.File+" b/"+f.File+"\n")) {
			w.patch(strings.TrimRight(line, "\r\n"))
		}
	}
	if len(u.Left) > 0 {
		w.line("")
	}
	for _, l := range u.Left {
		text := fmt.Sprintf("left alone: %s:%d: %s: ", l.File, l.Line, l.Test)
		if l.Where != "" {
			text += l.Where + ": "
		}
		w.wrapped(cell(text+l.Why), 0, 2, nil)
	}
	verb := "rewrote"
	if u.Planned {
		verb = "would rewrite"
	}
	if len(u.Files) == 0 {
		_, err := fmt.Fprintln(out, "nothing to rewrite")
		return err
	}
	_, err := fmt.Fprintf(out, "%s what %s in %s\n", verb, expects(tests), count(len(u.Files), "file"))
	return err
}

func expects(tests int) string {
	if tests == 1 {
		return "1 test expects"
	}
	return count(tests, "test") + " expect"
}

// patch prints a line of a diff.
func (w *show) patch(line string) {
	line = cell(line)
	switch {
	case strings.HasPrefix(line, "+"):
		line = w.green(line)
	case strings.HasPrefix(line, "-"):
		line = w.red(line)
	}
	w.line("%s", line)
}

package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/specs"
	"github.com/spf13/cobra"
)

// recordOptions is what a record is asked for.
type recordOptions struct {
	control.RecordRequest
	toTest bool
	last   many
	plan   bool
}

func (s *shell) record() *cobra.Command {
	var o recordOptions
	c := &cobra.Command{
		Use: "record ACTOR [ID]", Short: "write messages that were handled as tests of their actor", Args: cobra.RangeArgs(1, 2),
		Long: "record --to-test writes a message that an actor has handled into actors/ACTOR/tests, as a test: the config, the state that there was, the answers of capabilities, " +
			"and what came of it. The beginning of an id is enough. The test is run at once with the code in this folder, and stays only if it passes: " +
			"a message that drew random numbers, for instance, may come out otherwise. Secrets are written as ***.\n\n" +
			"record --last N does so with the last N messages of an actor; --distinct leaves out those that run no code which others do not run, too. What cannot be a test is listed, with the reason.",
		Example: "  grow record --to-test pricing 01JBZ5V6XQ7N8M2K4D3C1B0A9Z\n  grow record --last 20 pricing\n  grow record --last 1000 --distinct pricing\n  grow record --last 20 --distinct --plan pricing -o json",
		RunE: func(c *cobra.Command, args []string) error {
			o.Actor, o.Last = args[0], int(o.last)
			if len(args) == 2 {
				o.ID = args[1]
			}
			if err := o.check(); err != nil {
				return err
			}
			return s.recordTests(c.Context(), &o)
		},
	}
	f := c.Flags()
	f.BoolVar(&o.toTest, "to-test", false, "write the message of an id")
	f.Var(&o.last, "last", "write the last `N` messages that the actor has handled")
	f.BoolVar(&o.Distinct, "distinct", false, "with --last: only as many as it takes to run all the code that they run")
	f.BoolVar(&o.plan, "plan", false, "show the tests; write and run nothing")
	return s.completes(c, actorsOf, func(*specs.Service) []string { return nil })
}

func (o *recordOptions) check() error {
	switch {
	case o.toTest && (o.ID == "" || o.last > 0 || o.Distinct):
		return usage("--to-test takes an actor and the id of a message, and neither --last nor --distinct")
	case !o.toTest && (o.ID != "" || o.last == 0):
		return usage("say what to write: --to-test ACTOR ID, or --last N ACTOR")
	case o.last > control.RecordMax:
		return usage("--last takes at most %d messages", control.RecordMax)
	}
	return nil
}

// recordReport is what a record has written, for programs.
type recordReport struct {
	Tests  []recordedTest       `json:"tests"`
	Left   []control.RecordLeft `json:"left"`
	Looked int                  `json:"looked"`
	Paths  *control.RecordPaths `json:"paths,omitempty"`
}

// recordedTest is a message that has become a test.
type recordedTest struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Outcome string `json:"outcome"`
	Code    string `json:"code,omitempty"`
	File    string `json:"file"`
	// State is written, there (a file of that name is, and was not touched) or planned.
	State string `json:"state"`
	Text  string `json:"text"`

	message *control.RecordedMessage
}

const (
	recordWritten = "written"
	recordThere   = "there"
	recordPlanned = "planned"
)

func (s *shell) recordTests(ctx context.Context, o *recordOptions) error {
	dir, err := s.folder(nil)
	if err != nil {
		return err
	}
	service, err := s.vetted(dir)
	if err != nil {
		return err
	}
	actor := service.Actors[o.Actor]
	if actor == nil {
		return &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("%s has no actor %s", service.Name, o.Actor), At: dir, Next: meant(o.Actor, keysOf(service.Actors), "")}
	}
	host, err := s.host()
	if err != nil {
		return err
	}
	defer host.Close()
	found, err := host.Record(ctx, o.RecordRequest)
	if err != nil {
		return err
	}
	w := recordWriter{shell: s, service: service, actor: actor, report: recordReport{Tests: []recordedTest{}, Left: append([]control.RecordLeft{}, found.Left...), Looked: found.Looked, Paths: found.Paths}}
	if err := w.tests(ctx, found.Messages, o.plan); err != nil {
		return err
	}
	if o.toTest && len(w.report.Left) > 0 {
		l := w.report.Left[0]
		return &control.Error{Code: app.CodeUnfaithful, Message: "message " + l.ID + " is no test: " + l.Reason, At: l.ID, Next: "see it handled again: grow replay " + l.ID}
	}
	return s.print(&w.report, func(out io.Writer) error { return writeRecorded(out, &w.report) })
}

// writeRecorded tells which tests there are now.
func writeRecorded(w io.Writer, r *recordReport) error {
	var rows [][]string
	n := map[string]int{}
	for _, t := range r.Tests {
		if n[t.State]++; t.State == recordPlanned {
			fmt.Fprintf(w, "%s\n%s\n", cell(t.File), indented(t.Text))
			continue
		}
		rows = append(rows, []string{t.State, t.Type, strings.TrimSpace(t.Outcome + " " + t.Code), t.File})
	}
	if len(rows) > 0 {
		if err := table(w, "TEST TYPE OUTCOME FILE", rows); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	for _, l := range r.Left {
		fmt.Fprintf(w, "left out: %s: %s\n", cell(l.ID), within(l.Reason))
	}
	if p := r.Paths; p != nil && p.Module > 0 {
		fmt.Fprintf(w, "%s run %d of %d blocks of the module\n", count(r.Looked, "message"), p.Blocks, p.Module)
	}
	switch {
	case n[recordPlanned] > 0:
		_, err := fmt.Fprintf(w, "%s would be written\n", count(n[recordPlanned], "test"))
		return err
	case n[recordWritten] > 0:
		_, err := fmt.Fprintf(w, "%s written, and passed\n", count(n[recordWritten], "test"))
		return err
	}
	_, err := fmt.Fprintln(w, "nothing was written")
	return err
}

// indented is a text of several lines, each safe to print.
func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		fmt.Fprintf(&b, "  %s\n", within(strings.TrimRight(line, "\n")))
	}
	return b.String()
}

// recordName is the name of the file that a message's test lies in.
func recordName(id string) string {
	return "recorded-" + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, id) + ".yaml"
}

// recordFile is the path of a message's test, relative to the service's folder and with slashes.
func recordFile(service *specs.Service, actor *specs.Actor, id string) (string, error) {
	dir, err := filepath.Rel(service.Dir, actor.Dir)
	if err != nil {
		return "", errors.Join(errors.New("find the folder of "+actor.Name), err)
	}
	return filepath.ToSlash(filepath.Join(dir, "tests", recordName(id))), nil
}

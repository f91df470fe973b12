package command

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/expect"
	"github.com/mattn/go-runewidth"
)

// Limits of what a person is shown of a test that failed.
const (
	linesShown       = 10 // of an actor's log, the last ones
	differencesShown = 20 // of one value
	failuresShown    = 20 // of a test, the first ones
)

// show prints the results of tests for people as they come: a block for each
// test that fails, and a line for each subject.
type show struct {
	shell   *shell
	w       io.Writer
	verbose bool
	silent  bool            // programs read stdout
	width   int             // of lines, in columns
	prefix  string          // leads from here to the service's folder
	subject int             // width of the longest name of a subject
	double  map[string]bool // names that a workflow and the service share
	group   []*actortest.Result
	since   time.Time // the group began
}

func newShow(s *shell, service *specs.Service, verbose bool) *show {
	w := &show{shell: s, w: s.stdout, verbose: verbose, width: room(s.stdout), prefix: nearby(service.Dir)}
	w.double = map[string]bool{service.Name: service.Workflows[service.Name] != nil || service.Actors[service.Name] != nil}
	for name := range service.Workflows {
		w.double[name] = w.double[name] || service.Actors[name] != nil
	}
	for _, t := range service.AllTests() {
		w.subject = max(w.subject, runewidth.StringWidth(w.name(t)))
	}
	return w
}

// name is what a test is of; where two have the name, with what it is.
func (w *show) name(t *specs.Test) string {
	if w.double[t.Subject] {
		return cell(t.Subject) + " (" + t.Of.String() + ")"
	}
	return cell(t.Subject)
}

// place is where something stands, for an editor to go to.
func (w *show) place(at specs.Position) string {
	return filepath.ToSlash(filepath.Join(w.prefix, at.File)) + ":" + strconv.Itoa(at.Line)
}

// result shows one result; those of a subject come one after another.
func (w *show) result(r *actortest.Result) {
	if w.silent {
		return
	}
	if len(w.group) > 0 && (w.group[0].Test.Subject != r.Test.Subject || w.group[0].Test.Of != r.Test.Of) {
		w.closeGroup()
	}
	if w.group == nil && w.since.IsZero() {
		w.since = time.Now().Add(-r.Took)
	}
	w.group = append(w.group, r)
	switch {
	case !r.Passed():
		w.failure(r)
	case w.verbose:
		w.line("%s %s: %s  %s, %s of fuel", w.green("ok  "), w.name(r.Test), cell(r.Test.Name), short(r.Took), amount(r.Seen.Fuel))
	}
}

// closeGroup prints the line of a subject.
func (w *show) closeGroup() {
	failed := 0
	for _, r := range w.group {
		if !r.Passed() {
			failed++
		}
	}
	took := time.Since(w.since) // by the clock of a person, not summed up
	w.since = time.Now()
	name := runewidth.FillRight(w.name(w.group[0].Test), min(w.subject, w.width/2))
	if failed > 0 {
		w.line("%s %s  %d of %s failed", w.red("FAIL"), name, failed, count(len(w.group), "test"))
	} else {
		w.line("%s %s  %s  %s", w.green("ok  "), name, count(len(w.group), "test"), short(took))
	}
	w.group = nil
}

// end prints what came of all.
func (w *show) end(run *testRun) error {
	if len(run.chosen) == 0 {
		return none(w.w, run.service, run.asked)
	}
	if len(w.group) > 0 {
		w.closeGroup()
	}
	failed := len(run.failed())
	text := fmt.Sprintf("%d passed", len(run.results)-failed)
	if failed > 0 {
		text += fmt.Sprintf(", %d failed", failed)
	}
	if left := len(run.chosen) - len(run.results); left > 0 {
		text += fmt.Sprintf(", %d not run", left)
	}
	_, err := fmt.Fprintf(w.w, "%s in %s\n", text, short(run.took))
	return err
}

// failure prints a test that failed.
func (w *show) failure(r *actortest.Result) {
	head := w.name(r.Test) + ": " + cell(r.Test.Name)
	at := w.place(r.Test.At)
	if runewidth.StringWidth("FAIL "+head+"  "+at) <= w.width {
		w.line("%s %s  %s", w.red("FAIL"), head, at)
	} else {
		w.wrapped("FAIL "+head, 0, 2, func(text string) string { return strings.Replace(text, "FAIL", w.red("FAIL"), 1) })
		w.line("  %s", at)
	}
	for i := range r.Failures {
		if i == failuresShown {
			w.line("  and %d more", len(r.Failures)-i)
			break
		}
		w.one(r.Test, &r.Failures[i])
	}
	lines := r.Logs
	if len(lines) > linesShown {
		lines = lines[len(lines)-linesShown:]
	}
	for _, l := range lines {
		w.wrapped("log "+l.Level+": "+cell(logText(l)), 2, 4, nil)
	}
	w.line("")
}

// one prints one thing that was not as expected.
func (w *show) one(t *specs.Test, f *actortest.Failure) {
	where := cell(f.Where)
	if where != "" && f.At.Line > 0 && f.At.Line != t.At.Line {
		where += ", line " + strconv.Itoa(f.At.Line)
	}
	if where != "" {
		w.wrapped(where, 2, 4, nil)
	}
	if f.Text != "" {
		indent := 4
		if where == "" {
			indent = 2
		}
		for line := range strings.SplitSeq(f.Text, "\n") {
			w.wrapped(cell(line), indent, indent, nil)
		}
	}
	w.differences(f.Differences)
}

// differences prints in columns: where, what was expected, what came.
func (w *show) differences(list []expect.Difference) {
	more := 0
	if len(list) > differencesShown {
		more = len(list) - differencesShown
		list = list[:differencesShown]
	}
	label := 0
	for _, d := range list {
		label = max(label, runewidth.StringWidth(cell(d.Path)))
	}
	label = min(label, w.width/4)
	for _, d := range list {
		w.difference(d, label)
	}
	if more > 0 {
		w.line("    and %d more", more)
	}
}

func (w *show) difference(d expect.Difference, label int) {
	path := cell(d.Path)
	indent := 4
	if label > 0 {
		indent += label + 2
	}
	first := true
	say := func(word, value string, paint func(string) string) {
		lead := strings.Repeat(" ", indent)
		if first && runewidth.StringWidth(path) <= label {
			lead = "    " + runewidth.FillRight(path, label) + "  "
			if label == 0 {
				lead = "    "
			}
		} else if first {
			w.wrapped(path, 4, 6, nil)
		}
		first = false
		for i, part := range folded(cell(value), w.width-indent-len(word)) {
			if i > 0 {
				lead, word = strings.Repeat(" ", indent), strings.Repeat(" ", len(word))
			}
			w.line("%s%s%s", lead, word, paint(part))
		}
	}
	switch {
	case d.Want == "" && d.Why == "" && path == "body": // of an answer of another status
		say("was      ", d.Got, w.red)
	case d.Want == "":
		say("not expected: ", d.Got, w.red)
	case d.Got == "":
		say("missing; expected ", anything(d.Want), w.green)
	default:
		say("expected ", anything(d.Want), w.green)
		say("got      ", d.Got, w.red)
	}
	if d.Why != "" {
		say("since    ", d.Why, func(text string) string { return text })
	}
}

// anything is what is expected, in words where CUE has a sign.
func anything(want string) string {
	if want == "_" {
		return "anything"
	}
	return want
}

// folded breaks text into lines of at most so many columns.
func folded(text string, width int) []string {
	const least = 12
	width = max(width, least)
	var list []string
	for runewidth.StringWidth(text) > width {
		part := runewidth.Truncate(text, width, "")
		if space := strings.LastIndexByte(part, ' '); space > width/2 {
			part = part[:space+1]
		}
		list = append(list, strings.TrimRight(part, " "))
		text = text[len(part):]
	}
	return append(list, text)
}

// wrapped prints text in lines, the first one indented by first, the others by rest.
func (w *show) wrapped(text string, first, rest int, paint func(string) string) {
	indent := first
	for _, part := range folded(text, w.width-max(first, rest)) {
		if paint != nil {
			part = paint(part)
		}
		w.line("%s%s", strings.Repeat(" ", indent), part)
		indent = rest
	}
}

// line prints a line; that nobody reads it any more is noticed at the end.
func (w *show) line(format string, args ...any) {
	_, _ = fmt.Fprintln(w.w, strings.TrimRight(fmt.Sprintf(format, args...), " "))
}

func (w *show) red(text string) string   { return w.paint("\x1b[31m", text) }
func (w *show) green(text string) string { return w.paint("\x1b[32m", text) }

func (w *show) paint(color, text string) string {
	if !w.shell.color(w.w) {
		return text
	}
	return color + text + "\x1b[0m"
}

// logText is a log line with its fields.
func logText(l actor.Line) string {
	text := l.Text
	for _, name := range keysOf(l.Fields) {
		text += " " + name + "=" + l.Fields[name]
	}
	if l.Node != "" {
		text = l.Node + ": " + text
	}
	return text
}

package command

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"
)

func (s *shell) trace() *cobra.Command {
	full := false
	var pick control.MessageFilter
	c := &cobra.Command{
		Use: "trace [ID]", Short: "show the life of a message and of all that its request caused, or list the newest", Args: cobra.MaximumNArgs(1),
		Long: "trace tells from the journal what happened to a message and to all others of its request: where they went, when they were " +
			"handled and for how long, what they held, what state changed, what was asked of capabilities, what failed, and what persons did to it. " +
			"The beginning of an id is enough. Without an id it lists the newest messages and what became of them. The journal keeps 48 hours, of at most 10 GiB.",
		Example: "  grow trace\n  grow trace --node checkout/pricing --outcome dead\n  grow trace 01JBZ5V6XQ7N8M2K4D3C1B0A9Z\n  grow trace 01JBZ5V6 --full\n  grow trace 01JBZ5V6XQ7N8M2K4D3C1B0A9Z -o json",
		RunE: func(c *cobra.Command, args []string) error {
			if err := traceAsked(c, args, &pick); err != nil {
				return err
			}
			return s.look(c.Context(), func(from looker) error {
				if len(args) == 0 {
					return s.messages(c.Context(), from, pick)
				}
				t, err := from.Trace(c.Context(), args[0])
				if err != nil {
					return err
				}
				return s.print(t, func(w io.Writer) error { return newFall(s, w, &t, full).write() })
			})
		},
	}
	flags := c.Flags()
	flags.BoolVar(&full, "full", false, "show data whole, and all that is known of each handling")
	flags.StringVar(&pick.Node, "node", "", "list those of a node, or of a workflow's nodes, by its `path`")
	flags.StringVar(&pick.Key, "key", "", "list those of a `key`")
	flags.StringVar(&pick.Outcome, "outcome", "", "list those with an `outcome`: waits, handled, refused, dead, left, dropped")
	flags.IntVar(&pick.Last, "last", control.MessagesLast, fmt.Sprintf("list so many, up to %d", control.MessagesMax))
	s.named(c, "node", nodesOf)
	return s.lettered(c, 1)
}

// fall draws a trace as a waterfall: a line for each message, with its time on
// the right, and under it what is known of it.
type fall struct {
	shell       *shell
	w           io.Writer
	trace       *control.Trace
	full        bool
	width       int // of lines, in columns
	label, bars int // of columns: of a message's name and of its time
	marks       strokes
	err         error // of writing
}

// strokes are the signs that a waterfall is drawn with.
type strokes struct{ fork, last, line, to, waits, runs, cut string }

var (
	drawnMarks = strokes{"├ ", "└ ", "│ ", " → ", "·", "█", "…"}
	plainMarks = strokes{"+ ", "+ ", "| ", " -> ", ".", "#", "..."}
)

// Columns of a waterfall.
const (
	atWidth   = 9 // when
	tookWidth = 9
	fuelWidth = 7
	depthMost = 12 // that is drawn; what is deeper stands there
	wordWidth = 9  // of what a line tells
)

func newFall(s *shell, w io.Writer, t *control.Trace, full bool) *fall {
	f := &fall{shell: s, w: w, trace: t, full: full, width: max(room(w), 40), marks: plainMarks}
	if utf8Locale() {
		f.marks = drawnMarks
	}
	rest := f.width - atWidth - tookWidth - fuelWidth
	if f.width >= 60 {
		f.bars = min(rest/4+2, 40)
	}
	f.label = rest - f.bars - 1
	return f
}

func (f *fall) line(format string, args ...any) {
	if f.err == nil {
		_, f.err = fmt.Fprintln(f.w, strings.TrimRight(fmt.Sprintf(format, args...), " "))
	}
}

func (f *fall) paint(color, text string) string {
	if !f.shell.color(f.w) || text == "" {
		return text
	}
	return color + text + "\x1b[0m"
}

// The colours of a waterfall.
const (
	colorBad  = "\x1b[31m"
	colorGood = "\x1b[32m"
	colorWait = "\x1b[33m"
	colorDim  = "\x1b[2m"
	colorBold = "\x1b[1m"
)

func (f *fall) write() error {
	t := f.trace
	f.line("%s, %s, %s, %s of fuel", t.Began.Local().Format("2006-01-02 15:04:05.000"), count(len(t.Messages), "message"), f.span(t.Took), amount(t.Fuel))
	f.line("")
	f.line("%s%*s%*s%*s", runewidth.FillRight("MESSAGE", f.label), atWidth, "AT", tookWidth, "TOOK", fuelWidth, "FUEL")
	for i := range t.Messages {
		m := &t.Messages[i]
		branch, under := f.tree(i)
		f.message(m, branch)
		f.about(m, under)
	}
	if t.More {
		f.line("there is more, which is too much to show")
	}
	return f.err
}

// tree is what stands before a message's line, and before those under it.
func (f *fall) tree(i int) (branch, under string) {
	list := f.trace.Messages
	depth := list[i].Depth
	// goes reports whether a line at a depth goes on below message i.
	goes := func(depth int) bool {
		for j := i + 1; j < len(list) && list[j].Depth >= depth; j++ {
			if list[j].Depth == depth {
				return true
			}
		}
		return false
	}
	for d := 1; d <= min(depth, depthMost); d++ {
		on := goes(d)
		switch {
		case d == min(depth, depthMost) && on:
			branch += f.marks.fork
		case d == min(depth, depthMost):
			branch += f.marks.last
		case on:
			branch += f.marks.line
		default:
			branch += "  "
		}
		if on {
			under += f.marks.line
		} else {
			under += "  "
		}
	}
	if depth < depthMost && goes(depth+1) {
		return branch, under + f.marks.line
	}
	return branch, under + "  "
}

// message writes the line of a message: its name, and its time.
func (f *fall) message(m *control.TraceMessage, branch string) {
	name := cell(m.Type)
	switch {
	case m.Node != "":
		name += f.marks.to + cell(m.Node)
	case m.Outcome == control.TraceLeft:
		name += f.marks.to + "output"
	}
	if m.Key != "" {
		name += " [" + cell(m.Key) + "]"
	}
	name = runewidth.Truncate(name, f.label-runewidth.StringWidth(branch)-1, f.marks.cut)
	name = runewidth.FillRight(branch+name, f.label)
	took, fuel := "", ""
	if n := len(m.Tries); n > 0 {
		last := &m.Tries[n-1]
		took = "-" // too quick to be measured
		if ms := last.Took + float64(last.Time.Sub(m.Tries[0].Time))/float64(time.Millisecond); ms > 0 {
			took = f.span(ms)
		}
		used := uint64(0)
		for _, t := range m.Tries {
			used += t.Fuel
		}
		fuel = amount(used)
	}
	at := f.span(float64(m.Time.Sub(f.trace.Began)) / float64(time.Millisecond))
	f.line("%s%*s%*s%*s %s", f.paint(colorBold, name), atWidth, at, tookWidth, took, fuelWidth, fuel, f.bar(m))
}

// bar draws when a message waited and when it was handled.
func (f *fall) bar(m *control.TraceMessage) string {
	if f.bars == 0 {
		return ""
	}
	whole := max(f.trace.Took, 0.001)
	column := func(t time.Time) int {
		ms := float64(t.Sub(f.trace.Began)) / float64(time.Millisecond)
		return min(max(int(ms/whole*float64(f.bars)), 0), f.bars-1)
	}
	cells := make([]string, f.bars)
	for i := range cells {
		cells[i] = " "
	}
	from := column(m.Time)
	cells[from] = f.marks.waits
	for _, t := range m.Tries {
		begin, end := column(t.Time), column(t.Time.Add(time.Duration(t.Took*float64(time.Millisecond))))
		for i := from; i < begin; i++ {
			if cells[i] == " " {
				cells[i] = f.marks.waits
			}
		}
		for i := begin; i <= end; i++ {
			cells[i] = f.marks.runs
		}
		from = end
	}
	return f.paint(outcomeColor(m.Outcome), strings.TrimRight(strings.Join(cells, ""), " "))
}

func outcomeColor(outcome string) string {
	switch outcome {
	case control.TraceDead, control.TraceRefused:
		return colorBad
	case control.TraceWaits:
		return colorWait
	}
	return colorGood
}

// tell writes a line under a message: a word, and what it says.
func (f *fall) tell(under, word, color, text string) {
	room := f.width - runewidth.StringWidth(under) - wordWidth
	text = cell(text)
	parts := []string{runewidth.Truncate(text, max(room, 12), f.marks.cut)}
	if f.full {
		parts = folded(text, room)
	}
	for _, part := range parts {
		f.line("%s%s%s", under, f.paint(colorDim, runewidth.FillRight(word, wordWidth)), f.paint(color, part))
		word = ""
	}
}

// about writes what is known of a message.
func (f *fall) about(m *control.TraceMessage, under string) {
	id := m.ID
	if id == f.trace.ID && len(f.trace.Messages) > 1 {
		id += ", asked for"
	}
	f.tell(under, "id", "", id)
	if m.Data != nil || m.Raw != nil {
		f.tell(under, "data", "", oneLine(m.Data, m.Raw))
	}
	if !m.Due.IsZero() {
		f.tell(under, "due", "", when(m.Due))
	}
	for i := range m.Tries {
		f.try(m, &m.Tries[i], under)
	}
	if len(m.Tries) == 0 && m.Code != "" {
		f.tell(under, m.Outcome, colorBad, coded(m.Code, m.Reason))
	} else if m.Outcome == control.TraceDead || m.Outcome == control.TraceWaits || m.Outcome == control.TraceDropped {
		words := map[string]string{control.TraceDead: "given up on, after all its attempts", control.TraceWaits: "to be handled, or being handled", control.TraceDropped: "by a route"}
		f.tell(under, m.Outcome, outcomeColor(m.Outcome), words[m.Outcome])
	}
	for _, a := range m.Acts {
		text := fmt.Sprintf("by %s at %s", a.By, when(a.Time))
		if a.Name == journal.ActionDebugEnd {
			text = fmt.Sprintf("by %s until %s", a.By, when(a.Time))
		}
		if a.Again != "" {
			text += ", as " + a.Again
		}
		if a.Reason != "" {
			text += ": " + a.Reason
		}
		word := map[string]string{journal.ActionEdit: "edited", journal.ActionRedrive: "redriven", journal.ActionDrop: "dropped",
			journal.ActionDebug: "debugged", journal.ActionDebugEnd: "debugged"}[a.Name]
		f.tell(under, word, colorWait, text)
	}
}

// coded is a code with its reason.
func coded(code, reason string) string {
	return strings.TrimSuffix(code+": "+firstLine(strings.TrimPrefix(reason, code+": ")), ": ")
}

// try writes what happened when a message was handled.
func (f *fall) try(m *control.TraceMessage, t *control.TraceTry, under string) {
	for i := range t.Told {
		if a := &t.Told[i]; !slices.ContainsFunc(t.Answers, func(b control.TraceAnswer) bool { return a.Call == b.Call }) {
			f.asked(a, under)
		}
	}
	for i := range t.Answers {
		f.asked(&t.Answers[i], under)
	}
	if t.Open || t.Begun && f.full {
		text := fmt.Sprintf("attempt %d at %s: to change something outside, after %s", t.Attempt, when(t.Time), count(len(t.Told), "answer"))
		if t.Open {
			text += "; it has not ended"
		}
		f.tell(under, "began", "", text)
	}
	if t.Open {
		return
	}
	for _, v := range t.State {
		name := v.Name
		if name != "" {
			name += " "
		}
		if v.Revision == 0 {
			f.tell(under, "state", "", name+"deleted")
			continue
		}
		f.tell(under, "state", "", fmt.Sprintf("%srevision %d: %s", name, v.Revision, oneLine(v.Data, v.Raw)))
	}
	switch {
	case f.full:
		routes := ""
		if t.Routes > 0 {
			routes = fmt.Sprintf(", routes %d", t.Routes)
		}
		f.tell(under, "tried", "", fmt.Sprintf("attempt %d at %s, %s of fuel, revision %s%s, record %d", t.Attempt, when(t.Time), amount(t.Fuel), nothing(t.Revision), routes, t.Record))
	case t.Code == "" && len(m.Tries) > 1:
		f.tell(under, "handled", "", fmt.Sprintf("attempt %d at %s", t.Attempt, when(t.Time)))
	}
	if t.Code == "" {
		return
	}
	word := "failed"
	if m.Outcome == control.TraceRefused {
		word = "refused"
	}
	text := coded(t.Code, t.Reason)
	if len(m.Tries) > 1 && !f.full {
		text = fmt.Sprintf("attempt %d at %s: %s", t.Attempt, when(t.Time), text)
	}
	if !t.Due.IsZero() {
		text += "; again at " + when(t.Due)
	}
	f.tell(under, word, colorBad, text)
}

// asked writes a request of a message and what it was answered.
func (f *fall) asked(a *control.TraceAnswer, under string) {
	text := a.Operation
	if a.Use != "" {
		text += " of " + a.Use
	}
	if a.Took > 0 {
		text += ", " + f.span(a.Took)
	}
	color := ""
	if a.Code != "" {
		text, color = text+": "+a.Code, colorBad
	}
	if a.Data != nil || a.Raw != nil {
		text += ": " + oneLine(a.Data, a.Raw)
	}
	f.tell(under, "asked", color, text)
}

// span is a time as a waterfall shows it, of milliseconds.
func (f *fall) span(ms float64) string {
	switch {
	case ms < 0:
		return "-" + f.span(-ms)
	case ms < 9.995:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 99.95:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return short(time.Duration(ms * float64(time.Millisecond)))
}

// oneLine is data in one line.
func oneLine(data, raw []byte) string {
	if data != nil {
		return string(data)
	}
	return string(raw)
}

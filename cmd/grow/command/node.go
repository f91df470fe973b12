package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/control"
)

// statusOf tells what one node is doing.
func (s *shell) statusOf(ctx context.Context, r control.InspectRequest) error {
	host, err := s.host()
	if err != nil {
		return err
	}
	defer host.Close()
	in, err := host.Inspect(ctx, r)
	if err != nil {
		return err
	}
	return s.print(in, func(w io.Writer) error { return writeNode(w, &in) })
}

// part is a part of what is told of a node.
type part struct {
	name  string
	short string
	value func(*control.Inspection) any // for programs
	write func(io.Writer, *control.Inspection) error
}

// nodeParts are all of them, in the order in which they are written.
var nodeParts = []part{
	{"mailbox", "what waits, by key, and since when", func(in *control.Inspection) any { return in.Mailbox }, writeMailbox},
	{"flight", "messages that are being handled and take long", func(in *control.Inspection) any { return in.Flight }, writeFlight},
	{"instances", "running copies of the module", func(in *control.Inspection) any { return in.Instances }, writeInstances},
	{"counters", "what has been counted since the host started", func(in *control.Inspection) any { return in.Counters }, writeCounters},
	{"limits", "what may not be exceeded, and how near it is", func(in *control.Inspection) any { return in.Limits }, writeLimits},
	{"config", "the configuration that instances start with", func(in *control.Inspection) any { return in.Config }, writeConfig},
}

// writeNode writes all that is told of a node.
func writeNode(w io.Writer, in *control.Inspection) error {
	if err := writeNodeHead(w, in); err != nil {
		return err
	}
	for _, p := range nodeParts {
		fmt.Fprintf(w, "\n%s\n", strings.ToUpper(p.name))
		if err := p.write(w, in); err != nil {
			return err
		}
	}
	return nil
}

// writeNodeHead writes what a node is.
func writeNodeHead(w io.Writer, in *control.Inspection) error {
	keys := "no keys"
	if in.Keyed {
		keys = "one message of a key at a time"
	}
	_, err := fmt.Fprintf(w, "%s, actor %s in %s, revision %s, %v, %s\n", cell(in.Node), cell(in.Actor), cell(in.Language), cell(in.Revision), in.Mailbox.Mode, keys)
	if about := firstLine(in.About); about != "" && err == nil {
		_, err = fmt.Fprintln(w, cell(about))
	}
	return err
}

func writeMailbox(w io.Writer, in *control.Inspection) error {
	m := &in.Mailbox
	oldest := ""
	if !m.Oldest.IsZero() {
		oldest = ", the oldest for " + age(in.Time, m.Oldest)
	}
	fmt.Fprintf(w, "%s of %d waiting, %s of %s%s; %d to come later\n", count(int(m.Waiting), "message"), m.Capacity, memory(m.Bytes), memory(m.BytesMax), oldest, m.Later)
	var rows [][]string
	for _, k := range m.Keys {
		held := ""
		if k.Held {
			held = "held up by a retry"
		}
		rows = append(rows, []string{apart(nothing(k.Key), 60), fmt.Sprint(k.Waiting), fmt.Sprint(k.Busy), age(in.Time, k.Oldest), held})
	}
	if len(rows) == 0 {
		return nil
	}
	if err := table(w, "KEY WAITING HANDLING OLDEST NOTE", rows); err != nil {
		return err
	}
	if m.More > 0 {
		fmt.Fprintf(w, "and %d more keys\n", m.More)
	}
	return nil
}

// age is how long something has been so; "-": it is not.
func age(now, since time.Time) string {
	if since.IsZero() {
		return "-"
	}
	return short(max(0, now.Sub(since)))
}

func writeFlight(w io.Writer, in *control.Inspection) error {
	var rows [][]string
	for _, f := range in.Flight {
		rows = append(rows, []string{f.ID, f.Type, apart(nothing(f.Key), 40), age(in.Time, f.Began), fmt.Sprint(f.Attempt)})
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "none that takes long")
		return err
	}
	return table(w, "ID TYPE KEY FOR ATTEMPT", rows)
}

func writeInstances(w io.Writer, in *control.Inspection) error {
	var rows [][]string
	busy := 0
	for i, one := range in.Instances {
		state := "idle"
		if one.Busy {
			state = "busy"
			busy++
		}
		rows = append(rows, []string{fmt.Sprint(i + 1), state, age(in.Time, one.Started), fmt.Sprint(one.Handled), memory(one.Memory)})
	}
	if starting := in.Counters.Instances - len(rows); starting > 0 {
		fmt.Fprintf(w, "%d starting\n", starting)
	}
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "none; one starts with the next message")
		return err
	}
	fmt.Fprintf(w, "%d, %d of them busy\n", len(rows), busy)
	return table(w, "INSTANCE IS UP HANDLED MEMORY", rows)
}

func writeCounters(w io.Writer, in *control.Inspection) error {
	c := &in.Counters
	rows := [][]string{
		{"handled", fmt.Sprint(c.Handled), "outputs", fmt.Sprint(c.Outputs)},
		{"refused", fmt.Sprint(c.Refused), "dropped", fmt.Sprint(c.Dropped)},
		{"failed", fmt.Sprint(c.Failed), "rule faults", fmt.Sprint(c.RuleFault)},
		{"retried", fmt.Sprint(c.Retried), "time/message", perMessage(c.Busy, c.Handled)},
		{"dead", fmt.Sprint(c.Dead), "fuel/message", fuelPerMessage(c)},
		{"last failure", cmp.Or(c.LastCode, "-"), "fuel, most", amount(c.FuelMax)},
	}
	return table(w, "COUNTED TIMES COUNTED AMOUNT", rows)
}

func writeLimits(w io.Writer, in *control.Inspection) error {
	var rows [][]string
	for _, l := range in.Limits {
		show := amountOf(l.Unit)
		rows = append(rows, []string{l.Name, show(l.Used), show(l.Max), fmt.Sprintf("%.0f%%", 100*l.Used/l.Max)})
	}
	return table(w, "LIMIT USED MAX NEAR", rows)
}

// amountOf shows amounts of a unit.
func amountOf(unit string) func(float64) string {
	if unit == "bytes" {
		return func(n float64) string { return memory(int64(n)) }
	}
	return quantity
}

func writeConfig(w io.Writer, in *control.Inspection) error {
	if in.Config == nil {
		_, err := fmt.Fprintln(w, "none: the actor's definition declares no config")
		return err
	}
	return writeData(w, in.Config, nil)
}

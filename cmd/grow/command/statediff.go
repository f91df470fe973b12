package command

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"
)

// What a person is shown of how values differ.
const (
	changesShown = 40
	stepsShown   = 10
)

func (s *shell) stateDiff() *cobra.Command {
	r := control.DiffRequest{}
	c := &cobra.Command{
		Use: "diff NODE [KEY]", Short: "show how what a node keeps of a key has changed", Args: cobra.RangeArgs(1, 2),
		Long: "diff compares what was before one point of the journal with what was after another, and says which messages and persons changed it. " +
			"A point is the number of a record, a time, or the id of a message, which stands for all that this caused; " +
			"from and to the same message: what it changed.",
		Example: "  grow state diff ledger alice\n  grow state diff ledger alice --from '2026-01-31 12:00' --to 48120\n" +
			"  grow state diff ledger alice --from 01JBZ5V6XQ7N8M2K4D3C1B0A9Z --to 01JBZ5V6XQ7N8M2K4D3C1B0A9Z",
		RunE: func(c *cobra.Command, args []string) error {
			at, _ := stateArgs(args)
			r.Node, r.Key = at.Node, at.Key
			return s.look(c.Context(), func(from looker) error {
				d, err := from.StateDiff(c.Context(), r)
				if err != nil {
					return err
				}
				return s.print(d, func(w io.Writer) error { return s.writeDiff(w, &d) })
			})
		},
	}
	f := c.Flags()
	f.StringVar(&r.From, "from", "", "the first `point`: RECORD, TIME or ID; as far back as the journal goes")
	f.StringVar(&r.To, "to", "", "the last `point`: RECORD, TIME or ID; now")
	return s.keyed(c)
}

func (s *shell) writeDiff(w io.Writer, d *control.StateDiff) error {
	if d.Count == 0 {
		s.say("nothing has changed; the journal goes back to record %d%s", d.First, of(d.Since))
		return nil
	}
	if err := writeSteps(w, d); err != nil {
		return err
	}
	for _, v := range d.Values {
		name := "value"
		if v.Name != "" {
			name = cell(v.Name)
		}
		was, is := fmt.Sprintf("revision %d", v.Was), fmt.Sprintf("revision %d", v.Is)
		if v.Was == 0 {
			was = "nothing"
		}
		if v.Unknown {
			was = "not known: the journal goes back no further"
		}
		if v.Is == 0 {
			is = "nothing"
		}
		fmt.Fprintf(w, "\n%s: %s → %s\n", name, was, is)
		if len(v.Changes) == 0 {
			fmt.Fprintln(w, "  the same again")
		}
		if err := s.writeDifferences(w, v.Changes, v.More, "  "); err != nil {
			return err
		}
	}
	return nil
}

func of(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", of " + t.Local().Format(time.DateTime)
}

// writeSteps lists who changed it, the last ones.
func writeSteps(w io.Writer, d *control.StateDiff) error {
	steps := d.Steps[max(0, len(d.Steps)-stepsShown):]
	var rows [][]string
	for _, c := range steps {
		by := c.ID
		if by == "" {
			by = strings.TrimSuffix(fmt.Sprintf("%s: %s", c.By, cut(c.Reason, 60)), ": ")
		}
		rows = append(rows, []string{fmt.Sprint(c.Record), when(c.Time), by})
	}
	if err := table(w, "RECORD TIME BY", rows); err != nil {
		return err
	}
	if more := d.Count - len(steps); more > 0 {
		fmt.Fprintf(w, "and %d before that\n", more)
	}
	return nil
}

// writeDifferences writes where two values differ, what was above what is.
func (s *shell) writeDifferences(w io.Writer, list []control.Difference, more int, lead string) error {
	red, green, plain := "", "", ""
	if s.color(w) {
		red, green, plain = "\x1b[31m", "\x1b[32m", "\x1b[0m"
	}
	if over := len(list) - changesShown; over > 0 {
		list, more = list[:changesShown], more+over
	}
	label := 0
	for _, d := range list {
		label = max(label, runewidth.StringWidth(cell(d.Path)))
	}
	label = min(label, room(w)/4)
	for _, d := range list {
		path := cell(d.Path)
		if runewidth.StringWidth(path) > label {
			fmt.Fprintf(w, "%s%s\n", lead, path)
			path = ""
		}
		indent := ""
		if label > 0 {
			indent = strings.Repeat(" ", label+2)
		}
		head := runewidth.FillRight(path, len(indent))
		for _, side := range []struct {
			data        json.RawMessage
			sign, color string
		}{{d.Was, "- ", red}, {d.Is, "+ ", green}} {
			if side.data == nil {
				continue
			}
			sign := side.sign
			for _, part := range folded(cell(string(side.data)), room(w)-len(lead)-len(indent)-len(sign)) {
				fmt.Fprintf(w, "%s%s%s%s%s%s\n", lead, head, side.color, sign, part, plain)
				head, sign = indent, "  "
			}
			head = indent
		}
	}
	if more > 0 {
		fmt.Fprintf(w, "%sand %d more: -o json\n", lead, more)
	}
	return nil
}

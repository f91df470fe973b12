package command

import (
	"context"
	"io"

	"github.com/grow-platform/grow/host/control"
	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"
)

// listFlags are the flags of trace that pick messages for a list.
var listFlags = []string{"node", "key", "outcome", "last"}

// traceAsked checks that what trace was given is of one kind: a message, or a list.
func traceAsked(c *cobra.Command, args []string, pick *control.MessageFilter) error {
	if len(args) == 0 {
		switch {
		case c.Flags().Changed("full"):
			return usage("--full shows one message: give its id")
		case pick.Last < 1:
			return usage("--last is from 1 to %d", control.MessagesMax)
		}
		return nil
	}
	if args[0] == "" {
		return usage("the id of a message is not empty")
	}
	for _, name := range listFlags {
		if c.Flags().Changed(name) {
			return usage("--%s lists messages: leave it out, or the id", name)
		}
	}
	return nil
}

// messages lists the newest messages.
func (s *shell) messages(ctx context.Context, from looker, pick control.MessageFilter) error {
	list, err := from.Messages(ctx, pick)
	if host, runs := from.(*control.Client); err == nil && runs && len(list.Messages) == 0 {
		err = checkNode(ctx, host, pick.Node)
	}
	if err != nil {
		return err
	}
	return s.print(list, func(w io.Writer) error {
		var rows [][]string
		f := newFall(s, w, &control.Trace{}, false)
		for i := range list.Messages {
			m := &list.Messages[i]
			took := "-"
			if m.Took > 0 {
				took = f.span(m.Took)
			}
			outcome := m.Outcome
			if m.Code != "" {
				outcome += ": " + m.Code
			}
			rows = append(rows, []string{m.ID, m.Time.Local().Format("15:04:05.000"), nothing(m.Type), nothing(m.Node), runewidth.Truncate(quoted(m.Key), 40, f.marks.cut), took, outcome})
		}
		if len(rows) == 0 {
			s.say("no messages")
		} else if err := table(w, "ID TIME TYPE NODE KEY TOOK OUTCOME", rows); err != nil {
			return err
		}
		if list.Older && len(rows) < pick.Last {
			s.say("those before %s were not looked at", when(list.Since))
		}
		return nil
	})
}

package command

import (
	"context"
	"fmt"
	"io"
	"math"
	"os/user"
	"strconv"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/spf13/cobra"
)

// The codes of dead letters that are not settled.
const (
	codeSomeStay = "deadletters.some_stay" // of many
	codeAborted  = "action.aborted"
)

// act is who runs this command, and why.
func act(reason string) control.Act {
	a := control.Act{By: "unknown", Reason: reason}
	if u, err := user.Current(); err == nil {
		a.By = u.Username
	}
	return a
}

// because adds the flag that says why something is done.
func because(c *cobra.Command, reason *string) {
	c.Flags().StringVar(reason, "reason", "", "why: a `text` that the journal keeps with who did it and when")
}

func (s *shell) deadEdit() *cobra.Command {
	var given, reason string
	r := control.EditRequest{}
	c := &cobra.Command{
		Use: "edit ID", Short: "replace the data of a dead letter", Args: cobra.ExactArgs(1),
		Long: "edit replaces the data of a dead letter, which must be valid for the message's type. It is still a dead letter then; redrive sends it.",
		Example: "  grow deadletters edit 01JBZ5V6XQ7N8M2K4D3C1B0A9Z --data '{\"id\": \"o-1\", \"total\": 20}' --reason 'total was a text'\n" +
			"  grow deadletters edit 01JBZ5V6XQ7N8M2K4D3C1B0A9Z --data @order.json --plan",
		RunE: func(c *cobra.Command, args []string) error {
			if !c.Flags().Changed("data") {
				return usage("--data says what the message is to hold: text, @FILE, or - for standard input")
			}
			var err error
			if r.Data, err = s.data(c.Context(), given); err != nil {
				return err
			}
			host, err := s.host()
			if err != nil {
				return err
			}
			defer host.Close()
			d, err := deadLetter(c.Context(), host, args[0])
			if err != nil {
				return err
			}
			r.ID, r.Act = d.ID, act(reason)
			reply, err := host.EditDeadLetter(c.Context(), r)
			if err != nil {
				return err
			}
			return s.print(reply, func(w io.Writer) error {
				if r.Plan {
					_, err := fmt.Fprintf(w, "would replace %s\nby            %s\n", cell(string(reply.Was)), cell(string(reply.Data)))
					return err
				}
				s.say("%s of %s holds other data; send it again: grow deadletters redrive %s", cell(reply.Type), cell(reply.Node), reply.ID)
				return nil
			})
		},
	}
	c.Flags().StringVarP(&given, "data", "d", "", "the new data: text, @FILE, or - for standard input")
	c.Flags().BoolVar(&r.Plan, "plan", false, "only say what would be done")
	because(c, &reason)
	return s.lettered(c, 1)
}

// settling is what redrive and drop have in common.
type settling struct {
	pick    deadPick
	request control.SettleRequest
	reason  string
	all     bool
}

func (s *shell) deadRedrive() *cobra.Command {
	g := &settling{request: control.SettleRequest{How: control.SettleRedrive}}
	c := s.settle(g, &cobra.Command{
		Use: "redrive [ID...]", Short: "send dead letters again",
		Long: "redrive sends dead letters again, the oldest first, each as a message of its own whose causation is the dead letter's id: " +
			"to where it was given up on, or to another node. Where a mailbox is full it waits. Interrupted, or aborted by name, it leaves the rest as it is.",
		Example: "  grow deadletters redrive 01JBZ5V6XQ7N8M2K4D3C1B0A9Z\n  grow deadletters redrive --node checkout/pricing --code trap --name after-fix --reason 'fixed in 12'\n" +
			"  grow deadletters redrive --all --plan",
	})
	c.Flags().StringVar(&g.request.To, "to", "", "the `node` to send them to; where they were given up on")
	s.named(c, "to", nodesOf)
	return c
}

func (s *shell) deadDrop() *cobra.Command {
	return s.settle(&settling{request: control.SettleRequest{How: control.SettleDrop}}, &cobra.Command{
		Use: "drop [ID...]", Short: "forget dead letters",
		Long:    "drop forgets dead letters, the oldest first. What they were stays in the journal as long as that is kept.",
		Example: "  grow deadletters drop 01JBZ5V6XQ7N8M2K4D3C1B0A9Z --reason 'a test'\n  grow deadletters drop --type order.placed --text o-4711\n  grow deadletters drop --all --plan",
	})
}

// settle makes a command that settles dead letters: those named, those picked, or all.
func (s *shell) settle(g *settling, c *cobra.Command) *cobra.Command {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		f, err := g.pick.read()
		if err != nil {
			return err
		}
		picked := f.Node != "" || f.Code != "" || f.Type != "" || f.Key != "" || f.Text != "" || !f.Since.IsZero()
		switch {
		case len(args) == 0 && !picked && !g.all:
			return usage("name dead letters, pick some (--node, --code, --type, --key, --text, --since), or take --all")
		case len(args) > 0 && (picked || g.all), picked && g.all:
			return usage("name dead letters, pick some, or take --all: one of them")
		}
		host, err := s.host()
		if err != nil {
			return err
		}
		defer host.Close()
		for _, id := range args {
			d, err := deadLetter(c.Context(), host, id)
			if err != nil {
				return err
			}
			f.IDs = append(f.IDs, d.ID)
		}
		r := g.request
		r.Filter, r.Act = f, act(g.reason)
		return s.settled(c, host, r)
	}
	g.pick.flags(s, c)
	f := c.Flags()
	f.BoolVar(&g.all, "all", false, "all there are")
	f.StringVar(&g.request.Name, "name", "", "the action's `name`, for the journal and for abort; one is made")
	f.BoolVar(&g.request.Plan, "plan", false, "only say what would be done")
	because(c, &g.reason)
	return s.lettered(c, math.MaxInt)
}

// settled has dead letters settled and tells of each.
func (s *shell) settled(c *cobra.Command, host *control.Client, r control.SettleRequest) error {
	done := map[string]string{control.SettleRedrive: "sent again", control.SettleDrop: "dropped"}[r.How]
	if r.Plan {
		done = map[string]string{control.SettleRedrive: "would be sent again", control.SettleDrop: "would be dropped"}[r.How]
	}
	var last control.Settled
	err := host.SettleDeadLetters(c.Context(), r, func(l control.Settled) error {
		last = l
		if s.json() {
			return s.line(l)
		}
		return s.tellSettled(&l, done)
	})
	if last.All == 0 && err == nil {
		err = checkNode(c.Context(), host, r.Filter.Node)
	}
	if last.All == 0 && err == nil {
		s.say("no dead letters")
		return nil
	}
	if last.All > 1 || err != nil {
		s.say("%d of %s %s", last.Done, count(last.All, "dead letter"), done)
	}
	switch {
	case err != nil:
		return err
	case last.Failed > 0 && last.All == 1:
		return last.Fault
	case last.Failed > 0:
		return &control.Error{Code: codeSomeStay, Message: fmt.Sprintf("%d of %d stay", last.Failed, last.All), Next: "see why: grow deadletters list"}
	}
	return nil
}

// tellSettled tells of one, when it is not the only one that failed.
func (s *shell) tellSettled(l *control.Settled, done string) error {
	var err error
	switch {
	case l.Fault != nil && l.All == 1: // the command fails with it
	case l.Fault != nil:
		_, err = fmt.Fprintf(s.stdout, "%s stays: %s\n", l.ID, cell(l.Fault.Message))
	case l.Again != "":
		_, err = fmt.Fprintf(s.stdout, "%s %s as %s\n", l.ID, done, l.Again)
	case l.To != "":
		_, err = fmt.Fprintf(s.stdout, "%s %s to %s\n", l.ID, done, cell(l.To))
	default:
		_, err = fmt.Fprintf(s.stdout, "%s %s\n", l.ID, done)
	}
	return err
}

func (s *shell) deadActions() *cobra.Command {
	return &cobra.Command{
		Use: "actions", Short: "list what is done to dead letters, and was done last", Args: cobra.NoArgs,
		Example: "  grow deadletters actions",
		RunE: func(c *cobra.Command, _ []string) error {
			host, err := s.host()
			if err != nil {
				return err
			}
			defer host.Close()
			list, err := host.Actions(c.Context())
			if err != nil {
				return err
			}
			return s.print(list, func(w io.Writer) error {
				if len(list) == 0 {
					s.say("nothing was done to dead letters since the host started")
					return nil
				}
				var rows [][]string
				for _, a := range list {
					ended := "runs"
					if !a.Ended.IsZero() {
						ended = "ended"
					}
					if a.Aborted {
						ended = "aborted"
					}
					rows = append(rows, []string{a.Name, a.Started.Local().Format(time.DateTime), ended, strconv.Itoa(a.All), strconv.Itoa(a.Done), strconv.Itoa(a.Failed), a.Act.By, cut(a.Act.Reason, 60)})
				}
				return table(w, "ACTION STARTED STATE ALL DONE STAY BY REASON", rows)
			})
		},
	}
}

func (s *shell) deadAbort() *cobra.Command {
	return &cobra.Command{
		Use: "abort ACTION", Short: "end an action on dead letters that runs", Args: cobra.ExactArgs(1),
		Example: "  grow deadletters abort after-fix",
		RunE: func(c *cobra.Command, args []string) error {
			host, err := s.host()
			if err != nil {
				return err
			}
			defer host.Close()
			a, err := host.AbortAction(c.Context(), args[0])
			if err != nil {
				return err
			}
			return s.print(a, func(io.Writer) error {
				s.say("%s ends; %d of %s done", cell(a.Name), a.Done, count(a.All, "dead letter"))
				return nil
			})
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return s.actionsUnderWay(), cobra.ShellCompDirectiveNoFileComp
		},
	}
}

// actionsUnderWay are the names of those that can be aborted.
func (s *shell) actionsUnderWay() (names []string) {
	host, err := s.host()
	if err != nil {
		return nil
	}
	defer host.Close()
	ctx, cancel := context.WithTimeout(context.Background(), completeTime)
	defer cancel()
	list, _ := host.Actions(ctx) // no words where there is no answer
	for _, a := range list {
		if a.Ended.IsZero() {
			names = append(names, a.Name)
		}
	}
	return names
}

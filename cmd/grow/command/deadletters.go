package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/logs"
	"github.com/spf13/cobra"
)

func (s *shell) deadLetters() *cobra.Command {
	return group(&cobra.Command{
		Use: "deadletters", Short: "look at messages that were given up on, and settle them",
		Example: "  grow deadletters list\n  grow deadletters redrive --node checkout/pricing --code trap",
		Long: "A message that could not be handled, after all its attempts, or that no route took, is kept with the reason: the newest " +
			"10000 of them, of at most 64 MiB. It can be mended, sent again, or forgotten; who did so, when and why is in the journal.",
	}, s.deadList(), s.deadShow(), s.deadEdit(), s.deadRedrive(), s.deadDrop(), s.deadActions(), s.deadAbort())
}

// deadPick are the flags that pick dead letters.
type deadPick struct {
	filter control.DeadFilter
	since  time.Duration
}

func (p *deadPick) flags(s *shell, c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&p.filter.Node, "node", "", "those of a node, or of a workflow's nodes, by its `path`")
	flags.StringVar(&p.filter.Code, "code", "", "those with a `code`: trap, output.type, route.none")
	flags.StringVar(&p.filter.Type, "type", "", "messages of a `type`")
	flags.StringVar(&p.filter.Key, "key", "", "messages of a `key`")
	flags.StringVar(&p.filter.Text, "text", "", "those with a `text` in their reason or data")
	flags.DurationVar(&p.since, "since", 0, "those of the last `time`: 10m, 2h")
	s.named(c, "node", nodesOf)
	s.named(c, "type", typesOf)
}

// read makes the filter of what was given.
func (p *deadPick) read() (control.DeadFilter, error) {
	if p.since < 0 || p.filter.Limit < 0 {
		return p.filter, usage("--limit and --since are not negative")
	}
	if p.since > 0 {
		p.filter.Since = time.Now().Add(-p.since)
	}
	return p.filter, nil
}

func (s *shell) deadList() *cobra.Command {
	var pick deadPick
	c := &cobra.Command{
		Use: "list", Short: "list dead letters, newest first", Args: cobra.NoArgs,
		Example: "  grow deadletters list\n  grow deadletters list --node checkout/pricing --code trap --since 1h\n  grow deadletters list --text o-4711",
		RunE: func(c *cobra.Command, _ []string) error {
			f, err := pick.read()
			if err != nil {
				return err
			}
			host, err := s.host()
			if err != nil {
				return err
			}
			defer host.Close()
			list, err := host.DeadLetters(c.Context(), f)
			if err == nil && len(list) == 0 {
				err = checkNode(c.Context(), host, f.Node)
			}
			if err != nil {
				return err
			}
			return s.print(list, func(w io.Writer) error {
				if len(list) == 0 {
					s.say("no dead letters")
					return nil
				}
				var rows [][]string
				for _, d := range list {
					rows = append(rows, []string{d.ID, d.Time.Local().Format("15:04:05"), d.Node, apart(d.Key, 40), d.Type, cut(d.Code, 40), cut(d.Reason, 80)})
				}
				return table(w, "ID TIME NODE KEY TYPE CODE REASON", rows)
			})
		},
	}
	pick.flags(s, c)
	c.Flags().IntVarP(&pick.filter.Limit, "limit", "n", 100, "at most so many; 0 for all")
	return c
}

func (s *shell) deadShow() *cobra.Command {
	return s.lettered(&cobra.Command{
		Use: "show ID", Short: "show one dead letter whole", Args: cobra.ExactArgs(1),
		Example: "  grow deadletters show 01JBZ5V6XQ7N8M2K4D3C1B0A9Z",
		RunE: func(c *cobra.Command, args []string) error {
			host, err := s.host()
			if err != nil {
				return err
			}
			defer host.Close()
			d, err := deadLetter(c.Context(), host, args[0])
			if err != nil {
				return err
			}
			return s.print(d, func(w io.Writer) error { return writeDead(w, &d) })
		},
	}, 1)
}

// lettered has a command's arguments, at most n of them, completed with the ids
// of the dead letters of the host that runs here.
func (s *shell) lettered(c *cobra.Command, n int) *cobra.Command {
	c.ValidArgsFunction = func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		host, err := s.host()
		if err != nil || len(args) >= n {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer host.Close()
		ctx, cancel := context.WithTimeout(context.Background(), completeTime)
		defer cancel()
		list, err := host.DeadLetters(ctx, control.DeadFilter{Limit: completeMax})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var words []string
		for _, d := range list {
			if !slices.Contains(args, d.ID) {
				words = append(words, d.ID+"\t"+cell(d.Node+" "+cut(d.Code, 40)))
			}
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

// How long completing may take that asks the host, and how many words it gives.
const (
	completeTime = time.Second
	completeMax  = 50
)

// deadListMax is how many ids an error names.
const deadListMax = 10

// deadLetter is the dead letter of an id, or else the only one that the message
// of that id caused: who sent it knows no other id.
func deadLetter(ctx context.Context, host *control.Client, id string) (control.DeadLetter, error) {
	d, err := host.DeadLetter(ctx, id)
	var none *control.Error
	if !errors.As(err, &none) || none.Code != control.CodeNotFound {
		return d, err
	}
	list, listErr := host.DeadLetters(ctx, control.DeadFilter{})
	if listErr != nil {
		return d, listErr
	}
	var ids []string
	for _, d := range list {
		if logs.Caused(d.ID, id) {
			ids = append(ids, d.ID)
		}
	}
	switch n := len(ids); {
	case n == 0:
		return d, err
	case n == 1:
		return host.DeadLetter(ctx, ids[0])
	case n > deadListMax:
		ids = append(ids[:deadListMax], fmt.Sprintf("and %d more: grow deadletters list", n-deadListMax))
	}
	return d, &control.Error{Code: none.Code, Message: none.Message + ", but of several that it caused", At: id, Next: "show one of them: " + strings.Join(ids, ", ")}
}

func writeDead(w io.Writer, d *control.DeadLetter) error {
	fmt.Fprintf(w, "id       %s\ntime     %s\nnode     %s\ntype     %s\ncode     %s\nattempts %d\n",
		cell(d.ID), d.Time.Local().Format(time.RFC3339), cell(d.Node), cell(d.Type), cell(d.Code), d.Attempt)
	if d.Fuel > 0 {
		fmt.Fprintf(w, "fuel     %d, by the last attempt\n", d.Fuel)
	}
	fmt.Fprintf(w, "reason   %s\n", logs.Lines(d.Reason, "         "))
	fmt.Fprintln(w, "\nattributes")
	for _, name := range slices.Sorted(maps.Keys(d.Attrs)) {
		fmt.Fprintf(w, "  %-20s %s\n", cell(name), cell(d.Attrs[name]))
	}
	fmt.Fprintln(w, "\ndata")
	return writeData(w, d.Data, d.Raw)
}

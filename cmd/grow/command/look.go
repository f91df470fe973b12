package command

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/logs"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs/shape"
	"github.com/spf13/cobra"
)

func (s *shell) status() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use: "status [NODE]", Short: "show what a running service, or one node of it, is doing", Args: cobra.MaximumNArgs(1),
		Long: "status shows what a running service is doing: the one in this folder, or that named by --service on a host.\nOutside of a service's folder it lists the services of a host.\n\n" +
			"Of one node, named by its path or by its actor, it shows the mailbox with its keys, the messages that are being handled for long, the instances, counters, limits and configuration.",
		Example: "  grow status\n  grow status price\n  grow status price --key alice -o json\n  grow status --host https://grow.example.com:8600 --service shop",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				r := control.InspectRequest{Node: args[0]}
				if c.Flags().Changed("key") {
					r.Key = &key
				}
				return s.statusOf(c.Context(), r)
			}
			if c.Flags().Changed("key") {
				return usage("--key is of a node: name it")
			}
			host, err := s.host()
			if isCode(err, codeNoService) && s.target.named() != "" {
				return s.listServices(c)
			}
			if err != nil {
				return err
			}
			defer host.Close()
			st, err := host.Status(c.Context())
			if err != nil {
				return err
			}
			return s.print(st, func(w io.Writer) error { return writeStatus(w, &st) })
		},
	}
	c.Flags().StringVar(&key, "key", "", "only the mailbox and the messages of a `key`")
	return s.completes(c, nodesOf)
}

func writeStatus(w io.Writer, st *control.Status) error {
	name := strings.TrimSpace(st.Service + " " + st.Version)
	fmt.Fprintf(w, "%s at %s, process %d, up %s\n", cell(name), st.URL, st.PID, short(time.Since(st.Started)))
	fmt.Fprintf(w, "journal %s\n\n", journalLine(&st.Journal))
	if st.Fault != "" {
		fmt.Fprintf(w, "NOTHING MORE IS ACCEPTED: %s\n\n", cell(st.Fault))
	}
	var rows [][]string
	for _, e := range st.Endpoints {
		rows = append(rows, []string{e.Endpoint, e.Send, e.To})
	}
	if len(rows) > 0 {
		if err := table(w, "ENDPOINT SENDS TO", rows); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	rows = nil
	for _, n := range st.Nodes {
		if onlyMigrates(st, &n) {
			continue
		}
		rows = append(rows, []string{
			n.Node, n.Actor, n.Revision, mailbox(&n), fmt.Sprint(n.Instances), fmt.Sprint(n.Handled),
			fmt.Sprint(n.Refused), fmt.Sprint(n.Failed), fmt.Sprint(n.Waiting), fmt.Sprint(n.Dead), perMessage(n.Busy, n.Handled), fuelPerMessage(&n),
		})
	}
	if err := table(w, "NODE ACTOR REVISION MAILBOX INSTANCES HANDLED REFUSED FAILED WAITING DEAD TIME/MESSAGE FUEL/MESSAGE", rows); err != nil {
		return err
	}
	if len(st.Migrators) > 0 {
		fmt.Fprintf(w, "\nand what migrates state to another type: %s\n", cell(strings.Join(st.Migrators, ", ")))
	}
	if err := writeProcesses(w, st); err != nil {
		return err
	}
	if st.Dead > 0 {
		_, err := fmt.Fprintf(w, "\n%s; see: grow deadletters list\n", count(int(st.Dead), "dead letter"))
		return err
	}
	return nil
}

// onlyMigrates reports whether a node is there because its actor migrates what others keep:
// one that has been sent messages is more.
func onlyMigrates(st *control.Status, n *shard.NodeStatus) bool {
	return slices.Contains(st.Migrators, n.Actor) && attempts(n) == 0 && n.Mailbox == 0 && n.Waiting == 0 && n.Dead == 0
}

// mailbox is how full one is, and that it is not as ever.
func mailbox(n *shard.NodeStatus) string {
	text := fmt.Sprintf("%d/%d", n.Mailbox, n.Capacity)
	if n.Mode != shard.Running {
		text += " " + n.Mode.String()
	}
	return text
}

// writeProcesses writes which processes isolated actors have, if there are such.
func writeProcesses(w io.Writer, st *control.Status) error {
	if len(st.Processes) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	var rows [][]string
	for _, p := range st.Processes {
		pid, up, next, ended := "-", "-", "-", cmp.Or(p.Ended, "-")
		if p.PID != 0 {
			pid, up = fmt.Sprint(p.PID), short(st.Time.Sub(p.Started))
		} else if wait := p.Next.Sub(st.Time); wait > 0 {
			next = "in " + short(wait)
		}
		rows = append(rows, []string{p.Actor, pid, up, fmt.Sprint(p.Deaths), next, ended})
	}
	return table(w, "ACTOR PROCESS UP DEATHS NEXT ENDED", rows)
}

// perMessage is the mean time a message took, as far as it was measured: who
// waits for a capability is not.
func perMessage(busy int64, handled uint64) string {
	if handled == 0 || busy == 0 {
		return "-"
	}
	return (time.Duration(busy) / time.Duration(handled)).Round(100 * time.Nanosecond).String()
}

// fuelPerMessage is the mean fuel of an attempt.
func fuelPerMessage(n *shard.NodeStatus) string {
	if n.Fuel == 0 {
		return "-"
	}
	return quantity(fuelMean(n))
}

func (s *shell) logs() *cobra.Command {
	f := logs.Filter{Level: "debug"}
	var follow bool
	var since time.Duration
	c := &cobra.Command{
		Use: "logs [NODE]", Short: "show log lines of a running service", Args: cobra.MaximumNArgs(1),
		Long:    "logs shows what actors and host have logged: of all, or of one node and those inside it.",
		Example: "  grow logs -f\n  grow logs checkout/pricing --level warn --since 10m\n  grow logs --message 01JBZ5V6XQ7N8M2K4D3C1B0A9Z",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				f.Node = args[0]
			}
			if err := checkLevel(f.Level); err != nil {
				return err
			}
			if f.Limit < 0 || since < 0 {
				return usage("--limit and --since are not negative")
			}
			if since > 0 {
				f.Since = time.Now().Add(-since)
			}
			host, err := s.host()
			if err != nil {
				return err
			}
			defer host.Close()
			if err := checkNode(c.Context(), host, f.Node); err != nil {
				return err
			}
			color, none := s.color(s.stdout), true
			err = host.Logs(c.Context(), f, follow, func(r logs.Record) error {
				none = false
				if s.json() {
					return s.line(r)
				}
				_, err := s.stdout.Write(r.Append(nil, color))
				return err
			})
			if err == nil && follow && c.Context().Err() != nil {
				return errFollowed
			}
			if err == nil && none && !follow {
				s.say("no log lines")
			}
			return err
		},
	}
	flags := c.Flags()
	flags.BoolVarP(&follow, "follow", "f", false, "go on with what comes, until interrupted")
	flags.StringVar(&f.Level, "level", f.Level, "those of a `level` and above: debug, info, warn or error")
	flags.StringVar(&f.Message, "message", "", "those of a message, by `id`, and of what it caused")
	flags.DurationVar(&since, "since", 0, "those of the last `time`: 10m, 2h")
	flags.IntVarP(&f.Limit, "limit", "n", 0, "at most so many, the newest; 0 for all")
	fixed(c, "level", levels...)
	return s.completes(c, nodesOf)
}

// checkNode reports a name that neither a node has nor what holds nodes.
func checkNode(ctx context.Context, host *control.Client, name string) error {
	if name == "" {
		return nil
	}
	st, err := host.Status(ctx)
	if err != nil {
		return err
	}
	names := nodes(&st)
	if slices.Contains(names, name) {
		return nil
	}
	return &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no node %q", name), At: name, Next: meant(name, names, "see what there is: grow status")}
}

// nodes are the paths of a host's nodes and of all that holds some.
func nodes(st *control.Status) []string {
	var names []string
	for _, n := range st.Nodes {
		for path := n.Node; path != ""; {
			names = append(names, path)
			path = path[:max(0, strings.LastIndexByte(path, '/'))]
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// meant suggests the nearest of some names, or else says something else.
func meant(name string, names []string, other string) string {
	if near := shape.Near(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	return other
}

// checkLevel reports what is no level of log lines.
func checkLevel(name string) error {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, name) {
		return usage("--level takes debug, info, warn or error, not %q", name)
	}
	return nil
}

// cut is the first line of a text, at most n bytes of it; what is left out is
// shown by dots.
func cut(text string, n int) string {
	text = firstLine(text)
	if len(text) > n {
		return strings.ToValidUTF8(text[:n], "") + "…"
	}
	return text
}

// apart is a key, or another name that an actor gave, as it stands in a table: at most n bytes.
func apart(text string, n int) string { return cut(quoted(text), n) }

// quoted is a name in quotes where spaces and line breaks would not tell it from another one.
func quoted(text string) string {
	if strings.TrimSpace(text) != text || strings.ContainsAny(text, "\n\r\t") {
		return strconv.Quote(text)
	}
	return text
}

// firstLine is a text up to its first line break.
func firstLine(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return first
}

// writeData writes data as JSON, or else as it is; to a terminal without what
// would disturb it.
func writeData(w io.Writer, data json.RawMessage, raw []byte) error {
	if data != nil {
		raw = append(data, '\n')
	}
	if terminal(w) {
		_, err := fmt.Fprintln(w, safe(strings.TrimSuffix(string(raw), "\n")))
		return err
	}
	_, err := w.Write(raw)
	return err
}

package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/specs"
	"github.com/spf13/cobra"
)

func (s *shell) state() *cobra.Command {
	return group(&cobra.Command{
		Use: "state", Short: "look at what actors keep, and mend it",
		Example: "  grow state list ledger\n  grow state get ledger alice\n  grow state diff ledger alice --from 01JBZ5V6XQ7N8M2K4D3C1B0A9Z",
		Long: "An actor keeps values of a key, or without a key when its definition names none. They are read from the host that runs here; " +
			"when none does, from the journal in the folder, all but set.",
	}, s.stateList(), s.stateGet(), s.stateSet(), s.stateDiff())
}

// looker tells of states and of the past: a host that runs, or the journal of one
// that does not.
type looker interface {
	State(ctx context.Context, r control.StateRequest) (control.State, error)
	States(ctx context.Context, f control.StateFilter) (control.StateList, error)
	StateDiff(ctx context.Context, r control.DiffRequest) (control.StateDiff, error)
	Trace(ctx context.Context, id string) (control.Trace, error)
	Messages(ctx context.Context, f control.MessageFilter) (control.MessageList, error)
}

// look calls f with the host that runs here, or else with its journal.
func (s *shell) look(ctx context.Context, f func(looker) error) error {
	host, err := s.host()
	if err == nil {
		defer host.Close()
		return f(host)
	}
	var none *control.Error
	if !errors.As(err, &none) || none.Code != control.CodeNotRunning {
		return err
	}
	dir, dirErr := s.folder(nil)
	if dirErr != nil {
		return dirErr
	}
	stopped, openErr := app.OpenStopped(ctx, dir)
	if errors.Is(openErr, fs.ErrNotExist) {
		return err
	}
	if openErr != nil {
		return openErr
	}
	s.say("no host is running; read from %s", nearby(app.JournalDir(dir)))
	return errors.Join(f(stopped), stopped.Close())
}

func (s *shell) stateList() *cobra.Command {
	var f control.StateFilter
	var after string
	c := &cobra.Command{
		Use: "list [NODE]", Short: "list the keys that a node keeps something of", Args: cobra.MaximumNArgs(1),
		Long:    "list lists the keys of a node in order, with the revision and the size of each value; or the nodes that keep anything.",
		Example: "  grow state list\n  grow state list ledger --prefix a -n 20\n  grow state list ledger --after alice",
		RunE: func(c *cobra.Command, args []string) error {
			if f.Limit < 1 || f.Limit > control.StatesMax {
				return usage("--limit takes 1 to %d", control.StatesMax)
			}
			if len(args) > 0 {
				f.Node = args[0]
			} else if c.Flags().NFlag() > 0 && (f.Prefix != "" || after != "") {
				return usage("--prefix and --after pick keys of a node: name it")
			}
			if c.Flags().Changed("after") {
				f.After = &after
			}
			return s.look(c.Context(), func(from looker) error {
				list, err := from.States(c.Context(), f)
				if err != nil {
					return err
				}
				return s.print(list, func(w io.Writer) error { return s.writeStates(w, &f, &list) })
			})
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.Prefix, "prefix", "", "keys that begin with a `text`")
	flags.StringVar(&after, "after", "", "keys that come after a `key`, for the next page")
	flags.IntVarP(&f.Limit, "limit", "n", 100, "at most so many keys")
	return s.completes(c, statefulOf)
}

func (s *shell) writeStates(w io.Writer, f *control.StateFilter, list *control.StateList) error {
	var rows [][]string
	if f.Node == "" {
		for _, n := range list.Nodes {
			kept := "one a key"
			if !n.Keyed {
				kept = "one"
			}
			var values []string
			for _, v := range n.State {
				values = append(values, strings.TrimPrefix(v.Name+": "+v.Type, ": "))
			}
			rows = append(rows, []string{n.Node, n.Actor, kept, strings.Join(values, ", ")})
		}
		if len(rows) == 0 {
			s.say("no actor of this service keeps state")
			return nil
		}
		return table(w, "NODE ACTOR STATES VALUES", rows)
	}
	for _, k := range list.Keys {
		for _, v := range k.Values {
			rows = append(rows, []string{apart(nothing(k.Key), 60), apart(nothing(v.Name), 40), fmt.Sprint(v.Revision), fmt.Sprint(v.Bytes)})
		}
	}
	if len(rows) == 0 {
		s.say("no keys")
		return nil
	}
	if err := table(w, "KEY NAME REVISION BYTES", rows); err != nil {
		return err
	}
	if list.Next != nil {
		s.say("there are more: --after %s", quote(cell(*list.Next)))
	}
	return nil
}

// nothing shows an empty text.
func nothing(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func (s *shell) stateGet() *cobra.Command {
	var wait time.Duration
	c := &cobra.Command{
		Use: "get NODE [KEY [NAME]]", Short: "print what a node keeps of a key", Args: cobra.RangeArgs(1, 3),
		Long:    "get prints the value of a key; of several, all, or the one named. KEY is left out, or '', where the actor has no key.",
		Example: "  grow state get ledger alice\n  grow state get ledger alice note\n  grow state get ledger alice -o json",
		RunE: func(c *cobra.Command, args []string) error {
			r, name := stateArgs(args)
			return s.look(c.Context(), func(from looker) error {
				r.Timeout = wait
				st, err := from.State(c.Context(), r)
				if err != nil {
					return err
				}
				if len(args) > 2 {
					if st.Values, err = valueNamed(&st, name); err != nil {
						return err
					}
				}
				return s.print(st, func(w io.Writer) error { return s.writeState(w, &st) })
			})
		},
	}
	patience(c, &wait)
	return s.keyed(c)
}

// patience adds the flag that says how long a state is waited for.
func patience(c *cobra.Command, limit *time.Duration) {
	c.Flags().DurationVar(limit, "timeout", control.StateTime, "how long to wait for a message of the key that is being handled")
}

// stateArgs reads NODE [KEY [NAME]].
func stateArgs(args []string) (r control.StateRequest, name string) {
	args = append(slices.Clone(args), "", "")
	return control.StateRequest{Node: args[0], Key: args[1]}, args[2]
}

// valueNamed is the one of a state's values that has a name.
func valueNamed(st *control.State, name string) ([]control.StateValue, error) {
	var names []string
	for _, v := range st.Values {
		if v.Name == name {
			return []control.StateValue{v}, nil
		}
		names = append(names, v.Name)
	}
	next := "it has " + strings.Join(names, ", ")
	if slices.Equal(names, []string{""}) {
		next = "it has one value, without a name"
	}
	return nil, &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("%s keeps no %q of %q", st.Node, name, st.Key), At: name, Next: meant(name, names, next)}
}

func (s *shell) writeState(w io.Writer, st *control.State) error {
	for i, v := range st.Values {
		about := fmt.Sprintf("revision %d, %d bytes", v.Revision, v.Bytes)
		if v.Older != nil {
			about += fmt.Sprintf("; still a %s, which %s migrates before the next message", v.Older.Type, v.Older.By)
		}
		switch {
		case len(st.Values) == 1:
			s.say("%s", about)
		case i > 0:
			fmt.Fprintln(w)
			fallthrough
		default:
			fmt.Fprintf(w, "%s  (%s)\n", cell(nothing(v.Name)), about)
		}
		if err := writeData(w, v.Data, v.Raw); err != nil {
			return err
		}
	}
	return nil
}

func (s *shell) stateSet() *cobra.Command {
	var given, file, reason string
	var revision uint64
	r := control.StateSet{}
	c := &cobra.Command{
		Use: "set NODE [KEY [NAME]]", Short: "set or delete what a node keeps of a key", Args: cobra.RangeArgs(1, 3),
		Long: "set replaces a value, which must be of the type that the actor declares, between two messages of the key. With --if-revision it " +
			"does so only if nobody was quicker: 0 stands for no value. The journal keeps who did it, when and why.",
		Example: "  grow state set ledger alice --data '{\"entries\": []}' --if-revision 3 --reason 'a test'\n" +
			"  grow state set ledger alice --file alice.json --plan\n  grow state set ledger alice --delete --reason 'she has left'",
		RunE: func(c *cobra.Command, args []string) error {
			at, name := stateArgs(args)
			r.Node, r.Key, r.Name, r.Act = at.Node, at.Key, name, act(reason)
			if c.Flags().Changed("if-revision") {
				r.Revision = &revision
			}
			var err error
			if r.Data, err = s.stateData(c, given, file, r.Delete); err != nil {
				return err
			}
			host, err := s.host()
			if err != nil {
				return err
			}
			defer host.Close()
			reply, err := host.SetState(c.Context(), r)
			if err != nil {
				return err
			}
			return s.print(reply, func(w io.Writer) error { return s.writeSet(w, &reply) })
		},
	}
	f := c.Flags()
	f.StringVarP(&given, "data", "d", "", "the new value: JSON, @FILE, or - for standard input")
	f.StringVar(&file, "file", "", "a `file` of the new value")
	f.BoolVar(&r.Delete, "delete", false, "delete the value")
	f.Uint64Var(&revision, "if-revision", 0, "only if it has this `revision`; 0: only if there is none")
	f.BoolVar(&r.Plan, "plan", false, "only say what would be done")
	patience(c, &r.Timeout)
	because(c, &reason)
	return s.keyed(c)
}

// stateData is the value that one of the flags gives; nil deletes it.
func (s *shell) stateData(c *cobra.Command, given, file string, deleted bool) ([]byte, error) {
	n := 0
	for _, name := range []string{"data", "file", "delete"} {
		if c.Flags().Changed(name) {
			n++
		}
	}
	switch {
	case n != 1:
		return nil, usage("say what the value is to be: --data, --file or --delete, one of them")
	case deleted:
		return nil, nil
	case c.Flags().Changed("file"):
		given = "@" + file
	}
	b, err := s.data(c.Context(), given)
	if err == nil && len(b) > abi.StateValueMax {
		err = &control.Error{Code: app.CodeState, Message: fmt.Sprintf("a value has at most %d bytes, not %d", abi.StateValueMax, len(b))}
	}
	if b == nil {
		b = []byte{}
	}
	return b, err
}

func (s *shell) writeSet(w io.Writer, reply *control.StateSetReply) error {
	what := fmt.Sprintf("is revision %d", reply.Revision)
	switch {
	case reply.Revision == 0 && reply.Was == nil:
		what = "was not there"
	case reply.Revision == 0:
		what = "is deleted"
	}
	if reply.Plan {
		what = strings.Replace(what, "is ", "would be ", 1)
	}
	value := reply.Node
	if reply.Key != "" {
		value = reply.Key + " at " + reply.Node
	}
	if reply.Name != "" {
		value = reply.Name + " of " + value
	}
	s.say("%s %s", cell(value), what)
	return s.writeDifferences(w, reply.Changes, 0, "")
}

// statefulOf are the nodes whose actors keep state.
func statefulOf(service *specs.Service) []string {
	table, err := router.Compile(service)
	if err != nil {
		return nil
	}
	var paths []string
	for _, n := range table.Nodes {
		if len(n.Actor.State) > 0 {
			paths = append(paths, n.Path)
		}
	}
	slices.Sort(paths)
	return paths
}

// keyed has the arguments of a command completed: a node, and a key that it has.
func (s *shell) keyed(c *cobra.Command) *cobra.Command {
	s.completes(c, statefulOf)
	nodes := c.ValidArgsFunction
	c.ValidArgsFunction = func(c *cobra.Command, args []string, given string) ([]string, cobra.ShellCompDirective) {
		if len(args) != 1 {
			return nodes(c, args, given)
		}
		host, err := s.host()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer host.Close()
		ctx, cancel := context.WithTimeout(context.Background(), completeTime)
		defer cancel()
		list, err := host.States(ctx, control.StateFilter{Node: args[0], Prefix: given, Limit: completeMax})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var words []string
		for _, k := range list.Keys {
			words = append(words, k.Key)
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

// when is a time as tables show it: without the date where that is today's.
func when(t time.Time) string {
	t = t.Local()
	if time.Now().Format(time.DateOnly) == t.Format(time.DateOnly) {
		return t.Format("15:04:05.000")
	}
	return t.Format(time.DateTime)
}

package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
)

func (s *shell) service() *cobra.Command {
	return group(&cobra.Command{
		Use: "service", Short: "make, list, stop, start and delete services on a host",
		Long: "A host holds any number of services, in namespaces. What runs of one is stopped, paused, drained and started as a whole here, and\n" +
			"actor by actor with grow actor. What was said holds until something else is, also when the host is started again.",
		Example: "  grow service list\n  grow service create shop\n  grow service pause shop",
	}, s.serviceList(), s.serviceCreate(), s.serviceDelete(),
		s.serviceMode("start", "running", "start a service, or have it go on", "start starts a service that is stopped, and has one that is paused or drained go on."),
		s.serviceMode("stop", "stopped", "stop a service", "stop takes no more messages of a service, finishes what is under way, and ends it. What it keeps stays: its state, and messages that\nwait; they go on when it is started."),
		s.serviceMode("pause", "paused", "have a service take messages, and hold them", "pause has a service take messages and hold them, until it is started: who waits for an answer waits."),
		s.serviceMode("drain", "drained", "have a service finish what it has, and take no more", "drain lets nothing more in; what was accepted is handled to its end. grow service list says when nothing waits any more."))
}

// serviceNames are the names of the host's services in the namespace of the command.
func (s *shell) serviceNames() cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		host, err := s.platform()
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer host.Close()
		ctx, cancel := context.WithTimeout(context.Background(), completeTime)
		defer cancel()
		list, _ := host.Services(ctx) // no words where there is no answer
		var names []string
		for _, v := range list {
			if v.Namespace == s.target.namespace {
				names = append(names, v.Name)
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

func (s *shell) serviceList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list the services of a host", Args: cobra.NoArgs,
		Example: "  grow service list\n  grow service list --namespace eu\n  grow service list -o json",
		RunE:    func(c *cobra.Command, _ []string) error { return s.listServices(c) },
	}
}

// listServices lists the services of a host, or of the namespace that was asked for.
func (s *shell) listServices(c *cobra.Command) error {
	host, err := s.platform()
	if err != nil {
		return err
	}
	defer host.Close()
	list, err := host.Services(c.Context())
	if err != nil {
		return err
	}
	where := "the host"
	if c.Flags().Changed("namespace") {
		where = "namespace " + s.target.namespace
		list = slices.DeleteFunc(list, func(v api.Service) bool { return v.Namespace != s.target.namespace })
	}
	return s.print(list, func(w io.Writer) error {
		if len(list) == 0 {
			s.say("%s has no services; make one: grow service create NAME, or put a folder there: grow push", where)
			return nil
		}
		var rows [][]string
		for _, v := range list {
			live, mode := "-", v.Mode
			if v.Live > 0 {
				live = strconv.Itoa(v.Live)
			} else if mode == "running" {
				mode = "nothing deployed"
			}
			if v.Fault != "" {
				mode = "does not run"
			}
			rows = append(rows, []string{v.Namespace, v.Name, live, mode})
		}
		if err := table(w, "NAMESPACE SERVICE DEPLOYMENT MODE", rows); err != nil {
			return err
		}
		return tellFaults(w, list)
	})
}

// tellFaults writes why services do not run that are meant to.
func tellFaults(w io.Writer, list []api.Service) error {
	for _, v := range list {
		if v.Fault == "" {
			continue
		}
		if _, err := fmt.Fprintf(w, "\n%s does not run: %s\n", cell(v.Namespace+"/"+v.Name), cell(v.Fault)); err != nil {
			return err
		}
	}
	return nil
}

func (s *shell) serviceCreate() *cobra.Command {
	var n api.NewService
	var plan bool
	c := &cobra.Command{
		Use: "create NAME", Short: "make a service on a host, with nothing in it yet", Args: cobra.ExactArgs(1),
		Long:    "create makes a service on the host that has a name and nothing else. A folder for it is made by grow pull --service NAME; a folder that there\nis needs no create: grow push puts it there.",
		Example: "  grow service create shop --about 'sells things'\n  grow service create shop --namespace trials --plan",
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkName("NAME", args[0]); err != nil {
				return err
			}
			host, err := s.platform()
			if err != nil {
				return err
			}
			defer host.Close()
			at := s.target.namespace + "/" + args[0]
			if plan {
				return s.planCreate(c.Context(), host, args[0])
			}
			made, err := host.At(s.target.namespace, args[0]).CreateService(c.Context(), n)
			if err != nil {
				return err
			}
			return s.print(made, func(io.Writer) error {
				s.say("the host has the service %s; get its folder: grow pull --service %s", at, args[0])
				return nil
			})
		},
	}
	c.Flags().StringVar(&n.About, "about", "", "what it is for, in a `sentence`")
	c.Flags().BoolVar(&plan, "plan", false, "only say what would be made")
	return c
}

// planCreate says whether a service could be made.
func (s *shell) planCreate(ctx context.Context, host *api.Client, name string) error {
	list, err := host.Services(ctx)
	if err != nil {
		return err
	}
	at := s.target.namespace + "/" + name
	for _, v := range list {
		if v.Namespace == s.target.namespace && v.Name == name {
			return &control.Error{Code: codeBlocked, Message: "there is a service " + at + " already", At: at, Next: "take another name"}
		}
	}
	return s.planned(map[string]any{"service": at, "plan": true}, "would make the service %s", at)
}

func (s *shell) serviceDelete() *cobra.Command {
	var plan, yes bool
	c := &cobra.Command{
		Use: "delete NAME", Short: "end a service, and forget all of it", Args: cobra.ExactArgs(1),
		Long: "delete ends a service and forgets all of it: documents with their history, deployments, revisions, state, messages, dead letters.\n" +
			"There is no way back but a backup. SQLite databases are moved aside on the host, where its operator may remove them. On a terminal the name has to be typed again; elsewhere --yes says that it is meant.",
		Example: "  grow service delete shop\n  grow service delete shop --plan\n  grow service delete shop --yes",
		RunE: func(c *cobra.Command, args []string) error {
			host, err := s.platform()
			if err != nil {
				return err
			}
			defer host.Close()
			at := s.target.namespace + "/" + args[0]
			r := host.At(s.target.namespace, args[0])
			n, err := r.DeleteService(c.Context(), true)
			if err != nil {
				return noService(err, at)
			}
			if plan {
				return s.planned(removal{at, true, n}, "would delete %s", allOf(at, n))
			}
			if err := s.confirm(c.Context(), args[0], "this deletes "+allOf(at, n), yes); err != nil {
				return err
			}
			if n, err = r.DeleteService(c.Context(), false); err != nil {
				return noService(err, at)
			}
			return s.print(removal{at, false, n}, func(io.Writer) error {
				s.say("deleted %s", allOf(at, n))
				return nil
			})
		},
		ValidArgsFunction: s.serviceNames(),
	}
	c.Flags().BoolVar(&plan, "plan", false, "only say what would be deleted")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// removal is what delete prints for programs.
type removal struct {
	Service string `json:"service"`
	Plan    bool   `json:"plan"`
	deploy.Removed
}

// allOf says what of a service is deleted, and where its databases are.
func allOf(at string, n deploy.Removed) string {
	what := fmt.Sprintf("%s: %s, %s, %s, and all that it has kept: state, messages, dead letters", at,
		count(n.Changes, "change")+" of documents", count(n.Deployments, "deployment"), count(n.Revisions, "revision"))
	if n.Away != "" {
		what += "; its databases are moved to " + n.Away + " in the host's folder"
	}
	return what
}

// noService says which service is not there.
func noService(err error, at string) error {
	var none *control.Error
	if errors.As(err, &none) && none.Code == control.CodeNotFound {
		return &control.Error{Code: none.Code, Message: "there is no service " + at, At: at, Next: "see those there are: grow service list"}
	}
	return err
}

// confirm has a person type a name before something is lost, unless yes says that it is
// meant. When ctx ends first, nothing is.
func (s *shell) confirm(ctx context.Context, name, what string, yes bool) error {
	if yes {
		return nil
	}
	if s.json() || !interactive(s.stdin) {
		return usage("%s; say --yes if that is meant", what)
	}
	fmt.Fprintf(s.stderr, "%s.\nType %s to do it: ", cell(what), cell(name))
	type answer struct {
		line string
		err  error
	}
	told := make(chan answer, 1)
	go func() { // reads until a line is there: what the command does not wait for ends with the process
		line, err := bufio.NewReader(s.stdin).ReadString('\n')
		told <- answer{line, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(s.stderr)
		return &control.Error{Code: codeInterrupted, Message: "interrupted; nothing was deleted"}
	case a := <-told:
		if errors.Is(a.err, io.EOF) {
			fmt.Fprintln(s.stderr) // the cursor is behind the question
		} else if a.err != nil {
			return fmt.Errorf("read answer: %w", a.err)
		}
		if strings.TrimSpace(a.line) != name {
			return &control.Error{Code: codeInterrupted, Message: "that is not " + cell(name) + "; nothing was deleted"}
		}
		return nil
	}
}

// interactive reports whether a person can be asked.
func interactive(r io.Reader) bool {
	f, ok := r.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// serviceMode makes a command that puts a service into a mode.
func (s *shell) serviceMode(verb, mode, short, long string) *cobra.Command {
	var plan bool
	c := &cobra.Command{
		Use: verb + " NAME", Short: short, Args: cobra.ExactArgs(1), Long: long,
		Example: fmt.Sprintf("  grow service %s shop\n  grow service %s shop --namespace trials --plan", verb, verb),
		RunE: func(c *cobra.Command, args []string) error {
			host, err := s.platform()
			if err != nil {
				return err
			}
			defer host.Close()
			list, err := host.Services(c.Context())
			if err != nil {
				return err
			}
			at := s.target.namespace + "/" + args[0]
			for _, v := range list {
				if v.Namespace == s.target.namespace && v.Name == args[0] {
					return s.governed(c.Context(), host.At(v.Namespace, v.Name), governing{Service: at, Was: wasOf(v), Mode: mode, Plan: plan})
				}
			}
			return noService(&control.Error{Code: control.CodeNotFound}, at)
		},
		ValidArgsFunction: s.serviceNames(),
	}
	c.Flags().BoolVar(&plan, "plan", false, "only say what would be done")
	return c
}

// wasOf is what a service does: its mode, unless it does not run although it is meant to.
func wasOf(v api.Service) string {
	if v.Fault != "" {
		return "not running"
	}
	return v.Mode
}

// governing is what start, stop, pause and drain print for programs.
type governing struct {
	Service string            `json:"service"`
	Actor   string            `json:"actor,omitempty"`
	Was     string            `json:"was"`
	Mode    string            `json:"mode"`
	Plan    bool              `json:"plan"`
	Actors  []api.ActorStatus `json:"actors"` // of the service, or the one
}

// governed puts a service or an actor into a mode, and tells.
func (s *shell) governed(ctx context.Context, r *api.Remote, g governing) error {
	who := g.Service
	if g.Actor != "" {
		who = g.Actor + " of " + g.Service
	}
	var err error
	if g.Plan {
		g.Actors, err = r.Actors(ctx)
	} else {
		g.Actors, err = r.Govern(ctx, api.Mode{Actor: g.Actor, Mode: g.Mode})
	}
	if err != nil {
		return err
	}
	waits := int64(0)
	kept := []api.ActorStatus{}
	for _, a := range g.Actors {
		if g.Actor == "" || a.Name == g.Actor {
			waits += a.Mailbox + a.Waiting
			kept = append(kept, a)
		}
	}
	g.Actors = kept
	if g.Plan {
		return s.planned(g, "%s is %s, with %s waiting; it would be %s", who, g.Was, count(int(waits), "message"), g.Mode)
	}
	return s.print(g, func(io.Writer) error {
		if g.Was == g.Mode {
			s.say("%s is %s already", cell(who), g.Mode)
			return nil
		}
		s.say("%s is %s; %s waiting", cell(who), g.Mode, count(int(waits), "message"))
		return nil
	})
}

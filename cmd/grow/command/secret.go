package command

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/audit"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/secrets"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// secretsHelp describes the flag that names a folder of secrets.
const secretsHelp = "`folder` with a file for each secret, named as it, as Docker and Kubernetes mount them"

func (s *shell) secret() *cobra.Command {
	return group(&cobra.Command{
		Use: "secret", Short: "seal secrets on a host: set, list, history, delete, rekey", Args: cobra.NoArgs,
		Long: "A secret that is set on a host is sealed there, and given to the service's actors whose grants name it, from their next look on.\n" +
			"What the host's environment or its folder of secrets (--secrets) has under the same name goes first. Values are never printed.",
		Example: "  grow secret set SHOP_TOKEN\n  grow secret list\n  grow secret delete SHOP_TOKEN",
	}, s.secretSet(), s.secretList(), s.secretHistory(), s.secretDelete(), s.secretRekey())
}

// secretFlags are those of commands for one secret, or for those of a place.
type secretFlags struct {
	shared bool // of all services of the namespace
	plan   bool
}

func (f *secretFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.shared, "all-services", false, "the secret of all services of the namespace; one of the service itself goes before it")
	c.Flags().BoolVar(&f.plan, "plan", false, "only say what would be done")
}

// place is whose secrets a command is for, and the host that has them.
func (s *shell) place(f secretFlags) (*api.Client, secrets.Place, error) {
	host, err := s.platform()
	if err != nil {
		return nil, secrets.Place{}, err
	}
	at := secrets.Place{Namespace: s.target.namespace}
	if !f.shared {
		if at.Service, err = s.serviceName(); err != nil {
			host.Close()
			return nil, at, err
		}
	}
	return host, at, nil
}

// owner says whose secrets are in a place.
func owner(at secrets.Place) string {
	if at.Service == "" {
		return "all services of " + at.Namespace
	}
	return at.Namespace + "/" + at.Service
}

func (s *shell) secretSet() *cobra.Command {
	var f secretFlags
	c := &cobra.Command{
		Use: "set NAME", Short: "give a secret a value, from standard input", Args: cobra.ExactArgs(1),
		Long: "set reads the value from standard input, without the line break at its end; at a terminal it asks for it, and what is typed is not shown.\n" +
			"Actors that run get the new value when they ask next. The values before are kept sealed, to be masked where an actor wrote them.",
		Example: "  grow secret set SHOP_TOKEN\n  grow secret set SMTP_PASSWORD --all-services",
		RunE: func(c *cobra.Command, args []string) error {
			name := args[0]
			if err := secrets.CheckName(name); err != nil {
				return usage("%v", err)
			}
			host, at, err := s.place(f)
			if err != nil {
				return err
			}
			defer host.Close()
			if f.plan {
				return s.planned(secrets.Info{Namespace: at.Namespace, Service: at.Service, Name: name}, "would set %s of %s", name, owner(at))
			}
			value, err := s.readSecret(c.Context(), name)
			if err != nil {
				return err
			}
			made, err := host.SetSecret(c.Context(), at, name, value)
			if err != nil {
				return err
			}
			return s.print(made, func(io.Writer) error {
				s.say("%s of %s is set", name, owner(at))
				if made.From != "sealed" {
					s.say("the host's %s has %s too, and goes first", made.From, name)
				}
				return nil
			})
		},
	}
	f.add(c)
	return c
}

// readSecret reads a value from standard input, which shows nothing when it is a terminal.
func (s *shell) readSecret(ctx context.Context, name string) ([]byte, error) {
	value, err := s.input(ctx, name)
	if err != nil {
		return nil, err
	}
	value = bytes.TrimSuffix(bytes.TrimSuffix(value, []byte("\n")), []byte("\r"))
	switch {
	case len(value) == 0:
		return nil, usage("there is no value on standard input: grow secret set %s < FILE", name)
	case len(value) > secrets.ValueMax:
		return nil, usage("a secret has at most %d bytes", secrets.ValueMax)
	}
	return value, nil
}

func (s *shell) input(ctx context.Context, name string) ([]byte, error) {
	if !interactive(s.stdin) {
		b, err := io.ReadAll(io.LimitReader(s.stdin, secrets.ValueMax+3))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		return b, nil
	}
	return s.typed(ctx, name)
}

// typed asks for a value at a terminal. The terminal shows nothing from before it is asked
// for, however early somebody types.
func (s *shell) typed(ctx context.Context, name string) ([]byte, error) {
	fd := int(s.stdin.(*os.File).Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	terminal := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{s.stdin, s.stderr}, "")
	type answer struct {
		value string
		err   error
	}
	told := make(chan answer, 1)
	go func() { // reads until a line is there: what the command does not wait for ends with the process
		value, err := terminal.ReadPassword(name + " (what you type is not shown): ")
		told <- answer{value, err}
	}()
	interrupted := &control.Error{Code: codeInterrupted, Message: "interrupted; nothing was set"}
	select {
	case <-ctx.Done():
		_ = term.Restore(fd, before) // a terminal that is gone
		fmt.Fprintln(s.stderr)
		return nil, interrupted
	case a := <-told:
		if err := errors.Join(a.err, term.Restore(fd, before)); errors.Is(err, io.EOF) { // Ctrl-C and Ctrl-D
			fmt.Fprintln(s.stderr)
			return nil, interrupted
		} else if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		return []byte(a.value), nil
	}
}

func (s *shell) secretList() *cobra.Command {
	var f secretFlags
	var hidden bool
	c := &cobra.Command{
		Use: "list", Short: "list sealed secrets: where from, when and by whom, never values", Args: cobra.NoArgs,
		Example: "  grow secret list\n  grow secret list --all-services -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			host, at, err := s.place(f)
			if err != nil {
				return err
			}
			defer host.Close()
			look := host.Secrets
			if hidden {
				look = host.HiddenSecrets
			}
			list, err := look(c.Context(), at)
			if err != nil {
				return err
			}
			return s.print(list, func(w io.Writer) error {
				if len(list) == 0 && hidden {
					s.say("nothing of %s is kept only to be masked", owner(at))
					return nil
				}
				if len(list) == 0 {
					s.say("no secret of %s is sealed; set one: grow secret set NAME", owner(at))
					return nil
				}
				var rows [][]string
				for _, v := range list {
					service := v.Service
					if service == "" {
						service = "(all)"
					}
					rows = append(rows, []string{v.Name, service, v.From, v.Set.Local().Format(time.DateTime), v.By})
				}
				return table(w, "NAME SERVICE FROM SET BY", rows)
			})
		},
	}
	c.Flags().BoolVar(&f.shared, "all-services", false, "those of all services of the namespace")
	c.Flags().BoolVar(&hidden, "hidden", false, "what no service has, and is kept to be masked: what was deleted, and what came from elsewhere")
	return c
}

func (s *shell) secretHistory() *cobra.Command {
	var f secretFlags
	var limit int
	c := &cobra.Command{
		Use: "history [NAME]", Short: "list who did what with sealed secrets, and which actors were given them", Args: cobra.MaximumNArgs(1),
		Long: "history lists what was done with secrets, the last first: who has set, deleted, forgotten or listed them, or sealed them with a new key,\n" +
			"and which actors were given which secret, once a day of each. The host keeps the last MiB of it for each namespace, and of\n" +
			"what a restore has brought, which is marked, the last two. Values are in none of it.",
		Example: "  grow secret history\n  grow secret history SHOP_TOKEN\n  grow secret history --all-services -n 20 -o json",
		RunE: func(c *cobra.Command, args []string) error {
			if limit < 1 || limit > audit.ListMax {
				return usage("--limit takes 1 to %d", audit.ListMax)
			}
			host, at, err := s.place(f)
			if err != nil {
				return err
			}
			defer host.Close()
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			list, err := host.SecretActs(c.Context(), at, name, limit)
			if err != nil {
				return err
			}
			return s.print(list, func(w io.Writer) error {
				if len(list) == 0 {
					s.say("nothing was done with secrets of %s", owner(at))
					return nil
				}
				var rows [][]string
				for _, e := range list {
					service, by, act := cmp.Or(e.Service, "(all)"), e.By, e.Act
					if e.Node != "" {
						by = "actor " + e.Node
					}
					if e.Failed {
						act += " (failed)"
					}
					if !e.Restored.IsZero() {
						act += " (restored)"
					}
					rows = append(rows, []string{e.Time.Local().Format(time.DateTime), act, cmp.Or(e.Name, "-"), service, by})
				}
				return table(w, "TIME ACT NAME SERVICE BY", rows)
			})
		},
	}
	c.Flags().BoolVar(&f.shared, "all-services", false, "also those of the other services of the namespace")
	c.Flags().IntVarP(&limit, "limit", "n", 50, "at most so many, the newest")
	return c
}

func (s *shell) secretDelete() *cobra.Command {
	var f secretFlags
	var forget bool
	c := &cobra.Command{
		Use: "delete NAME", Short: "delete a sealed secret", Args: cobra.ExactArgs(1),
		Long: "delete removes a secret. Actors that ask for it are told that it is not set. The values that it had stay sealed, to be masked where an actor wrote them;\n" +
			"with --forget they go, too, also those of a secret that was deleted before, and are masked no longer.",
		Example: "  grow secret delete SHOP_TOKEN\n  grow secret delete SHOP_TOKEN --forget\n  grow secret delete SMTP_PASSWORD --all-services --plan",
		RunE: func(c *cobra.Command, args []string) error {
			host, at, err := s.place(f)
			if err != nil {
				return err
			}
			defer host.Close()
			gone := secrets.Info{Namespace: at.Namespace, Service: at.Service, Name: args[0]}
			if !f.plan {
				if err := host.DeleteSecret(c.Context(), at, args[0], forget); err != nil {
					return err
				}
				return s.print(gone, func(io.Writer) error {
					s.say("%s of %s is deleted", cell(args[0]), owner(at))
					return nil
				})
			}
			list, err := host.Secrets(c.Context(), at)
			if err != nil {
				return err
			}
			for _, v := range list {
				if v.Service == at.Service && v.Name == args[0] {
					return s.planned(v, "would delete %s of %s", v.Name, owner(at))
				}
			}
			return &control.Error{Code: control.CodeNotFound, Message: "there is no secret " + cell(args[0]) + " of " + owner(at), At: args[0], Next: "see those there are: grow secret list"}
		},
	}
	f.add(c)
	c.Flags().BoolVar(&forget, "forget", false, "forget its values, too")
	return c
}

func (s *shell) secretRekey() *cobra.Command {
	return &cobra.Command{
		Use: "rekey", Short: "seal all secrets of a host with a new key", Args: cobra.NoArgs,
		Long: "rekey makes a new key, seals all secrets of the host with it, and forgets the old one. It can be repeated when it was interrupted.\n" +
			"A key that comes from " + secrets.KeyVariable + " is replaced by starting the host with the new key, a comma and the old one, and then this.",
		Example: "  grow secret rekey",
		RunE: func(c *cobra.Command, _ []string) error {
			host, err := s.platform()
			if err != nil {
				return err
			}
			defer host.Close()
			r, err := host.Rekey(c.Context())
			if err != nil {
				return err
			}
			return s.print(r, func(io.Writer) error {
				s.say("%d secrets are sealed with a new key", r.Secrets)
				for _, i := range r.Left {
					s.say("%s of %s was kept to be masked, and no key opens it: forget it with grow secret delete --forget", cell(i.Name), owner(secrets.Place{Namespace: i.Namespace, Service: i.Service}))
				}
				return nil
			})
		},
	}
}

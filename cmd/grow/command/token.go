package command

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/token"
	"github.com/spf13/cobra"
)

func (s *shell) token() *cobra.Command {
	return group(&cobra.Command{
		Use: "token", Short: "make, list and revoke tokens of a host", Args: cobra.NoArgs,
		Long: "A token lets a person, a pipeline or an agent reach a host. It has scopes: read looks, deploy changes what runs, debug sends and changes messages\n" +
			"and states, admin is all of them and what concerns the host itself. It holds in some namespaces, or in all.",
		Example: "  grow token create ci --scope deploy --namespaces main --expires 90d\n  grow token list",
	}, s.tokenCreate(), s.tokenList(), s.tokenRevoke())
}

func (s *shell) tokenCreate() *cobra.Command {
	var scopes, namespaces []string
	var expires string
	var plan bool
	c := &cobra.Command{
		Use: "create NAME", Short: "make a token; its text is shown once", Args: cobra.ExactArgs(1),
		Long:    "create makes a token, and prints its text on standard output. The host keeps a hash of it: the text cannot be had again.",
		Example: "  grow token create ci --scope deploy --namespaces main --expires 90d\n  grow token create ann --scope read,debug --namespaces '*'\n  export GROW_TOKEN=$(grow token create ci --scope deploy -q)",
		RunE: func(c *cobra.Command, args []string) error {
			if !c.Flags().Changed("namespaces") {
				namespaces = []string{s.target.namespace}
			}
			n := api.NewToken{Name: args[0], Namespaces: namespaces}
			for _, name := range scopes {
				n.Scopes = append(n.Scopes, token.Scope(name))
			}
			if expires != "" {
				d, err := period(expires)
				if err != nil {
					return err
				}
				end := time.Now().Add(d).UTC().Truncate(time.Second)
				n.Expires = &end
			}
			if err := (&token.Token{Name: n.Name, Scopes: n.Scopes, Namespaces: n.Namespaces}).Check(); err != nil {
				return usage("%s", err)
			}
			host, err := s.platform()
			if err != nil {
				return err
			}
			defer host.Close()
			if plan {
				return s.planned(n, "would make the token %s: %s", n.Name, allows(n.Scopes, n.Namespaces))
			}
			made, err := host.CreateToken(c.Context(), n)
			if err != nil {
				return err
			}
			return s.print(made, func(w io.Writer) error {
				s.say("%s %s: %s; it ends %s.\nIts text, which is not shown again:\n", made.Token.ID, cell(made.Token.Name), allows(made.Token.Scopes, made.Token.Namespaces), ends(made.Token.Expires))
				_, err := fmt.Fprintln(w, made.Text)
				return err
			})
		},
	}
	f := c.Flags()
	f.StringSliceVar(&scopes, "scope", []string{"read"}, "what it allows: `scopes` joined by commas, of read, deploy, debug and admin")
	f.StringSliceVar(&namespaces, "namespaces", nil, "where it holds: `namespaces` joined by commas; * for all; that of --namespace when not given")
	f.StringVar(&expires, "expires", "", "when it ends: a `time` from now, such as 30d or 12h; never when not given")
	f.BoolVar(&plan, "plan", false, "only say what would be made")
	fixed(c, "scope", "read", "deploy", "debug", "admin")
	return c
}

// allows says what a token allows.
func allows(scopes []token.Scope, namespaces []string) string {
	var list []string
	for _, s := range scopes {
		list = append(list, string(s))
	}
	where := "in " + strings.Join(namespaces, ", ")
	if len(namespaces) == 1 && namespaces[0] == token.AnyNamespace {
		where = "in all namespaces"
	}
	return strings.Join(list, ", ") + " " + where
}

func ends(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format(time.DateTime)
}

// periodMax is how far ahead a token may end: what is longer is a slip, or never.
const periodMax = 10 * 365 * 24 * time.Hour

// period reads a time from now: as Go writes it, or in days.
func period(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		if n, err = strconv.Atoi(days); err == nil && n <= int(periodMax/(24*time.Hour)) {
			d = time.Duration(n) * 24 * time.Hour
		}
	}
	if err != nil || d <= 0 || d > periodMax {
		return 0, usage("--expires takes a time from now, such as 30d or 12h, of at most ten years, not %q", text)
	}
	return d, nil
}

// planned tells what would be done: v for programs, a line for people.
func (s *shell) planned(v any, format string, args ...any) error {
	return s.print(v, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, cell(fmt.Sprintf(format, args...)))
		return err
	})
}

func (s *shell) tokenList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list the tokens of a host, the newest first", Args: cobra.NoArgs,
		Example: "  grow token list\n  grow token list -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			host, err := s.platform()
			if err != nil {
				return err
			}
			defer host.Close()
			list, err := host.Tokens(c.Context())
			if err != nil {
				return err
			}
			return s.print(list, func(w io.Writer) error {
				var rows [][]string
				for _, t := range list {
					end := ends(t.Expires)
					if !t.Expires.IsZero() && t.Expires.Before(time.Now()) {
						end = "ended"
					}
					rows = append(rows, []string{t.ID, t.Name, allows(t.Scopes, t.Namespaces), t.Created.Local().Format(time.DateTime), t.By, end})
				}
				return table(w, "ID NAME ALLOWS MADE BY ENDS", rows)
			})
		},
	}
}

func (s *shell) tokenRevoke() *cobra.Command {
	var plan bool
	c := &cobra.Command{
		Use: "revoke ID", Short: "end a token at once", Args: cobra.ExactArgs(1),
		Long:    "revoke ends a token: nobody reaches the host with it any more, within a second.",
		Example: "  grow token revoke abcdefghijkm\n  grow token revoke abcdefghijkm --plan",
		RunE: func(c *cobra.Command, args []string) error {
			host, err := s.platform()
			if err != nil {
				return err
			}
			defer host.Close()
			list, err := host.Tokens(c.Context())
			if err != nil {
				return err
			}
			for _, t := range list {
				switch {
				case t.ID != args[0]:
				case plan:
					return s.planned(t, "would revoke %s %s: %s", t.ID, t.Name, allows(t.Scopes, t.Namespaces))
				default:
					if err := host.RevokeToken(c.Context(), t.ID); err != nil {
						return err
					}
					return s.print(t, func(io.Writer) error {
						s.say("%s %s is revoked", t.ID, cell(t.Name))
						return nil
					})
				}
			}
			return &control.Error{Code: control.CodeNotFound, Message: fmt.Sprintf("there is no token %s", args[0]), At: args[0], Next: "see those there are, with their ids: grow token list"}
		},
	}
	c.Flags().BoolVar(&plan, "plan", false, "only say what would be done")
	return c
}

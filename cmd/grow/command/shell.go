package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/logs"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// shell is what every command has: where its words come from and go to, and
// the flags that all take.
type shell struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	output  string // -o
	dir     string // -C
	noColor bool
	quiet   bool
	target  target
}

const about = `grow runs services made of actors: small modules that take messages and send messages.

A service is a folder: grow.yaml says what the outside sees, types/ what messages
look like, actors/ what each actor is for, workflows/ who sends to whom.`

// suggestWithin is how many letters a slip may differ from what is suggested.
const suggestWithin = 2

// maxGiven is how many letters of wrong arguments are repeated.
const maxGiven = 60

// Commands stand in help as they are listed here. It is a variable of the whole
// process, and so not for every tree to set.
func init() { cobra.EnableCommandSorting = false }

// root makes the whole tree of commands.
func (s *shell) root() *cobra.Command {
	root := &cobra.Command{
		Use: "grow", Short: "run services of message-passing actors", Long: about,
		SilenceErrors: true, SilenceUsage: true, SuggestionsMinimumDistance: suggestWithin,
		Example: "  grow init shop           make a service that runs\n  grow vet                 check the service in this folder\n  grow run                 build and serve it\n  grow send reports report.due --data '{}' --wait",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if s.output != "table" && s.output != "json" {
				return usage("-o takes table or json, not %q", s.output)
			}
			return nil
		},
	}
	root.SetOut(s.stdout) // before the completions, which keep it
	root.Version = thisRelease().String()
	root.SetVersionTemplate("{{.Version}}\n")
	root.Flags().Bool("version", false, "print the version")
	s.flags(root)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &usageError{control.Error{Code: codeUsage, Message: err.Error(), Next: flagInstead(c, err)}}
	})
	root.SetHelpFunc(s.help)
	root.AddGroup(groups...)
	root.AddCommand(in(groupWrite,
		s.init(),
		s.actor(),
		s.workflow(),
		s.vet(),
		s.test(),
		s.compare(),
		s.graph(),
		s.site(),
		s.build(),
		s.schema(),
		s.types(),
	)...)
	root.AddCommand(in(groupRun,
		s.run(),
		s.serveHost(),
		s.send(),
	)...)
	root.AddCommand(in(groupHost, s.onHosts()...)...)
	root.AddCommand(in(groupLook,
		s.status(),
		s.top(),
		s.logs(),
		s.deadLetters(),
		s.trace(),
		s.replay(),
		s.record(),
		s.debug(),
		s.inside(),
		s.state(),
	)...)
	root.AddCommand(in(groupSetUp,
		s.backup(),
		s.restore(),
		s.fsck(),
		s.doctor(),
		s.console(),
		s.version(),
		s.licenses(),
	)...)
	root.SetHelpCommandGroupID(groupSetUp)
	root.SetCompletionCommandGroupID(groupSetUp)
	completions(root)
	wrapArgs(root)
	return root
}

// onHosts are the commands for hosts that services are deployed to.
func (s *shell) onHosts() []*cobra.Command {
	return []*cobra.Command{
		s.deploy(),
		s.upload(),
		s.swap(),
		s.history(),
		s.diff(),
		s.rollback(),
		s.service(),
		s.push(),
		s.pull(),
		s.docs(),
		s.token(),
		s.signKey(),
		s.secret(),
		s.publish(),
	}
}

// flags adds the flags that all commands take.
func (s *shell) flags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVarP(&s.output, "output", "o", "table", "`format` of what is printed: table or json")
	f.StringVarP(&s.dir, "dir", "C", "", "work on the service in this `folder`")
	f.BoolVar(&s.noColor, "no-color", false, "print without colours; so does NO_COLOR")
	f.BoolVarP(&s.quiet, "quiet", "q", false, "print no progress")
	s.target.flags(f)
	fixed(root, "output", "table", "json")
}

// wrapArgs makes wrong arguments of any command errors of usage.
func wrapArgs(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				text, next := wanted(c, args), "see: "+c.CommandPath()+" --help"
				if c.HasSubCommands() && len(args) > 0 {
					text = fmt.Sprintf("%s has no command %q", c.CommandPath(), args[0])
					next = instead(c, args[0], next)
				}
				return &usageError{control.Error{Code: codeUsage, Message: text, Next: next}}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		wrapArgs(sub)
	}
}

// instead says which command of a group was meant, or which a small one has.
func instead(c *cobra.Command, given, next string) string {
	if near := c.SuggestionsFor(given); len(near) > 0 {
		for i, name := range near {
			near[i] = c.CommandPath() + " " + name
		}
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	if !c.HasParent() {
		return next
	}
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	return c.CommandPath() + " has " + strings.Join(names, ", ")
}

// flagInstead says which flag was meant, or where to find those there are.
func flagInstead(c *cobra.Command, err error) string {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "" {
		var known []string
		c.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if near := schema.Nearest(unknown.GetSpecifiedName(), known); near != "" {
			return "did you mean --" + near + "?"
		}
	}
	return "see: " + c.CommandPath() + " --help"
}

// wanted says what arguments a command takes in place of those given.
func wanted(c *cobra.Command, args []string) string {
	_, takes, _ := strings.Cut(c.Use, " ")
	if takes == "" {
		takes = "no arguments"
	}
	given := "none"
	if len(args) > 0 {
		given = cut(strings.Join(args, " "), maxGiven)
	}
	return fmt.Sprintf("%s takes %s; given: %s", c.CommandPath(), takes, given)
}

// wantsJSON reports whether a command line asks for JSON, whatever else is
// wrong with it.
func wantsJSON(args []string) bool {
	for i, a := range args {
		switch {
		case a == "--":
			return false
		case a == "-o=json" || a == "-ojson" || a == "--output=json":
			return true
		case (a == "-o" || a == "--output") && i+1 < len(args) && args[i+1] == "json":
			return true
		}
	}
	return false
}

// group is a command that only holds others.
func group(c *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	c.Args, c.SuggestionsMinimumDistance = cobra.NoArgs, suggestWithin
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	c.AddCommand(subs...)
	return c
}

// json reports whether the answer is for a program.
func (s *shell) json() bool { return s.output == "json" }

// print writes v as JSON, or lets text write it for people.
func (s *shell) print(v any, text func(w io.Writer) error) error {
	if !s.json() {
		return text(s.stdout)
	}
	return writeJSON(s.stdout, v, "  ")
}

// line writes one value of a stream as JSON.
func (s *shell) line(v any) error {
	return writeJSON(s.stdout, v, "")
}

// writeJSON writes a value in which nothing is left that a terminal obeys.
func writeJSON(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetIndent("", indent)
	out.SetEscapeHTML(false)
	if err := out.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(logs.JSON(b.Bytes()))
	return err
}

// say tells a person how things go; programs and the quiet are not told.
func (s *shell) say(format string, args ...any) {
	if !s.quiet && !s.json() {
		fmt.Fprintf(s.stderr, format+"\n", args...)
	}
}

// color reports whether w shows colours.
func (s *shell) color(w io.Writer) bool {
	return !s.noColor && os.Getenv("NO_COLOR") == "" && obeys(w)
}

// terminal reports whether a person reads w as it is written.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// obeys reports whether w is a terminal that moves its cursor when told to.
func obeys(w io.Writer) bool { return terminal(w) && os.Getenv("TERM") != "dumb" }

// table writes rows in columns.
func table(w io.Writer, head string, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.ReplaceAll(head, " ", "\t"))
	for _, r := range rows {
		for i, text := range r {
			if i > 0 {
				fmt.Fprint(t, "\t")
			}
			fmt.Fprint(t, cell(text))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// cell makes text that others wrote safe to print on one line.
func cell(text string) string { return string(logs.Plain(nil, text)) }

// safe makes text of several lines safe to print, where it may have lines of its own.
func safe(text string) string { return logs.Lines(text, "") }

// within is how text of somebody else stands in a sentence: its further lines are
// indented, so that none of them is taken for ours.
func within(text string) string { return logs.Lines(text, "    ") }

// nearby is a path as it is written from here, when it is below.
func nearby(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(here, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// definitions are the files by which a folder is known to hold a service.
var definitions = []string{"grow.yaml", "grow.cue"}

// folder is the service's folder: the one named, or else this one or the
// nearest above that holds a service.
func (s *shell) folder(args []string) (string, error) {
	named := s.dir
	if len(args) > 0 {
		named = args[0]
	}
	start := named
	if start == "" {
		start = "."
	}
	dir, err := filepath.Abs(start)
	if err != nil {
		return "", fmt.Errorf("find folder: %w", err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		for _, name := range definitions {
			if _, err := os.Stat(filepath.Join(at, name)); err == nil {
				return at, nil
			}
		}
		if named != "" || at == filepath.Dir(at) {
			break
		}
	}
	info, err := os.Stat(dir)
	if errors.Is(err, os.ErrNotExist) {
		return "", &control.Error{Code: control.CodeNotFound, Message: "there is no folder " + dir, At: dir}
	}
	if err == nil && !info.IsDir() {
		return "", &control.Error{Code: control.CodeNotFound, Message: dir + " is a file; a service is a folder", At: dir, Next: "name the folder that grow.yaml is in"}
	}
	return "", &control.Error{
		Code: codeNoService, Message: "there is no service here: no grow.yaml in " + dir, At: dir,
		Next: "go to the service's folder, or name it: -C FOLDER; or make one: grow init",
	}
}

package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/grow-platform/grow/cmd/grow/prompt"
	"github.com/grow-platform/grow/host/control"
	"github.com/spf13/cobra"
)

func (s *shell) inside() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use: "shell NODE", Short: "look into one node that runs, and mend what it keeps, command by command", Args: cobra.ExactArgs(1),
		Long: "shell asks for commands about one node, named by its path or by its actor: what waits, what is being handled, which instances run, what it keeps, " +
			"what it has handled. State is edited only as it was when it was read, and the journal keeps who did it. help lists the commands, tab completes them, " +
			"and Control-C ends one that goes on.\n\nCommands may come from a pipe; with -o json each prints one value. The command ends with the code of the last that failed.",
		Example: "  grow shell price\n  grow shell checkout/price --key alice\n  echo mailbox | grow shell price -o json",
		RunE: func(c *cobra.Command, args []string) error {
			v := &visit{shell: s}
			if c.Flags().Changed("key") {
				v.key = &key
			}
			return v.begin(c.Context(), args[0])
		},
	}
	c.Flags().StringVar(&key, "key", "", "look at one `key`, as the command key does")
	return s.completes(c, nodesOf)
}

// visit is a person's look into one node. It belongs to begin's goroutine; while that waits
// for a line, another one reads it and completes it.
type visit struct {
	*shell
	lines  *prompt.Lines
	node   string
	keyed  bool
	types  []string       // of messages that it takes
	key    *string        // that is looked at; nil: all
	failed *control.Error // the last error
}

// errLeave is what the command quit returns.
var errLeave = errors.New("quit")

// begin looks at a node until there are no more commands.
func (v *visit) begin(ctx context.Context, node string) error {
	in, err := v.inspect(ctx, control.InspectRequest{Node: node, Key: v.key})
	if err != nil {
		return err
	}
	v.node, v.keyed, v.types = in.Node, in.Keyed, in.In
	v.lines = prompt.New(v.stdin, v.stdout, v.complete)
	if v.lines.AtTerminal() && !v.json() {
		if err := writeNodeHead(v.stdout, &in); err != nil {
			return err
		}
		fmt.Fprintln(v.stdout, "help lists the commands; quit leaves")
	}
	if v.lines.AtTerminal() {
		var stop context.CancelFunc
		ctx, stop = terminated(ctx)
		defer stop()
	}
	if err := v.loop(ctx); err != nil {
		return err
	}
	if v.failed != nil && !v.lines.AtTerminal() {
		return &told{fault: *v.failed, whole: true}
	}
	return nil
}

// typedLine is one that was read.
type typedLine struct {
	text string
	err  error
}

// loop carries out commands. The goroutine that reads them ends with the next line after
// it, as a read cannot be given up.
func (v *visit) loop(ctx context.Context) error {
	want, lines := make(chan string, 1), make(chan typedLine, 1)
	defer close(want)
	go func() {
		for ask := range want {
			text, err := v.lines.Next(ask)
			lines <- typedLine{text, err}
		}
	}()
	for {
		want <- v.prompt()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case l := <-lines:
			if errors.Is(l.err, io.EOF) {
				return nil
			}
			if l.err != nil {
				return fmt.Errorf("read commands: %w", l.err)
			}
			err := v.attempt(ctx, l.text)
			if errors.Is(err, errLeave) {
				return nil
			}
			if err != nil && ctx.Err() != nil {
				return ctx.Err()
			}
			v.tell(ctx, err)
		}
	}
}

// terminated is ctx, but that Control-C does not end it, which is for one command: the end of
// the process does.
func terminated(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM)
}

// prompt is what a command is asked for with.
func (v *visit) prompt() string {
	if v.key != nil {
		return fmt.Sprintf("%s %s> ", v.node, cut(cell(*v.key), 30))
	}
	return v.node + "> "
}

// attempt carries out one command. At a terminal Control-C ends that, and not the visit.
func (v *visit) attempt(ctx context.Context, text string) error {
	if v.lines.AtTerminal() {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, os.Interrupt)
		defer stop()
	}
	err := v.command(ctx, text)
	if ctx.Err() != nil && v.lines.AtTerminal() && errors.Is(err, context.Canceled) {
		return nil // it was to end
	}
	return err
}

// tell says what went wrong, and remembers it.
func (v *visit) tell(ctx context.Context, err error) {
	if err == nil {
		return
	}
	var quiet *told
	if errors.As(err, &quiet) && quiet.whole {
		v.failed = &quiet.fault
		return
	}
	v.failed = split(err)[0]
	v.fail(ctx, err)
}

// command carries out a line.
func (v *visit) command(ctx context.Context, text string) error {
	text = strings.TrimSpace(text)
	if text == "" || strings.HasPrefix(text, "#") {
		return nil
	}
	name, rest, _ := strings.Cut(text, " ")
	o, err := findOrder(name)
	if err != nil {
		return err
	}
	return o.do(v, ctx, strings.TrimSpace(rest))
}

// inspect asks the host what the node does.
func (v *visit) inspect(ctx context.Context, r control.InspectRequest) (in control.Inspection, err error) {
	host, err := v.host()
	if err != nil {
		return in, err
	}
	defer host.Close()
	return host.Inspect(ctx, r)
}

// grow runs another command of grow on the same service.
func (v *visit) grow(ctx context.Context, args ...string) error {
	inner := &shell{stdin: v.lines.Rest(), stdout: v.stdout, stderr: v.stderr}
	root := inner.root()
	root.SetIn(inner.stdin)
	root.SetErr(v.stderr)
	root.SetArgs(slices.Concat(args[:1], v.flagsOf(), args[1:]))
	err := root.ExecuteContext(ctx)
	if err == nil {
		return nil
	}
	inner.output = v.output // flags after a wrong one were not read
	inner.fail(ctx, err)
	return &told{fault: *split(err)[0], whole: true}
}

// process runs another command of grow in a process of its own: one that reads keys, and may
// leave a read of them behind, which would have the next one that is typed here.
func (v *visit) process(ctx context.Context, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program grow: %w", err)
	}
	c := exec.CommandContext(ctx, self, slices.Concat(args[:1], v.flagsOf(), args[1:])...)
	c.Stdin, c.Stdout, c.Stderr = v.stdin, v.stdout, v.stderr
	var ended *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &ended) { // else it has said why
		return fmt.Errorf("start grow %s: %w", args[0], err)
	}
	return nil
}

// flagsOf are the flags that all commands take, as this one has them.
func (v *visit) flagsOf() []string {
	flags := []string{"--output=" + v.output, "--namespace=" + v.target.namespace}
	for name, value := range map[string]string{"dir": v.dir, "host": v.target.host, "host-ca": v.target.ca, "service": v.target.service} {
		if value != "" {
			flags = append(flags, "--"+name+"="+value)
		}
	}
	if v.noColor {
		flags = append(flags, "--no-color")
	}
	if v.quiet {
		flags = append(flags, "--quiet")
	}
	return flags
}

// words splits what follows a command. Quotes and brackets hold words together; quotes that
// a word begins with are left out.
func words(text string) ([]string, error) {
	var list []string
	var word []rune
	var quote rune
	depth, in, dropped := 0, false, false
	for _, r := range text {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
				if dropped {
					continue
				}
			}
		case r == '\'' || r == '"':
			quote, dropped = r, !in
			in = true
			if dropped {
				continue
			}
		case r == '{' || r == '[':
			depth++
		case r == '}' || r == ']':
			depth--
		case (r == ' ' || r == '\t') && depth <= 0:
			if in {
				list = append(list, string(word))
			}
			word, in = nil, false
			continue
		}
		word, in = append(word, r), true
	}
	if quote != 0 {
		return nil, usage("a quote is not closed: %c", quote)
	}
	if in {
		list = append(list, string(word))
	}
	return list, nil
}

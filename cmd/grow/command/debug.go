package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/adapter"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/cmd/grow/debugger"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/specs"
	"github.com/spf13/cobra"
)

// debugStdio is the address of a client that has started this command.
const debugStdio = "stdio"

func (s *shell) debug() *cobra.Command {
	var t control.DebugTarget
	var key, at string
	c := &cobra.Command{
		Use: "debug [ACTOR]", Short: "step through an actor that serves, or through a message that it has handled", Args: cobra.MaximumNArgs(1),
		Long: "debug stops an actor at lines of its source and shows its variables; ACTOR is its name, or the path of one of its nodes.\n\n" +
			"Without flags it stops the actor that serves: the key of the message waits, other keys and other actors go on, and what it is stopped for " +
			"does not count as the message's time. It goes on when the debugger leaves, or is held for too long. --message runs one again that was handled or given up on, " +
			"from the state, clock, random numbers and answers that it had then; --fork does so with the next one. What these send, keep and ask for is shown and not done.\n\n" +
			"At a terminal it is a debugger of its own: help lists its commands, which may also come from a pipe. --dap serves an editor that speaks the Debug Adapter Protocol: " +
			"at an address of this machine, or on standard input and output.",
		Example: "  grow debug price\n  grow debug --message 01JBZ5V6\n  grow debug price --fork --key alice\n  grow debug price --dap :4711\n  grow debug --dap stdio",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				t.Actor = args[0]
			}
			if c.Flags().Changed("key") {
				t.Key = &key
			}
			switch {
			case t.Actor == "" && t.Message == "" && at == "":
				return usage("say what is to be debugged: an actor, or a message by --message")
			case t.Message != "" && (t.Fork || t.Key != nil):
				return usage("--message says which message it is by itself: --fork and --key do not go with it")
			}
			return s.debugTarget(c.Context(), &t, at)
		},
	}
	f := c.Flags()
	f.StringVar(&t.Message, "message", "", "run the message of an `ID`, or of the beginning of one, again")
	f.BoolVar(&t.Fork, "fork", false, "run the next message again that the actor handles")
	f.StringVar(&key, "key", "", "only messages of this `key`")
	f.StringVar(&at, "dap", "", "serve an editor at an `ADDRESS|stdio`")
	return s.completes(c, nodesOf)
}

func (s *shell) debugTarget(ctx context.Context, t *control.DebugTarget, at string) error {
	host, err := s.host()
	if err != nil {
		return err
	}
	defer host.Close()
	args := s.debugArgs(t)
	switch at {
	case "":
		conn, err := host.Debug(ctx)
		if err != nil {
			return err
		}
		return s.debugHere(ctx, conn, args)
	case debugStdio:
		conn, err := host.Debug(ctx)
		if err != nil {
			return err
		}
		return adapter.Join(ctx, stdio{s.stdin, s.stdout}, conn, args)
	}
	client, err := s.debugClient(ctx, at)
	if err != nil {
		return err
	}
	conn, err := host.Debug(ctx)
	if err != nil {
		return errors.Join(err, client.Close())
	}
	return adapter.Join(ctx, client, conn, args)
}

// debugArgs are the arguments of attach that the command line says.
func (s *shell) debugArgs(t *control.DebugTarget) map[string]any {
	args := map[string]any{}
	if t.Actor != "" {
		args["actor"] = t.Actor
	}
	if t.Message != "" {
		args["message"] = t.Message
	}
	if t.Fork {
		args["fork"] = true
	}
	if t.Key != nil {
		args["key"] = *t.Key
	}
	if dir, err := s.folder(nil); err == nil {
		if service, _, err := app.Outline(dir); err == nil {
			args["folders"] = sourceFolders(service)
		}
	}
	return args
}

// sourceFolders are the folders of actors' sources, by the names of actors.
func sourceFolders(service *specs.Service) map[string]string {
	all := map[string]string{}
	for name, a := range service.Actors {
		if dir := app.SourceFolder(a, nil); dir != "" {
			all[name] = dir
		}
	}
	return all
}

// debugClient waits for one client at an address of this machine.
func (s *shell) debugClient(ctx context.Context, at string) (net.Conn, error) {
	name, port, err := net.SplitHostPort(at)
	if err != nil {
		return nil, usage("--dap takes an address such as :4711, or %s, not %q", debugStdio, at)
	}
	if name == "" {
		name = "127.0.0.1"
	}
	if ip := net.ParseIP(name); name != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, usage("--dap serves this machine alone, whose addresses are 127.0.0.1 and ::1, and not %q", name)
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", net.JoinHostPort(name, port))
	if err != nil {
		return nil, &control.Error{Code: "debug.listen", Message: "wait for an editor: " + err.Error(), At: at, Next: "pick another port: --dap :0 takes any that is free"}
	}
	defer l.Close()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })() // which ends Accept
	where := l.Addr().String()
	told := struct {
		DAP string `json:"dap"`
	}{where}
	if err := s.print(told, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "waiting for an editor at %s\n", where)
		return err
	}); err != nil {
		return nil, err
	}
	client, err := l.Accept()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return client, err
}

// debugHere debugs at the terminal, or by commands from a pipe.
func (s *shell) debugHere(ctx context.Context, conn io.ReadWriteCloser, args map[string]any) error {
	o := debugger.Options{Conn: conn, Args: args, In: s.stdin, Out: s.stdout}
	in, inFile := s.stdin.(*os.File)
	out, outFile := s.stdout.(*os.File)
	if inFile && outFile {
		restore, err := o.AtTerminal(in, out)
		if err != nil {
			return errors.Join(err, conn.Close())
		}
		defer restore()
	}
	o.Color = s.color(s.stdout)
	return debugFault(debugger.Run(ctx, o))
}

// debugFault is what a host has told a debugger, a code and a text, as an error of a
// command.
func debugFault(err error) error {
	if err == nil {
		return nil
	}
	code, text, ok := strings.Cut(err.Error(), ": ")
	if !ok || !strings.HasPrefix(code, "debug.") && code != control.CodeNotFound && code != control.CodeInvalid {
		return err
	}
	return &control.Error{Code: code, Message: text}
}

// stdio is a client that has started this command.
type stdio struct {
	io.Reader
	io.Writer
}

// Close implements io.Closer: it ends a read where that heeds it.
func (s stdio) Close() error {
	if c, ok := s.Reader.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

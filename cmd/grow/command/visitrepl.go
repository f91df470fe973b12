package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/logs"
)

// What a person is asked with for Python.
const (
	replPrompt = ">>> "
	replMore   = "... "
)

// replLeave is for the host to end a copy after the person has left.
const replLeave = 5 * time.Second

// repl has a copy of the actor carry out Python, line by line, until quit or the end of
// what is typed.
func (v *visit) repl(ctx context.Context, rest string) (err error) {
	if rest != "" {
		return usage("repl takes nothing: what the copy keeps is that of the command key")
	}
	host, err := v.host()
	if err != nil {
		return err
	}
	defer host.Close()
	r := control.REPLRequest{Node: v.node}
	if v.key != nil {
		r.Key = *v.key
	}
	open, err := host.OpenREPL(ctx, r)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), replLeave)
		defer cancel()
		if ended := host.CloseREPL(ctx, open.ID); err == nil && !isCode(ended, control.CodeREPLEnded) {
			err = ended
		}
	}()
	of := ""
	switch {
	case v.key != nil:
		of = ", with the state of the key " + quote(cell(r.Key))
	case v.keyed:
		of = ", without a state: key KEY, before repl, says whose it has"
	}
	v.say("Python in a copy of %s, revision %s%s: nothing is sent, kept or asked for outside", cell(open.Node), cell(open.Revision), of)
	v.say("ctx, message, grow and the names of main.py are there; quit leaves, and so do %v without input", control.REPLIdle)
	return v.typed(ctx, host, open.ID)
}

// typed carries out inputs. An input of several lines ends with an empty one, as in Python's
// own prompt.
func (v *visit) typed(ctx context.Context, host *control.Client, id string) error {
	if v.lines.AtTerminal() {
		var stop context.CancelFunc
		ctx, stop = terminated(ctx) // Control-C ends an input, and not the copy
		defer stop()
	}
	source, ask := "", replPrompt
	for ctx.Err() == nil {
		text, err := v.lines.Next(ask)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read what to carry out: %w", err)
		}
		if leaves := strings.TrimSpace(text); source == "" && (leaves == "quit" || leaves == "exit" || leaves == "quit()" || leaves == "exit()") {
			return nil
		}
		if source += text + "\n"; strings.TrimSpace(source) == "" {
			source = ""
			continue
		}
		out, err := v.input(ctx, host, control.REPLInput{ID: id, Source: strings.TrimSuffix(source, "\n")})
		if errors.Is(err, errInterrupted) {
			v.say("interrupted")
			source, ask = "", replPrompt
			continue
		}
		if err != nil {
			return err
		}
		if out.More {
			ask = replMore
			continue
		}
		source, ask = "", replPrompt
		if err := v.print(out, func(w io.Writer) error { return writeREPL(w, &out) }); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// errInterrupted is the end of an input that somebody has interrupted.
var errInterrupted = errors.New("interrupted")

// input has the copy carry out an input. At a terminal Control-C ends that, with
// errInterrupted: the host ends what nobody waits for.
func (v *visit) input(ctx context.Context, host *control.Client, in control.REPLInput) (control.REPLOutput, error) {
	if !v.lines.AtTerminal() {
		return host.Evaluate(ctx, in)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	out, err := host.Evaluate(ctx, in)
	if ctx.Err() != nil {
		err = errInterrupted
	}
	return out, err
}

// writeREPL writes what came of an input.
func writeREPL(w io.Writer, out *control.REPLOutput) error {
	for _, a := range out.Asked {
		fmt.Fprintf(w, "asked %s of %s, and was refused%s\n", cell(a.Operation), cell(a.Use), cell(askedWith(a.Data)))
	}
	text := out.Output
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	if out.Fault != "" {
		text += out.Fault + "\n"
	}
	_, err := io.WriteString(w, logs.Lines(text, ""))
	return err
}

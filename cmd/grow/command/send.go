package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/spf13/cobra"
)

func (s *shell) send() *cobra.Command {
	var given string
	var attrs []string
	var verbose bool
	r := control.SendRequest{}
	c := &cobra.Command{
		Use: "send NAME TYPE", Short: "send a message to a running service", Args: cobra.ExactArgs(2),
		Long: "send sends one message to an actor, a workflow or a node, and prints its id; with --wait it waits, and prints the reply's data.",
		Example: "  grow send checkout order.placed --data '{\"id\": \"o-1\", \"total\": 20}' --wait\n" +
			"  grow send checkout/orders order.get --data @order.json --wait --verbose\n  cat order.json | grow send checkout order.placed --data -",
		RunE: func(c *cobra.Command, args []string) error {
			r.To, r.Type = args[0], args[1]
			if r.Timeout <= 0 {
				return usage("--timeout is more than nothing")
			}
			if verbose && !r.Wait {
				return usage("--verbose tells what --wait has waited for: give both")
			}
			var err error
			if r.Data, err = s.data(c.Context(), given); err != nil {
				return err
			}
			r.Attrs = map[string]string{}
			for _, a := range attrs {
				name, value, ok := strings.Cut(a, "=")
				if !ok || !strings.HasPrefix(name, abi.OwnPrefix) && !strings.HasPrefix(name, "http.") {
					return usage("--attr takes x.NAME=VALUE or http.NAME=VALUE, not %q", a)
				}
				r.Attrs[name] = value
			}
			host, err := s.host()
			if err != nil {
				return err
			}
			defer host.Close()
			return s.sent(c.Context(), host, r, verbose)
		},
	}
	f := c.Flags()
	f.StringVarP(&given, "data", "d", "{}", "the message's data: text, @FILE, or - for standard input")
	f.BoolVarP(&r.Wait, "wait", "w", false, "wait for what comes of it, and print the reply")
	f.BoolVarP(&verbose, "verbose", "v", false, "say what it took, of fuel and of time, all that it caused included")
	f.DurationVar(&r.Timeout, "timeout", 30*time.Second, "how long to wait")
	f.StringVar(&r.ContentType, "content-type", "", "media `type` of the data; JSON when nothing is said")
	f.StringArrayVarP(&attrs, "attr", "a", nil, "an attribute, `x.NAME=VALUE` or http.NAME=VALUE; may be repeated")
	return s.completes(c, targetsOf, typesOf)
}

// data is what --data names.
func (s *shell) data(ctx context.Context, given string) ([]byte, error) {
	var b []byte
	var err error
	switch {
	case given == "-":
		b, err = s.readAll(ctx)
	case strings.HasPrefix(given, "@"):
		b, err = readFile(given[1:])
		if errors.Is(err, os.ErrNotExist) {
			return nil, &control.Error{Code: control.CodeNotFound, Message: "there is no file " + given[1:], At: given[1:]}
		}
	default:
		b = []byte(given)
	}
	if err != nil {
		return nil, fmt.Errorf("read data: %w", err)
	}
	if len(b) > abi.DataMax {
		return nil, &control.Error{Code: control.CodeTooLarge, Message: fmt.Sprintf("the data has more than %d bytes", abi.DataMax)}
	}
	return b, nil
}

// readFile reads a file, at most one byte more than data may have.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, abi.DataMax+1))
}

// readAll reads standard input, at most one byte more than data may have.
func (s *shell) readAll(ctx context.Context) ([]byte, error) {
	type read struct {
		b   []byte
		err error
	}
	in := make(chan read, 1)
	go func() { // ends with the input; a terminal's read heeds nothing
		b, err := io.ReadAll(io.LimitReader(s.stdin, abi.DataMax+1))
		in <- read{b, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-in:
		return r.b, r.err
	}
}

// sent sends, and says what came of it.
func (s *shell) sent(ctx context.Context, host *control.Client, r control.SendRequest, verbose bool) error {
	reply, err := host.Send(ctx, r)
	if err != nil {
		return advised(ctx, host, r, err)
	}
	if verbose {
		s.say("%s of fuel, %s", amount(reply.Fuel), time.Duration(reply.Took*float64(time.Millisecond)))
	}
	switch reply.Outcome {
	case "refused", "failed":
		return unhandled(&reply)
	}
	return s.print(reply, func(w io.Writer) error {
		switch reply.Outcome {
		case "accepted":
			_, err := fmt.Fprintln(w, reply.ID)
			return err
		case "ended":
			s.say("%s was handled; nothing replied", cell(reply.ID))
			return nil
		}
		s.say("%s replied to %s", cell(reply.Type), cell(reply.ID))
		return writeData(w, reply.Data, reply.Raw)
	})
}

// sender is what the host calls whoever sends from the command line; where a
// message went nowhere it stands in the place of a node.
const sender = "grow send"

// unhandled is the error of a message that was refused or given up on.
func unhandled(r *control.SendReply) error {
	e := &control.Error{Code: "message." + r.Outcome, At: r.Node}
	if r.Outcome == "refused" {
		e.Message, e.Next = fmt.Sprintf("%s refused the message: %s: %s", r.Node, cell(r.Code), within(r.Text)), "see: grow logs --message "+r.ID
		return e
	}
	by := " by " + r.Node
	if r.Node == "" || r.Node == sender {
		by, e.At = "", ""
	}
	e.Message, e.Next = fmt.Sprintf("the message could not be handled%s: %s: %s", by, cell(r.Code), within(r.Text)), "see: grow deadletters show "+r.ID
	return e
}

// advised adds to a target or type that is not known which may have been meant.
// The host's own advice stays when there is nothing near, or no status.
func advised(ctx context.Context, host *control.Client, r control.SendRequest, err error) error {
	var e *control.Error
	if !errors.As(err, &e) {
		return err
	}
	untaken := e.Code == control.CodeInvalid && strings.HasPrefix(e.Message, shard.ErrNotTaken.Error())
	if e.Code != control.CodeNotFound && !untaken {
		return err
	}
	st, statusErr := host.Status(ctx)
	if statusErr != nil {
		return err // the first error says more
	}
	var types []string
	targets := nodes(&st)
	for _, p := range st.Endpoints {
		targets = append(targets, p.To)
		if p.To == r.To {
			types = append(types, p.Send)
		}
	}
	if !untaken {
		e.Next = meant(r.To, targets, e.Next)
		return e
	}
	slices.Sort(types)
	if types = slices.Compact(types); len(types) > 0 {
		e.Next = meant(r.Type, types, r.To+" takes "+strings.Join(types, ", ")+", from endpoints; all it takes: `in:` in its definition")
	}
	return e
}

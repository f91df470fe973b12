package command

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/control"
)

// order is a command of a visit.
type order struct {
	name  string
	usage string // what comes after its name
	short string
	do    func(v *visit, ctx context.Context, rest string) error
}

// orders are all of them, in the order that help shows them. Set by init, as help refers to
// them.
var orders []order

func init() {
	orders = []order{{"status", "", "all that follows, up to config", (*visit).all}}
	for _, p := range nodeParts {
		orders = append(orders, order{p.name, "", p.short, func(v *visit, ctx context.Context, _ string) error { return v.part(ctx, &p) }})
	}
	orders = append(orders,
		order{"top", "", "what all nodes use of fuel, time and memory", (*visit).top},
		order{"key", "[KEY]", "look at one key from now on; without one: at all", (*visit).toKey},
		order{"last", "[N]", "the newest messages and what became of them", (*visit).last},
		order{"message", "ID", "what a message held, and all that is known of its handling", (*visit).message},
		order{"trace", "ID", "a message and all that its request caused", (*visit).trace},
		order{"deadletters", "", "messages that were given up on", (*visit).letters},
		order{"logs", "[-f]", "what the node has logged; -f: and what comes", (*visit).logs},
		order{"state", "[KEY [NAME]]", "what it keeps: of a key, or which keys there are", (*visit).state},
		order{"state set", "[KEY] FIELD=VALUE ...", "change fields of what it keeps, if nobody is quicker", (*visit).setState},
		order{"state edit", "[KEY [NAME]]", "change what it keeps in $EDITOR, if nobody is quicker", (*visit).editState},
		order{"state diff", "[KEY]", "who changed what it keeps, and what that comes to", (*visit).diffState},
		order{"send", "TYPE [DATA]", "send it a message, and wait for what comes of it", (*visit).send},
		order{"fork", "TYPE [DATA]", "have a copy handle a message; nothing is sent, kept or asked for outside", (*visit).fork},
		order{"repl", "", "Python in a copy of the actor, with the state of the key", (*visit).repl},
		order{"debug", "[--fork | --message ID]", "step through it: grow debug", (*visit).debug},
		order{"watch", "[-n TIMES] COMMAND", "do a command every second, until Control-C", (*visit).watch},
		order{"help", "[COMMAND]", "show this", (*visit).help},
		order{"quit", "", "leave", func(*visit, context.Context, string) error { return errLeave }},
	)
}

// findOrder returns the order of a name, or of the beginning of one.
func findOrder(name string) (*order, error) {
	var found []*order
	var names []string
	for i := range orders {
		o := &orders[i]
		if o.name == name {
			return o, nil
		}
		if strings.Contains(o.name, " ") {
			continue // state finds those below it
		}
		names = append(names, o.name)
		if strings.HasPrefix(o.name, name) {
			found = append(found, o)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	if name == "exit" {
		return findOrder("quit")
	}
	e := &control.Error{Code: codeUsage, Message: fmt.Sprintf("there is no command %q", cut(name, maxGiven)), Next: meant(name, names, "help lists those there are")}
	if len(found) > 1 {
		e.Message, e.Next = fmt.Sprintf("%q may be several commands", name), "write more of it:"
		for _, o := range found {
			e.Next += " " + o.name
		}
	}
	return nil, &usageError{*e}
}

func (v *visit) help(_ context.Context, name string) error {
	if name != "" {
		if _, err := findOrder(strings.Fields(name)[0]); err != nil {
			return err
		}
	}
	for i := range orders {
		o := &orders[i]
		if name == "" || strings.HasPrefix(o.name, name) {
			fmt.Fprintf(v.stdout, "%-32s %s\n", strings.TrimSpace(o.name+" "+o.usage), o.short)
		}
	}
	if name == "" {
		fmt.Fprintln(v.stdout, "The beginning of a command's name is enough. Tab completes. Where KEY is left out it is that of the command key.")
	}
	return nil
}

func (v *visit) request() control.InspectRequest {
	return control.InspectRequest{Node: v.node, Key: v.key}
}

func (v *visit) all(ctx context.Context, _ string) error { return v.statusOf(ctx, v.request()) }

// part shows one part of what is told of the node.
func (v *visit) part(ctx context.Context, p *part) error {
	in, err := v.inspect(ctx, v.request())
	if err != nil {
		return err
	}
	return v.print(p.value(&in), func(w io.Writer) error { return p.write(w, &in) })
}

func (v *visit) top(ctx context.Context, _ string) error { return v.grow(ctx, "top", "--once") }

func (v *visit) toKey(_ context.Context, rest string) error {
	args, err := words(rest)
	switch {
	case err != nil:
		return err
	case len(args) > 1:
		return usage("key takes one key; quotes hold one with spaces together")
	case len(args) == 0:
		v.key = nil
	case !v.keyed:
		return usage("%s has no keys", v.node)
	default:
		v.key = &args[0]
	}
	return nil
}

func (v *visit) last(ctx context.Context, rest string) error {
	args := []string{"trace", "--node=" + v.node}
	if rest != "" {
		if n, err := strconv.Atoi(rest); err != nil || n < 1 || n > control.MessagesMax {
			return usage("last takes how many, from 1 to %d, not %q", control.MessagesMax, cut(rest, maxGiven))
		}
		args = append(args, "--last="+rest)
	}
	if v.key != nil && *v.key != "" {
		args = append(args, "--key="+*v.key)
	}
	return v.grow(ctx, args...)
}

// id is the one that a command wants.
func id(command, rest string) (string, error) {
	if rest == "" || strings.HasPrefix(rest, "-") || strings.ContainsAny(rest, " \t") {
		return "", usage("%s takes the id of a message, or the beginning of one: last lists them", command)
	}
	return rest, nil
}

func (v *visit) message(ctx context.Context, rest string) error {
	id, err := id("message", rest)
	if err != nil {
		return err
	}
	return v.grow(ctx, "trace", "--full", "--", id)
}

func (v *visit) trace(ctx context.Context, rest string) error {
	id, err := id("trace", rest)
	if err != nil {
		return err
	}
	return v.grow(ctx, "trace", "--", id)
}

func (v *visit) letters(ctx context.Context, _ string) error {
	args := []string{"deadletters", "list", "--node=" + v.node}
	if v.key != nil && *v.key != "" {
		args = append(args, "--key="+*v.key)
	}
	return v.grow(ctx, args...)
}

func (v *visit) logs(ctx context.Context, rest string) error {
	flags, err := words(rest)
	if err != nil {
		return err
	}
	return v.grow(ctx, slices.Concat([]string{"logs", v.node}, flags)...)
}

func (v *visit) send(ctx context.Context, rest string) error {
	kind, data, _ := strings.Cut(rest, " ")
	if kind == "" {
		return usage("send takes the type of a message, and its data as JSON")
	}
	args := []string{"send", "--wait"}
	if data = strings.TrimSpace(data); data != "" {
		args = append(args, "--data="+data)
	}
	return v.grow(ctx, append(args, "--", v.node, kind)...)
}

func (v *visit) debug(ctx context.Context, rest string) error {
	flags, err := words(rest)
	if err != nil {
		return err
	}
	args := []string{"debug"}
	if !slices.ContainsFunc(flags, func(f string) bool { return strings.HasPrefix(f, "--message") }) {
		args = append(args, v.node)
		if v.key != nil {
			args = append(args, "--key="+*v.key)
		}
	}
	if v.lines.AtTerminal() {
		return v.process(ctx, append(args, flags...)...)
	}
	return v.grow(ctx, append(args, flags...)...)
}

// peekEvery is how often a command that is watched is done.
const peekEvery = time.Second

// watch does a command again and again.
func (v *visit) watch(ctx context.Context, rest string) error {
	times := 0
	if text, ok := strings.CutPrefix(rest, "-n"); ok {
		var n string
		n, rest, _ = strings.Cut(strings.TrimSpace(text), " ")
		var err error
		if times, err = strconv.Atoi(n); err != nil || times < 1 {
			return usage("watch -n takes how many times, 1 or more, not %q", cut(n, maxGiven))
		}
	}
	name, arguments, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if name == "" {
		return usage("watch takes a command, such as mailbox")
	}
	o, err := findOrder(name)
	switch {
	case err != nil:
		return err
	case slices.Contains([]string{"watch", "send", "repl", "debug", "quit", "key"}, o.name) || strings.HasPrefix(arguments, "set") || strings.HasPrefix(arguments, "edit"):
		return usage("watch is for commands that show something, and %s is none", quote(rest))
	case times == 0 && !v.lines.AtTerminal():
		return usage("nobody ends it here by Control-C: say how many times, watch -n TIMES %s", rest)
	}
	for n := 0; times == 0 || n < times; n++ {
		if n > 0 && !waited(ctx, peekEvery) {
			return nil
		}
		if obeys(v.stdout) && !v.json() {
			fmt.Fprint(v.stdout, topLeft+restBelow)
		}
		if err := o.do(v, ctx, strings.TrimSpace(arguments)); err != nil {
			return err
		}
	}
	return nil
}

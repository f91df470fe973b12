package debugger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-dap"
)

// action is a command of the debugger.
type action struct {
	names []string
	usage string // what comes after its name
	short string
	// stands is set where a thread has to stand still.
	stands bool
	do     func(d *debugger, ctx context.Context, rest string) error
}

// actions are all commands, in the order that help shows them. Set by init, as help
// refers to them.
var actions []action

func init() {
	actions = []action{
		{[]string{"break", "b"}, "[FILE:]LINE | FUNCTION [if CONDITION]", "stop there, each time or when a condition is true", false, (*debugger).addPoint},
		{[]string{"tbreak"}, "[FILE:]LINE | FUNCTION", "stop there once", false, (*debugger).addTemporary},
		{[]string{"log"}, "[FILE:]LINE TEXT", "write a line each time; {EXPRESSION} in it is evaluated", false, (*debugger).addLog},
		{[]string{"data"}, "PATH [if CONDITION]", "stop once a variable of this frame has changed", true, (*debugger).addData},
		{[]string{"condition"}, "NUMBER [CONDITION]", "change when a breakpoint stops", false, (*debugger).condition},
		{[]string{"hits"}, "NUMBER [>= N | % N | N]", "change at which times it stops", false, (*debugger).hits},
		{[]string{"delete", "d"}, "[NUMBER]", "remove a breakpoint, or all", false, (*debugger).deletePoint},
		{[]string{"breakpoints"}, "", "list breakpoints", false, (*debugger).listPoints},
		{[]string{"catch"}, "raised | uncaught | output [TYPE...] | request [OPERATION...]", "stop on exceptions, outputs, capability requests", false, (*debugger).catch},
		{[]string{"uncatch"}, "raised | uncaught | output | request", "no longer", false, (*debugger).uncatch},
		{[]string{"continue", "c"}, "", "go on, to the next stop", false, (*debugger).resume},
		{[]string{"next", "n"}, "", "to the next line of this function", true, step("next")},
		{[]string{"step", "s"}, "", "to the next line, into functions that are called", true, step("stepIn")},
		{[]string{"finish", "o", "out"}, "", "back in the caller", true, step("stepOut")},
		{[]string{"until", "u"}, "[FILE:]LINE", "run to a line", true, (*debugger).until},
		{[]string{"pause"}, "", "stop what runs, or the next message", false, func(d *debugger, ctx context.Context, _ string) error {
			text, err := d.pause(ctx)
			if err == nil {
				d.printf("%s\n", text)
			}
			return err
		}},
		{[]string{"print", "p"}, "EXPRESSION", "show a value, with its parts", true, (*debugger).print},
		{[]string{"set"}, "PATH = VALUE", "change a variable", true, (*debugger).set},
		{[]string{"locals"}, "", "show the variables of this frame", true, (*debugger).locals},
		{[]string{"globals"}, "", "show global variables", true, (*debugger).globals},
		{[]string{"watch", "display"}, "[EXPRESSION]", "show a value at each stop; without one: show all", false, (*debugger).watch},
		{[]string{"unwatch"}, "[NUMBER]", "no longer", false, (*debugger).unwatch},
		{[]string{"backtrace", "bt", "where"}, "[FRAMES]", "show the frames, or the innermost ones", true, (*debugger).backtrace},
		{[]string{"up"}, "", "look at the caller", true, func(d *debugger, ctx context.Context, _ string) error { return d.goFrame(ctx, d.frame+1) }},
		{[]string{"down"}, "", "look at what it called", true, func(d *debugger, ctx context.Context, _ string) error { return d.goFrame(ctx, d.frame-1) }},
		{[]string{"frame", "f"}, "[NUMBER]", "look at a frame", true, (*debugger).toFrame},
		{[]string{"list", "l"}, "[FILE:][LINE]", "show source, from where it was shown last", false, (*debugger).list},
		{[]string{"threads"}, "", "show what is being handled", false, (*debugger).threads},
		{[]string{"thread"}, "NUMBER", "look at a thread that stands still", false, (*debugger).toThread},
		{[]string{"x"}, "ADDRESS [BYTES]", "show memory", true, (*debugger).memory},
		{[]string{"disassemble"}, "", "show instructions of this frame", true, (*debugger).disassemble},
		{[]string{"sources"}, "", "list the files of the program", false, (*debugger).sources},
		{[]string{"help", "h"}, "[COMMAND]", "show this", false, (*debugger).help},
		{[]string{"quit", "q", "exit"}, "", "leave; what is debugged goes on", false, func(*debugger, context.Context, string) error { return errQuit }},
	}
}

// errStands is for a command that looks at what does not stand still.
var errStands = errors.New("nothing stands still: continue waits for a stop, pause makes one")

// repeated are the commands that an empty line repeats.
var repeated = []string{"continue", "next", "step", "finish", "up", "down", "list"}

// command carries out a line; an empty one is the last again.
func (d *debugger) command(ctx context.Context, line string) error {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "#") {
		return nil
	}
	if line == "" {
		line = d.last
	}
	if line == "" {
		return nil
	}
	name, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	if name == "info" || name == "i" { // as gdb has it
		name, rest = informed(rest)
	}
	a, err := find(name)
	if err != nil {
		return err
	}
	d.last = ""
	if slices.Contains(repeated, a.names[0]) {
		d.last = line
	}
	if a.names[0] == "list" {
		d.last = "list" // on from where it was
	}
	if a.stands && d.thread == 0 {
		return errStands
	}
	return a.do(d, ctx, rest)
}

// informed is what gdb's info command is here.
func informed(what string) (name, rest string) {
	word, rest, _ := strings.Cut(what, " ")
	for prefix, name := range map[string]string{"b": "breakpoints", "l": "locals", "t": "threads", "s": "sources", "f": "frame", "d": "watch"} {
		if strings.HasPrefix(word, prefix) {
			return name, rest
		}
	}
	return "help", ""
}

// find returns the action of a name, or of the beginning of one.
func find(name string) (*action, error) {
	var found []*action
	for i := range actions {
		for _, n := range actions[i].names {
			if n == name {
				return &actions[i], nil
			}
			if strings.HasPrefix(n, name) && (len(found) == 0 || found[len(found)-1] != &actions[i]) {
				found = append(found, &actions[i])
			}
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("there is no command %q; help lists them", name)
	case 1:
		return found[0], nil
	}
	var names []string
	for _, a := range found {
		names = append(names, a.names[0])
	}
	return nil, fmt.Errorf("%q may be any of %s", name, strings.Join(names, ", "))
}

func (d *debugger) help(_ context.Context, name string) error {
	if name != "" {
		a, err := find(name)
		if err != nil {
			return err
		}
		d.printf("%s %s\n  %s\n", strings.Join(a.names, ", "), a.usage, a.short)
		return nil
	}
	for _, a := range actions {
		d.printf("%-44s %s\n", strings.TrimSpace(strings.Join(a.names, ", ")+" "+shortened(a.usage)), a.short)
	}
	d.printf("An empty line repeats the last command. Tab completes. Control-C stops what runs.\n")
	return nil
}

func shortened(usage string) string {
	if len(usage) > 28 {
		return usage[:strings.LastIndexByte(usage[:26], ' ')] + " ..."
	}
	return usage
}

// resume goes on with the thread that is looked at, if one is, and waits for a stop:
// that of another thread, if it has been made already.
func (d *debugger) resume(ctx context.Context, _ string) error {
	d.waiting, d.ended = true, false
	if thread := d.thread; thread != 0 {
		d.goesOn(thread)
		if _, err := ask[*dap.ContinueResponse](ctx, d.client, "continue", map[string]any{"threadId": thread}); err != nil {
			d.waiting = false
			return err
		}
	}
	if len(d.stops) > 0 {
		return d.turn(ctx)
	}
	d.printf("continuing\n")
	return nil
}

// step goes on with the thread that is looked at by a step, and waits for its end.
func step(command string) func(d *debugger, ctx context.Context, rest string) error {
	return func(d *debugger, ctx context.Context, _ string) error {
		arguments := map[string]any{"threadId": d.thread}
		d.goesOn(d.thread)
		var err error
		switch command {
		case "next":
			_, err = ask[*dap.NextResponse](ctx, d.client, command, arguments)
		case "stepIn":
			_, err = ask[*dap.StepInResponse](ctx, d.client, command, arguments)
		default:
			_, err = ask[*dap.StepOutResponse](ctx, d.client, command, arguments)
		}
		d.waiting, d.ended = err == nil, true
		return err
	}
}

// until runs to a line.
func (d *debugger) until(ctx context.Context, rest string) error {
	if rest == "" {
		return step("next")(d, ctx, "")
	}
	p, err := d.place(rest)
	if err != nil {
		return err
	}
	p.passing = true
	if err := d.add(ctx, p); err != nil {
		return err
	}
	return d.resume(ctx, "")
}

// Package debugger is a debugger for the terminal: a client of the Debug Adapter
// Protocol with the commands of gdb and delve. At a terminal lines are edited,
// completed and remembered; elsewhere commands are read from a pipe and what they show
// is plain text.
package debugger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/google/go-dap"
	"golang.org/x/term"
)

// Options say what is debugged, and where it is shown.
type Options struct {
	// Conn speaks the Debug Adapter Protocol. Run closes it.
	Conn io.ReadWriteCloser
	// Args are those of attach; "request" may be "launch", which stops before the first
	// statement unless "stopOnEntry" says otherwise.
	Args map[string]any
	In   io.Reader
	Out  io.Writer
	// Size is set for a terminal, which is in raw mode: its columns and lines. See
	// [Options.AtTerminal].
	Size func() (columns, lines int)
	// Prompt asks for commands where Size is not set.
	Prompt bool
	// Color marks what matters by colours.
	Color bool
}

// AtTerminal sets the options for the files that a user sits at, or for a pipe if that
// is what they are. restore makes the terminal what it was.
func (o *Options) AtTerminal(in, out *os.File) (restore func(), err error) {
	o.In, o.Out = in, out
	if !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		return func() {}, nil
	}
	if os.Getenv("TERM") == "dumb" {
		o.Prompt = true
		return func() {}, nil
	}
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("read keys of the terminal: %w", err)
	}
	o.Color = os.Getenv("NO_COLOR") == ""
	o.Size = func() (columns, lines int) {
		columns, lines, err := term.GetSize(int(out.Fd()))
		if err != nil {
			return 80, 24
		}
		return columns, lines
	}
	return func() { _ = term.Restore(int(in.Fd()), before) }, nil // a terminal that is gone needs none
}

// debugger is one run. It belongs to Run's goroutine; another reads commands, one each
// time that it is asked to.
type debugger struct {
	client  *client
	input   input
	color   bool
	files   []dap.Source
	texts   map[string][]string // lines of files
	points  []*point
	number  int // of the last point
	filters map[string]string
	watches []string

	stops   []dap.StoppedEventBody // threads that stand still, the first stopped first
	thread  int                    // that is looked at; 0: none
	frames  []dap.StackFrame
	frame   int
	listed  int // the last line that list showed
	source  *dap.Source
	over    bool // the session has ended
	last    string
	waiting bool // for a stop, before the next command
	ended   bool // the end of a message ends the wait too: it was stepped

	completing chan completing
}

// completing is a line to be completed, for the goroutine that reads it.
type completing struct {
	line   string
	pos    int
	answer chan completed // has room for one
}

type completed struct {
	line string
	pos  int
	ok   bool
}

// errQuit is what the command quit returns.
var errQuit = errors.New("quit")

// Run debugs until the user leaves, there are no more commands, or ctx ends. What is
// debugged goes on then. It fails if it could not be attached to or was lost.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer o.Conn.Close()
	context.AfterFunc(ctx, func() { o.Conn.Close() })
	d := &debugger{client: newClient(o.Conn), color: o.Color, texts: map[string][]string{}, filters: map[string]string{"uncaught": ""}, completing: make(chan completing)}
	var interrupted chan struct{}
	if o.Size != nil {
		c := newConsole(o.In, o.Out, o.Size, func(line string, pos int) (string, int, bool) {
			q := completing{line, pos, make(chan completed, 1)}
			select {
			case d.completing <- q:
				a := <-q.answer
				return a.line, a.pos, a.ok
			case <-ctx.Done():
				return "", 0, false
			}
		})
		d.input, interrupted = c, c.interrupted
	} else {
		text := ""
		if o.Prompt {
			text = prompt
		}
		d.input = newScript(o.In, o.Out, text)
	}
	if err := d.attach(ctx, o.Args); err != nil {
		return err
	}
	err := d.loop(ctx, interrupted)
	if !d.over && !errors.Is(err, errGone) {
		_, _ = ask[*dap.DisconnectResponse](ctx, d.client, "disconnect", map[string]any{}) // it is left either way
	}
	return err
}

// attach begins a session.
func (d *debugger) attach(ctx context.Context, args map[string]any) error {
	args = maps.Clone(args)
	if args == nil {
		args = map[string]any{}
	}
	how, _ := args["request"].(string)
	if how == "" {
		how = "attach"
	}
	_, message := args["message"] // runs at once, and breakpoints are to be set before
	if _, said := args["stopOnEntry"]; !said && (how == "launch" || message) {
		args["stopOnEntry"] = true
	}
	if _, err := ask[*dap.InitializeResponse](ctx, d.client, "initialize", map[string]any{
		"adapterID": "grow", "clientID": "grow", "clientName": "grow debug", "linesStartAt1": true, "columnsStartAt1": true, "pathFormat": "path",
		"supportsVariablePaging": true, "supportsMemoryReferences": true,
	}); err != nil {
		return err
	}
	if how == "launch" {
		if _, err := ask[*dap.LaunchResponse](ctx, d.client, how, args); err != nil {
			return err
		}
	} else if _, err := ask[*dap.AttachResponse](ctx, d.client, how, args); err != nil {
		return err
	}
	loaded, err := ask[*dap.LoadedSourcesResponse](ctx, d.client, "loadedSources", map[string]any{})
	if err != nil {
		return err
	}
	d.files = loaded.Body.Sources
	if err := d.sendFilters(ctx); err != nil {
		return err
	}
	_, err = ask[*dap.ConfigurationDoneResponse](ctx, d.client, "configurationDone", map[string]any{})
	d.waiting = args["stopOnEntry"] == true
	return err
}

// typed is a command, or why there is none.
type typed struct {
	line string
	err  error
}

// loop carries out commands and shows what happens meanwhile. The goroutine that reads
// commands ends with the next line after it, as a read cannot be given up.
func (d *debugger) loop(ctx context.Context, interrupted <-chan struct{}) error {
	want, lines := make(chan struct{}, 1), make(chan typed, 1)
	defer close(want)
	go func() {
		for range want {
			line, err := d.input.next()
			lines <- typed{line, err}
		}
	}()
	reading := false
	for {
		if err := d.happened(ctx); err != nil || d.over {
			return err
		}
		if !reading && !d.waiting {
			reading = true
			want <- struct{}{}
		}
		select {
		case t := <-lines:
			reading = false
			if errors.Is(t.err, io.EOF) {
				return nil
			}
			if t.err != nil {
				return fmt.Errorf("read commands: %w", t.err)
			}
			if err := d.command(ctx, t.line); err != nil {
				if errors.Is(err, errQuit) {
					return nil
				}
				if errors.Is(err, errGone) || ctx.Err() != nil {
					return err
				}
				d.printf("%s\n", uncoded(err))
			}
		case <-d.client.notify:
		case q := <-d.completing:
			line, pos, ok := d.complete(ctx, q.line, q.pos)
			q.answer <- completed{line, pos, ok}
		case <-interrupted:
			d.interrupt(ctx)
		case <-d.client.gone:
			if err := d.happened(ctx); err != nil || d.over {
				return err
			}
			return errGone
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// interrupt stops what runs, and gives the prompt back where nothing does.
func (d *debugger) interrupt(ctx context.Context) {
	if d.thread != 0 {
		d.printf("type quit to leave\n")
		return
	}
	text, err := d.pause(ctx)
	if err != nil {
		text = err.Error()
	}
	d.printf("%s\n", text)
	d.waiting = false
}

// pause stops the first thread that runs, or the next message.
func (d *debugger) pause(ctx context.Context) (string, error) {
	threads, err := ask[*dap.ThreadsResponse](ctx, d.client, "threads", map[string]any{})
	if err != nil || len(threads.Body.Threads) == 0 {
		return "", err
	}
	i := slices.IndexFunc(threads.Body.Threads, func(t dap.Thread) bool { return !d.stands(t.Id) })
	if i < 0 {
		return "", errors.New("nothing runs: all of it stands still")
	}
	t := threads.Body.Threads[i]
	if _, err := ask[*dap.PauseResponse](ctx, d.client, "pause", map[string]any{"threadId": t.Id}); err != nil {
		return "", err
	}
	return fmt.Sprintf("pausing thread %d (%s)", t.Id, t.Name), nil
}

// stands says whether a thread is known to stand still.
func (d *debugger) stands(thread int) bool {
	return slices.ContainsFunc(d.stops, func(b dap.StoppedEventBody) bool { return b.ThreadId == thread })
}

// happened shows the events that have come.
func (d *debugger) happened(ctx context.Context) error {
	for e := d.client.event(); e != nil; e = d.client.event() {
		switch e := e.(type) {
		case *dap.StoppedEvent:
			d.stops = append(d.stops, e.Body)
			if d.thread != 0 {
				d.printf("thread %d has stopped too, by %s\n", e.Body.ThreadId, d.why(e.Body))
				continue
			}
			if err := d.stopped(ctx, e.Body); err != nil {
				return err
			}
		case *dap.ContinuedEvent:
			d.goesOn(e.Body.ThreadId)
		case *dap.ThreadEvent:
			if e.Body.Reason != "exited" {
				continue
			}
			d.goesOn(e.Body.ThreadId)
			d.printf("thread %d has handled its message\n", e.Body.ThreadId)
			if d.ended {
				if err := d.turn(ctx); err != nil {
					return err
				}
			}
		case *dap.OutputEvent:
			d.printf("%s", e.Body.Output)
		case *dap.TerminatedEvent:
			d.over = true
			d.printf("the session has ended\n")
		}
	}
	return nil
}

// goesOn is what follows when a thread no longer stands still.
func (d *debugger) goesOn(thread int) {
	d.stops = slices.DeleteFunc(d.stops, func(b dap.StoppedEventBody) bool { return b.ThreadId == thread })
	if thread == d.thread {
		d.thread, d.frames, d.frame = 0, nil, 0
	}
}

// turn ends the wait, and looks at another thread that stands still, if one does.
func (d *debugger) turn(ctx context.Context) error {
	d.waiting = false
	if d.thread != 0 || len(d.stops) == 0 {
		return nil
	}
	return d.stopped(ctx, d.stops[0])
}

// why says why a thread was stopped.
func (d *debugger) why(b dap.StoppedEventBody) string {
	why := b.Reason
	for _, p := range d.points {
		if slices.Contains(b.HitBreakpointIds, p.id) {
			why += fmt.Sprintf(" %d", p.number)
		}
	}
	switch {
	case strings.HasPrefix(b.Text, b.Reason+" "):
		return b.Text
	case b.Text != "":
		return why + ": " + b.Text
	}
	return why
}

// stopped looks at a thread that has stopped.
func (d *debugger) stopped(ctx context.Context, b dap.StoppedEventBody) error {
	d.thread, d.waiting, d.ended = b.ThreadId, false, false
	if err := d.look(ctx); err != nil {
		return err
	}
	d.printf("thread %d stopped by %s\n", b.ThreadId, d.why(b))
	if own := ownFrame(d.frames); own > 0 {
		d.frame = own
		d.printf("in %s, called from here:\n", located(d.frames[0]))
	}
	if err := d.dropTemporary(ctx, b.HitBreakpointIds); err != nil {
		return err
	}
	if err := d.window(ctx); err != nil {
		d.printf("%s\n", uncoded(err))
	}
	return d.showWatches(ctx)
}

// ownFrame is the innermost frame of what the actor's author wrote; 0: there is none. A
// panic or a request stops in a library, which is not what somebody wants to see.
func ownFrame(frames []dap.StackFrame) int {
	return max(0, slices.IndexFunc(frames, func(f dap.StackFrame) bool { return f.PresentationHint != "subtle" }))
}

// look reads the frames of the thread that stands still.
func (d *debugger) look(ctx context.Context) error {
	stack, err := ask[*dap.StackTraceResponse](ctx, d.client, "stackTrace", map[string]any{"threadId": d.thread, "levels": framesMax})
	if err != nil {
		return err
	}
	d.frames, d.frame = stack.Body.StackFrames, 0
	return nil
}

// framesMax is how many frames are looked at.
const framesMax = 200

func (d *debugger) printf(format string, args ...any) {
	_, _ = io.WriteString(d.input, clean(fmt.Sprintf(format, args...))) // a reader of commands that is gone ends them
}

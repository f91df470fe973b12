package command

import (
	"context"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// The bounds of --every.
const (
	everyMin = 100 * time.Millisecond
	everyMax = time.Hour
)

// topOptions are the flags of top.
type topOptions struct {
	sort  string
	every time.Duration
	once  bool
}

func (s *shell) top() *cobra.Command {
	o := topOptions{}
	c := &cobra.Command{
		Use: "top", Short: "watch what each node of a running service uses", Args: cobra.NoArgs,
		Long: "top shows for each node how many messages it handles, and what of fuel, time and memory they use, those that use most\n" +
			"first. A unit of fuel is an instruction of the module, so that the fuel of a message is the same on every machine.\n\n" +
			"At a terminal the picture is drawn anew in its place: f, r, b, m, x and n sort, q ends. Elsewhere a table is written each\n" +
			"time, and with -o json an object on a line.",
		Example: "  grow top\n  grow top --sort memory --every 5s\n  grow top --once -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			if !slices.Contains(topSorts, o.sort) {
				return usage("--sort takes %s, not %q", strings.Join(topSorts, ", "), o.sort)
			}
			if o.every < everyMin || o.every > everyMax {
				return usage("--every takes a time from %v to %v, not %v", everyMin, everyMax, o.every)
			}
			host, err := s.host()
			if err != nil {
				return err
			}
			defer host.Close()
			w := &watcher{shell: s, host: host, by: o.sort}
			switch {
			case o.once:
				return w.once(c.Context(), o.every)
			case s.json() || !obeys(s.stdout):
				return w.stream(c.Context(), o.every)
			}
			return w.screen(c.Context(), o.every)
		},
	}
	f := c.Flags()
	f.StringVar(&o.sort, "sort", topSorts[0], "what stands first: those with the most of `what`: "+strings.Join(topSorts, ", "))
	f.DurationVar(&o.every, "every", time.Second, "`time` from one look to the next")
	f.BoolVar(&o.once, "once", false, "look for the time of --every, once")
	fixed(c, "sort", topSorts...)
	return c
}

// watcher looks at a host again and again. It belongs to one goroutine.
type watcher struct {
	shell *shell
	host  *control.Client
	by    string          // what is sorted by
	last  *control.Status // the look before; nil: none of this host
}

// look asks the host, and returns what it did since the look before, or at
// first since it started.
func (w *watcher) look(ctx context.Context) (*load, error) {
	now, err := w.host.Status(ctx)
	if err != nil {
		return nil, err
	}
	if w.last != nil && !w.last.Started.Equal(now.Started) {
		w.last = nil // another host, whose counters begin anew
	}
	l := loadOf(w.last, &now)
	w.last = &now
	return l, nil
}

// once shows what the host does in a time.
func (w *watcher) once(ctx context.Context, every time.Duration) error {
	if _, err := w.look(ctx); err != nil {
		return err
	}
	if !waited(ctx, every) {
		return ctx.Err()
	}
	l, err := w.look(ctx)
	if err != nil {
		return err
	}
	l.sortBy(w.by)
	return w.shell.print(l, w.text(l))
}

// text writes a load as wide as a terminal is, or else as it needs.
func (w *watcher) text(l *load) func(io.Writer) error {
	return func(out io.Writer) error {
		if terminal(out) {
			return l.write(out, room(out))
		}
		return l.write(out, math.MaxInt)
	}
}

// stream shows what the host does until ctx ends.
func (w *watcher) stream(ctx context.Context, every time.Duration) error {
	for {
		l, err := w.look(ctx)
		if err == nil {
			l.sortBy(w.by)
			if w.shell.json() {
				err = w.shell.line(l)
			} else {
				err = w.text(l)(w.shell.stdout)
			}
		}
		switch {
		case ctx.Err() != nil:
			return errFollowed
		case err != nil:
			return err
		case !waited(ctx, every):
			return errFollowed
		}
	}
}

// waited waits, and reports whether ctx has not ended meanwhile.
func waited(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// What a terminal is told (ECMA-48; the other screen and the cursor are xterm's).
const (
	otherScreen = "\x1b[?1049h\x1b[?25l" // and no cursor
	firstScreen = "\x1b[?25h\x1b[?1049l"
	topLeft     = "\x1b[H"
	restOfLine  = "\x1b[K"
	restBelow   = "\x1b[J"
)

// keyInterrupt is what Ctrl-C sends to who reads every key.
const keyInterrupt = 3

// screen draws what the host does at a terminal, on a screen of its own, until
// a key or ctx ends it.
func (w *watcher) screen(ctx context.Context, every time.Duration) (err error) {
	l, err := w.look(ctx)
	if err != nil {
		return err // before the screen is another
	}
	restore, keys := w.keys()
	defer restore()
	out := w.shell.stdout
	if _, err := io.WriteString(out, otherScreen); err != nil {
		return err
	}
	defer func() { _, _ = io.WriteString(out, firstScreen) }() // a terminal that is gone
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		l.sortBy(w.by)
		if err := w.draw(l); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errFollowed
		case key := <-keys:
			switch by, ok := topKeys[key]; {
			case key == 'q' || key == 'Q':
				return nil
			case key == keyInterrupt:
				return errFollowed
			case ok:
				w.by = by
			}
		case <-tick.C:
			if l, err = w.look(ctx); err != nil && ctx.Err() == nil {
				return err
			} else if err != nil {
				return errFollowed
			}
		}
	}
}

// keys has each key of the terminal read as it is pressed, until restore is
// called. Where standard input is no terminal, no key comes.
func (w *watcher) keys() (restore func(), keys <-chan byte) {
	in, ok := w.shell.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return func() {}, nil
	}
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return func() {}, nil
	}
	pressed, done := make(chan byte), make(chan struct{})
	go func() { // ends with the input, or with the first key after done: a terminal's read heeds nothing
		var b [1]byte
		for {
			if n, err := in.Read(b[:]); err != nil || n == 0 {
				return
			}
			select {
			case pressed <- b[0]:
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		_ = term.Restore(int(in.Fd()), before) // a terminal that is gone
	}, pressed
}

// draw fills the screen.
func (w *watcher) draw(l *load) error {
	columns, rows := w.size()
	var b strings.Builder
	b.WriteString(topLeft)
	for _, line := range l.lines(columns, rows, w.by) {
		b.WriteString(line + restOfLine + "\r\n")
	}
	_, err := io.WriteString(w.shell.stdout, strings.TrimSuffix(b.String(), "\r\n")+restBelow)
	return err
}

// size is that of the terminal.
func (w *watcher) size() (columns, rows int) {
	const rowsDefault = 24
	if f, ok := w.shell.stdout.(*os.File); ok {
		if columns, rows, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 && rows > 0 {
			return columns, rows
		}
	}
	return room(w.shell.stdout), rowsDefault
}

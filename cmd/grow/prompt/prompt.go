// Package prompt asks for lines: at a terminal they are edited, completed and remembered,
// elsewhere they are read as they come. In between, input and output are whoever's they
// were: a command that is carried out may use both.
package prompt

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// LineMax is how many bytes a line has at most.
const LineMax = 1 << 20

// Completer returns a line with what is before the cursor completed, where the cursor is
// then, and whether there is anything to complete.
type Completer func(line string, pos int) (string, int, bool)

// Lines are lines that somebody types, or that a pipe has. They belong to one goroutine.
type Lines struct {
	in       io.Reader
	keyboard *os.File // nil: it is none that lines can be edited at
	terminal *term.Terminal
	prompts  bool // without editing
	out      io.Writer
}

// New asks at in and out: at a terminal if both are that.
func New(in io.Reader, out io.Writer, c Completer) *Lines {
	l := &Lines{in: in, out: out}
	from, isFile := in.(*os.File)
	to, too := out.(*os.File)
	if !isFile || !too || !term.IsTerminal(int(from.Fd())) || !term.IsTerminal(int(to.Fd())) {
		return l
	}
	if os.Getenv("TERM") == "dumb" {
		l.prompts = true
		return l
	}
	l.keyboard = from
	l.edit(struct {
		io.Reader
		io.Writer
	}{keys{from}, to}, c)
	return l
}

func (l *Lines) edit(at io.ReadWriter, c Completer) {
	l.terminal = term.NewTerminal(at, "")
	l.terminal.AutoCompleteCallback = func(line string, pos int, key rune) (string, int, bool) {
		if key != '\t' || c == nil {
			return "", 0, false
		}
		return c(line, pos)
	}
}

// AtTerminal reports whether a person types the lines.
func (l *Lines) AtTerminal() bool { return l.terminal != nil || l.prompts }

// Next returns the next line; io.EOF: there is none. It blocks until then.
func (l *Lines) Next(prompt string) (line string, err error) {
	if l.terminal == nil {
		if l.prompts {
			if _, err := io.WriteString(l.out, prompt); err != nil {
				return "", err
			}
		}
		return readLine(l.in)
	}
	if l.keyboard != nil {
		before, err := term.MakeRaw(int(l.keyboard.Fd()))
		if err != nil {
			return "", fmt.Errorf("read keys of the terminal: %w", err)
		}
		defer func() { _ = term.Restore(int(l.keyboard.Fd()), before) }() // a terminal that is gone needs none
		if columns, rows, err := term.GetSize(int(l.keyboard.Fd())); err == nil && columns > 0 {
			_ = l.terminal.SetSize(columns, rows) // what cannot be written is met by ReadLine
		}
	}
	l.terminal.SetPrompt(prompt)
	line, err = l.terminal.ReadLine()
	if errors.Is(err, term.ErrPasteIndicator) {
		err = nil
	}
	return line, err
}

// Say writes above the line that is being typed: for a Completer.
func (l *Lines) Say(text string) {
	if l.terminal != nil {
		_, _ = io.WriteString(l.terminal, text) // who types sees that nothing comes
	}
}

// Rest is for a command that reads lines of its own from where these come from: it gives one
// line a time, so that what follows is not taken along.
func (l *Lines) Rest() io.Reader {
	if l.AtTerminal() {
		return l.in
	}
	return rest{l.in}
}

// rest reads up to the end of a line.
type rest struct{ in io.Reader }

// Read implements io.Reader.
func (r rest) Read(p []byte) (n int, err error) {
	for n < len(p) && err == nil && (n == 0 || p[n-1] != '\n') {
		var m int
		m, err = r.in.Read(p[n : n+1])
		n += m
	}
	return n, err
}

// readLine reads no byte more than the line has: the rest may be for a command.
func readLine(in io.Reader) (string, error) {
	var line []byte
	var b [1]byte
	for {
		n, err := in.Read(b[:])
		switch {
		case n == 1 && b[0] == '\n':
			return string(line), nil
		case n == 1 && len(line) == LineMax:
			return "", fmt.Errorf("read a line: it has more than %d bytes", LineMax)
		case n == 1:
			line = append(line, b[0])
		}
		if errors.Is(err, io.EOF) && len(line) > 0 {
			return string(line), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// The keys that keys knows.
const (
	ctrlC = 3
	ctrlU = 21 // what x/term empties a line by
)

// keys are those of a terminal in raw mode: Control-C gives up the line, and not the command.
type keys struct{ from io.Reader }

// Read implements io.Reader.
func (k keys) Read(p []byte) (int, error) {
	n, err := k.from.Read(p)
	for i := range p[:n] {
		if p[i] == ctrlC {
			p[i] = ctrlU
		}
	}
	return n, err
}

package debugger

import (
	"bufio"
	"io"
	"strings"

	"golang.org/x/term"
)

// Limits of what is typed.
const (
	lineMax  = 64 << 10 // bytes of a command
	aheadMax = 1 << 10  // reads of keys that wait
)

// input is where commands come from. next is called by one goroutine.
type input interface {
	// next returns the next command; io.EOF: there is none.
	next() (string, error)
	// Write shows something, above the line that is being typed.
	io.Writer
	// size is how many columns and lines there are.
	size() (columns, lines int)
}

// script is an input that edits no lines: a pipe, a file, a terminal that can only
// show text.
type script struct {
	io.Writer
	prompt string // "": who writes the commands wants none
	lines  *bufio.Scanner
}

func newScript(in io.Reader, out io.Writer, prompt string) *script {
	s := &script{Writer: out, prompt: prompt, lines: bufio.NewScanner(in)}
	s.lines.Buffer(nil, lineMax)
	return s
}

func (s *script) next() (string, error) {
	if _, err := io.WriteString(s.Writer, s.prompt); err != nil {
		return "", err
	}
	if !s.lines.Scan() {
		if err := s.lines.Err(); err != nil {
			return "", err
		}
		return "", io.EOF
	}
	return s.lines.Text(), nil
}

func (s *script) size() (columns, lines int) { return 100, 24 }

// prompt is what a command is asked for with.
const prompt = "(grow) "

// console is a terminal: lines are edited, completed and remembered.
type console struct {
	*term.Terminal
	keys        *keys
	measure     func() (columns, lines int)
	interrupted chan struct{} // has room for one
}

// newConsole makes a console of a terminal that is in raw mode. complete replaces a
// line when tab is pressed.
func newConsole(in io.Reader, out io.Writer, measure func() (int, int), complete func(line string, pos int) (string, int, bool)) *console {
	c := &console{measure: measure, interrupted: make(chan struct{}, 1)}
	c.keys = &keys{chunks: make(chan []byte, aheadMax)}
	c.Terminal = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{c.keys, out}, prompt)
	c.AutoCompleteCallback = func(line string, pos int, key rune) (string, int, bool) {
		if key != '\t' {
			return "", 0, false
		}
		return complete(line, pos)
	}
	if columns, lines := measure(); columns > 0 {
		_ = c.SetSize(columns, lines) // writes nothing yet, so cannot fail
	}
	go c.listen(in)
	return c
}

// listen reads keys until there are none, and may so outlive the debugger by a key: a
// read of a terminal cannot be given up. Control-C is told at once, whatever was typed
// before it.
func (c *console) listen(in io.Reader) {
	defer close(c.keys.chunks)
	for {
		p := make([]byte, 256)
		n, err := in.Read(p)
		typed := p[:0]
		for _, b := range p[:n] {
			if b != 3 {
				typed = append(typed, b)
				continue
			}
			select {
			case c.interrupted <- struct{}{}:
			default:
			}
		}
		if len(typed) > 0 {
			select {
			case c.keys.chunks <- typed:
			default: // nobody reads, and much was typed
			}
		}
		if err != nil {
			return
		}
	}
}

func (c *console) next() (string, error) {
	if columns, lines := c.measure(); columns > 0 {
		_ = c.SetSize(columns, lines) // redraws; what cannot be written is met by ReadLine
	}
	line, err := c.ReadLine()
	if err == term.ErrPasteIndicator {
		err = nil
	}
	return line, err
}

func (c *console) size() (columns, lines int) { return c.measure() }

// keys are what was typed.
type keys struct {
	chunks chan []byte
	rest   []byte
}

// Read implements io.Reader.
func (k *keys) Read(p []byte) (int, error) {
	for len(k.rest) == 0 {
		chunk, ok := <-k.chunks
		if !ok {
			return 0, io.EOF
		}
		k.rest = chunk
	}
	n := copy(p, k.rest)
	k.rest = k.rest[n:]
	return n, nil
}

// clean shows control characters, which could be commands to a terminal, as what
// they are.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ' || r >= 0x7f && r < 0xa0:
			return '\ufffd'
		}
		return r
	}, text)
}

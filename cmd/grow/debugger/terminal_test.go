//go:build unix

package debugger_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/term"

	"github.com/grow-platform/grow/cmd/grow/debugger"
)

// screen is a terminal with a debugger at it.
type screen struct {
	t      *testing.T
	master *os.File
	shown  string
	done   chan error
}

// open starts a debugger at a terminal of a size.
func open(t *testing.T, o debugger.Options, columns, lines uint16) *screen {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Skip("there are no terminals here: ", err)
	}
	t.Cleanup(func() { master.Close() })
	if err := pty.Setsize(tty, &pty.Winsize{Rows: lines, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	restore, err := o.AtTerminal(tty, tty)
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{t: t, master: master, done: make(chan error, 1)}
	go func() { // ends with the keys
		err := debugger.Run(t.Context(), o)
		restore()
		if after, fault := term.GetState(int(tty.Fd())); fault != nil || !reflect.DeepEqual(before, after) {
			t.Errorf("the terminal is not as it was: %v", fault)
		}
		tty.Close()
		s.done <- err
	}()
	return s
}

func (s *screen) keys(text string) {
	s.t.Helper()
	if _, err := s.master.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// wait reads until all texts were shown, one after the other.
func (s *screen) wait(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		p := make([]byte, 4096)
		for !strings.Contains(s.shown, text) {
			n, err := s.master.Read(p)
			s.shown += string(p[:n])
			if err != nil {
				s.t.Fatalf("%q was not shown: %v\n%q", text, err, s.shown)
			}
		}
		_, s.shown, _ = strings.Cut(s.shown, text)
	}
}

const long = `func handle n
  run = true
  while run # a comment that is so long that it does not fit into the width of this terminal
    n = n + 1
  end
  return n
end
`

// TestTerminal edits, completes, repeats and interrupts commands.
func TestTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	s := open(t, debugger.Options{Conn: serve(t, long, true, 5), Args: map[string]any{"request": "launch"}}, 60, 20)
	s.wait("thread 1 stopped by pause", "=>    2    run = true", "that it do…\r\n", "(grow) ")
	s.keys("nex\x7f\x7f\x7fnext\r")
	s.wait("=>    3 ", "(grow) ")
	s.keys("\r") // again
	s.wait("=>    4 ", "(grow) ")
	s.keys("p ru\t\r")
	s.wait("run = true", "(grow) ")
	s.keys("b\t")
	s.wait("backtrace  break  breakpoints  bt", "(grow) b")
	s.keys("\x15\x1b[A\r") // another line: the last again
	s.wait("run = true", "(grow) ")
	s.keys("log sh\t4 round {n}\r")
	s.wait("breakpoint 1  src/shop.toy:4  logs round {n}", "(grow) ")
	s.keys("c\r")
	s.wait("round 6", "round 7")
	s.keys("\x03")
	s.wait("pausing thread 1 (message 1)", "thread 1 stopped by pause", "(grow) ")
	s.keys("\x03")
	s.wait("type quit to leave", "(grow) ")
	s.keys("set run = false\rd\rc\r")
	s.wait("run = false", "thread 1 has handled its message", "the session has ended")
	if err := <-s.done; err != nil {
		t.Error(err)
	}
}

// TestIdle interrupts a debugger that waits while nothing is handled: the prompt comes
// back.
func TestIdle(t *testing.T) {
	t.Setenv("TERM", "xterm")
	s := open(t, debugger.Options{Conn: serve(t, long, false)}, 80, 20)
	s.wait("(grow) ")
	s.keys("next\r")
	s.wait("nothing stands still", "(grow) ")
	s.keys("c\r")
	s.wait("continuing")
	s.keys("\x03")
	s.wait("waits for a message", "(grow) ")
	s.keys("q\r")
	if err := <-s.done; err != nil {
		t.Error(err)
	}
}

// TestEscapes has a guest that would like to command the terminal.
func TestEscapes(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	source := "func handle n\n  x = \"\\x1b]0,title\\x07\" # \x1b[2J\x9b\n  raise x\nend\n"
	s := open(t, debugger.Options{Conn: serve(t, source, true, 5), Args: map[string]any{"request": "launch"}}, 80, 20)
	s.wait("(grow) ")
	s.keys("c\r")
	s.wait("exception: \ufffd]0,title\ufffd", "# \ufffd[2J", "\x1b[1m=>    3 ", "(grow) ")
	s.keys("q\r")
	if err := <-s.done; err != nil {
		t.Error(err)
	}
}

// TestDumbTerminal has lines, and no escapes.
func TestDumbTerminal(t *testing.T) {
	t.Setenv("TERM", "dumb")
	s := open(t, debugger.Options{Conn: serve(t, strings.Replace(long, "run = true", "run = false", 1), true, 5), Args: map[string]any{"request": "launch"}}, 80, 20)
	s.wait("=>    2 ", "(grow) ")
	s.keys("next\n")
	s.wait("=>    3 ", "(grow) ")
	if strings.Contains(s.shown, "\x1b") {
		t.Errorf("%q", s.shown)
	}
	s.keys("q\n")
	if err := <-s.done; err != nil {
		t.Error(err)
	}
}

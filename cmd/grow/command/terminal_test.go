//go:build unix

package command

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// TestTerminals asks every command for help and for its answer, at terminals of
// several kinds: a narrow one, a dumb one, one whose user wants no colours.
func TestTerminals(t *testing.T) {
	dir, none := jsonService(t), t.TempDir()
	host := controlled(t, dir)
	ask(t, dir, `send trap echo.asked --data {"text":"over"}`)
	if err := host.Mounted().Shard().Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	names := strings.NewReplacer("$DEAD", host.Mounted().Shard().DeadLetters(nil, 1)[0].ID, "$POSTED", posted(t, dir))
	for _, c := range []struct {
		name    string
		env     [2]string
		columns uint16
		plain   bool // no escape may be written
	}{
		{"narrow", [2]string{"TERM", "xterm"}, 40, false},
		{"dumb", [2]string{"TERM", "dumb"}, 80, true},
		{"no colour", [2]string{"NO_COLOR", "1"}, 80, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TERM", "xterm")
			t.Setenv("COLUMNS", "")
			t.Setenv(c.env[0], c.env[1])
			walk((&shell{}).root(), func(command *cobra.Command) {
				path := strings.TrimPrefix(strings.TrimPrefix(command.CommandPath(), "grow"), " ")
				text, code := atTerminal(t, dir, path+" --help", c.columns)
				if code != exitDone {
					t.Errorf("grow %s --help: exit code %d", path, code)
				}
				narrow(t, path+" --help", text, int(c.columns))
				unescaped(t, path+" --help", text, c.plain)
			})
			for name, line := range answers {
				in := dir
				if name == "init" {
					in = none
				}
				text, code := atTerminal(t, in, names.Replace(line), c.columns)
				if code != exitDone {
					t.Errorf("grow %s: exit code %d\n%s", line, code, text)
				}
				unescaped(t, line, text, c.plain)
				if strings.Contains(text, "\x1b[3") && c.env[0] == "NO_COLOR" {
					t.Errorf("grow %s writes colours: %q", line, text)
				}
			}
		})
	}
}

// atTerminal runs a command line at a terminal and returns what stands there.
func atTerminal(t *testing.T, dir, line string, columns uint16) (text string, code int) {
	t.Helper()
	t.Chdir(dir)
	master, tty, err := pty.Open()
	if err != nil {
		t.Skip("there are no terminals here: ", err)
	}
	defer master.Close()
	if err := pty.Setsize(tty, &pty.Winsize{Rows: 24, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	read := make(chan struct{})
	go func() { // ends when the terminal is closed
		defer close(read)
		_, _ = io.Copy(&out, master) // ends with EIO
	}()
	code = execute(strings.Fields(line), tty, tty, tty)
	if err := tty.Close(); err != nil {
		t.Fatal(err)
	}
	<-read
	return strings.ReplaceAll(out.String(), "\r\n", "\n"), code
}

// TestTop drives top by its keys at a terminal: it draws in place, sorts, fits
// what the terminal is, and leaves it as it was.
func TestTop(t *testing.T) {
	dir := jsonService(t)
	controlled(t, dir)
	for _, c := range []struct {
		name, line, keys string
		code             int
		want             []string
	}{
		{"quit", "top", "q", exitDone, []string{otherScreen + topLeft + "small 1.2.0  ", "since the start", "sorted by fuel", firstScreen}},
		{"sort", "top --sort rate", "mZnq", exitDone, []string{"sorted by rate", "sorted by memory", "sorted by node", firstScreen}},
		{"interrupt", "top", "\x03", exitInterrupted, []string{firstScreen}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(dir)
			text, code := typed(t, c.line, c.keys, 12, 100)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			all := text
			for _, want := range c.want {
				at := strings.Index(text, want)
				if at < 0 {
					t.Fatalf("%q is not in\n%q", want, all)
				}
				text = text[at:]
			}
		})
	}
}

// TestShellAtTerminal: commands are completed, remembered and given up, and the terminal is
// left as it was.
func TestShellAtTerminal(t *testing.T) {
	dir := jsonService(t)
	controlled(t, dir)
	posted(t, dir)
	t.Chdir(dir)
	keys := "nonsense\x03mail\t\rkey al\t\rstate\rsend led\t{\"account\":\"alice\",\"amount\":2}\rs\t\x03fligh\r\x1b[A\rquit\r"
	text, code := typed(t, "shell book", keys, 40, 120)
	if code != exitDone {
		t.Errorf("exit code %d", code)
	}
	all := text
	for _, want := range []string{
		"book, actor book in wasm", "help lists the commands", "book> ", "0 messages of 10000 waiting", "book alice> ", `{"entries":[{"account":"alice","amount":5}]}`,
		`"amount":2`, "send  state  status", "none that takes long", "none that takes long",
	} {
		at := strings.Index(text, want)
		if at < 0 {
			t.Fatalf("%q is not in\n%q", want, all)
		}
		text = text[at+len(want):]
	}
}

// TestShellInterrupted: Control-C while a command goes on ends that, and the shell asks for
// the next one.
func TestShellInterrupted(t *testing.T) {
	dir := jsonService(t)
	controlled(t, dir)
	t.Chdir(dir)
	t.Setenv("TERM", "xterm")
	master, tty, err := pty.Open()
	if err != nil {
		t.Skip("there are no terminals here: ", err)
	}
	defer master.Close()
	done := make(chan int, 1)
	go func() { // ends by quit; what is read of the terminal ends with it
		defer tty.Close()
		done <- execute([]string{"shell", "book"}, tty, tty, tty)
	}()
	seen := bufio.NewReader(master)
	until := func(want string) {
		t.Helper()
		var all strings.Builder
		for !strings.HasSuffix(all.String(), want) {
			b, err := seen.ReadByte()
			if err != nil {
				t.Fatalf("%v, and no %q in %q", err, want, &all)
			}
			all.WriteByte(b)
		}
	}
	press := func(keys string) {
		t.Helper()
		if _, err := master.WriteString(keys); err != nil {
			t.Fatal(err)
		}
	}
	until("book> ")
	press("watch mailbox\r")
	until("messages of 10000 waiting")
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil { // as the terminal does
		t.Fatal(err)
	}
	until("book> ")
	press("flight\r")
	until("none that takes long")
	until("book> ")
	press("quit\r")
	if code := <-done; code != exitDone {
		t.Errorf("exit code %d", code)
	}
}

// typed runs a command line at a terminal with keys pressed before it begins, sees that the
// terminal is left as it was, and returns what was written there.
func typed(t *testing.T, line, keys string, rows, columns uint16) (text string, code int) {
	t.Helper()
	t.Setenv("TERM", "xterm")
	master, tty, err := pty.Open()
	if err != nil {
		t.Skip("there are no terminals here: ", err)
	}
	defer master.Close()
	if err := pty.Setsize(tty, &pty.Winsize{Rows: rows, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	if _, err := term.MakeRaw(int(tty.Fd())); err != nil { // so that keys pressed early are not held back for a line's end
		t.Fatal(err)
	}
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := master.WriteString(keys); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	read := make(chan struct{})
	go func() { // ends when the terminal is closed
		defer close(read)
		_, _ = io.Copy(&out, master) // ends with EIO
	}()
	code = execute(strings.Fields(line), tty, tty, tty)
	if _, err := master.WriteString("x"); err != nil { // lets go who reads keys
		t.Fatal(err)
	}
	after, err := term.GetState(int(tty.Fd()))
	if err != nil || !reflect.DeepEqual(after, before) {
		t.Errorf("the terminal is not as it was: %v", err)
	}
	if err := tty.Close(); err != nil {
		t.Fatal(err)
	}
	<-read
	return out.String(), code
}

// narrow reports lines of text that are wider than the terminal, but for examples
// and what has no blank to be broken at.
func narrow(t *testing.T, line, text string, columns int) {
	t.Helper()
	example := false
	for l := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(l, " ") {
			example = l == "Examples:" || l == "Usage:"
		}
		if utf8.RuneCountInString(l) > columns && !example && strings.Contains(strings.TrimSpace(l), " ") && !strings.HasPrefix(l, "  ") {
			t.Errorf("grow %s at %d columns: %q", line, columns, l)
		}
	}
}

func unescaped(t *testing.T, line, text string, plain bool) {
	t.Helper()
	if plain && strings.Contains(text, "\x1b") {
		t.Errorf("grow %s writes escapes to a terminal that takes none: %q", line, text)
	}
}

// TestCompletion asks for completions as a shell does.
func TestCompletion(t *testing.T) {
	t.Chdir(jsonService(t))
	for _, c := range []struct{ line, want string }{
		{"__complete ", "vet"},
		{"__complete deadletters ", "show"},
		{"__complete vet --", "--dir"},
		{"__complete -o ", "json"},
		{"__complete build ", "echo"},
		{"__complete graph ", "twice"},
		{"__complete graph --format ", "mermaid"},
		{"__complete test ", "twice"},
		{"__complete actor new pricing --lang ", "rust"},
		{"__complete actor new pricing --in ", "echo.asked"},
		{"__complete workflow new both --nodes ", "echo"},
		{"__complete workflow new both --nodes echo,", "echo,trap"},
	} {
		var out bytes.Buffer
		args := strings.Split(strings.TrimSuffix(c.line, " "), " ")
		if strings.HasSuffix(c.line, " ") {
			args = append(args, "")
		}
		execute(args, strings.NewReader(""), &out, io.Discard)
		if !strings.Contains("\n"+out.String(), "\n"+c.want) {
			t.Errorf("grow %s: %q is not among\n%s", c.line, c.want, out.String())
		}
	}
}

//go:build unix

package command

import (
	"bufio"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// TestConfirm deletes things at a terminal: only who types the name does.
func TestConfirm(t *testing.T) {
	h := newHosted(t)
	t.Chdir(jsonService(t))
	h.run(exitDone, "push")
	left := func() string { return h.run(exitDone, "service list") + h.run(exitDone, "workflow list") }
	before := left()
	const shop, bad, interrupt = "service delete small", "that is not small; nothing was deleted", "^C"
	for _, c := range []struct {
		name, line, answer string
		code               int
		want               string
		deleted            bool
	}{
		{"another name", shop, "smal\n", exitInterrupted, bad, false},
		{"yes is no name", shop, "yes\n", exitInterrupted, bad, false},
		{"nothing", shop, "\n", exitInterrupted, bad, false},
		{"end of input", shop, "\x04", exitInterrupted, bad, false},
		{"interrupt", shop, interrupt, exitInterrupted, "interrupted; nothing was deleted", false},
		{"corrected", shop, "smaller\x7f\x7f\n", exitDone, "deleted main/small", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, code := answered(t, c.line, c.answer, c.answer == interrupt)
			if code != c.code || !strings.Contains(text, c.want) || !strings.Contains(text, "this deletes main/small: 1 change of documents") {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, c.code, c.want, text)
			}
			if !c.deleted && left() != before {
				t.Error("something is gone")
			}
		})
	}
	if text := h.run(exitDone, "service list"); strings.Contains(text, "small") {
		t.Errorf("it is there still:\n%s", text)
	}
}

// answered runs a command line at a terminal where a person answers what is asked, or
// interrupts it, and returns what stands there.
func answered(t *testing.T, line, answer string, interrupt bool) (text string, code int) {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Skip("there are no terminals here: ", err)
	}
	defer master.Close()
	asked, read := make(chan bool, 1), make(chan string)
	go func() { // ends when the terminal is closed, with EIO
		var all strings.Builder
		in := bufio.NewReader(master)
		for b, err := in.ReadByte(); err == nil; b, err = in.ReadByte() {
			all.WriteByte(b)
			if strings.HasSuffix(all.String(), " to do it: ") {
				asked <- true
			}
		}
		read <- all.String()
	}()
	ended := make(chan int, 1)
	go func() { ended <- execute(strings.Fields(line), tty, tty, tty) }()
	select {
	case <-asked:
		if interrupt {
			err = syscall.Kill(os.Getpid(), syscall.SIGINT)
		} else {
			_, err = master.WriteString(answer)
		}
		code = <-ended
	case code = <-ended:
		t.Error("nothing was asked")
	}
	if err != nil {
		t.Fatal(err)
	}
	if interrupt { // lets go who reads the answer still
		if _, err := master.WriteString("\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := tty.Close(); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(<-read, "\r\n", "\n"), code
}

package jail

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

const (
	nowhere   = ""
	firstFile = 3
)

// ends are the worker's ends of the connection: its standard input and output.
type ends struct{ in, out *os.File }

func (e ends) give(c *exec.Cmd) { c.Stdin, c.Stdout = e.in, e.out }
func (e ends) close()           { _, _ = e.in.Close(), e.out.Close() } // the worker has its own copies

// pipes implements Conn with a pipe each way.
type pipes struct{ in, out *os.File }

func (p pipes) Read(b []byte) (int, error)  { return p.in.Read(b) }
func (p pipes) Write(b []byte) (int, error) { return p.out.Write(b) }
func (p pipes) Close() error                { return errors.Join(p.in.Close(), p.out.Close()) }
func (p pipes) SetDeadline(t time.Time) error {
	return errors.Join(p.in.SetReadDeadline(t), p.out.SetWriteDeadline(t))
}

// pair makes a connection.
func pair() (Conn, ends, error) {
	itsIn, out, err := os.Pipe()
	if err != nil {
		return nil, ends{}, fmt.Errorf("make connection: %w", err)
	}
	in, itsOut, err := os.Pipe()
	if err != nil {
		_, _ = itsIn.Close(), out.Close() // the fault is what matters
		return nil, ends{}, fmt.Errorf("make connection: %w", err)
	}
	return pipes{in, out}, ends{itsIn, itsOut}, nil
}

// inherited is the connection that a worker was started with.
func inherited() (Conn, error) { return pipes{os.Stdin, os.Stdout}, nil }

// wasKilled reports whether a process ended as Kill ends one.
func wasKilled(state *os.ProcessState) bool { return state.ExitCode() == 1 }

// signalled says what ended a process that nothing else is known of.
func signalled(state *os.ProcessState) error {
	if state.ExitCode() == exitFailed {
		return ErrFailed
	}
	return ErrCrashed
}

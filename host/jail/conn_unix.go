//go:build unix

package jail

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	nowhere   = "/" // where a worker stands
	connFile  = 3
	firstFile = connFile + 1
)

// ends are the worker's ends of the connection.
type ends struct{ socket *os.File }

func (e ends) give(c *exec.Cmd) { c.ExtraFiles = append(c.ExtraFiles, e.socket) }
func (e ends) close()           { _ = e.socket.Close() } // the worker has its own copy

// pair makes a connection.
func pair() (Conn, ends, error) {
	syscall.ForkLock.RLock()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, ends{}, fmt.Errorf("make connection: %w", err)
	}
	own, its := os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "worker")
	conn, err := connection(own)
	if err != nil {
		_ = its.Close() // the fault is what matters
		return nil, ends{}, err
	}
	return conn, ends{its}, nil
}

// inherited is the connection that a worker was started with.
func inherited() (Conn, error) { return connection(os.NewFile(connFile, "connection")) }

// connection makes a connection of a socket, which it closes.
func connection(f *os.File) (Conn, error) {
	conn, err := net.FileConn(f)
	_ = f.Close() // FileConn made a copy
	if err != nil {
		return nil, fmt.Errorf("open connection: %w", err)
	}
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		_ = conn.Close() // the fault is what matters
		return nil, fmt.Errorf("open connection: it is a %T", conn)
	}
	return socket, nil
}

// wasKilled reports whether a process ended as Kill ends one.
func wasKilled(state *os.ProcessState) bool {
	status, ok := state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == unix.SIGKILL
}

// signalled says what ended a process that nothing else is known of.
func signalled(state *os.ProcessState) error {
	status, ok := state.Sys().(syscall.WaitStatus)
	switch {
	case !ok:
		return ErrCrashed
	case status.Signaled() && status.Signal() == unix.SIGSYS:
		return ErrForbidden
	case status.Signaled() && status.Signal() == unix.SIGXCPU:
		return ErrCPU
	case status.Signaled() && status.Signal() == unix.SIGKILL:
		return ErrKilled
	case status.Exited() && status.ExitStatus() == exitFailed:
		return ErrFailed
	}
	return ErrCrashed
}

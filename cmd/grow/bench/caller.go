package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
)

const (
	callerWaiting  = 1024             // messages of a key that are not answered yet
	callerPatience = 10 * time.Second // for an answer
)

// asked is what came of one message.
type asked struct {
	took time.Duration // since it was due
	at   time.Time     // when it was answered
	by   string        // the language of who answered
}

// beside has a process ask while f runs: swapLoad messages a second, each sent when it is
// due whether or not those before are answered. Who asks is a process of its own, as
// anybody's clients are: in this one, when a message is sent would depend on what else
// there is to run, and on which processor. Any that fails is an error.
func beside(ctx context.Context, h *app.Host, f func(ctx context.Context) error) (all []asked, err error) {
	p, err := another(ctx, nil, "-caller", strings.TrimPrefix(h.URL(), "http://"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.cmd.Wait()) }()
	lines := bufio.NewReader(p.out)
	_, err = lines.ReadByte() // it has begun
	if err == nil {
		err = f(ctx)
	}
	if err = errors.Join(err, p.in.Close()); err != nil {
		return nil, err
	}
	for {
		var a asked
		var at int64
		switch _, err := fmt.Fscanln(lines, &a.took, &at, &a.by); {
		case err == io.EOF:
			return all, nil
		case err != nil:
			return nil, err
		}
		a.at = time.Unix(0, at)
		all = append(all, a)
	}
}

// process is this program, run once more, and its ends of stdin and stdout.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.ReadCloser
}

// another starts this program once more, with some more of an environment.
func another(ctx context.Context, env []string, args ...string) (p process, err error) {
	self, err := os.Executable()
	if err != nil {
		return p, err
	}
	p.cmd = exec.CommandContext(ctx, self, args...)
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), env...), os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return p, err
	}
	if p.out, err = p.cmd.StdoutPipe(); err != nil {
		return p, err
	}
	return p, p.cmd.Start()
}

// runCaller asks the service at an address until stdin ends, swapLoad times a second, and
// then writes a line of what came of each. It writes an empty one when each connection has
// had an answer.
func runCaller(ctx context.Context, address string, stdin io.Reader, stdout io.Writer) error {
	var lines []*line
	for key := range swapKeys {
		l, err := connect(ctx, address, key)
		if err != nil {
			return err
		}
		defer l.conn.Close()
		lines = append(lines, l)
	}
	if _, err := fmt.Fprintln(stdout); err != nil {
		return err
	}
	var end atomic.Bool
	go func() { // ends with stdin
		_, _ = io.Copy(io.Discard, stdin)
		end.Store(true)
	}()
	var wait sync.WaitGroup
	errs := make([]error, len(lines)+1)
	for i, l := range lines {
		wait.Go(func() { errs[i] = l.listen() })
	}
	runtime.LockOSThread() // sleep is the thread's
	begin := time.Now()
	for n := 0; !end.Load(); n++ {
		due := begin.Add(time.Duration(n) * time.Second / swapLoad)
		for left := time.Until(due); left > 0; left = time.Until(due) {
			sleep(left)
		}
		if errs[len(lines)] = lines[n%len(lines)].send(due); errs[len(lines)] != nil {
			break
		}
	}
	runtime.UnlockOSThread()
	for _, l := range lines {
		close(l.due)
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	w := bufio.NewWriter(stdout)
	for _, l := range lines {
		for _, a := range l.all {
			fmt.Fprintln(w, int64(a.took), a.at.UnixNano(), a.by) // an error is Flush's too
		}
	}
	return w.Flush()
}

// line is one connection, of one key.
type line struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
	body    []byte
	due     chan time.Time // of what is not answered yet, oldest first
	all     []asked
}

// connect makes one, and has its first answer.
func connect(ctx context.Context, address string, key int) (*line, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	data := fmt.Sprintf(`{"key":"k-%d"}`, key)
	l := &line{conn: c, in: bufio.NewReader(c), due: make(chan time.Time, callerWaiting)}
	l.request = fmt.Appendf(nil, "POST /keep HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", address, len(data), data)
	if err = l.send(time.Now()); err == nil {
		err = l.hear(<-l.due)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	l.all = l.all[:0]
	return l, nil
}

func (l *line) send(due time.Time) error {
	select {
	case l.due <- due:
	default:
		return fmt.Errorf("%d messages of a key wait for an answer", callerWaiting)
	}
	_, err := l.conn.Write(l.request)
	return err
}

// listen takes down what is answered until nothing more is due.
func (l *line) listen() error {
	for due := range l.due {
		if err := l.hear(due); err != nil {
			return err
		}
	}
	return nil
}

func (l *line) hear(due time.Time) (err error) {
	if err := l.conn.SetReadDeadline(time.Now().Add(callerPatience)); err != nil {
		return err
	}
	if l.body, err = answer(l.in, l.body); err != nil {
		return err
	}
	now := time.Now()
	by := "rust"
	if bytes.Contains(l.body, []byte(`"python"`)) {
		by = "python"
	}
	l.all = append(l.all, asked{now.Sub(due), now, by})
	return nil
}

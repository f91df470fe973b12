// Package jail runs parts of grow in worker processes that can do next to
// nothing: no files, no network, no other programs, and no more memory and
// processor time than they are given. A worker is the same binary, started
// anew in a named role, that speaks on one connection.
//
// What holds differs from system to system; [Check] says what does on this one.
// Nothing of it needs root.
//
// The main function, and TestMain of packages that start workers, begin with
// [Enter].
package jail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"
)

// Limits of a worker. What is zero is not limited.
type Limits struct {
	// MemoryMax bounds the memory that a worker can write, in bytes: heap,
	// stacks and what it maps, also what is reserved there and not touched yet. What
	// the program itself begins with is not counted: most of that is never touched.
	MemoryMax int64
	// CPUMax bounds processor time over a worker's whole life; it is rounded up
	// to seconds.
	CPUMax time.Duration
}

// What no role needs more of.
const (
	FilesMax   = 64  // descriptors of a worker, besides those it is given
	ThreadsMax = 512 // threads of a worker, where it has a user namespace

	outputMax   = 16 << 10    // bytes kept of what a worker wrote to stderr last
	leftoverMax = time.Second // waiting for the rest of stderr after a worker's end
)

// Options of a worker.
type Options struct {
	// Role names what the worker does; see [Register].
	Role string
	// Limits it runs under.
	Limits Limits
	// Nice lowers the worker's priority, by up to 19. Only Linux heeds it.
	Nice int
	// Files are handed to it besides its connection; see [File]. There are none on Windows.
	Files []*os.File
}

// Conn is the connection between a worker and who started it: a stream of
// bytes each way. It is a *net.UnixConn where the system has them.
type Conn interface {
	io.ReadWriteCloser
	SetDeadline(t time.Time) error
}

// Process is a running worker. Its methods may be called concurrently.
type Process struct {
	role   string
	limits Limits
	cmd    *exec.Cmd
	conn   Conn
	output *tail

	done chan struct{} // closed when the process has ended
	err  error         // how; written before done is closed

	mu  sync.Mutex
	why error // it is being killed; nil: it is not
}

// Start starts a worker. It is killed when ctx ends, and when this process ends,
// however that comes about. Who started a worker calls [Process.Wait] or
// [Process.Kill] in the end.
func Start(ctx context.Context, o Options) (*Process, error) {
	return launch(ctx, o.Role, orders{Limits: o.Limits, Nice: o.Nice, Files: len(o.Files)}, o.Files)
}

// launch starts a worker with orders.
func launch(ctx context.Context, role string, o orders, files []*os.File) (*Process, error) {
	if !Entered() {
		return nil, fmt.Errorf("start worker %s: this program does not begin with jail.Enter", role)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("start worker %s: %w", role, context.Cause(ctx))
	}
	for {
		way := bestWay()
		p, err := start(ctx, role, o, files, way)
		if err == nil {
			return p, nil
		}
		if !giveUp(way, err) {
			return nil, fmt.Errorf("start worker %s: %w", role, err)
		}
	}
}

// start starts a worker in one of the ways that the system may have.
func start(ctx context.Context, role string, o orders, files []*os.File, way int) (*Process, error) {
	path, err := program()
	if err != nil {
		return nil, err
	}
	told, err := o.encode()
	if err != nil {
		return nil, err
	}
	own, its, err := pair()
	if err != nil {
		return nil, err
	}
	p := &Process{role: role, limits: o.Limits, conn: own, output: &tail{}, done: make(chan struct{})}
	p.cmd = &exec.Cmd{
		Path: path, Args: []string{workerName, role, told}, Env: []string{}, Dir: nowhere,
		Stderr: p.output, WaitDelay: leftoverMax,
	}
	its.give(p.cmd)
	p.cmd.ExtraFiles = append(p.cmd.ExtraFiles, files...)
	confine(p.cmd, way)
	started := make(chan error, 1)
	go p.run(ctx, started) // ends with the process
	err = <-started
	its.close()
	if err != nil {
		_ = own.Close() // nothing was said on it
		return nil, err
	}
	return p, nil
}

// run starts the process and waits for its end, on one thread: Linux kills the
// worker when the thread that started it ends.
func (p *Process) run(ctx context.Context, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { p.kill(context.Cause(ctx)) })
	defer stop()
	_ = p.cmd.Wait() // the process's state says more
	p.mu.Lock()
	p.err = p.ended()
	p.mu.Unlock()
	close(p.done)
}

// Conn is the connection to the worker.
func (p *Process) Conn() Conn { return p.conn }

// PID is the worker's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// CPUTime is the processor time that the worker has used; false: the system does
// not tell, or it has ended.
func (p *Process) CPUTime() (time.Duration, bool) {
	select {
	case <-p.done:
		return 0, false
	default:
		return cpuTime(p.cmd.Process.Pid)
	}
}

// Done is closed when the worker has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the worker's end and closes the connection. A worker whose role
// returned without an error is none; every other end is an *[ExitError].
func (p *Process) Wait() error {
	<-p.done
	_ = p.conn.Close() // it may be closed already
	return p.err
}

// Kill ends the worker, if it has not ended yet, and waits until it has.
func (p *Process) Kill() {
	p.kill(errTold)
	_ = p.Wait() // that it was killed is no news
}

var errTold = errors.New("it was told to end")

// kill has the process killed, for a reason.
func (p *Process) kill(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why == nil {
		p.why = why
	}
	_ = p.cmd.Process.Kill() // it has ended already, or does now
}

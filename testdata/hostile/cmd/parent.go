package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/testdata/hostile/trial"
)

const (
	watchdog  = 60 * time.Second // for one module
	childJobs = 2500             // modules a child tries before another takes its place
	stderrMax = 64 << 10         // bytes of a dead child's last words
)

// parent has children try modules until the time is over.
func (o *options) parent(ctx context.Context) error {
	fmt.Printf("seed %d\n", o.seed)
	r := newReport(o)
	source, err := newSource(ctx, o)
	if err != nil {
		return err
	}
	defer source.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	jobs := make(chan *trial.Job)
	var wait sync.WaitGroup
	for range o.jobs {
		wait.Go(func() {
			for more := true; more; {
				more = o.serve(ctx, jobs, r)
			}
		})
	}
	done := r.progress()
	err = source.each(ctx, jobs, r.enough)
	close(jobs)
	wait.Wait()
	close(done)
	return errors.Join(err, r.finish())
}

// serve runs one child until it has done its share or died, and reports
// whether another is wanted.
func (o *options) serve(ctx context.Context, jobs <-chan *trial.Job, r *report) bool {
	job, ok := <-jobs
	if !ok {
		return false
	}
	c, err := spawn(ctx)
	if err != nil {
		r.trouble(err)
		for range jobs { // nobody can try them
		}
		return false
	}
	for n := 1; ok; n++ {
		v, err := c.try(job)
		if err != nil {
			r.killed(job, c.kill(err))
			return true
		}
		r.add(job, v)
		if n == childJobs {
			break
		}
		job, ok = <-jobs
	}
	bye, err := c.finish()
	if err != nil {
		r.trouble(fmt.Errorf("a child did not end well: %w\n%s", err, c.words()))
	}
	r.left(bye)
	return ok
}

// process is a child.
type process struct {
	command *exec.Cmd
	in      io.WriteCloser
	send    *gob.Encoder
	lines   *bufio.Reader
	last    head
}

func spawn(ctx context.Context) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start child: %w", err)
	}
	p := &process{command: exec.CommandContext(ctx, self, "-child")}
	p.command.Stderr = &p.last
	p.command.Env = append(os.Environ(), childEnv+"=1", "GOTRACEBACK=all")
	if p.in, err = p.command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start child: %w", err)
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start child: %w", err)
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start child: %w", err)
	}
	p.send, p.lines = gob.NewEncoder(p.in), bufio.NewReader(out)
	return p, nil
}

// childEnv is set for children: the test's own binary is one then.
const childEnv = "GROW_HOSTILE_CHILD"

// try has the child try a module, and fails when it dies of it or takes too long.
func (p *process) try(job *trial.Job) (*trial.Verdict, error) {
	r, err := p.ask(func() error { return p.send.Encode(job) })
	if err != nil {
		return nil, err
	}
	if r.Verdict == nil {
		return nil, errors.New("the child ended before its work did")
	}
	return r.Verdict, nil
}

// ask does something that the child answers with a line.
func (p *process) ask(do func() error) (reply, error) {
	type outcome struct {
		reply
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		sent := do()
		line, err := p.lines.ReadBytes('\n')
		if o.err = err; err == nil {
			o.err = json.Unmarshal(line, &o.reply)
		}
		if o.err != nil {
			o.err = errors.Join(sent, o.err)
		}
		done <- o
	}()
	timer := time.NewTimer(watchdog)
	defer timer.Stop()
	select {
	case o := <-done:
		return o.reply, o.err
	case <-timer.C:
		p.dump() // says where it hangs
		o := <-done
		return o.reply, fmt.Errorf("no verdict within %v", watchdog)
	}
}

// kill ends a child that failed with err and says what it died of.
func (p *process) kill(err error) string {
	_ = p.in.Close()             // it may be gone
	_ = p.command.Process.Kill() // likewise
	ended := p.command.Wait()
	return strings.TrimSpace(fmt.Sprintf("%v; %v\n%s", err, ended, p.words()))
}

func (p *process) finish() (*farewell, error) {
	r, err := p.ask(p.in.Close)
	if err != nil {
		return nil, errors.Join(err, p.command.Process.Kill(), p.command.Wait())
	}
	return r.Farewell, p.command.Wait()
}

func (p *process) words() string { return p.last.text() }

// head keeps the first bytes written to it, where Go says what happened.
type head struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (t *head) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.Write(p[:min(len(p), stderrMax-t.b.Len())])
	return len(p), nil
}

func (t *head) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

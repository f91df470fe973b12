package crash

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// outage is a round in which the running host cannot keep anything for a time, and
// then can again. It must refuse with 503 meanwhile and go on by itself; what it has
// acknowledged it has, before and after a kill -9.
func (r *Run) outage(ctx context.Context, cause, cure func() error) error {
	if err := r.Start(ctx); err != nil {
		return err
	}
	end := r.begin(ctx, false)
	err := r.out(ctx, cause, cure)
	end()
	if err != nil {
		return err
	}
	if err := r.Verify(ctx); err != nil {
		return err
	}
	r.host.Kill()
	return r.All(ctx)
}

// out has an outage happen under load.
func (r *Run) out(ctx context.Context, cause, cure func() error) error {
	if err := cause(); err != nil {
		return err
	}
	if err := r.until(ctx, http.StatusServiceUnavailable); err != nil {
		return errors.Join(fmt.Errorf("while nothing can be kept: %w", err), cure())
	}
	time.Sleep(r.between(100*time.Millisecond, time.Second))
	if err := cure(); err != nil {
		return err
	}
	if err := r.until(ctx, http.StatusOK); err != nil {
		return fmt.Errorf("after the cause is gone: %w", err)
	}
	time.Sleep(r.between(loadMin, loadMax))
	return nil
}

// Eio is a round in which every fsync fails for a time.
func (r *Run) Eio(ctx context.Context) error { return r.syncs(ctx, "error=EIO") }

// writes are system calls that write; writeMax is at which of a thread's a host
// dies at most, writeWait how long that may take.
var writes = []string{"pwrite64", "write", "fsync,fdatasync"}

const (
	writeMax  = 40
	writeWait = 60 * time.Second
)

// Write is a round in which the host dies as it begins a system call that writes,
// those of NATS's files among them: nothing is written after that one.
func (r *Run) Write(ctx context.Context) error {
	return r.Round(ctx, r.between(loadMin, loadMax), func(h *Host) error {
		calls := writes[r.Random.IntN(len(writes))]
		tamper, err := h.tamper(calls, fmt.Sprintf("signal=SIGKILL:when=%d", 1+r.Random.IntN(writeMax)), filepath.Join(r.Service.Dir, "strace"))
		if err != nil {
			return err
		}
		select {
		case <-h.ended:
			<-tamper.ended
			return os.Remove(tamper.log)
		case <-time.After(writeWait):
			h.Kill()
			<-tamper.ended
			return fmt.Errorf("the host did not come to %s within %v", calls, writeWait)
		}
	})
}

// Slow is a round in which every fsync takes five seconds more for a time.
func (r *Run) Slow(ctx context.Context) error { return r.syncs(ctx, "delay_enter=5s") }

// syncs has strace do something to what the host tells the disk to write.
func (r *Run) syncs(ctx context.Context, what string) error {
	var tamper *tamper
	cause := func() (err error) {
		time.Sleep(r.between(loadMin, loadMax))
		tamper, err = r.host.tamper("fsync,fdatasync", what, filepath.Join(r.Service.Dir, "strace"))
		return err
	}
	err := r.outage(ctx, cause, func() error { return tamper.end() })
	if err != nil {
		r.Close()
	}
	return err
}

// tamper is a strace that changes the outcome of a process's system calls.
type tamper struct {
	cmd   *exec.Cmd
	log   string
	ended chan error
}

// tamper attaches strace to the host; what says what it does to each of these calls.
func (h *Host) tamper(calls, what, log string) (*tamper, error) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		return nil, fmt.Errorf("%w: strace, which tampers with system calls, is not in PATH; on Debian: apt-get install -y strace", ErrSkipped)
	}
	t := &tamper{log: log, ended: make(chan error, 1)}
	t.cmd = exec.Command(strace, "-f", "-o", log, "-e", "trace="+calls, "-e", "signal=none", "-e", "inject="+calls+":"+what, "-p", fmt.Sprint(h.cmd.Process.Pid))
	stderr, err := t.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := t.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start strace: %w", err)
	}
	attached := make(chan string, 1)
	go func() { // ends with strace
		said := ""
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if said += lines.Text() + "\n"; strings.Contains(lines.Text(), "attached") && len(attached) == 0 {
				attached <- ""
			}
		}
		t.ended <- t.cmd.Wait()
		if len(attached) == 0 {
			attached <- said
		}
	}()
	if said := <-attached; said != "" {
		return nil, fmt.Errorf("%w: strace: %s", ErrSkipped, said)
	}
	return t, nil
}

// end lets the process go, and checks that it was hindered.
func (t *tamper) end() error {
	if err := t.cmd.Process.Signal(os.Interrupt); err != nil {
		return fmt.Errorf("end strace: %w", err)
	}
	<-t.ended // it says that it was interrupted
	log, err := os.ReadFile(t.log)
	if err == nil && !strings.Contains(string(log), "(INJECTED)") && !strings.Contains(string(log), "(DELAYED)") {
		err = errors.New("strace has changed no fsync of the host")
	}
	return errors.Join(err, os.Remove(t.log))
}

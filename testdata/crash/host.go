package crash

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startMax is how long a host may take until it serves, or says why it does not:
// it reads all of a journal that was not closed, on a machine that does other things too.
const startMax = 5 * time.Minute

// Refused is why a host did not start, as it said itself.
type Refused struct {
	Code, Message string
}

func (r *Refused) Error() string { return "grow run: " + r.Code + ": " + r.Message }

// Service is a built service in a folder of its own, and the command that runs it.
type Service struct {
	Grow string // path of the command
	Dir  string
	Env  []string // besides this process's
	Args []string // of grow run, besides those that it always has
}

// Journal is the folder that the service keeps its journal in.
func (s *Service) Journal() string { return filepath.Join(s.Dir, ".grow", "journal") }

// Build copies the service in from to dir and compiles its actors.
func Build(ctx context.Context, grow, from, dir string) (*Service, error) {
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		return nil, fmt.Errorf("copy service: %w", err)
	}
	for _, stale := range []string{"journal", "control.json", "control.sock"} {
		if err := os.RemoveAll(filepath.Join(dir, ".grow", stale)); err != nil {
			return nil, err
		}
	}
	out, err := exec.CommandContext(ctx, grow, "build", "-q", "-C", dir).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("build service: %w: %s", err, out)
	}
	return &Service{Grow: grow, Dir: dir}, nil
}

// Host is one life of a running service. Start makes it; Kill or Stop ends it.
type Host struct {
	URL  string
	Took time.Duration // until it served

	cmd   *exec.Cmd
	ended chan struct{} // closed when the process is gone

	mu     sync.Mutex
	stderr bytes.Buffer
	logs   []string // messages of warnings and errors
}

// Write keeps what the host writes to standard error.
func (h *Host) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stderr.Write(p)
}

// Start runs the service until it serves. A host that ends instead is a
// *Refused, with the code it gave.
func (s *Service) Start(ctx context.Context) (*Host, error) {
	h, serving, err := s.Launch()
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(startMax)
	defer timer.Stop()
	select {
	case <-serving:
		return h, nil
	case <-h.ended:
		return nil, h.refusal()
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = fmt.Errorf("start host: it neither served nor ended within %v", startMax)
	}
	h.Kill()
	return nil, err
}

// Launch starts the process alone; serving is closed when it serves.
func (s *Service) Launch() (h *Host, serving chan struct{}, err error) {
	h = &Host{ended: make(chan struct{})}
	args := append([]string{"run", "--no-build", "--listen", "127.0.0.1:0", "--level", "warn", "-o", "json"}, s.Args...)
	h.cmd = exec.Command(s.Grow, append(args, s.Dir)...)
	h.cmd.Env = append(os.Environ(), s.Env...)
	h.cmd.Stderr = h
	stdout, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	began := time.Now()
	if err := h.cmd.Start(); err != nil {
		return nil, nil, fmt.Errorf("start host: %w", err)
	}
	serving = make(chan struct{})
	go func() { // ends with the process
		defer close(h.ended)
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			h.line(lines.Bytes(), began, serving)
		}
		_ = h.cmd.Wait() // how a killed process ended is known
	}()
	return h, serving, nil
}

func (h *Host) line(line []byte, began time.Time, serving chan struct{}) {
	var event struct{ Event, URL, Message string }
	if json.Unmarshal(line, &event) != nil {
		return
	}
	switch event.Event {
	case "serving":
		h.URL, h.Took = event.URL, time.Since(began)
		close(serving)
	case "log":
		h.mu.Lock()
		defer h.mu.Unlock()
		h.logs = append(h.logs, string(line))
	}
}

// Logged says whether a warning or an error of this life contains text.
func (h *Host) Logged(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.logs {
		if strings.Contains(l, text) {
			return true
		}
	}
	return strings.Contains(h.stderr.String(), text)
}

// refusal is what a host that ended by itself said.
func (h *Host) refusal() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for line := range bytes.Lines(h.stderr.Bytes()) {
		var said struct{ Error Refused }
		if json.Unmarshal(line, &said) == nil && said.Error.Code != "" {
			return &said.Error
		}
	}
	if status, ok := h.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return errDied
	}
	text := h.stderr.String()
	if len(text) > 2000 {
		text = text[:2000]
	}
	return fmt.Errorf("host ended without a named error: %v: %s", h.cmd.ProcessState, text)
}

// Signal sends a signal to the process.
func (h *Host) Signal(s syscall.Signal) error { return h.cmd.Process.Signal(s) }

// Kill ends the process as a power cut does, and waits until it is gone.
func (h *Host) Kill() {
	_ = h.cmd.Process.Kill() // it may be gone already
	<-h.ended
}

// Ended says whether the process is gone.
func (h *Host) Ended() bool {
	select {
	case <-h.ended:
		return true
	default:
		return false
	}
}

// Stop ends the process in order.
func (h *Host) Stop() error {
	if err := h.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop host: %w", err)
	}
	select {
	case <-h.ended:
	case <-time.After(startMax):
		h.Kill()
		return errors.New("stop host: it did not end")
	}
	if code := h.cmd.ProcessState.ExitCode(); code != 0 && code != 130 {
		return h.refusal()
	}
	return nil
}

// Dead lists the dead letters, newest first.
func (s *Service) Dead(ctx context.Context) ([]Dead, error) {
	cmd := exec.CommandContext(ctx, s.Grow, "deadletters", "list", "--limit", "0", "-o", "json", "-C", s.Dir)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w: %s", err, errs.Bytes())
	}
	var list []Dead
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	return list, nil
}

// Dead is a dead letter, as grow deadletters list tells it.
type Dead struct {
	ID, Node, Key, Type, Code, Reason string
}

// memory is the most memory the process has had so far, in bytes; 0 where the
// system does not tell.
func (h *Host) memory() int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}

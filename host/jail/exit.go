package jail

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// How a worker ended; [errors.Is] finds them in an [ExitError].
var (
	ErrMemory    = errors.New("it needed more memory than it may have")
	ErrCPU       = errors.New("it used up its processor time")
	ErrForbidden = errors.New("it did what no worker may do")
	ErrKilled    = errors.New("it was killed from outside, or for lack of memory of the whole machine")
	ErrCrashed   = errors.New("it crashed")
	ErrFailed    = errors.New("it failed")
)

// ExitError is the end of a worker that did not end well. It wraps one of the
// errors above, or the cause of the context that ended it.
type ExitError struct {
	Role   string
	Cause  error
	State  string // as the system tells it: "signal: killed", "exit status 2"
	Output string // what it wrote to stderr last
}

// Error implements error.
func (e *ExitError) Error() string {
	text := fmt.Sprintf("worker %s: %v (%s)", e.Role, e.Cause, e.State)
	if line := firstLine(e.Output); line != "" {
		text += ": " + line
	}
	return text
}

// Unwrap returns the cause.
func (e *ExitError) Unwrap() error { return e.Cause }

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// ended says how the process came to its end. p.mu is held.
func (p *Process) ended() error {
	state := p.cmd.ProcessState
	if state == nil || state.Success() {
		return nil
	}
	e := &ExitError{Role: p.role, State: state.String(), Output: p.output.String()}
	e.Cause = p.cause(state, e.Output)
	return e
}

// Words with which runtimes say that they got no memory, or no thread for want of it.
var noMemory = []string{"out of memory", "cannot allocate memory", "failed to allocate", "failed to create new OS thread", "pthread_create failed"}

// starved is what Go's runtime says when it reads at the address 0 on a stack of its own, and
// not on one of the program's: its collector does not ask whether it was given memory.
var starved = regexp.MustCompile(`SIGSEGV: segmentation violation\nPC=\S+ m=\d+ sigcode=\d+ addr=0x0\n\ngoroutine 0 [^\n]*\nruntime\.`)

// lacked reports whether a worker said that it got no memory.
func lacked(output string) bool {
	return slices.ContainsFunc(noMemory, func(words string) bool { return strings.Contains(output, words) }) || starved.MatchString(output)
}

func (p *Process) cause(state *os.ProcessState, output string) error {
	if p.why != nil && wasKilled(state) { // and did not end by itself just before
		return p.why
	}
	if lacked(output) {
		return ErrMemory
	}
	if strings.Contains(output, "SIGXCPU") { // as Go's runtime says it
		return ErrCPU
	}
	// The system counts by ticks and reports by the clock: they differ.
	if p.limits.CPUMax > 0 && state.UserTime()+state.SystemTime() >= seconds(p.limits.CPUMax)/2 && !state.Exited() {
		return ErrCPU
	}
	return signalled(state)
}

// seconds rounds d up to whole seconds.
func seconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// exitFailed is the exit code of a worker whose role returned an error, which
// it has written to stderr.
const exitFailed = 1

// tail keeps the end of what was written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - outputMax; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}

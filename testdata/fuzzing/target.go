package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// target is one fuzz target.
type target struct {
	dir    string // of its package, from the root of the repository
	name   string
	digest string // of the sources it is made of
	left   time.Duration

	mu      sync.Mutex
	seconds float64 // that it has fuzzed, as it last said, and what then
	inputs  int64
	fresh   int
}

func (t *target) id() string { return t.dir + "." + t.name }

func (t *target) seen() (seconds float64, inputs int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seconds, t.inputs
}

var (
	progress = regexp.MustCompile(`^fuzz: elapsed: ([0-9hms.]+), execs: (\d+) .*new interesting: (\d+)`)
	written  = regexp.MustCompile(`Failing input written to (\S+)`)
)

// saidMax is how much of what a target says is kept, in lines.
const saidMax = 60

// fuzz runs the target for the time that is left, on so many processors. It
// returns what came of it, and what it said in the end.
func (t *target) fuzz(ctx context.Context, processors int) (entry, string) {
	e := entry{Target: t.id(), Digest: t.digest, Began: time.Now().UTC().Truncate(time.Second)}
	// Each process runs one input at a time, so it needs no more.
	args := []string{"go", "test", "./" + t.dir, "-run", "^$", "-fuzz", "^" + t.name + "$", "-fuzztime", t.left.String(), "-fuzzminimizetime", "2s", "-parallel", strconv.Itoa(processors)}
	if nice, err := exec.LookPath("nice"); err == nil {
		args = append([]string{nice, "-n", "10"}, args...)
	}
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) } // go test has its processes end
	c.WaitDelay = 20 * time.Second
	out, in := io.Pipe()
	c.Stdout, c.Stderr = in, in
	var said []string
	read := make(chan struct{})
	go func() { // ends with the command
		defer close(read)
		said = t.listen(out, &e)
	}()
	err := c.Run()
	_ = in.Close() // of a pipe: never fails
	<-read
	t.mu.Lock()
	e.Seconds, e.Inputs, e.New = t.seconds, t.inputs, t.fresh
	t.mu.Unlock()
	text := strings.Join(said, "\n")
	switch {
	case err == nil || e.Found != "":
	case ctx.Err() != nil:
	case e.Seconds >= t.left.Seconds() && strings.Contains(text, "context deadline exceeded"):
		// Not the target's: what was under way when the time was up.
	default:
		e.Found = fmt.Sprintf("it did not run to its end: %v", err)
	}
	return e, text
}

// listen reads what go test says.
func (t *target) listen(out io.Reader, e *entry) (said []string) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if m := progress.FindStringSubmatch(line); m != nil {
			elapsed, err := time.ParseDuration(m[1])
			inputs, _ := strconv.ParseInt(m[2], 10, 64) // of digits; too many of them are none
			fresh, _ := strconv.Atoi(m[3])
			t.mu.Lock()
			if err == nil {
				t.seconds = elapsed.Seconds()
			}
			t.inputs, t.fresh = inputs, fresh
			t.mu.Unlock()
			continue
		}
		if m := written.FindStringSubmatch(line); m != nil {
			e.Found = filepath.ToSlash(filepath.Join(t.dir, m[1]))
		}
		if said = append(said, line); len(said) > saidMax {
			said = said[1:]
		}
	}
	_, _ = io.Copy(io.Discard, out) // after a line that is too long
	return said
}

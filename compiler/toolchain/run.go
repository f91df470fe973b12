package toolchain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Limits of the programs that are run.
const (
	OutputMax  = 16 << 20         // bytes kept of each output; the rest is dropped
	LineMax    = 16 << 10         // bytes of one line given to Progress; longer ones are cut
	AskTimeout = 20 * time.Second // for a tool that is only asked for its version
	// killGrace is how long a stopped tool's outputs are waited for, should one
	// of its children have kept them open.
	killGrace = 5 * time.Second
)

// Command is one run of a tool.
type Command struct {
	Path     string            // of the program
	Args     []string          // without the program itself
	Dir      string            // working directory; "" for the current one
	Env      []string          // the whole environment, NAME=VALUE; nil for that of this process
	Progress func(line string) // takes each line of the error output as it comes; may be nil
}

// Output is what a tool printed.
type Output struct {
	Stdout []byte // at most OutputMax bytes
	Stderr []byte // at most OutputMax bytes
}

// Run runs a tool to its end. A tool that ends with another status than 0 is an
// error, and so is one that had to be stopped because ctx ended; that error
// wraps the one of ctx. Everything the tool started is stopped with it.
func Run(ctx context.Context, c Command) (Output, error) {
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = c.Dir, c.Env, killGrace
	group(cmd)
	stdout, stderr := &sink{}, &sink{line: c.Progress}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	stderr.flush()
	out := Output{Stdout: stdout.kept.Bytes(), Stderr: stderr.kept.Bytes()}
	switch {
	case ctx.Err() != nil:
		return out, fmt.Errorf("run %s: %w", c.Path, ctx.Err())
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return out, fmt.Errorf("run %s: %w", c.Path, err)
	}
	return out, nil
}

// Ask runs a tool that answers at once and returns its standard output without
// surrounding white space.
func Ask(ctx context.Context, c Command) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, AskTimeout)
	defer cancel()
	out, err := Run(ctx, c)
	if err != nil {
		if said := strings.TrimSpace(string(out.Stderr)); said != "" {
			first, _, _ := strings.Cut(said, "\n")
			err = fmt.Errorf("%w: %s", err, first)
		}
		return "", err
	}
	return strings.TrimSpace(string(out.Stdout)), nil
}

// sink keeps the first OutputMax bytes and passes whole lines on. Only the
// goroutine that os/exec copies with writes to it, until the command has ended.
type sink struct {
	kept    bytes.Buffer
	partial []byte
	line    func(string)
}

func (s *sink) Write(p []byte) (int, error) {
	if room := OutputMax - s.kept.Len(); room > 0 {
		s.kept.Write(p[:min(room, len(p))])
	}
	if s.line == nil {
		return len(p), nil
	}
	for rest := p; len(rest) > 0; {
		at := bytes.IndexAny(rest, "\r\n")
		if at < 0 {
			s.add(rest)
			break
		}
		s.add(rest[:at])
		s.flush()
		rest = rest[at+1:]
	}
	return len(p), nil
}

func (s *sink) add(p []byte) {
	s.partial = append(s.partial, p[:min(len(p), LineMax-len(s.partial))]...)
}

func (s *sink) flush() {
	if s.line != nil && len(bytes.TrimSpace(s.partial)) > 0 {
		s.line(strings.TrimRight(string(s.partial), " \t"))
	}
	s.partial = s.partial[:0]
}

// Package command is the command line of grow. Everything but this package and
// package app can be used without it; this package turns words into calls and
// answers into text.
//
// A binary with kinds of capabilities of its own imports their packages, each of which
// registers its kind in init, and calls [Main].
package command

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/grow-platform/grow/host/jail"
)

// Main is grow's main function: it runs the command line of the process, and ends the process with the
// command's exit code. It is called first of all: workers are the same binary, started anew.
func Main() {
	jail.Enter() // a worker goes no further
	os.Exit(execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// execute runs one command line and returns its exit code.
func execute(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends what does not heed the first
	s := &shell{stdin: stdin, stdout: stdout, stderr: stderr}
	root := s.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	if wantsJSON(args) { // flags after a wrong one were not read
		s.output = "json"
	}
	return s.fail(ctx, err)
}

// Command grow makes, runs and looks after services of message-passing actors.
// Everything but this package and package app can be used without it; this
// package turns words into calls and answers into text.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/grow-platform/grow/host/jail"
)

func main() {
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

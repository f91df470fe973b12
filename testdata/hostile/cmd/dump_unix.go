//go:build unix

package main

import (
	"syscall"
	"time"
)

// dump has the child print where its goroutines are, and end; one that does not
// is killed.
func (p *process) dump() {
	_ = p.command.Process.Signal(syscall.SIGQUIT) // it may be gone
	time.AfterFunc(5*time.Second, func() { _ = p.command.Process.Kill() })
}

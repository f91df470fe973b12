//go:build !unix

package main

// dump ends the child.
func (p *process) dump() { _ = p.command.Process.Kill() } // it may be gone

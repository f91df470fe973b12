//go:build !unix

package postgres

import "os/exec"

func ordinary(c *exec.Cmd) *exec.Cmd { return c }

func hand(string) error { return nil }

//go:build unix

package postgres

import (
	"os"
	"os/exec"
	"syscall"
)

// nobody is an ordinary user: PostgreSQL does not run as root.
const nobody = 65534

func ordinary(c *exec.Cmd) *exec.Cmd {
	if os.Getuid() == 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return c
}

// hand gives a folder to the ordinary user.
func hand(folder string) error {
	if os.Getuid() == 0 {
		return os.Chown(folder, nobody, nobody)
	}
	return nil
}

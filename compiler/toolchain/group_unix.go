//go:build unix

package toolchain

import (
	"os/exec"
	"syscall"
)

// group gives the command a process group of its own, so that stopping it
// stops the compilers that cargo and go start, too.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

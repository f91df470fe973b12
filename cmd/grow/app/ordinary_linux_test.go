package app

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is the user and group that own nothing.
const nobody = 65534

// TestOrdinaryUser: a service whose actor has a process of its own needs no root:
// started by a user who has nothing it runs, keeps to its limits, outlives the death of
// the process, and keeps machine code that is refused when somebody changed it.
func TestOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("this is an ordinary user already")
	}
	home := t.TempDir()
	for dir := home; dir != os.TempDir() && len(dir) > 1; dir = dir[:strings.LastIndexByte(dir, '/')] {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(home, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("/proc/self/exe", "-test.v",
		"-test.run=^(TestProcessDies|TestStateLimits|TestTamperedMachineCode|TestLimits)$/^(|memory:_1MiB.*|fuel:_10k.*|left_as_it_is|swapped.*|a_byte.*)$")
	c.Dir, c.Env = home, []string{"HOME=" + home, "TMPDIR=" + home, "PATH=" + os.Getenv("PATH")}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := c.CombinedOutput()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		t.Skip("another user cannot run the test: ", err)
	}
	for _, name := range []string{
		"TestProcessDies", "TestStateLimits", "TestLimits/memory:_1MiB_m_process", "TestLimits/fuel:_10k_f_process", "TestTamperedMachineCode/swapped_between_two_modules",
	} {
		if !strings.Contains(string(out), "--- PASS: "+name+" ") {
			t.Errorf("%s did not pass", name)
		}
	}
	if err != nil || t.Failed() {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

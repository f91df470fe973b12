package jail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// attempts are what a worker tries that has been taken over. Each returns nil
// when it got what it wanted.
var attempts = map[string]func() error{
	"read a file":   func() error { _, err := os.ReadFile("/etc/passwd"); return err },
	"read itself":   func() error { _, err := os.ReadFile("/proc/self/maps"); return err },
	"list a folder": func() error { _, err := os.ReadDir("/"); return err },
	"look at a file": func() error {
		var s unix.Stat_t
		return unix.Stat("/etc/passwd", &s)
	},
	"write a file":       func() error { return os.WriteFile("/tmp/of-a-worker", nil, 0o600) },
	"remove a file":      func() error { return unix.Unlink("/tmp/of-a-worker") },
	"make a memory file": func() error { _, err := unix.MemfdCreate("x", 0); return err },
	"connect": func() error {
		_, err := net.DialTimeout("tcp", "127.0.0.1:1", time.Second)
		return refusedIsReached(err)
	},
	"listen":                    func() error { _, err := net.Listen("tcp", "127.0.0.1:0"); return err },
	"send a datagram":           func() error { _, err := net.Dial("udp", "127.0.0.1:53"); return err },
	"open a raw socket":         func() error { _, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0); return err },
	"connect to a local socket": func() error { _, err := net.Dial("unix", "@somewhere"); return refusedIsReached(err) },
	"raise a limit": func() error {
		return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20})
	},
	"limit its parent": func() error {
		return unix.Prlimit(os.Getppid(), unix.RLIMIT_CPU, &unix.Rlimit{Cur: 1, Max: 1}, nil)
	},
	"kill its parent": func() error { return unix.Kill(unix.Getppid(), 0) },
	"signal its parent by a socket": func() error {
		_, err := unix.FcntlInt(connFile, unix.F_SETOWN, unix.Getppid())
		return err
	},
	"kill everybody":         func() error { return unix.Kill(-1, 0) },
	"outlive its parent":     func() error { return unix.Prctl(unix.PR_SET_PDEATHSIG, 0, 0, 0, 0) },
	"lift a limit by clone3": func() error { _, _, e := unix.Syscall(unix.SYS_CLONE3, 0, 0, 0); return orNil(e) },
	"start its own program":  func() error { return unix.Exec("/proc/self/exe", nil, nil) },
	"fork":                   func() error { return exec.Command("/bin/true").Run() },
	"trace":                  func() error { return unix.PtraceAttach(os.Getppid()) },
	"mount":                  func() error { return unix.Mount("x", "/tmp", "tmpfs", 0, "") },
	"enter namespaces":       func() error { return unix.Unshare(unix.CLONE_NEWUSER) },
	"become root":            func() error { _, _, e := unix.RawSyscall(unix.SYS_SETUID, 0, 0, 0); return orNil(e) },
	"load a filter":          func() error { _, _, e := unix.Syscall(unix.SYS_BPF, 0, 0, 0); return orNil(e) },
	"ring":                   func() error { _, _, e := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, 0, 0); return orNil(e) },
}

// killed are those of them that a worker does not survive.
var killed = map[string]bool{
	"start its own program": true, "trace": true, "mount": true, "enter namespaces": true, "become root": true, "load a filter": true, "ring": true,
}

// orNil is an error of a system call made by its number: any but a refusal
// means that the kernel looked at it.
func orNil(e syscall.Errno) error {
	if e == unix.EPERM || e == unix.ENOSYS || e == unix.EACCES {
		return e
	}
	return nil
}

// refusedIsReached: nobody listens there, but the network was asked.
func refusedIsReached(err error) error {
	if errors.Is(err, unix.ECONNREFUSED) {
		return nil
	}
	return err
}

// attempt makes the attempt whose name it is sent.
func attempt(_ context.Context, c Conn) error {
	name, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	text := "done"
	if err := attempts[string(name)](); err != nil {
		text = "failed: " + err.Error()
	}
	_, err = io.WriteString(c, text)
	return err
}

// TestAttempts: nothing that a worker was not given can be reached from inside,
// however it was started.
func TestAttempts(t *testing.T) {
	had := best.Load()
	defer best.Store(had)
	for way := had; way < wayEnd; way++ {
		best.Store(way)
		t.Run(fmt.Sprint("way ", way), func(t *testing.T) {
			for name := range attempts {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					try(t, name)
				})
			}
		})
	}
}

// try has a worker make an attempt.
func try(t *testing.T, name string) {
	p := begin(t, context.Background(), Options{Role: "attempt", Limits: Limits{MemoryMax: 512 << 20}})
	c := p.Conn().(*net.UnixConn)
	if _, err := io.WriteString(c, name); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(c) // a killed one says nothing
	err := p.Wait()
	if killed[name] {
		if !errors.Is(err, ErrForbidden) {
			t.Errorf("it said %q and ended with %v; want %v", said, err, ErrForbidden)
		}
		return
	}
	if err != nil || !strings.HasPrefix(string(said), "failed: ") {
		t.Errorf("it said %q and ended with %v", said, err)
	}
}

// TestHandedFile: a worker cannot write into a file that it was handed to read from and write to.
func TestHandedFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "large"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := begin(t, t.Context(), Options{Role: "fill", Files: []*os.File{f}})
	if err := p.Wait(); err == nil {
		t.Error("it wrote into the file")
	}
	if s, err := f.Stat(); err != nil || s.Size() != 0 {
		t.Errorf("%d bytes, %v", s.Size(), err)
	}
}

func init() {
	Register("attempt", attempt)
	Register("fill", func(context.Context, Conn) error {
		b := make([]byte, 1<<20)
		for range 1024 {
			if _, err := File(0).Write(b); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestOrphan: a worker ends when who started it is killed, however it was started.
func TestOrphan(t *testing.T) {
	for way := best.Load(); way < wayEnd; way++ {
		c := exec.Command("/proc/self/exe", "-test.run=^TestOrphanParent$", "-test.v")
		c.Env = append(os.Environ(), fmt.Sprintf("GROW_TEST_PARENT=%d", way))
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		fd, err := unix.PidfdOpen(workerOf(t, out), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = c.Wait() // it was killed
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 60_000)
		for errors.Is(err, unix.EINTR) {
			n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 60_000)
		}
		if err != nil || n != 1 {
			t.Errorf("way %d: the worker lives on: %d, %v", way, n, err)
		}
	}
}

// workerOf is the process id that TestOrphanParent prints.
func workerOf(t *testing.T, out io.Reader) int {
	t.Helper()
	for {
		var word string
		if _, err := fmt.Fscan(out, &word); err != nil {
			t.Fatal(err)
		}
		if n, ok := strings.CutPrefix(word, "worker="); ok {
			pid, err := strconv.Atoi(n)
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
}

// TestOrphanParent is the parent of TestOrphan.
func TestOrphanParent(t *testing.T) {
	way, err := strconv.Atoi(os.Getenv("GROW_TEST_PARENT"))
	if err != nil {
		t.Skip("only as a program of its own")
	}
	best.Store(int32(way))
	p := begin(t, context.Background(), Options{Role: "spin"})
	fmt.Printf("worker=%d \n", p.PID())
	_ = p.Wait() // it is killed
}

// TestOrdinaryUser: all of it holds without root.
func TestOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("this is an ordinary user already")
	}
	c := exec.Command("/proc/self/exe", "-test.run=^(TestAttempts|TestEnds|TestConn|TestSees)$", "-test.v")
	c.Dir, c.Env = "/", []string{"HOME=/", "TMPDIR=/tmp"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := c.CombinedOutput()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		t.Skip("another user cannot run the test: ", err)
	}
	if err != nil || !strings.Contains(string(out), "PASS: TestAttempts") {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

// TestWays: what holds inside does so however a worker was started.
func TestWays(t *testing.T) {
	had := best.Load()
	defer best.Store(had)
	for way := range wayEnd {
		best.Store(int32(way))
		r, err := Check(t.Context())
		if err != nil {
			t.Fatal(way, err)
		}
		t.Log(way, r)
		for _, m := range r {
			if !m.Holds && m.Name != measureNamespaces {
				t.Errorf("way %d: %s does not hold: %s", way, m.Name, m.Note)
			}
		}
	}
	if giveUp(wayPlain, unix.EPERM) || giveUp(wayNamespaces, unix.ENOMEM) {
		t.Error("gave up a way that is needed")
	}
}

// TestLandlockAlone: where seccomp is forbidden, Landlock keeps files and TCP away.
func TestLandlockAlone(t *testing.T) {
	c := exec.Command("/proc/self/exe", "-test.run=^TestLandlockChild$", "-test.v")
	c.Env = append(os.Environ(), "GROW_TEST_LANDLOCK=1")
	out, err := c.CombinedOutput()
	if strings.Contains(string(out), "SKIP: TestLandlockChild") {
		t.Skip("the kernel has none")
	}
	if err != nil || !strings.Contains(string(out), "PASS: TestLandlockChild") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestLandlockChild is a process of TestLandlockAlone.
func TestLandlockChild(t *testing.T) {
	if os.Getenv("GROW_TEST_LANDLOCK") == "" {
		t.Skip("only as a program of its own")
	}
	if m := landlocked(); !m.Holds {
		t.Skip(m.Note)
	}
	for _, name := range []string{"read a file", "read itself", "list a folder", "write a file", "connect"} {
		if attempts[name]() == nil {
			t.Errorf("%s: done", name)
		}
	}
}

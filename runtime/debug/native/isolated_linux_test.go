package native

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/process"
	"github.com/grow-platform/grow/runtime/engine/wazero"
	"golang.org/x/sys/unix"
)

// workerEnv turns the test binary into a worker.
const workerEnv = "GROW_TEST_WORKER"

func init() {
	if os.Getenv(workerEnv) == "" {
		return
	}
	conn, err := net.FileConn(os.NewFile(3, "connection"))
	if err == nil {
		err = process.Serve(context.Background(), conn, func(ctx context.Context) (engine.Engine, error) {
			return wazero.New(ctx, wazero.Options{Admitted: true})
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child starts this binary as a worker.
func child(context.Context, int64) (process.Worker, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return process.Worker{}, err
	}
	own, other := os.NewFile(uintptr(fds[0]), "host"), os.NewFile(uintptr(fds[1]), "worker")
	conn, err := net.FileConn(own)
	if err := errors.Join(err, own.Close()); err != nil {
		return process.Worker{}, err
	}
	c := exec.Command(os.Args[0])
	c.Env, c.ExtraFiles, c.Stderr = append(os.Environ(), workerEnv+"=1"), []*os.File{other}, os.Stderr
	if err := errors.Join(c.Start(), other.Close()); err != nil {
		return process.Worker{}, err
	}
	return process.Worker{
		Conn: conn.(process.Conn), PID: c.Process.Pid,
		Kill: func() { _ = c.Process.Kill() },
		Wait: func() error { return errors.Join(c.Wait(), conn.Close()) },
	}, nil
}

// TestIsolated: in a process of its own a guest is debugged as it is in the host's. The
// debugger stays in the host, and the worker shows it memory, globals and calls.
func TestIsolated(t *testing.T) {
	here := newEngine
	defer func() { newEngine = here }()
	newEngine = func(testing.TB) (engine.Engine, error) {
		return process.New(process.Options{Start: child, Prepare: func(ctx context.Context, binary []byte, c engine.Config) ([]byte, error) {
			return wazero.Prepare(ctx, wazero.Options{}, binary, c)
		}}), nil
	}
	for _, x := range []struct {
		name string
		test func(*testing.T)
	}{
		{"C", TestC},
		{"steps", TestSteps},
		{"set", TestSet},
		{"optimised", TestOptimised},
		{"endless", TestEndless},
		{"address", TestAddress},
		{"data", TestData},
		{"data of a function", TestDataOfFunction},
		{"listing", TestListing},
		{"trap", TestTrap},
		{"traps", TestTraps},
		{"trap in depth", TestTrapDeep},
		{"trap unwatched", TestTrapUnwatched},
		{"trap optimised", TestTrapOptimised},
		{"Go", TestGo},
		{"Rust", TestRust},
		{"derived", TestDerived},
		{"panic", TestPanic},
	} {
		t.Run(x.name, x.test)
	}
}

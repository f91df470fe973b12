package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/runtime/engine/wazero"
	"github.com/grow-platform/grow/testdata/wat"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// workerEnv turns the test binary into a worker.
const (
	workerEnv      = "GROW_TEST_WORKER"
	workerAdmitted = "admitted" // one that is handed admitted modules
)

func TestMain(m *testing.M) {
	if os.Getenv(workerEnv) == "" {
		goleak.VerifyTestMain(m)
		return
	}
	conn, err := net.FileConn(os.NewFile(3, "connection"))
	if err == nil {
		err = serveWazero(conn)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serveWazero(conn net.Conn) error {
	return Serve(context.Background(), conn, func(ctx context.Context) (engine.Engine, error) {
		if os.Getenv(workerEnv) == workerAdmitted {
			return wazero.New(ctx, wazero.Options{Admitted: true})
		}
		return wazero.New(ctx, wazero.Options{Languages: []engine.Language{enginetest.Toy(nil)}})
	})
}

// pair is a connection within this process and its other end as a file.
func pair() (net.Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	own, other := os.NewFile(uintptr(fds[0]), "host"), os.NewFile(uintptr(fds[1]), "worker")
	conn, err := net.FileConn(own)
	return conn, other, errors.Join(err, own.Close())
}

// child starts this binary as a worker.
func child(context.Context, int64) (Worker, error) {
	conn, other, err := pair()
	if err != nil {
		return Worker{}, err
	}
	c := exec.Command(os.Args[0])
	c.Env, c.ExtraFiles, c.Stderr = append([]string{workerEnv + "=1"}, os.Environ()...), []*os.File{other}, os.Stderr
	if err := errors.Join(c.Start(), other.Close()); err != nil {
		return Worker{}, err
	}
	return Worker{
		Conn: conn, PID: c.Process.Pid,
		Kill: func() { _ = c.Process.Kill() },
		Wait: func() error { return errors.Join(c.Wait(), conn.Close()) },
	}, nil
}

// inside serves in a goroutine of this process.
func inside(serve func(conn net.Conn) error) func(context.Context, int64) (Worker, error) {
	return func(context.Context, int64) (Worker, error) {
		conn, file, err := pair()
		if err != nil {
			return Worker{}, err
		}
		other, err := net.FileConn(file)
		if err := errors.Join(err, file.Close()); err != nil {
			return Worker{}, err
		}
		ended := make(chan error, 1)
		go func() { ended <- errors.Join(serve(other), other.Close()) }() // ends with the connection
		return Worker{
			Conn: conn,
			Kill: func() { _ = conn.Close() },
			Wait: func() error {
				err := <-ended
				_ = conn.Close() // it may be closed already
				return err
			},
		}, nil
	}
}

func TestConformance(t *testing.T) {
	for name, start := range map[string]func(context.Context, int64) (Worker, error){
		"child process": child, "in this process": inside(serveWazero),
	} {
		t.Run(name, func(t *testing.T) {
			before := files(t)
			enginetest.Run(t, func(t *testing.T) engine.Engine { return New(Options{Start: start, Log: alarm(t)}) })
			enginetest.RunLanguages(t, func(t *testing.T, _ ...engine.Language) engine.Engine {
				return New(Options{Start: start, Log: alarm(t)})
			})
			if after := files(t); after != before {
				t.Errorf("%d files are open, %d before", after, before)
			}
		})
	}
}

// TestPrepared: a worker that is handed a prepared thin module needs nothing else of
// its language.
func TestPrepared(t *testing.T) {
	admitted := func(conn net.Conn) error {
		return Serve(context.Background(), conn, func(ctx context.Context) (engine.Engine, error) {
			return wazero.New(ctx, wazero.Options{Admitted: true})
		})
	}
	enginetest.RunLanguages(t, func(t *testing.T, l ...engine.Language) engine.Engine {
		return New(Options{Start: inside(admitted), Log: alarm(t), Prepare: func(ctx context.Context, binary []byte, c engine.Config) ([]byte, error) {
			return wazero.Prepare(ctx, wazero.Options{Languages: l}, binary, c)
		}})
	})
}

// files is the number of this process's descriptors.
func files(t *testing.T) int {
	t.Helper()
	// The first connection opens what Go waits for all of them with.
	conn, other, err := pair()
	if err := errors.Join(err, conn.Close(), other.Close()); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// load compiles a module and closes it with the test.
func load(t testing.TB, e engine.Engine, binary []byte, c engine.Config) *module {
	t.Helper()
	m, err := e.Compile(t.Context(), binary, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Errorf("close module: %v", err)
		}
	})
	return m.(*module)
}

func running(t testing.TB, m engine.Module, h engine.Host) engine.Instance {
	t.Helper()
	i, err := m.Instantiate(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Close(); err != nil {
			t.Errorf("close instance: %v", err)
		}
	})
	return i
}

var order200 = abi.NewMessage(fmt.Appendf(nil, `{"id":"o-1","total":12.5,"customer":"%s"}`, strings.Repeat("x", 161)),
	abi.Type, "echo.done", abi.ID, "1", abi.ContentType, abi.ContentJSON)

// TestKilled: a killed worker is one failed message, or none, and the next
// instance runs in another one.
func TestKilled(t *testing.T) {
	m := load(t, New(Options{Start: child}), wat.Module("echo"), engine.Config{MemoryMax: 1 << 20, Instances: 4})
	h := &enginetest.Host{}
	first := running(t, m, h)
	if _, err := first.Handle(h, order200); err != nil {
		t.Fatal(err)
	}
	w := m.now
	if err := syscall.Kill(w.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, err := first.Handle(h, order200)
	var fault *engine.Error
	if !errors.As(err, &fault) || fault.Code != engine.CodeDied || !strings.Contains(fault.Reason, "killed") {
		t.Fatalf("handled by a dead process: %v", err)
	}
	if !first.(*instance).Gone() {
		t.Error("the instance does not say that it is gone")
	}
	second := running(t, m, h)
	if a, err := second.Handle(h, order200); err != nil || len(a.Frame) == 0 {
		t.Errorf("the next worker: %d bytes, %v", len(a.Frame), err)
	}
	if m.now == w || m.now.PID == w.PID {
		t.Error("it is the same worker")
	}
}

// TestKilledUnderLoad: what is handled while the worker is killed fails once;
// everything before and after is handled.
func TestKilledUnderLoad(t *testing.T) {
	m := load(t, New(Options{Start: child}), wat.Module("echo"), engine.Config{MemoryMax: 1 << 20, Instances: 4})
	var wait sync.WaitGroup
	var failed atomic.Int32
	busy := make(chan struct{}, 4)
	killed := make(chan struct{})
	for range 4 {
		wait.Go(func() {
			h := &enginetest.Host{}
			i, err := m.Instantiate(t.Context(), h)
			if err != nil {
				t.Error(err)
				return
			}
			for n := 0; ; n++ {
				if _, err := i.Handle(h, order200); err != nil {
					failed.Add(1)
					break
				}
				if n == 100 {
					busy <- struct{}{}
				}
			}
			<-killed
			if err := i.Close(); err != nil {
				t.Error(err)
			}
			if i, err = m.Instantiate(t.Context(), h); err != nil {
				t.Error(err)
				return
			}
			if a, err := i.Handle(h, order200); err != nil || len(a.Frame) == 0 {
				t.Errorf("after the death: %d bytes, %v", len(a.Frame), err)
			}
			if err := i.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	for range 4 {
		<-busy
	}
	m.mu.Lock()
	pid := m.now.PID
	m.mu.Unlock()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	close(killed)
	wait.Wait()
	if n := failed.Load(); n != 4 {
		t.Errorf("%d messages failed, want one of each instance", n)
	}
}

// TestLarge: messages, requests and answers that do not fit a line's buffer.
func TestLarge(t *testing.T) {
	m := load(t, New(Options{Start: inside(serveWazero)}), wat.Module("echo"), engine.Config{MemoryMax: 16 << 20, Instances: 4})
	h := &enginetest.Host{}
	i := running(t, m, h)
	for _, n := range []int{lineSize - atBuffer - orderHead, lineSize, 3*lineSize + 1, abi.DataMax} {
		in := abi.NewMessage(bytes.Repeat([]byte("x"), n), abi.Type, "echo.done")
		a, err := i.Handle(h, in)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if !bytes.Contains(a.Frame, in.Data()) {
			t.Errorf("%d bytes: an answer of %d", n, len(a.Frame))
		}
	}
	// A request of as many bytes as may be, and an answer that is larger still.
	const room = abi.RequestBytesMax
	ask := enginetest.Actor(enginetest.Code(
		enginetest.Const32(0), enginetest.Const32(room), enginetest.Const32(room), enginetest.Const32(2*room), enginetest.Call(0), enginetest.Op(enginetest.Extend64))...)
	ask.Memory = []int{250}
	ask.Imports = []enginetest.Import{{Module: "grow", Name: "call", Params: enginetest.I32 + enginetest.I32 + enginetest.I32 + enginetest.I32, Results: enginetest.I32}}
	h = &enginetest.Host{Answer: make([]byte, 2*room)}
	m = load(t, New(Options{Start: inside(serveWazero)}), ask.Bytes(), engine.Config{MemoryMax: 16 << 20, Instances: 4})
	_, err := running(t, m, h).Handle(h, order200)
	if err == nil || len(h.Requests) != 1 || len(h.Requests[0]) != room {
		t.Errorf("%d requests, %v", len(h.Requests), err) // the answer's length is no answer: more than may be
	}
}

// TestManyInstances: as many as the module was compiled for, and none more.
func TestManyInstances(t *testing.T) {
	const most = 40
	m := load(t, New(Options{Start: child}), wat.Module("echo"), engine.Config{MemoryMax: 1 << 20, Instances: most})
	h := &enginetest.Host{}
	for range most {
		if _, err := running(t, m, h).Handle(h, order200); err != nil {
			t.Fatal(err)
		}
	}
	var fault *engine.Error
	if _, err := m.Instantiate(t.Context(), h); !errors.As(err, &fault) || fault.Code != engine.CodeLimit {
		t.Errorf("one more: %v", err)
	}
	if _, err := New(Options{Start: child}).Compile(t.Context(), wat.Module("echo"), engine.Config{MemoryMax: 1 << 20, Instances: InstancesMax + 1}); !errors.As(err, &fault) || fault.Code != engine.CodeLimit {
		t.Errorf("too many: %v", err)
	}
}

// TestHandleAllocatesNothing: in the host.
func TestHandleAllocatesNothing(t *testing.T) {
	m := load(t, New(Options{Start: child}), wat.Module("echo"), engine.Config{MemoryMax: 1 << 20, Instances: 4})
	var h engine.Host = &enginetest.Host{}
	i := running(t, m, h)
	var in engine.Input = order200
	if n := testing.AllocsPerRun(100, func() {
		if a, err := i.Handle(h, in); err != nil || len(a.Frame) == 0 {
			t.Error(len(a.Frame), err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestSameFuel: a message uses the same fuel wherever it is handled, and is
// stopped at the same point, however it was sliced.
func TestSameFuel(t *testing.T) {
	for _, name := range []string{"echo", "spin"} {
		var fuel []uint64
		for _, e := range []engine.Engine{plain(t), New(Options{Start: child})} {
			for _, grant := range []uint64{1000, engine.SliceFuel} {
				m, err := e.Compile(t.Context(), wat.Module(name), engine.Config{MemoryMax: 1 << 20, Instances: 1})
				if err != nil {
					t.Fatal(err)
				}
				h := &enginetest.Host{Fuel: 300_000, Grant: grant}
				i, err := m.Instantiate(t.Context(), h)
				if err != nil {
					t.Fatal(err)
				}
				a, err := i.Handle(h, order200)
				if stopped := name == "spin"; errors.Is(err, enginetest.ErrFuel) != stopped || a.Fuel == 0 {
					t.Errorf("%s in %T: %v after %d units", name, e, err, a.Fuel)
				}
				fuel = append(fuel, a.Fuel)
				if err := errors.Join(i.Close(), m.Close(t.Context())); err != nil {
					t.Error(err)
				}
			}
		}
		for _, n := range fuel[1:] {
			if n != fuel[0] {
				t.Errorf("%s: fuel used is %v", name, fuel)
			}
		}
	}
}

// BenchmarkSlices is a message of a hundred slices.
func BenchmarkSlices(b *testing.B) {
	for name, e := range map[string]engine.Engine{"process": New(Options{Start: child}), "wazero": plain(b)} {
		b.Run(name, func(b *testing.B) {
			m, err := e.Compile(b.Context(), wat.Module("spin"), engine.Config{MemoryMax: 1 << 20})
			if err != nil {
				b.Fatal(err)
			}
			h := &enginetest.Host{Fuel: 100 * engine.SliceFuel}
			for b.Loop() {
				b.StopTimer()
				i := running(b, m, h)
				b.StartTimer()
				if _, err := i.Handle(h, order200); !errors.Is(err, enginetest.ErrFuel) {
					b.Fatal(err)
				}
			}
			b.Cleanup(func() { m.Close(context.Background()) })
		})
	}
}

func BenchmarkHandle(b *testing.B) {
	for name, e := range map[string]engine.Engine{"process": New(Options{Start: child}), "wazero": plain(b)} {
		b.Run(name, func(b *testing.B) {
			m, err := e.Compile(b.Context(), wat.Module("echo"), engine.Config{MemoryMax: 1 << 20})
			if err != nil {
				b.Fatal(err)
			}
			h := &enginetest.Host{}
			i := running(b, m, h)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := i.Handle(h, order200); err != nil {
					b.Fatal(err)
				}
			}
			b.Cleanup(func() { m.Close(context.Background()) })
		})
	}
}

func plain(t testing.TB) engine.Engine {
	e, err := wazero.New(t.Context(), wazero.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// alarm fails the test when a worker ends of itself.
func alarm(t *testing.T) *slog.Logger { return slog.New(slog.NewTextHandler(alarmed{t}, nil)) }

type alarmed struct{ *testing.T }

func (a alarmed) Write(p []byte) (int, error) {
	a.Errorf("%s", p)
	return len(p), nil
}

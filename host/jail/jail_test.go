package jail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	Register("echo", func(_ context.Context, c Conn) error {
		_, err := io.Copy(c, c)
		return err
	})
	Register("fail", func(context.Context, Conn) error { return errors.New("the reason") })
	Register("panic", func(context.Context, Conn) error { panic("on purpose") })
	Register("spin", func(context.Context, Conn) error {
		for n := 0; ; n++ {
			if n < 0 {
				n = 0
			}
		}
	})
	Register("hoard", func(context.Context, Conn) error {
		for held := [][]byte{}; ; {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = 1
			}
			held = append(held, b)
		}
	})
	Register("take", func(_ context.Context, c Conn) error { // as many MiB as it is told, and then answers
		n := make([]byte, 1)
		if _, err := io.ReadFull(c, n); err != nil {
			return err
		}
		b := make([]byte, int(n[0])<<20)
		for i := range b {
			b[i] = 1
		}
		if _, err := c.Write(b[:1]); err != nil {
			return err
		}
		_, err := io.ReadFull(c, n) // until it is killed
		return err
	})
	Register("sees", sees)
	Enter()
	goleak.VerifyTestMain(m)
}

// begin starts a worker, which ends with the test.
func begin(t *testing.T, ctx context.Context, o Options) *Process {
	t.Helper()
	if o.Limits.CPUMax == 0 {
		o.Limits.CPUMax = 30 * time.Second
	}
	p, err := Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// sees tells what a worker finds around it.
func sees(_ context.Context, c Conn) error {
	dir, err := os.Getwd()
	text := fmt.Sprintf("environment %q\nfolder %q %v\nfile %q\nnone %v\n", os.Environ(), dir, err, content(File(0)), File(1) == nil && File(-1) == nil)
	_, err = io.WriteString(c, text)
	return err
}

func content(f *os.File) string {
	b, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// TestConn: bytes go both ways, and a worker whose connection is closed ends well.
func TestConn(t *testing.T) {
	p := begin(t, t.Context(), Options{Role: "echo"})
	if _, err := io.WriteString(p.Conn(), "hello"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(p.Conn(), b); err != nil || string(b) != "hello" {
		t.Fatalf("%q, %v", b, err)
	}
	if err := p.Conn().Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
}

// TestSees: a worker has nothing of the environment, and only the files it was handed.
func TestSees(t *testing.T) {
	t.Setenv("TOKEN", "a secret")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("handed"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	p := begin(t, t.Context(), Options{Role: "sees", Files: []*os.File{r}})
	b, err := io.ReadAll(p.Conn())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"environment []\n", "file \"handed\"\n", "none true\n"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("it saw\n%swithout %s", b, want)
		}
	}
}

// TestEnds: how a worker ended is told apart.
func TestEnds(t *testing.T) {
	for role, want := range map[string]struct {
		limits Limits
		cause  error
		says   string
	}{
		"fail":    {cause: ErrFailed, says: "the reason"},
		"panic":   {cause: ErrCrashed, says: "on purpose"},
		"spin":    {limits: Limits{CPUMax: time.Second}, cause: ErrCPU},
		"hoard":   {limits: Limits{MemoryMax: 200 << 20}, cause: ErrMemory},
		"unheard": {cause: ErrFailed, says: `there is no role "unheard"`},
	} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			err := begin(t, context.Background(), Options{Role: role, Limits: want.limits}).Wait()
			var exit *ExitError
			if !errors.Is(err, want.cause) || !errors.As(err, &exit) || exit.Role != role || !strings.Contains(err.Error(), want.says) {
				t.Errorf("%v; want %v: %s", err, want.cause, want.says)
			}
		})
	}
}

// TestLacked: what runtimes say for want of memory is told from what a fault makes them say.
func TestLacked(t *testing.T) {
	const began = "SIGSEGV: segmentation violation\nPC=0x435dfd m=4 sigcode=1 addr=0x0\n\n"
	for text, want := range map[string]bool{
		"fatal error: runtime: out of memory\n": true,
		"runtime: may need to increase max user processes (ulimit -u)\nfatal error: failed to create new OS thread\n":                        true,
		"said before\n" + began + "goroutine 0 gp=0xaaebe0 m=0 mp=0xab0080 [idle]:\nruntime.(*spanQueue).tryDrain(0x7ffd00000400?)\n\t/x.go": true,
		began + "goroutine 7 gp=0xe7c65cde1e0 m=4 mp=0xab0080 [running]:\nmain.main()\n":                                                     false,
		began + "goroutine 0 gp=0xaaebe0 m=0 mp=0xab0080 [idle]:\nmain.onSystemStack()\n":                                                    false,
		strings.Replace(began, "addr=0x0", "addr=0x7f00", 1) + "goroutine 0 gp=0xaaebe0 m=0 mp=0xab0080 [idle]:\nruntime.memmove()\n":        false,
		"panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1]\n":       false,
	} {
		if got := lacked(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// TestCancelled: a worker ends with the context it was started with, and says why.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	p := begin(t, ctx, Options{Role: "spin"})
	why := errors.New("nobody asks any more")
	cancel(why)
	if err := p.Wait(); !errors.Is(err, why) {
		t.Errorf("%v; want %v", err, why)
	}
	if _, err := Start(ctx, Options{Role: "spin"}); !errors.Is(err, why) {
		t.Errorf("a worker was started after the end: %v", err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if p, err := Start(ctx, Options{Role: "spin"}); err == nil {
		if err := p.Wait(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v; want %v", err, context.DeadlineExceeded)
		}
	}
}

// TestKill: a killed worker is gone when Kill returns, and killing it again is nothing.
func TestKill(t *testing.T) {
	p := begin(t, t.Context(), Options{Role: "spin"})
	p.Kill()
	select {
	case <-p.Done():
	default:
		t.Error("it has not ended")
	}
	p.Kill()
}

// TestNotAWorker: a program with ordinary arguments is no worker.
func TestNotAWorker(t *testing.T) { Enter() }

// TestStartWithoutEnter: a program that would not become a worker starts none.
func TestStartWithoutEnter(t *testing.T) {
	entered.Store(false)
	defer entered.Store(true)
	if _, err := Start(t.Context(), Options{Role: "echo"}); err == nil {
		t.Error("a worker was started")
	}
}

func TestRegister(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a role was registered twice")
		}
	}()
	Register("echo", nil)
}

// TestTail: of what a worker writes the last is kept.
func TestTail(t *testing.T) {
	var out tail
	for i := range 5000 {
		fmt.Fprintf(&out, "line %d\n", i)
	}
	if s := out.String(); len(s) > outputMax || !strings.HasSuffix(s, "line 4999\n") {
		t.Errorf("%d bytes were kept", len(s))
	}
}

// TestCPUTime: what a worker uses is told while it runs.
func TestCPUTime(t *testing.T) {
	p := begin(t, t.Context(), Options{Role: "spin", Nice: 5})
	if _, ok := p.CPUTime(); !ok {
		t.Skip("this system does not tell")
	}
	for first, _ := p.CPUTime(); ; {
		if now, ok := p.CPUTime(); !ok || now > first {
			return
		}
		runtime.Gosched()
	}
}

func TestReport(t *testing.T) {
	r := Report{{Name: measureSeccomp, Holds: true}, {Name: measureLandlock}}
	if r.String() != "seccomp yes, landlock no" || !r.Tight() || (Report{}).Tight() {
		t.Error(r)
	}
}

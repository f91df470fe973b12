package compiled

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/jail"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/wazero"
	"github.com/grow-platform/grow/testdata/wat"
	"go.uber.org/goleak"
)

// orders are what the tests' compiler does with what is no module.
var orders = map[string]func(){
	"spin": func() {
		for n := 0; ; n++ {
			if n < 0 {
				n = 0
			}
		}
	},
	"hoard": func() {
		for list := [][]byte{}; ; {
			list = append(list, make([]byte, 64<<20)) // which counts untouched, and so takes no time
		}
	},
	"panic": func() { panic("the compiler has a fault") },
	"die":   func() { os.Exit(7) },
	"sleep": func() { select {} },
	"toil": func() { // for a moment, and then never again
		for begun := cpuUsed(); cpuUsed()-begun < toil; {
		}
		select {}
	},
}

// toil is far more processor time than a worker uses that is idle.
const toil = 200 * time.Millisecond

func TestMain(m *testing.M) {
	Serve(func(ctx context.Context, code []byte) ([32]byte, []byte, error) {
		if order, ok := orders[string(code)]; ok {
			order()
		}
		return wazero.Build(ctx, code)
	})
	jail.Enter()
	goleak.VerifyTestMain(m)
}

// queue makes a queue that ends with the test.
func queue(t *testing.T, workers int) *Queue {
	t.Helper()
	q := NewQueue(workers)
	t.Cleanup(q.Close)
	return q
}

// running is the worker of a queue of one, which is idle.
func (q *Queue) running() *worker {
	w := <-q.slots
	q.slots <- w
	return w
}

// untilTaken waits until the worker of a queue of one is in use.
func (q *Queue) untilTaken() {
	for len(q.slots) > 0 {
		runtime.Gosched()
	}
}

// untilToils waits until a worker that was idle does what it was told, where the system tells.
func (w *worker) untilToils() {
	begun, told := w.process.CPUTime()
	for used := begun; told && used-begun < toil/2; used, told = w.process.CPUTime() {
		runtime.Gosched()
	}
}

// TestCompile: a worker makes what this process would, and serves more than once.
func TestCompile(t *testing.T) {
	q := queue(t, 1)
	var pid int
	for _, name := range []string{"echo", "ledger", "echo"} {
		key, machine, err := q.Compile(t.Context(), wat.Module(name))
		if err != nil {
			t.Fatal(err)
		}
		wantKey, want, err := wazero.Build(t.Context(), wat.Module(name))
		if err != nil || key != wantKey || !bytes.Equal(machine, want) {
			t.Errorf("%s: other machine code of %d bytes, not %d; %v", name, len(machine), len(want), err)
		}
		now := q.running().process.PID()
		if pid != 0 && now != pid {
			t.Error("a worker served once only")
		}
		pid = now
	}
}

// TestVerdicts: whatever happens to the worker is one failed compilation, which
// says what happened, and the next one succeeds.
func TestVerdicts(t *testing.T) {
	q := queue(t, 1)
	for code, want := range map[string]string{
		"hoard":    fmt.Sprintf("more than %d MiB of memory", MemoryMax>>20),
		"panic":    "the compiler broke on the module: it crashed, exit status 2: panic: the compiler has a fault",
		"die":      "exit status 7",
		"spin":     fmt.Sprintf("more than %v of processor time", TimeMax(len("spin")).Round(time.Millisecond)),
		"a module": "the compiler refuses the module: invalid magic number",
	} {
		_, _, err := q.Compile(t.Context(), []byte(code))
		var known *engine.Error
		if !errors.As(err, &known) || known.Code != engine.CodeCompile || !strings.Contains(known.Reason, want) {
			t.Errorf("%s: %v; want %s: … %s", code, err, engine.CodeCompile, want)
		}
		if _, _, err := q.Compile(t.Context(), wat.Module("echo")); err != nil {
			t.Errorf("after %s: %v", code, err)
		}
	}
}

// TestCancel: when nobody wants the answer any more the worker ends, at once.
func TestCancel(t *testing.T) {
	q := queue(t, 1)
	for _, code := range []string{"sleep", "spin"} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { // ends when the compilation has begun
			q.untilTaken()
			cancel()
		}()
		if _, _, err := q.Compile(ctx, []byte(code)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", code, err)
		}
		if w := q.running(); w != nil {
			t.Errorf("%s: the worker was kept", code)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := q.Compile(ctx, wat.Module("echo")); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestKilled: a worker that is killed while it compiles is one failed
// compilation, and one that is killed while it is idle is none.
func TestKilled(t *testing.T) {
	q := queue(t, 1)
	if _, _, err := q.Compile(t.Context(), wat.Module("echo")); err != nil {
		t.Fatal(err)
	}
	w := q.running()
	kill(t, w)
	<-w.process.Done()
	if _, _, err := q.Compile(t.Context(), wat.Module("echo")); err != nil {
		t.Errorf("after an idle worker was killed: %v", err)
	}
	w = q.running()
	result := make(chan error, 1)
	go func() {
		_, _, err := q.Compile(context.Background(), []byte("toil"))
		result <- err
	}()
	q.untilTaken()
	w.untilToils() // else who has taken it may find that it has ended, and take another
	kill(t, w)
	var known *engine.Error
	if err := <-result; !errors.As(err, &known) || known.Code != engine.CodeCompile {
		t.Errorf("%v; want %s", err, engine.CodeCompile)
	}
	if _, _, err := q.Compile(t.Context(), wat.Module("echo")); err != nil {
		t.Errorf("after a worker was killed: %v", err)
	}
}

func kill(t *testing.T, w *worker) {
	t.Helper()
	p, err := os.FindProcess(w.process.PID())
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestCrowd: many ask at the same time, and all are served by so many workers.
func TestCrowd(t *testing.T) {
	q := queue(t, 2)
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if _, _, err := q.Compile(context.Background(), wat.Module("echo")); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
}

// TestFull: a queue that is full says so.
func TestFull(t *testing.T) {
	q := queue(t, 1)
	q.waiting.Store(WaitingMax)
	_, _, err := q.Compile(t.Context(), wat.Module("echo"))
	var known *engine.Error
	if !errors.As(err, &known) || !strings.Contains(known.Reason, "256 modules wait") || q.waiting.Load() != WaitingMax {
		t.Error(err)
	}
}

// TestIdle: a worker that nobody needs ends; one that has been taken does not.
func TestIdle(t *testing.T) {
	q := queue(t, 1)
	if _, _, err := q.Compile(t.Context(), wat.Module("echo")); err != nil {
		t.Fatal(err)
	}
	w := <-q.slots
	q.dismiss(w)
	if w.ended() {
		t.Error("it was ended by who did not have it")
	}
	q.slots <- w
	q.dismiss(w)
	if !w.ended() || q.running() != nil {
		t.Error("it was not ended")
	}
}

// TestClose: after the end nothing is compiled, and no process is left.
func TestClose(t *testing.T) {
	q := NewQueue(2)
	if _, _, err := q.Compile(t.Context(), wat.Module("echo")); err != nil {
		t.Fatal(err)
	}
	under := make(chan error, 1)
	go func() {
		_, _, err := q.Compile(context.Background(), []byte("sleep"))
		under <- err
	}()
	for len(q.slots) == 2 {
		runtime.Gosched()
	}
	q.Close()
	q.Close()
	if err := <-under; !errors.Is(err, errClosed) {
		t.Errorf("the one under way: %v", err)
	}
	if _, _, err := q.Compile(t.Context(), wat.Module("echo")); !errors.Is(err, errClosed) {
		t.Error(err)
	}
}

// TestTimeMax: the limit follows the size.
func TestTimeMax(t *testing.T) {
	for size, want := range map[int]time.Duration{0: 2 * time.Second, 10 << 20: 17 * time.Second, 32 << 20: 50 * time.Second} {
		if got := TimeMax(size); got != slower*want {
			t.Errorf("%d bytes: %v; want %v", size, got, slower*want)
		}
	}
}

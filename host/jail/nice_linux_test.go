package jail

import (
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNiceAlready: a process of a low priority has workers, which a worker that
// may not raise its own is no reason against.
func TestNiceAlready(t *testing.T) {
	began := make(chan error)
	go func() {
		runtime.LockOSThread() // and ends with this goroutine, since it stays low
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, 19); err != nil {
			began <- err
			return
		}
		p, err := Start(t.Context(), Options{Role: "fail", Nice: 5})
		if err == nil {
			err = p.Wait()
		}
		began <- err
	}()
	if err := <-began; err == nil || !strings.Contains(err.Error(), "the reason") {
		t.Errorf("%v; want what the role says", err)
	}
}

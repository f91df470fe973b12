//go:build linux

package nats

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	client "github.com/nats-io/nats.go"
	"golang.org/x/sys/unix"
)

// healthy waits until a store is well.
func healthy(t *testing.T, s *Store) {
	t.Helper()
	eventually(t, "health", s.Health)
}

// sick waits until a store is not well, and returns why.
func sick(t *testing.T, s *Store) (err error) {
	t.Helper()
	eventually(t, "a store that should be unhealthy", func() error {
		if err = s.Health(); err == nil {
			return errors.New("is well")
		}
		return nil
	})
	if !errors.Is(err, journal.ErrUnhealthy) {
		t.Errorf("health: %v, want ErrUnhealthy", err)
	}
	return err
}

// complaints is a log that keeps whether journals were said to take nothing. Who looks whether a
// store is well may come too late to see that it was not.
type complaints struct{ atomic.Bool }

// Write implements io.Writer.
func (c *complaints) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("journals take nothing")) {
		c.Store(true)
	}
	return len(p), nil
}

func (c *complaints) log() *slog.Logger { return slog.New(slog.NewTextHandler(c, nil)) }

// TestServerGivesUp: when JetStream switches itself off, as it does on a full
// disk, the store starts it anew, and what was acknowledged is there.
func TestServerGivesUp(t *testing.T) {
	var said complaints
	s := open(t, Options{Dir: t.TempDir(), Log: said.log()})
	defer s.Close()
	j := shopOf(t, s)
	const n = 20
	for i := range uint64(n) {
		if err := appendWait(j, entry(1, "x"), i); err != nil {
			t.Fatal(err)
		}
	}
	lease, err := j.Acquire(t.Context(), "a", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.session.Load().server.DisableJetStream(); err != nil {
		t.Fatal(err)
	}
	if err := appendWait(j, entry(1, "y"), n); !errors.Is(err, journal.ErrUnhealthy) {
		t.Errorf("append without JetStream: %v, want ErrUnhealthy", err)
	}
	healthy(t, s)
	if !said.Load() {
		t.Error("it was never unhealthy")
	}
	if err := appendWait(j, entry(1, "y"), n); !errors.Is(err, journal.ErrUnknown) {
		t.Errorf("append in doubt: %v, want ErrUnknown", err)
	}
	seen := 0
	epoch, err := journal.Begin(t.Context(), j, "a", 1, func(uint64, journal.Record) error { seen++; return nil })
	if err != nil || seen != n || epoch != n+1 {
		t.Errorf("begin: epoch %d, %d records of %d, %v", epoch, seen, n, err)
	}
	// Leases do not outlive their server.
	if err := lease.Renew(t.Context()); !errors.Is(err, journal.ErrHeld) {
		t.Errorf("renew: %v, want ErrHeld", err)
	}
	if _, err := j.Acquire(t.Context(), "a", time.Minute); err != nil {
		t.Errorf("acquire again: %v", err)
	}
}

// TestWriteFails: a write that fails is known at once, and the store goes on
// when writes do not fail any more. The system is told to let no file of a
// process of its own grow beyond 300 KiB.
func TestWriteFails(t *testing.T) {
	const limited = "NATS_TEST_LIMITED"
	if os.Getenv(limited) == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestWriteFails$", "-test.timeout=5m")
		c.Env = append(os.Environ(), limited+"=1")
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	dir := t.TempDir()
	var said complaints
	s := open(t, Options{Dir: dir, Log: said.log()})
	j := shopOf(t, s)
	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	restore := func() {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
			t.Error(err)
		}
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 300 << 10, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	defer restore()
	var last uint64
	var err error
	for err == nil && last < 100 {
		if err = appendWait(j, entryOf(20<<10), last); err == nil {
			last++
		}
	}
	if last == 100 || !errors.Is(err, journal.ErrUnknown) && !errors.Is(err, journal.ErrUnhealthy) {
		t.Fatalf("after %d records: %v", last, err)
	}
	if errors.Is(err, errNoAnswer) {
		t.Errorf("it was waited for: %v", err)
	}
	restore()
	healthy(t, s)
	if !said.Load() {
		t.Error("it was never unhealthy")
	}
	var seen uint64
	epoch, err := journal.Begin(t.Context(), j, "a", 1, func(uint64, journal.Record) error { seen++; return nil })
	if err != nil || seen < last || seen > last+1 {
		t.Fatalf("begin: %d records, %d were acknowledged, %v", seen, last, err)
	}
	if err := appendWait(j, entryOf(200<<10), epoch); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if damaged, err := Check(t.Context(), dir); err != nil || len(damaged) > 0 {
		t.Errorf("check: %v, %v", damaged, err)
	}
}

// TestDiskStops: a disk that does not answer makes the store unhealthy, and
// well again when it does.
func TestDiskStops(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	defer s.Close()
	j := shopOf(t, s)
	// A named pipe without a reader keeps whoever opens it, as a disk does that
	// is gone.
	probe := filepath.Join(dir, probeFile)
	if err := errors.Join(os.Remove(probe), unix.Mkfifo(probe, 0o600)); err != nil {
		t.Fatal(err)
	}
	sick(t, s)
	if err := appendWait(j, []byte("x"), 0); !errors.Is(err, journal.ErrUnhealthy) {
		t.Errorf("append: %v, want ErrUnhealthy", err)
	}
	reader, err := os.OpenFile(probe, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := os.Remove(probe); err != nil {
		t.Fatal(err)
	}
	healthy(t, s)
	if _, _, err := j.Bounds(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := appendWait(j, []byte("x"), 0); err != nil {
		t.Error(err)
	}
}

// TestLooksTogether: all who look at a disk at the same time are told how it is.
func TestLooksTogether(t *testing.T) {
	d := newDisk(t.TempDir(), 1)
	for range 20 {
		l := &look{since: time.Now(), done: make(chan struct{})}
		d.looking = l
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				if err := d.probe(); err != nil {
					t.Error(err)
				}
			})
		}
		d.answer(l)
		wait.Wait()
	}
}

// small mounts a disk of so many bytes, where this user may.
func small(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "size="+size); err != nil {
		t.Skipf("needs a small disk, and may not mount one: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// looked waits until the store has looked at its disk once more.
func looked(t *testing.T, s *Store) {
	t.Helper()
	page := func() string {
		b, err := os.ReadFile(filepath.Join(s.disk.path, probeFile))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	before := page()
	eventually(t, "a look at the disk", func() error {
		if page() == before {
			return errors.New("the probe is as it was")
		}
		return nil
	})
}

// fillUp leaves so many bytes of a disk free, and returns the file that takes the
// rest, besides what it has taken before.
func fillUp(t *testing.T, dir string, left int64) string {
	t.Helper()
	n, err := free(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "ballast")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(f, zeros{}, n-left); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestFull: a disk that becomes full makes the store unhealthy, and when there
// is room again it goes on by itself, with all that was acknowledged. Once the
// reserve keeps the server from seeing it, and once the server hits the end.
func TestFull(t *testing.T) {
	for name, reserve := range map[string]int64{"reserve": 8 << 20, "to the end": 1} {
		t.Run(name, func(t *testing.T) {
			disk := small(t, "64m")
			dir := filepath.Join(disk, "data")
			s := open(t, Options{Dir: dir, Reserve: reserve})
			defer s.Close()
			j := shopOf(t, s)
			ballast := fillUp(t, disk, reserve+6<<20)
			if err := s.disk.probe(); reserve > 1 && err != nil {
				t.Fatal(err)
			}
			record := entryOf(100 << 10)
			var last uint64
			for last < 1000 {
				if reserve == 1 {
					s.disk.room.Store(1 << 30) // as if others had filled it since the last look
				}
				err := appendWait(j, record, last)
				if err == nil {
					last++
					continue
				}
				if !errors.Is(err, journal.ErrFull) && (reserve > 1 || !errors.Is(err, journal.ErrUnknown)) {
					t.Fatalf("after %d records: %v, want ErrFull", last, err)
				}
				if reserve == 1 || s.disk.probe() != nil {
					break
				}
				// What was booked and not used may be used now.
				healthy(t, s)
				if _, _, err := j.Bounds(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if last < 10 {
				t.Fatalf("full after %d records", last)
			}
			if reserve > 1 { // far enough that it stays so when the server tidies up
				fillUp(t, disk, reserve/2)
			}
			if err := sick(t, s); !errors.Is(err, journal.ErrFull) {
				t.Errorf("health: %v, want ErrFull", err)
			}
			looked(t, s) // it stays so
			looked(t, s)
			sick(t, s)
			if reserve > 1 { // what is there can be read and trimmed
				if _, _, err := j.Bounds(t.Context()); err != nil {
					t.Error(err)
				}
				if err := j.Read(t.Context(), 1, func(uint64, []byte) error { return nil }); err != nil {
					t.Error(err)
				}
			}
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			healthy(t, s)
			var seen uint64
			epoch, err := journal.Begin(t.Context(), j, "a", 1, func(uint64, journal.Record) error { seen++; return nil })
			if err != nil || seen < last || seen > last+1 {
				t.Fatalf("begin: %d records, %d were acknowledged, %v", seen, last, err)
			}
			if err := appendWait(j, record, epoch); err != nil {
				t.Error(err)
			}
		})
	}
}

func entryOf(size int) []byte {
	var w journal.Writer
	w.Reset(1)
	w.Add(&journal.Accepted{Input: bytes.Repeat([]byte("x"), size)})
	return w.Bytes()
}

// TestFullAtStart: a full disk is named, and nothing is lost when it has room again.
func TestFullAtStart(t *testing.T) {
	disk := small(t, "64m")
	dir := filepath.Join(disk, "data")
	whole := crashed(t, 7)
	if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
		t.Fatal(err)
	}
	for _, left := range []int64{0, 4096, 1 << 20} {
		ballast := fillUp(t, disk, left)
		if _, err := Open(t.Context(), Options{Dir: dir, Log: quiet, Reserve: 8 << 20}); !errors.Is(err, journal.ErrFull) {
			t.Errorf("%d bytes left: %v, want ErrFull", left, err)
		}
		if _, err := Open(t.Context(), Options{Dir: filepath.Join(disk, "fresh"), Log: quiet, Reserve: 8 << 20}); !errors.Is(err, journal.ErrFull) {
			t.Errorf("%d bytes left, a new folder: %v, want ErrFull", left, err)
		}
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, Options{Dir: dir, Reserve: 8 << 20})
	defer s.Close()
	if got := records(t, shopOf(t, s)); got != 7 {
		t.Errorf("%d records of 7", got)
	}
}

// TestUnknown: appends that are not answered have an unknown outcome; one that
// arrives late is found or fenced, and never taken for another owner's.
func TestUnknown(t *testing.T) {
	_, url := external(t, nil)
	s := open(t, Options{URL: url})
	defer s.Close()
	j := shopOf(t, s).(*log)
	if err := appendWait(j, entry(1, "message 1"), 0); err != nil {
		t.Fatal(err)
	}
	// Answers go where nobody listens: the record is there, and nobody is told.
	s.options.AppendTimeout = 200 * time.Millisecond
	session := s.session.Load()
	right := session.inbox
	session.inbox = client.NewInbox() + "."
	type end struct {
		which int
		err   error
	}
	done := make(chan end, 3)
	j.Append(entry(1, "message 2"), 1, func(_ uint64, err error) { done <- end{1, err} })
	session.inbox = right
	j.Append(entry(1, "message 3"), 2, func(_ uint64, err error) { done <- end{2, err} })
	busy := make(chan error, 1)
	j.mu.Lock()
	under := len(j.flight)
	j.mu.Unlock()
	if under == journal.InFlight {
		j.Append(entry(1, "message 4"), 3, func(_ uint64, err error) { busy <- err })
		if err := <-busy; !errors.Is(err, journal.ErrBusy) {
			t.Errorf("a third append: %v, want ErrBusy", err)
		}
	}
	for range 2 {
		e := <-done
		if e.which == 1 && !errors.Is(e.err, journal.ErrUnknown) {
			t.Errorf("an append that is not answered: %v, want ErrUnknown", e.err)
		}
		if e.which == 2 && !errors.Is(e.err, journal.ErrUnknown) {
			t.Errorf("the append after it, which was not sent: %v, want ErrUnknown", e.err)
		}
	}
	if err := appendWait(j, entry(1, "message 3"), 2); !errors.Is(err, journal.ErrUnknown) {
		t.Errorf("an append in doubt: %v, want ErrUnknown", err)
	}
	s.options.AppendTimeout = patience
	if got := records(t, j); got != 2 {
		t.Errorf("%d records, want 2", got)
	}
	epoch, err := journal.Begin(t.Context(), j, "a", 3, func(uint64, journal.Record) error { return nil })
	if err != nil || epoch != 3 {
		t.Errorf("begin: %d, %v", epoch, err)
	}
}

// TestUnknownInside: of two appends to the server in this process the first is lost on
// the way. The second is refused by the fence, and that is no other owner.
func TestUnknownInside(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	defer s.Close()
	j := shopOf(t, s).(*log)
	type end struct {
		which int
		err   error
	}
	done := make(chan end, 2)
	first := &op{last: 0, done: func(_ uint64, err error) { done <- end{1, err} }}
	if _, err := j.begin(first, nil); err != nil {
		t.Fatal(err)
	}
	second := &op{last: 1, done: func(_ uint64, err error) { done <- end{2, err} }}
	if _, err := j.begin(second, nil); err != nil {
		t.Fatal(err)
	}
	j.landed(first, 0, errNoAnswer)
	j.landed(second, 0, &refused{ErrorCode: wrongSequence})
	for range 2 {
		if e := <-done; !errors.Is(e.err, journal.ErrUnknown) || errors.Is(e.err, journal.ErrFenced) {
			t.Errorf("append %d: %v, want ErrUnknown", e.which, e.err)
		}
	}
	epoch, err := journal.Begin(t.Context(), j, "a", 1, func(uint64, journal.Record) error { return nil })
	if err != nil || epoch != 1 {
		t.Errorf("begin: %d, %v", epoch, err)
	}
}

// TestTwoOwners: two stores on one server; the second that begins fences the first.
func TestTwoOwners(t *testing.T) {
	_, url := external(t, nil)
	a, b := open(t, Options{URL: url}), open(t, Options{URL: url})
	defer a.Close()
	defer b.Close()
	ja, jb := shopOf(t, a), shopOf(t, b)
	none := func(uint64, journal.Record) error { return nil }
	ea, err := journal.Begin(t.Context(), ja, "a", 1, none)
	if err != nil {
		t.Fatal(err)
	}
	lease, err := ja.Acquire(t.Context(), "a", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := jb.Acquire(t.Context(), "b", time.Minute); !errors.Is(err, journal.ErrHeld) {
		t.Errorf("b acquires what a holds: %v, want ErrHeld", err)
	}
	if _, err := journal.Begin(t.Context(), jb, "b", 1, none); err != nil {
		t.Fatal(err)
	}
	if err := appendWait(ja, entry(ea, "late"), ea); !errors.Is(err, journal.ErrFenced) {
		t.Errorf("a after b began: %v, want ErrFenced", err)
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := jb.Acquire(t.Context(), "b", time.Minute); err != nil {
		t.Errorf("b acquires what a released: %v", err)
	}
	// Both at once, many times: every epoch is another record, and one wins.
	var wait sync.WaitGroup
	epochs := make(chan uint64, 40)
	for _, j := range []journal.Journal{ja, jb} {
		wait.Go(func() {
			for range 20 {
				e, err := journal.Begin(context.Background(), j, "x", 1, none)
				if err != nil {
					t.Error(err)
					return
				}
				epochs <- e
			}
		})
	}
	wait.Wait()
	close(epochs)
	seen := map[uint64]bool{}
	for e := range epochs {
		if seen[e] {
			t.Errorf("epoch %d twice", e)
		}
		seen[e] = true
	}
}

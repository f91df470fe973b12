package nats

import (
	"bytes"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/nats-io/nats.go/jetstream"
)

// TestDamagedBlob: a blob with a piece that is missing or another's is damaged,
// and not found only when it is no blob.
func TestDamagedBlob(t *testing.T) {
	s := open(t, Options{Dir: t.TempDir()})
	defer s.Close()
	j := shopOf(t, s).(*log)
	digest, err := j.PutBlob(t.Context(), bytes.Repeat([]byte("x"), pieceSize+1))
	if err != nil {
		t.Fatal(err)
	}
	subject := strings.TrimPrefix(digest, digestPrefix)
	if err := j.put(t.Context(), subject+".1", []byte("y")); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Blob(t.Context(), digest); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("another piece: %v, want ErrDamaged", err)
	}
	if err := j.purge(t.Context(), j.blobs, jetstream.WithPurgeSubject(j.blob+subject+".1")); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Blob(t.Context(), digest); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("a missing piece: %v, want ErrDamaged", err)
	}
	if err := j.put(t.Context(), subject+"."+allToken, []byte("{")); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Blob(t.Context(), digest); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("what it consists of is damaged: %v, want ErrDamaged", err)
	}
	// Pieces alone, as a crash leaves them, are no blob, and the next try takes them up.
	if err := j.DeleteBlob(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	if err := j.put(t.Context(), subject+".0", []byte("half")); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Blob(t.Context(), digest); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("pieces alone: %v, want ErrNotFound", err)
	}
	if _, err := j.PutBlob(t.Context(), bytes.Repeat([]byte("x"), pieceSize+1)); err != nil {
		t.Fatal(err)
	}
	if b, err := j.Blob(t.Context(), digest); err != nil || len(b) != pieceSize+1 {
		t.Errorf("put again: %d bytes, %v", len(b), err)
	}
}

// TestCloseBusy closes a store while appends are under way: each ends once.
func TestCloseBusy(t *testing.T) {
	dir := t.TempDir()
	var kept uint64
	for round := range 5 {
		s := open(t, Options{Dir: dir})
		j := shopOf(t, s)
		_, last, err := j.Bounds(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if last < kept {
			t.Fatalf("round %d: %d records, %d were acknowledged", round, last, kept)
		}
		ends := make(chan error, 1)
		go func() {
			for {
				err := appendWait(j, []byte("x"), last)
				if err != nil {
					ends <- err
					return
				}
				last++
				if kept = last; last%50 == 0 {
					ends <- nil
				}
			}
		}()
		if err := <-ends; err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for err = <-ends; err == nil; err = <-ends {
		}
		if !errors.Is(err, journal.ErrClosed) {
			t.Errorf("the append under way: %v, want ErrClosed", err)
		}
	}
}

// TestLetsGo: a journal that stays open keeps nothing of those who appended to it: what waits for an
// append may be all of a shard.
func TestLetsGo(t *testing.T) {
	s := opened(t)
	j := shopOf(t, s)
	gone := make(chan struct{}, journal.InFlight)
	var wait sync.WaitGroup
	for i := range journal.InFlight {
		large := new([64]byte)
		runtime.AddCleanup(large, func(int) { gone <- struct{}{} }, 0)
		wait.Add(1)
		j.Append([]byte("record"), uint64(i), func(_ uint64, err error) {
			if err != nil {
				t.Errorf("%d: %v", large[0], err)
			}
			wait.Done()
		})
	}
	wait.Wait()
	for tries, left := 0, journal.InFlight; left > 0; tries++ {
		if tries == 1000 {
			t.Fatalf("%d are kept", left)
		}
		runtime.GC()
		select {
		case <-gone:
			left--
		default:
			runtime.Gosched()
		}
	}
}

// Package journaltest is the suite that every implementation of package
// journal must pass.
package journaltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
)

// Clock is what a store's leases live by; the suite moves it on.
type Clock struct {
	mu   sync.Mutex
	now  time.Time
	real bool
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Real says that the store does not live by this clock but by the real one:
// the suite will then wait, a second for twenty.
func (c *Clock) Real() { c.real = true }

// span is how long d of the suite is for the store.
func (c *Clock) span(d time.Duration) time.Duration {
	if c.real {
		return d / 20
	}
	return d
}

// pass lets d go by.
func (c *Clock) pass(d time.Duration) {
	if c.real {
		time.Sleep(c.span(d))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Run runs the suite. open returns an empty store whose leases live by clock;
// the suite closes it.
func Run(t *testing.T, open func(t *testing.T, clock *Clock) journal.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s journal.Store, clock *Clock)
	}{
		{"append and read", appendAndRead},
		{"fence", fence},
		{"two under way", twoUnderWay},
		{"record is copied", copied},
		{"record too large", tooLarge},
		{"trim", trim},
		{"read while appending", readWhileAppending},
		{"another owner", anotherOwner},
		{"begin", begin},
		{"blobs", blobs},
		{"blobs are apart", blobsApart},
		{"blobs and trim", blobsAndTrim},
		{"snapshot pointer", snapshot},
		{"too large", limits},
		{"context ended", ended},
		{"lease", leases},
		{"names are apart", apart},
		{"opened again", again},
		{"removed", removed},
		{"closed", closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := &Clock{now: time.Unix(1_800_000_000, 0)}
			s := open(t, clock)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			c.test(t, s, clock)
		})
	}
}

var name = journal.Name{Namespace: "main", Service: "shop"}

func journalOf(t *testing.T, s journal.Store, n journal.Name) journal.Journal {
	t.Helper()
	j, err := s.Open(t.Context(), n)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return j
}

// add appends a record and waits for its end.
func add(t *testing.T, j journal.Journal, record string, last uint64) (uint64, error) {
	t.Helper()
	type result struct {
		seq uint64
		err error
	}
	done := make(chan result, 2)
	j.Append([]byte(record), last, func(seq uint64, err error) { done <- result{seq, err} })
	select {
	case r := <-done:
		return r.seq, r.err
	case <-t.Context().Done():
		t.Fatal("append did not end")
		return 0, nil
	}
}

func mustAdd(t *testing.T, j journal.Journal, last uint64, records ...string) {
	t.Helper()
	for i, r := range records {
		seq, err := add(t, j, r, last+uint64(i))
		if err != nil || seq != last+uint64(i)+1 {
			t.Fatalf("append %q after %d: sequence %d, %v", r, last+uint64(i), seq, err)
		}
	}
}

// all reads everything from a sequence on, as seq:record.
func all(t *testing.T, j journal.Journal, from uint64) []string {
	t.Helper()
	var list []string
	err := j.Read(t.Context(), from, func(seq uint64, record []byte) error {
		list = append(list, fmt.Sprintf("%d:%s", seq, record))
		return nil
	})
	if err != nil {
		t.Fatalf("read from %d: %v", from, err)
	}
	return list
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

func bounds(t *testing.T, j journal.Journal) [2]uint64 {
	t.Helper()
	first, last, err := j.Bounds(t.Context())
	if err != nil {
		t.Fatalf("bounds: %v", err)
	}
	return [2]uint64{first, last}
}

func appendAndRead(t *testing.T, s journal.Store, _ *Clock) {
	j := journalOf(t, s, name)
	same(t, "bounds of a new journal", bounds(t, j), [2]uint64{1, 0})
	same(t, "records of a new journal", all(t, j, 1), []string{})
	mustAdd(t, j, 0, "a", "b", "c")
	same(t, "bounds", bounds(t, j), [2]uint64{1, 3})
	same(t, "all", all(t, j, 1), []string{"1:a", "2:b", "3:c"})
	same(t, "from 3", all(t, j, 3), []string{"3:c"})
	same(t, "from the end", all(t, j, 4), []string{})
	stop := errors.New("stop")
	visits := 0
	if err := j.Read(t.Context(), 1, func(uint64, []byte) error { visits++; return stop }); !errors.Is(err, stop) || visits != 1 {
		t.Fatalf("a visit's error ends reading: %v after %d visits", err, visits)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Read(ended, 1, func(uint64, []byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Fatalf("read under a context that has ended: %v", err)
	}
}

func fence(t *testing.T, s journal.Store, _ *Clock) {
	j := journalOf(t, s, name)
	mustAdd(t, j, 0, "a", "b")
	for _, last := range []uint64{0, 1, 3, 1 << 40} {
		if _, err := add(t, j, "late", last); !errors.Is(err, journal.ErrFenced) {
			t.Fatalf("append after %d: %v, want ErrFenced", last, err)
		}
	}
	same(t, "records", all(t, j, 1), []string{"1:a", "2:b"})
	mustAdd(t, j, 2, "c")
}

func twoUnderWay(t *testing.T, s journal.Store, _ *Clock) {
	j := journalOf(t, s, name)
	const rounds = 50
	type end struct {
		seq, want uint64
		err       error
	}
	ends := make(chan end, 2*rounds+1)
	free := make(chan struct{}, journal.InFlight)
	for range journal.InFlight {
		free <- struct{}{}
	}
	for last := range uint64(2 * rounds) {
		<-free
		j.Append(fmt.Append(nil, last+1), last, func(seq uint64, err error) {
			ends <- end{seq, last + 1, err}
			free <- struct{}{}
		})
	}
	for range 2 * rounds {
		if e := <-ends; e.err != nil || e.seq != e.want {
			t.Fatalf("append of %d: sequence %d, %v", e.want, e.seq, e.err)
		}
	}
	list := all(t, j, 1)
	for i, r := range list {
		same(t, "record", r, fmt.Sprintf("%d:%d", i+1, i+1))
	}
	same(t, "records", len(list), 2*rounds)
	// The second of two fails with the first.
	bad := make(chan error, 2)
	j.Append([]byte("x"), 7, func(_ uint64, err error) { bad <- err })
	j.Append([]byte("y"), 8, func(_ uint64, err error) { bad <- err })
	for range 2 {
		if err := <-bad; !errors.Is(err, journal.ErrFenced) {
			t.Fatalf("append after a wrong sequence: %v", err)
		}
	}
}

func copied(t *testing.T, s journal.Store, _ *Clock) {
	j := journalOf(t, s, name)
	record := []byte("before")
	done := make(chan error, 1)
	j.Append(record, 0, func(_ uint64, err error) { done <- err })
	copy(record, "after!")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	same(t, "records", all(t, j, 1), []string{"1:before"})
}

func tooLarge(t *testing.T, s journal.Store, _ *Clock) {
	j := journalOf(t, s, name)
	largest := string(bytes.Repeat([]byte("x"), journal.RecordMax))
	if _, err := add(t, j, largest+"x", 0); !errors.Is(err, journal.ErrTooLarge) {
		t.Fatalf("a record of RecordMax+1 bytes: %v, want ErrTooLarge", err)
	}
	mustAdd(t, j, 0, largest, "small", largest, largest)
	same(t, "records", len(all(t, j, 1)), 4)
}

func trim(t *testing.T, s journal.Store, _ *Clock) {
	j := journalOf(t, s, name)
	large := string(bytes.Repeat([]byte("x"), 300<<10))
	mustAdd(t, j, 0, large, large, large, large, large, large)
	for _, before := range []uint64{4, 4, 2} { // again, and back: nothing happens
		if err := j.Trim(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		same(t, "bounds", bounds(t, j), [2]uint64{4, 6})
	}
	same(t, "left", len(all(t, j, 4)), 3)
	if err := j.Read(t.Context(), 3, func(uint64, []byte) error { return nil }); !errors.Is(err, journal.ErrTrimmed) {
		t.Fatalf("read of what was trimmed: %v, want ErrTrimmed", err)
	}
	if err := j.Trim(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	same(t, "bounds of an emptied journal", bounds(t, j), [2]uint64{7, 6})
	mustAdd(t, j, 6, "after")
	same(t, "after", all(t, j, 7), []string{"7:after"})
}

func readWhileAppending(t *testing.T, s journal.Store, _ *Clock) {
	j := journalOf(t, s, name)
	const n = 300
	var wait sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		wait.Go(func() {
			for {
				next := uint64(0)
				err := j.Read(t.Context(), 1, func(seq uint64, record []byte) error {
					next++
					if seq != next || !bytes.HasPrefix(record, fmt.Append(nil, seq, " ")) {
						return fmt.Errorf("record %d is %.20q", seq, record)
					}
					return nil
				})
				if err != nil && !errors.Is(err, journal.ErrTrimmed) {
					t.Error(err)
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	pad := bytes.Repeat([]byte("."), 20<<10)
	for last := range uint64(n) {
		mustAdd(t, j, last, fmt.Sprintf("%d %s", last+1, pad))
		if last == n/2 {
			if err := j.Trim(t.Context(), n/2); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(stop)
	wait.Wait()
}

func blobs(t *testing.T, s journal.Store, _ *Clock) {
	j := journalOf(t, s, name)
	data := bytes.Repeat([]byte("0123456789abcdef"), 320<<10) // 5 MiB
	digest, err := j.PutBlob(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := j.PutBlob(t.Context(), data)
	if err != nil || again != digest {
		t.Fatalf("the same bytes again: %s, %v; want %s", again, err, digest)
	}
	empty, err := j.PutBlob(t.Context(), nil)
	if err != nil || empty != "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Fatalf("digest of no bytes: %s, %v", empty, err)
	}
	data[0] = 'x' // the store keeps its own copy
	back, err := j.Blob(t.Context(), digest)
	if err != nil || len(back) != len(data) || back[0] != '0' {
		t.Fatalf("blob: %d bytes, %v", len(back), err)
	}
	if err := j.DeleteBlob(t.Context(), digest); err != nil {
		t.Fatal(err)
	}
	if err := j.DeleteBlob(t.Context(), digest); err != nil {
		t.Fatalf("delete what is not there: %v", err)
	}
	if _, err := j.Blob(t.Context(), digest); !errors.Is(err, journal.ErrNotFound) {
		t.Fatalf("deleted blob: %v, want ErrNotFound", err)
	}
}

func snapshot(t *testing.T, s journal.Store, _ *Clock) {
	j := journalOf(t, s, name)
	if _, _, err := j.Snapshot(t.Context()); !errors.Is(err, journal.ErrNotFound) {
		t.Fatalf("no snapshot yet: %v, want ErrNotFound", err)
	}
	if _, err := j.SetSnapshot(t.Context(), []byte("x"), 5); !errors.Is(err, journal.ErrConflict) {
		t.Fatalf("first snapshot on revision 5: %v, want ErrConflict", err)
	}
	first, err := j.SetSnapshot(t.Context(), []byte("one"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.SetSnapshot(t.Context(), []byte("other"), 0); !errors.Is(err, journal.ErrConflict) {
		t.Fatalf("first snapshot twice: %v, want ErrConflict", err)
	}
	second, err := j.SetSnapshot(t.Context(), []byte("two"), first)
	if err != nil || second == first {
		t.Fatalf("second snapshot: revision %d after %d, %v", second, first, err)
	}
	pointer, revision, err := j.Snapshot(t.Context())
	if err != nil || string(pointer) != "two" || revision != second {
		t.Fatalf("snapshot: %q at %d, %v", pointer, revision, err)
	}
}

func leases(t *testing.T, s journal.Store, clock *Clock) {
	j := journalOf(t, s, name)
	ttl := clock.span(time.Minute)
	first, err := j.Acquire(t.Context(), "first", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Acquire(t.Context(), "b", ttl); !errors.Is(err, journal.ErrHeld) {
		t.Fatalf("a second owner: %v, want ErrHeld", err)
	}
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, err := j.Acquire(t.Context(), "a", ttl)
	if err != nil {
		t.Fatal(err)
	}
	clock.pass(30 * time.Second)
	renewed := time.Now()
	if err := a.Renew(t.Context()); err != nil {
		t.Fatal(err)
	}
	clock.pass(30 * time.Second)
	early, err := j.Acquire(t.Context(), "b", ttl)
	over := clock.real && time.Since(renewed) >= ttl // the machine has stood still
	if !errors.Is(err, journal.ErrHeld) && (err != nil || !over) {
		t.Fatalf("a renewed lease is held: %v", err)
	}
	if err == nil {
		if err := early.Release(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	clock.pass(time.Minute)
	b, err := j.Acquire(t.Context(), "b", time.Hour)
	if err != nil {
		t.Fatalf("acquire what ran out: %v", err)
	}
	if err := a.Renew(t.Context()); !errors.Is(err, journal.ErrHeld) {
		t.Fatalf("renew what was lost: %v, want ErrHeld", err)
	}
	if err := a.Release(t.Context()); err != nil {
		t.Fatalf("release what was lost: %v", err)
	}
	if _, err := j.Acquire(t.Context(), "c", clock.span(time.Minute)); !errors.Is(err, journal.ErrHeld) {
		t.Fatalf("b's lease outlives a's release: %v", err)
	}
	if err := b.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Acquire(t.Context(), "c", clock.span(time.Minute)); err != nil {
		t.Fatalf("acquire what was released: %v", err)
	}
}

func apart(t *testing.T, s journal.Store, _ *Clock) {
	names := []journal.Name{
		name, {Namespace: "other", Service: "shop"}, {Namespace: "main", Service: "office"}, {Namespace: "main", Service: "shop", Number: 1},
	}
	for i, n := range names {
		mustAdd(t, journalOf(t, s, n), 0, fmt.Sprint(i))
	}
	for i, n := range names {
		same(t, "records", all(t, journalOf(t, s, n), 1), []string{fmt.Sprintf("1:%d", i)})
	}
}

func again(t *testing.T, s journal.Store, _ *Clock) {
	mustAdd(t, journalOf(t, s, name), 0, "a")
	j := journalOf(t, s, name)
	same(t, "bounds", bounds(t, j), [2]uint64{1, 1})
	mustAdd(t, j, 1, "b")
	same(t, "records", all(t, j, 1), []string{"1:a", "2:b"})
}

func closed(t *testing.T, s journal.Store, clock *Clock) {
	j := journalOf(t, s, name)
	mustAdd(t, j, 0, "a")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	_, appended := add(t, j, "b", 1)
	_, _, bound := j.Bounds(ctx)
	_, put := j.PutBlob(ctx, []byte("x"))
	_, _, pointer := j.Snapshot(ctx)
	_, set := j.SetSnapshot(ctx, nil, 0)
	_, lease := j.Acquire(ctx, "a", clock.span(time.Minute))
	_, opened := s.Open(ctx, name)
	_, blob := j.Blob(ctx, digestOf("x"))
	for what, err := range map[string]error{
		"append": appended, "bounds": bound, "put blob": put, "snapshot": pointer, "set snapshot": set, "acquire": lease, "open": opened, "blob": blob, "delete blob": j.DeleteBlob(ctx, digestOf("x")),
		"trim": j.Trim(ctx, 1), "read": j.Read(ctx, 1, func(uint64, []byte) error { return nil }),
	} {
		if !errors.Is(err, journal.ErrClosed) {
			t.Errorf("%s after close: %v, want ErrClosed", what, err)
		}
	}
}

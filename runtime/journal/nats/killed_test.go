package nats

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"github.com/grow-platform/grow/runtime/bucket"
)

// Of TestBatchesKilled: keys that count, the environment of the process that counts, and how often
// it is killed.
const (
	countedKeys = 3 * batchMin
	counting    = "NATS_TEST_COUNTING"
	countedRuns = 8
)

// countUp sets a key to the number after the one that it has, for something of that number.
func countUp(ctx context.Context, b bucket.Bucket, key string, n int, first bool) (uint64, error) {
	return b.Write(ctx, &bucket.Write{Key: key, Data: []byte(strconv.Itoa(n)), Once: onceOf(key, n), First: first})
}

func onceOf(key string, n int) string { return fmt.Sprintf("%sto%d", key, n) }

// count has all keys count on at the same time from what they have, for ever, and tells of each number
// and its revision that were kept.
func count(ctx context.Context, b bucket.Bucket) error {
	var wait sync.WaitGroup
	errs := make([]error, countedKeys)
	for i := range countedKeys {
		key := fmt.Sprintf("key%d", i)
		wait.Go(func() {
			e, err := b.Get(ctx, key)
			if err != nil && !errors.Is(err, bucket.ErrNotFound) {
				errs[i] = err
				return
			}
			from, _ := strconv.Atoi(string(e.Data)) // none is 0
			for n := from + 1; errs[i] == nil; n++ {
				var revision uint64
				if revision, errs[i] = countUp(ctx, b, key, n, n > from+1); errs[i] == nil {
					fmt.Printf("%s %d %d\n", key, n, revision)
				}
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// TestBatchesKilled: a process that writes batches is killed at any moment. What it was told is
// there, what it was not told is there once or not at all, and writes that were done are known.
func TestBatchesKilled(t *testing.T) {
	name := bucket.Name{Namespace: "main", Service: "shop", Bucket: "counts"}
	if dir := os.Getenv(counting); dir != "" {
		b, err := open(t, Options{Dir: dir}).Bucket(t.Context(), name)
		if err == nil {
			err = count(t.Context(), b)
		}
		t.Fatal(err) // it is killed before
	}
	dir := t.TempDir()
	revisions := map[string][]uint64{} // of each key's numbers from 1, as far as they are known
	for run := range countedRuns {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestBatchesKilled$", "-test.timeout=5m")
		c.Env = append(os.Environ(), counting+"="+dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		left := 500 + rand.IntN(1000)
		for lines := bufio.NewScanner(out); lines.Scan(); { // what it has said before its end is read, too
			if left--; left == 0 {
				if err := c.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			var key string
			var n int
			var revision uint64
			if _, err := fmt.Sscanf(lines.Text(), "%s %d %d", &key, &n, &revision); err != nil {
				t.Fatalf("%q: %v", lines.Text(), err)
			}
			if revisions[key] = append(revisions[key], revision); len(revisions[key]) != n {
				t.Fatalf("run %d: %s is %d, and %d before", run, key, n, len(revisions[key])-1)
			}
		}
		if err := c.Wait(); err == nil || left > 0 {
			t.Fatalf("run %d ended by itself: %v", run, err)
		}
		counted(t, dir, name, revisions)
	}
}

// counted looks at what is there after a process was killed, and asks again for the last writes.
func counted(t *testing.T, dir string, name bucket.Name, revisions map[string][]uint64) {
	t.Helper()
	s := open(t, Options{Dir: dir})
	defer s.Close()
	b, err := s.Bucket(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	batches := 0
	for key, list := range revisions {
		e, err := b.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		m, err := b.(*values).handle.Load().stream.GetLastMsgForSubject(t.Context(), b.(*values).subject(key))
		if err != nil {
			t.Fatal(err)
		}
		if m.Header.Get(batchID) != "" {
			batches++
		}
		switch now := string(e.Data); {
		case now == strconv.Itoa(len(list)):
		case now == strconv.Itoa(len(list)+1): // nobody was told
			list = append(list, e.Revision)
			revisions[key] = list
		default:
			t.Fatalf("%s is %s, and was said to be %d", key, now, len(list))
		}
		for n := max(1, len(list)-2*formersMax); n <= len(list); n++ {
			if again, err := countUp(t.Context(), b, key, n, false); err != nil || again != list[n-1] {
				t.Errorf("%s to %d, again: revision %d, %v; it was %d", key, n, again, err, list[n-1])
			}
		}
	}
	if batches == 0 {
		t.Error("none was written with a batch")
	}
}

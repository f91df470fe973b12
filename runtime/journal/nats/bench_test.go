//go:build linux

package nats

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"
)

// handled is a record of n entries such as a hop leaves.
func handled(n int) []byte {
	var w journal.Writer
	w.Reset(1)
	h := &journal.Handled{
		ID: "01JD0000000000000000000000.1", Node: "order/price", Key: "customer-4711", Input: bytes.Repeat([]byte("i"), 24), Time: 1_800_000_000_000_000_000,
		Attempt: 1, Revision: "r1", Outcome: journal.OutcomeHandled, Fuel: 12345, Duration: 4567,
	}
	for range n {
		if !w.AddHandled(h) {
			panic("the record is too small")
		}
	}
	return w.Bytes()
}

// report adds what a benchmark measured besides its time: entries a second,
// and the median and 99th percentile of waiting.
func report(b *testing.B, entries int, waits []time.Duration) {
	slices.Sort(waits)
	b.ReportMetric(float64(entries)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(float64(waits[len(waits)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(waits[len(waits)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkAppend appends records of so many entries, one and two under way.
// Compare with BenchmarkRawSync and BenchmarkRawJetStream of the same run.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 64, journal.EntriesMax} {
		for flight := 1; flight <= journal.InFlight; flight++ {
			b.Run(fmt.Sprintf("entries=%d/flight=%d", n, flight), func(b *testing.B) { benchmarkAppend(b, n, flight) })
		}
	}
}

func benchmarkAppend(b *testing.B, n, flight int) {
	s := open(b, Options{Dir: b.TempDir()})
	defer s.Close()
	j := shopOf(b, s)
	record := handled(n)
	b.SetBytes(int64(len(record)))
	free := make(chan error, flight)
	for range flight {
		free <- nil
	}
	waits := make([]time.Duration, 0, 1<<16)
	var mu sync.Mutex
	last := uint64(0)
	for b.Loop() {
		if err := <-free; err != nil {
			b.Fatal(err)
		}
		begun := time.Now()
		j.Append(record, last, func(_ uint64, err error) {
			mu.Lock()
			waits = append(waits, time.Since(begun))
			mu.Unlock()
			free <- err
		})
		last++
	}
	for range flight {
		if err := <-free; err != nil {
			b.Fatal(err)
		}
	}
	report(b, int(last)*n, waits)
}

// BenchmarkRawJetStream publishes messages of one entry each, with sync, to the
// same server: one by one, and 64 callers at once.
func BenchmarkRawJetStream(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := open(b, Options{Dir: b.TempDir()})
			defer s.Close()
			js := s.session.Load().js
			if _, err := js.CreateStream(b.Context(), jetstream.StreamConfig{Name: "RAW", Subjects: []string{"raw"}}); err != nil {
				b.Fatal(err)
			}
			record := handled(1)
			work := make(chan struct{})
			var wait sync.WaitGroup
			var mu sync.Mutex
			var waits []time.Duration
			for range callers {
				wait.Go(func() {
					for range work {
						begun := time.Now()
						if _, err := js.Publish(b.Context(), "raw", record); err != nil {
							b.Error(err)
						}
						mu.Lock()
						waits = append(waits, time.Since(begun))
						mu.Unlock()
					}
				})
			}
			for b.Loop() {
				work <- struct{}{}
			}
			close(work)
			wait.Wait()
			report(b, len(waits), waits)
		})
	}
}

// BenchmarkRawSync writes as many bytes to a file and syncs it.
func BenchmarkRawSync(b *testing.B) {
	for _, n := range []int{1, 64, journal.EntriesMax} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			record := handled(n)
			b.SetBytes(int64(len(record)))
			var waits []time.Duration
			for b.Loop() {
				begun := time.Now()
				if _, err := f.Write(record); err != nil {
					b.Fatal(err)
				}
				if err := unix.Fdatasync(int(f.Fd())); err != nil {
					b.Fatal(err)
				}
				waits = append(waits, time.Since(begun))
			}
			report(b, len(waits)*n, waits)
		})
	}
}

// BenchmarkReplay reads a journal back, with every entry decoded.
func BenchmarkReplay(b *testing.B) {
	for _, n := range []int{1, 64, journal.EntriesMax} {
		b.Run(fmt.Sprintf("entries=%d", n), func(b *testing.B) {
			s := open(b, Options{Dir: b.TempDir()})
			defer s.Close()
			j := shopOf(b, s)
			record := handled(n)
			total := min(32<<20/len(record), 4000)
			for i := range total {
				if err := appendWait(j, record, uint64(i)); err != nil {
					b.Fatal(err)
				}
			}
			entries := 0
			var c journal.Cursor
			for b.Loop() {
				_, err := journal.Replay(b.Context(), j, 1, func(_ uint64, r journal.Record) error {
					c.Reset(r)
					for {
						if _, err := c.Next(); err == io.EOF {
							return nil
						} else if err != nil {
							return err
						}
						entries++
					}
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(entries)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

// BenchmarkOpen opens a folder of 64 MiB that was not closed, and reads it.
func BenchmarkOpen(b *testing.B) {
	live := b.TempDir()
	s := open(b, Options{Dir: live})
	j := shopOf(b, s)
	record := handled(1000)
	for i := range 64 << 20 / len(record) {
		if err := appendWait(j, record, uint64(i)); err != nil {
			b.Fatal(err)
		}
	}
	dir := copied(b, live)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s := open(b, Options{Dir: dir})
		if _, err := journal.Begin(b.Context(), shopOf(b, s), "a", 1, func(uint64, journal.Record) error { return nil }); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := errors.Join(s.Close(), os.Remove(filepath.Join(dir, cleanFile))); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
)

const (
	tailBytes    = 60 << 20  // of journal behind the last snapshot: another is taken at 64 MiB
	backlogSize  = 1_000_000 // messages
	backlogBatch = 1000      // of those in a record
	drainMax     = 3 * time.Minute
	cacheTime    = 15 * time.Second // after which JetStream has forgotten what it wrote
	idleKeys     = 100_000
	idleWarm     = 50_000 // keys before the first look at the memory
)

// crashed makes a service and fills its journal until it has so many bytes; what
// is returned is a copy of what was on disk while it ran.
func (w *workspace) crashed(ctx context.Context) (dir string, err error) {
	dir = filepath.Join(w.dir, "tail-crashed")
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	from, err := w.durableService(ctx, "tail")
	if err != nil {
		return "", err
	}
	h, err := w.durably(ctx, from)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, stop(h)) }()
	for begin := time.Now(); folderBytes(app.JournalDir(from)) < tailBytes; {
		if time.Since(begin) > settlePeriod*4 {
			return "", errors.New("the journal does not grow")
		}
		now := time.Now()
		if _, err := inFlight(ctx, h, 2048, now, now.Add(warmUp)); err != nil {
			return "", err
		}
	}
	return dir, os.CopyFS(dir, os.DirFS(from))
}

func folderBytes(dir string) (n int64) {
	_ = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return nil
	})
	return n
}

// restart measures from nothing to answering, with a journal that a crash left,
// beside the same with a new one.
func restart(ctx context.Context, w *workspace) (rounder, error) {
	crashed, err := w.crashed(ctx)
	if err != nil {
		return nil, err
	}
	fresh, err := w.durableService(ctx, "restart-new")
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		if err := os.RemoveAll(app.JournalDir(fresh)); err != nil {
			return 0, 0, err
		}
		if reference, err = w.startTime(ctx, fresh); err != nil {
			return 0, 0, err
		}
		dir := filepath.Join(w.dir, "restart")
		if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(crashed))); err != nil {
			return 0, 0, err
		}
		value, err = w.startTime(ctx, dir)
		return value, reference, err
	}, nil
}

// startTime is from the call that starts a service to its first answer, in milliseconds.
func (w *workspace) startTime(ctx context.Context, dir string) (took float64, err error) {
	begin := time.Now()
	h, err := w.startAt(ctx, dir, app.Journal{})
	if err != nil {
		return 0, err
	}
	err = answered(ctx, h, orderOf(0))
	took = micros(time.Since(begin)) / 1000
	return took, errors.Join(err, stop(h))
}

// replay measures the entries a second that a start reads and applies, beside
// reading them alone.
func replay(ctx context.Context, w *workspace) (rounder, error) {
	dir, err := w.crashed(ctx)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		store, err := app.Journal{}.OpenStore(ctx, dir, slog.New(slog.DiscardHandler))
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		j, err := store.Open(ctx, journal.Name{Namespace: "main", Service: "bench"})
		if err != nil {
			return 0, 0, err
		}
		first, _, err := j.Bounds(ctx)
		if err != nil {
			return 0, 0, err
		}
		reference, err = entriesRead(ctx, j, first, countEntries)
		if err != nil {
			return 0, 0, err
		}
		world := fold.New(fold.Limits{Flows: 100_000, FlowBytes: 64 << 20, Dead: 10_000, DeadBytes: 64 << 20, KeyLife: 24 * time.Hour})
		value, err = entriesRead(ctx, j, first, func(seq uint64, record []byte) (int, error) {
			return world.Record(seq, record, func(p *journal.Packed) (journal.Entry, error) { return journal.Unpack(ctx, j, p) })
		})
		return value, reference, err
	}, nil
}

// entriesRead reads a journal and is the entries a second that visit counts.
func entriesRead(ctx context.Context, j journal.Journal, first uint64, visit func(uint64, []byte) (int, error)) (float64, error) {
	begin, total := time.Now(), 0
	err := j.Read(ctx, first, func(seq uint64, record []byte) error {
		n, err := visit(seq, record)
		total += n
		return err
	})
	return float64(total) / time.Since(begin).Seconds(), err
}

func countEntries(_ uint64, record []byte) (n int, err error) {
	r, err := journal.Parse(record)
	if err != nil {
		return 0, err
	}
	var c journal.Cursor
	c.Reset(r)
	for {
		if _, err := c.Next(); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
		n++
	}
}

// waitingMessages writes a journal in which a million messages wait.
func (w *workspace) waitingMessages(ctx context.Context) (dir string, err error) {
	if dir, err = w.durableService(ctx, "backlog-made"); err != nil {
		return "", err
	}
	store, err := app.Journal{}.OpenStore(ctx, dir, slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	j, err := store.Open(ctx, journal.Name{Namespace: "main", Service: "bench"})
	if err != nil {
		return "", err
	}
	now := time.Now()
	done := make(chan error, 1)
	var record journal.Writer
	record.Reset(1)
	record.Add(&journal.Epoch{Number: 1, Owner: "bench", Format: journal.FormatVersion})
	for i, last := 0, uint64(0); i < backlogSize; last++ {
		for range backlogBatch {
			id, customer := fmt.Sprintf("01JD%022d", i), "c-"+strconv.Itoa(i%durableKeys)
			m := abi.NewMessage(fmt.Appendf(nil, `{"id":"o-%d","customer":"%s","total":12.5}`, i, customer),
				abi.ID, id, abi.Source, "POST /orders", abi.Type, "echo.done", abi.Time, now.UTC().Format(time.RFC3339), abi.Correlation, id, abi.ContentType, abi.ContentJSON, abi.Subject, customer)
			if !record.Add(&journal.Accepted{Source: "POST /orders", ID: id, Node: "order", Key: customer, Input: m.Frame(), Time: now.UnixNano()}) {
				return "", errors.New("the messages do not fit into a record")
			}
			i++
		}
		j.Append(record.Bytes(), last, func(_ uint64, err error) { done <- err })
		if err := <-done; err != nil {
			return "", err
		}
		record.Reset(1)
	}
	return dir, nil
}

// backlog measures how long a million messages take that waited when the last
// host ended, from the start on, and the memory in use while it does so.
func backlog(ctx context.Context, w *workspace, figure func(seconds, mebibytes float64) float64) (rounder, error) {
	made := filepath.Join(w.dir, "backlog-made")
	_, err := os.Stat(made)
	if err != nil {
		made, err = w.waitingMessages(ctx)
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainMax) // a slow machine takes longer than a round
		defer cancel()
		dir := filepath.Join(w.dir, "backlog")
		if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(made))); err != nil {
			return 0, 0, err
		}
		debug.FreeOSMemory()
		begin, most := time.Now(), inUse()
		h, err := w.startAt(ctx, dir, app.Journal{})
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, stop(h)) }()
		for handled(h) < backlogSize {
			most = max(most, inUse())
			if dead, _ := h.Shard().DeadCount(); dead > 0 {
				return 0, 0, fmt.Errorf("%d messages were given up on", dead)
			}
			if err := pause(ctx, 20*time.Millisecond); err != nil {
				return 0, 0, err
			}
		}
		return figure(time.Since(begin).Seconds(), float64(most)/(1<<20)), 1, nil
	}, nil
}

// inUse is the memory of this process in bytes, its files' pages left out
// where the system tells them apart.
func inUse() int64 {
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(b)); len(f) > 2 {
			pages, _ := strconv.ParseInt(f[1], 10, 64)
			shared, _ := strconv.ParseInt(f[2], 10, 64)
			return (pages - shared) * int64(os.Getpagesize())
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased)
}

// idleKey measures the bytes of memory that a key keeps which had a message and
// is idle: what a hundred thousand more of them add to the heap.
func idleKey(ctx context.Context, w *workspace) (rounder, error) {
	dir, err := w.durableService(ctx, "idle")
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainMax)
		defer cancel()
		h, err := w.durably(ctx, dir)
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, stop(h)) }()
		var used [2]int64
		for i, keys := range [2][2]int{{0, idleWarm}, {idleWarm, idleWarm + idleKeys}} {
			if err := visit(ctx, h, keys[0], keys[1]); err != nil {
				return 0, 0, err
			}
			if err := pause(ctx, cacheTime); err != nil {
				return 0, 0, err
			}
			used[i] = heap()
		}
		return max(0, float64(used[1]-used[0])) / idleKeys, 1, nil
	}, nil
}

// visit has keys have one message each.
func visit(ctx context.Context, h *app.Host, from, to int) error {
	const callers = 512
	ended := make(chan error, callers)
	for c := range callers {
		go func() { // ends with its share; the channel is read below
			for i := from + c; i < to; i += callers {
				if err := answered(ctx, h, orderOf(i)); err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
	}
	var errs []error
	for range callers {
		errs = append(errs, <-ended)
	}
	return errors.Join(append(errs, h.Shard().Settle(ctx))...)
}

// heap is the bytes in use when what nobody refers to is gone.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

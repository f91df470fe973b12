package archive

import (
	"context"
	"errors"
	"fmt"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
)

// Progress is how far a long work has come.
type Progress struct {
	Records, Blobs int    // carried so far
	Bytes          int64  // of both
	At             string // service of a host that is under way, NAMESPACE/SERVICE; "": the host, or the only one
}

// meter counts what is carried and tells of it.
type meter struct {
	Progress
	tell func(Progress)
}

func (m *meter) add(records, blobs, bytes int) {
	m.Records += records
	m.Blobs += blobs
	m.Bytes += int64(bytes)
	if m.tell != nil {
		m.tell(m.Progress)
	}
}

// Carry fills a new journal, whose first record is to be p.First, with what p says of
// src, and begins a new epoch of owner there, which tells it from the old one. limits
// are those of the world that is carried.
func Carry(ctx context.Context, dst journal.Journal, src Source, limits fold.Limits, p *Plan, owner string, tell func(Progress)) error {
	m := &meter{tell: tell}
	if p.Rest > 0 {
		return carryRest(ctx, dst, src, limits, p, owner, m)
	}
	if err := carryBlobs(ctx, dst, src, p, m); err != nil {
		return err
	}
	if p.Root != "" {
		pointer := journal.AppendEntry(nil, &journal.SnapshotTaken{Sequence: p.Snapshot, Object: p.Root, Digest: p.Root})
		if _, err := dst.SetSnapshot(ctx, pointer, 0); err != nil {
			return fmt.Errorf("set the snapshot pointer: %w", err)
		}
	}
	if err := carryRecords(ctx, dst, src, p, m); err != nil {
		return err
	}
	_, err := journal.Begin(ctx, dst, owner, p.Last+1, func(uint64, journal.Record) error { return nil })
	return err
}

// carryBlobs carries those of the snapshot and of the records.
func carryBlobs(ctx context.Context, dst journal.Journal, src Source, p *Plan, m *meter) error {
	put := func(digest string) error {
		data, err := src.Blob(ctx, digest)
		if err != nil {
			return err
		}
		if _, err := dst.PutBlob(ctx, data); err != nil {
			return err
		}
		m.add(0, 1, len(data))
		return nil
	}
	return eachNeeded(ctx, src, p, put)
}

// eachNeeded visits the blobs that a plan needs. One of a record that the snapshot
// holds may be missing: it is needed for looking back only.
func eachNeeded(ctx context.Context, src Source, p *Plan, put func(digest string) error) error {
	if p.Root != "" {
		list, err := needs(ctx, src, p.Root)
		if err != nil {
			return err
		}
		for _, digest := range list {
			if err := put(digest); err != nil {
				return err
			}
		}
	}
	return readUntil(ctx, src, p.First, p.Last, func(seq uint64, record []byte) error {
		var list []string
		if err := journal.EachPacked(record, func(digest string) { list = append(list, digest) }); err != nil {
			return &journal.Damaged{Seq: seq, Cause: err}
		}
		for _, digest := range list {
			err := put(digest)
			history := seq <= p.Snapshot && (errors.Is(err, journal.ErrNotFound) || errors.Is(err, journal.ErrDamaged))
			if err != nil && !history {
				return fmt.Errorf("record %d: %w", seq, err)
			}
		}
		return nil
	})
}

// carryRecords appends the records, as many at a time as a journal takes.
func carryRecords(ctx context.Context, dst journal.Journal, src Source, p *Plan, m *meter) error {
	free := make(chan error, journal.InFlight)
	for range journal.InFlight {
		free <- nil
	}
	var failed error
	err := readUntil(ctx, src, p.First, p.Last, func(seq uint64, record []byte) error {
		if failed = <-free; failed != nil {
			free <- nil
			return failed
		}
		dst.Append(record, seq-1, func(_ uint64, err error) { free <- err })
		m.add(1, 0, len(record))
		return nil
	})
	for range journal.InFlight {
		failed = errors.Join(failed, <-free)
	}
	return errors.Join(err, failed)
}

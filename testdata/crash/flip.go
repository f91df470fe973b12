package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Flips prepares a journal and returns a round that turns one bit anywhere in
// its files. Grow must refuse the journal by name, or serve a state that is
// whole; never another one. Only the last record of a journal that was not closed
// may be taken for one that was being written.
func (r *Run) Flips(ctx context.Context) (round func(context.Context) error, err error) {
	if err := r.Kill(ctx); err != nil {
		return nil, err
	}
	if err := r.Round(ctx, time.Second, func(h *Host) error { return h.Stop() }); err != nil {
		return nil, err
	}
	var whole []string
	for _, end := range []func() error{func() error { r.host.Kill(); return nil }, func() error { return r.host.Stop() }} {
		if err := r.Start(ctx); err != nil {
			return nil, err
		}
		if err := errors.Join(r.All(ctx), end()); err != nil {
			return nil, err
		}
		dir := filepath.Join(r.Service.Dir, fmt.Sprintf("whole-%d", len(whole)))
		if err := copyFolder(r.Service.Journal(), dir); err != nil {
			return nil, err
		}
		// Without damage a copy serves what it did: else nothing is learned from the others.
		if err := errors.Join(r.All(ctx), end()); err != nil {
			return nil, err
		}
		whole = append(whole, dir)
	}
	return func(ctx context.Context) error { return r.flip(ctx, whole[r.Random.IntN(len(whole))]) }, nil
}

func (r *Run) flip(ctx context.Context, whole string) error {
	r.Close()
	if err := copyFolder(whole, r.Service.Journal()); err != nil {
		return err
	}
	list, err := files(whole)
	if err != nil {
		return err
	}
	f := r.pick(list)
	at, bit := r.Random.Int64N(f.size), r.Random.IntN(8)
	if err := flip(filepath.Join(r.Service.Journal(), f.path), at, bit); err != nil {
		return err
	}
	r.hurt = true
	where := fmt.Sprintf("bit %d of byte %d of %d of %s", bit, at, f.size, f.path)
	err = r.Start(ctx)
	if refused := (*Refused)(nil); errors.As(err, &refused) && strings.HasPrefix(refused.Code, "journal.") {
		r.named(refused)
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	err = r.All(ctx)
	switch tail, err2 := inTail(whole, f.path, at); {
	case err2 != nil:
		return err2
	case err == nil:
		r.Harmless++
	case tail:
		r.Tail++
	default:
		return fmt.Errorf("%s is not noticed: %w", where, err)
	}
	return nil
}

// pick draws a file: half of the time each is as likely, else each of their bytes is.
func (r *Run) pick(list []file) file {
	if r.Random.IntN(2) == 0 {
		return list[r.Random.IntN(len(list))]
	}
	var size int64
	for _, f := range list {
		size += f.size
	}
	at := r.Random.Int64N(size)
	for _, f := range list {
		if at -= f.size; at < 0 {
			return f
		}
	}
	return list[0]
}

// inTail says whether a byte is of the last record of the last block.
func inTail(journal, path string, at int64) (bool, error) {
	block, err := lastBlock(journal)
	if err != nil || block != filepath.Join(journal, path) {
		return false, err
	}
	data, err := os.ReadFile(block)
	if err != nil {
		return false, err
	}
	begins := bounds(data)
	return len(begins) < 2 || at >= int64(begins[len(begins)-2]), nil
}

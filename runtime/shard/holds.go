package shard

import (
	"context"
	"errors"
	"fmt"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
)

// Holds visits the bytes of all that may still be handled, or be read by what is handled: states
// with their keys, messages that wait with what their attempts were answered, dead letters. It is
// as the journal has it when it is called; it takes as much memory, and as long, as to open the
// shard anew. Bytes are valid during their visit only. It may be called concurrently.
func (s *Shard) Holds(ctx context.Context, visit func(data []byte)) error {
	defer s.Hold()()
	return holds(ctx, s.opts.Journal, visit)
}

// holdsTries is how often holds begins anew because what it reads was moved meanwhile.
const holdsTries = 3

func holds(ctx context.Context, j journal.Journal, visit func(data []byte)) (err error) {
	for range holdsTries {
		var w *fold.World
		if w, _, err = recoverWorld(ctx, j, func(uint64, int64) {}); err == nil {
			err = worldHolds(ctx, j, w, visit)
		}
		if !errors.Is(err, journal.ErrTrimmed) && !errors.Is(err, journal.ErrNotFound) {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("look through what is held: %w", err)
	}
	return nil
}

func worldHolds(ctx context.Context, j journal.Journal, w *fold.World, visit func(data []byte)) error {
	letters, _ := w.Dead()
	for _, d := range letters {
		visit(d.Frame)
	}
	for i := 0; ; i++ {
		cells, more, err := w.PageCells(i, func(digest string) (fold.Cells, error) {
			cells, _, err := readPage(ctx, j, digest)
			return cells, err
		})
		if err != nil {
			return err
		}
		if !more {
			break
		}
		for c, values := range cells {
			visit([]byte(c.Key))
			for name, v := range values {
				visit([]byte(name))
				visit(v.Data)
			}
		}
	}
	var places []fold.Place
	for _, m := range w.Waits() {
		places = append(places, w.Place(m))
	}
	return fold.Fetch(places, journalSource{ctx, j}, func(m *fold.Message) error {
		visit(m.Frame)
		for _, list := range [][]journal.Answer{m.Answers, m.Given} {
			for i := range list {
				visit(list[i].Frame)
			}
		}
		return ctx.Err()
	})
}

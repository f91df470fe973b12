package cache

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// lockPoll is how often a lock that another process holds is tried again:
// there is no way to wait for such a lock and for a context at once.
const lockPoll = 50 * time.Millisecond

// held has a place for one holder of each lock within this process, by path.
var held struct {
	sync.Mutex
	turns map[string]chan struct{}
}

// Lock waits until no other build, in this process or another, holds the lock
// of the folder dir, then holds it until the returned function is called. It
// makes the folder. It ends with ctx, with the error of ctx.
func Lock(ctx context.Context, dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	turn := turnOf(dir)
	select {
	case turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f, err := os.OpenFile(filepath.Join(dir, ".grow.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err == nil {
		err = lockFile(ctx, f)
		if err != nil {
			f.Close()
		}
	}
	if err != nil {
		<-turn
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() {
		f.Close() // gives the lock of the file back, too
		<-turn
	}, nil
}

func turnOf(dir string) chan struct{} {
	held.Lock()
	defer held.Unlock()
	if held.turns == nil {
		held.turns = map[string]chan struct{}{}
	}
	if held.turns[dir] == nil {
		held.turns[dir] = make(chan struct{}, 1)
	}
	return held.turns[dir]
}

func lockFile(ctx context.Context, f *os.File) error {
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		got, err := tryLock(f)
		if got || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

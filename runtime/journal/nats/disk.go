package nats

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
)

// disk looks at the disk of a data folder: JetStream reports a dead one as
// time-outs and a full one by switching itself off.
type disk struct {
	path    string
	reserve int64
	room    atomic.Int64 // bytes that may be written until the next look

	mu      sync.Mutex
	looking *look // under way; nil: none is
}

// look is one look at the disk.
type look struct {
	since time.Time
	done  chan struct{} // closed when it has ended
	err   error         // what came of it then
}

func newDisk(path string, reserve int64) *disk { return &disk{path: path, reserve: reserve} }

// roomMin is how much must be free, besides the reserve, for the disk to be
// well: if the next record were refused already, health would come and go.
const roomMin = 4 * journal.RecordMax

// take books n bytes, or returns ErrFull. What is written takes more room than
// it has bytes: blocks are copied when they are compacted.
func (d *disk) take(n int) error {
	if d.room.Add(-2*int64(n)) < 0 {
		return fmt.Errorf("%w: little more than %d MiB are free on the disk", journal.ErrFull, d.reserve>>20)
	}
	return nil
}

// probe writes to the disk and sees how much is free, within probeMax. A look
// that a dead disk does not let end is waited for by the next ones.
func (d *disk) probe() error {
	d.mu.Lock()
	if d.looking == nil {
		d.looking = &look{since: time.Now(), done: make(chan struct{})}
		go d.answer(d.looking)
	}
	l := d.looking
	d.mu.Unlock()
	step := time.NewTicker(probeMax / probeSteps)
	defer step.Stop()
	for range probeSteps {
		select {
		case <-l.done:
			return l.err
		case <-step.C: // one only, however long this process has stood still: that is not the disk's fault
		}
	}
	select {
	case <-l.done: // in the last step
		return l.err
	default:
	}
	return fmt.Errorf("%w: the disk has not taken 4 KiB in %s", journal.ErrUnhealthy, time.Since(l.since).Round(100*time.Millisecond))
}

// answer looks, and tells everybody who waits for that. It ends when the disk lets it.
func (d *disk) answer(l *look) {
	l.err = d.look()
	d.mu.Lock()
	d.looking = nil
	d.mu.Unlock()
	close(l.done)
}

func (d *disk) look() (err error) {
	f, err := os.OpenFile(filepath.Join(d.path, probeFile), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return diskError(err)
	}
	var page [4096]byte
	copy(page[:], time.Now().Format(time.RFC3339Nano))
	_, err = f.WriteAt(page[:], 0)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return diskError(err)
	}
	n, err := free(d.path)
	if err != nil {
		return diskError(err)
	}
	room := n - d.reserve
	d.room.Store(room)
	if room < roomMin {
		return fmt.Errorf("%w: %d bytes are free on the disk", journal.ErrFull, n)
	}
	return nil
}

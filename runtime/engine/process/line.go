package process

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/grow-platform/grow/runtime/engine"
)

// Whose turn it is on a line.
const (
	turnHost uint32 = iota
	turnWorker
	turnGone // the worker has ended
)

// What lies in the memory of a line, from its beginning. Each has a cache line
// of its own.
const (
	atTurn   = 0
	atMeta   = 64 // size of what is in the buffer, and whether there is more
	atBuffer = 128

	lineSize = 128 << 10 // bytes: whole pages
	moreMark = 1 << 31
)

// What ends an exchange.
var (
	errGone   = errors.New("the other side has ended")
	errSilent = errors.New("it did not come to an end when it had to")
)

// line is one side of a line. Messages that do not fit the buffer go in pieces,
// each of which the other side acknowledges by passing the turn back.
type line struct {
	turn, meta *atomic.Uint32
	buffer     []byte
	me, other  uint32
}

// lineOf is the side of a line that lies in b.
func lineOf(b []byte, me uint32) line {
	word := func(at int) *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(&b[at])) }
	return line{turn: word(atTurn), meta: word(atMeta), buffer: b[atBuffer:lineSize], me: me, other: turnHost + turnWorker - me}
}

// watcher is who waits at a line. quiet is called whenever nothing has come for
// a while; an error ends the waiting.
type watcher interface{ quiet() error }

// send sends a message made of a head, which fits the buffer, and a body.
func (l *line) send(head []byte, body engine.Input, w watcher) error {
	size := body.Size()
	if len(head)+size <= len(l.buffer) {
		copy(l.buffer, head)
		body.CopyTo(l.buffer[len(head) : len(head)+size])
		l.pass(uint32(len(head) + size))
		return nil
	}
	all := make([]byte, len(head)+size)
	copy(all, head)
	body.CopyTo(all[len(head):])
	for {
		n := copy(l.buffer, all)
		all = all[n:]
		if len(all) == 0 {
			l.pass(uint32(n))
			return nil
		}
		l.pass(uint32(n) | moreMark)
		if err := l.await(w); err != nil {
			return err
		}
		if l.meta.Load() != 0 {
			return errors.New("it interrupted a message to it")
		}
	}
}

// receive returns the next message, of at most most bytes, in b's memory if it
// has room. It is a copy, which the other side cannot change any more.
func (l *line) receive(b []byte, most int, w watcher) ([]byte, error) {
	b = b[:0]
	for {
		if err := l.await(w); err != nil {
			return b, err
		}
		meta := l.meta.Load()
		n := int(meta &^ moreMark)
		more := meta&moreMark != 0
		if n > len(l.buffer) || more && n < len(l.buffer) || len(b)+n > most {
			return b, fmt.Errorf("a message of %d bytes and a piece of %d more", len(b), n)
		}
		b = append(b, l.buffer[:n]...)
		if !more {
			return b, nil
		}
		l.pass(0)
	}
}

// pass passes the turn with what is in the buffer.
func (l *line) pass(meta uint32) {
	l.meta.Store(meta)
	// Not when the worker has ended meanwhile: nobody would pass it back.
	if l.turn.CompareAndSwap(l.me, l.other) {
		wake(l.turn)
	}
}

// await waits for the turn.
func (l *line) await(w watcher) error {
	step := time.Duration(0) // for ever
	if w != nil {
		step = quietStep
	}
	var woken time.Time // for nothing, and w not told since
	for wakes := 0; wakes < wakesMax; {
		switch turn := l.turn.Load(); turn {
		case l.me:
			return nil
		case l.other:
		case turnGone:
			return errGone
		default:
			return fmt.Errorf("a turn of %d", turn)
		}
		if timedOut := wait(l.turn, l.other, step); !timedOut {
			if wakes++; w == nil || l.turn.Load() != l.other {
				continue
			}
			if woken.IsZero() {
				woken = time.Now()
			}
			if time.Since(woken) < step { // who is woken again and again is told as often
				continue
			}
		}
		woken = time.Time{}
		if err := w.quiet(); err != nil {
			return err
		}
	}
	return errors.New("it wakes the host for nothing")
}

// end has everybody who waits at the line see that the worker has ended.
func (l *line) end() {
	l.turn.Store(turnGone)
	wake(l.turn)
}

package nats

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/minio/highwayhash"
)

// windowSize is how much of a block is read at a time, at most, unless one
// message is larger; windowMin is how much at first.
const (
	windowSize = 1 << 20
	windowMin  = 16 << 10
)

// directMax is the bytes of the longest message that is a record.
const directMax = journal.RecordMax + 2*overhead

// spotsMax is how many places are remembered at which Reads of a journal ended:
// several read it in turn, and each goes on where it was.
const spotsMax = 16

var windows = sync.Pool{New: func() any { b := make([]byte, windowSize); return &b }}

// spot is where a record may lie. Nobody vouches for it: what is there is
// checked like everything else.
type spot struct {
	seq   uint64
	block uint64
	at    int64
}

// spots are the last ones; log.mu guards them.
type spots struct {
	of   [spotsMax]spot
	next int
}

// nearest is the spot from which a record is reached soonest; seq 0: there is none.
func (s *spots) nearest(seq uint64) (best spot) {
	for _, x := range s.of {
		if x.seq <= seq && x.seq > best.seq {
			best = x
		}
	}
	return best
}

// replace remembers a spot in place of the one it was reached from, or of the oldest.
func (s *spots) replace(old, now spot) {
	for i := range s.of {
		if s.of[i] == old && old.seq != 0 {
			s.of[i] = now
			return
		}
	}
	s.of[s.next] = now
	s.next = (s.next + 1) % spotsMax
}

// readBlocks visits records from the files of a server of this process, as many
// as it can from sequence from to last, and returns the sequence after them. The
// server has them on disk before it answers, and appends only. Whatever is not
// as it should be is left to be asked of the server, which knows what it is
// doing to its files. An error is visit's, or that of ctx.
func (l *log) readBlocks(ctx context.Context, from, last uint64, visit func(uint64, []byte) error) (next uint64, err error) {
	if l.store.folder == nil {
		return from, nil
	}
	l.mu.Lock()
	begin := l.spots.nearest(from)
	l.mu.Unlock()
	window := windows.Get().(*[]byte)
	r := blockReader{
		log: l, next: from, last: last, visit: visit, format: fmt.Appendf(nil, "\r\n%s: %s\r\n", headerFormat, l.format), buf: *window,
		scan: scanner{streams: filepath.Join(l.store.folder.path, storeDir, "$G", "streams")},
	}
	defer func() {
		r.close()
		*window = r.buf[:cap(r.buf)]
		windows.Put(window)
	}()
	if !r.resume(begin) && !r.find() {
		return from, nil
	}
	for more := true; more && r.next <= r.last; more = more && (r.next > r.last || r.follow()) {
		if more, err = r.block(ctx); err != nil {
			break
		}
	}
	if r.mark.seq != 0 {
		l.mu.Lock()
		l.spots.replace(begin, r.mark)
		l.mu.Unlock()
	}
	return r.next, err
}

// blockReader reads the blocks of one journal.
type blockReader struct {
	log        *log
	next, last uint64
	visit      func(uint64, []byte) error
	format     []byte // the header of a record that is ours

	scan  scanner
	check checker
	file  *os.File
	index uint64 // of the block
	at    int64  // where in the file buf begins
	buf   []byte // what has been read
	head  int    // where in buf the next message begins
	step  int    // bytes to read at once
	mark  spot   // of the last record that was reached
}

func (r *blockReader) close() {
	if r.file != nil {
		r.file.Close() // which was only read
		r.file = nil
	}
}

// open opens a block for reading from a place on.
func (r *blockReader) open(index uint64, at int64) bool {
	r.close()
	f, err := os.Open(filepath.Join(r.scan.streams, r.log.stream, "msgs", fmt.Sprintf("%d.blk", index)))
	if err != nil {
		return false
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", r.log.stream, index))
	r.file, r.index, r.at, r.buf, r.head, r.step = f, index, at, r.buf[:0], 0, windowMin
	r.check.hash, err = highwayhash.New64(key[:])
	return err == nil
}

// resume opens the block where a Read has ended, if that is of use.
func (r *blockReader) resume(s spot) bool {
	return s.seq != 0 && r.open(s.block, s.at) && r.seq() == s.seq
}

// find opens the block in which the next record lies.
func (r *blockReader) find() bool {
	list, err := r.scan.blocks(r.log.stream)
	if err != nil {
		return false
	}
	for i := len(list) - 1; i >= 0; i-- {
		if r.open(list[i].index, 0) && r.begins() {
			return true
		}
	}
	return false
}

// follow opens the next block.
func (r *blockReader) follow() bool {
	now := r.index
	if r.open(now+1, 0) {
		return true
	}
	list, err := r.scan.blocks(r.log.stream)
	if err != nil {
		return false
	}
	for i := range list {
		if list[i].index > now {
			return r.open(list[i].index, 0)
		}
	}
	return false
}

// begins reports whether the block's first record is not after the next one.
func (r *blockReader) begins() bool {
	for {
		b := r.peek(blockHeader)
		if len(b) < blockHeader {
			return false
		}
		if seq := r.seq(); seq&tombstoneBit == 0 {
			return seq&^erasedBit <= r.next && seq != 0
		}
		length := int(binary.LittleEndian.Uint32(b) &^ hasHeaders)
		if length < blockHeader+blockHash || length > directMax {
			return false
		}
		r.head += length
	}
}

// seq is the sequence of the next message, 0 where there is none.
func (r *blockReader) seq() uint64 {
	b := r.peek(blockHeader)
	if len(b) < blockHeader {
		return 0
	}
	return binary.LittleEndian.Uint64(b[4:])
}

// peek is the next n bytes, fewer at the end of the file.
func (r *blockReader) peek(n int) []byte {
	if r.head+n > len(r.buf) {
		r.fill(n)
	}
	return r.buf[min(r.head, len(r.buf)):min(r.head+n, len(r.buf))]
}

// fill reads on until n bytes are there from head on.
func (r *blockReader) fill(n int) {
	rest := r.buf[min(r.head, len(r.buf)):]
	r.at += int64(r.head)
	r.head = 0
	size := max(n, r.step)
	r.step = min(2*r.step, windowSize)
	if size > cap(r.buf) {
		r.buf = append(make([]byte, 0, size+windowSize), rest...)
	} else {
		r.buf = r.buf[:copy(r.buf[:len(rest)], rest)]
	}
	have := len(r.buf)
	got, _ := r.file.ReadAt(r.buf[have:max(size, have)], r.at+int64(have)) // what is missing is seen by its length
	r.buf = r.buf[:have+got]
}

// block visits the records of a block from the next one on. more is false when
// something there is for the server to say.
func (r *blockReader) block(ctx context.Context) (more bool, err error) {
	for r.next <= r.last {
		b := r.peek(blockHeader)
		if len(b) == 0 {
			return true, nil
		}
		if len(b) < blockHeader {
			return false, nil
		}
		length := int(binary.LittleEndian.Uint32(b) &^ hasHeaders)
		if length < blockHeader+blockHash || length > directMax {
			return false, nil
		}
		if seq := binary.LittleEndian.Uint64(b[4:]); seq&tombstoneBit != 0 || seq&^erasedBit < r.next {
			r.head += length
			continue
		} else if seq != r.next {
			return false, nil
		}
		r.mark = spot{r.next, r.index, r.at + int64(r.head)}
		record, ok := r.record(length)
		if !ok {
			return false, nil
		}
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case r.log.store.closed.Load():
			return false, journal.ErrClosed
		}
		if err := r.visit(r.next, record); err != nil {
			return false, err
		}
		r.next++
		r.head += length
	}
	return true, nil
}

// record is what the next message holds, if it is sound and a record of ours.
func (r *blockReader) record(length int) ([]byte, bool) {
	b := r.peek(length)
	if len(b) < length || binary.LittleEndian.Uint32(b)&hasHeaders == 0 {
		return nil, false
	}
	if _, err := r.check.parse(b); err != nil {
		return nil, false
	}
	body := b[blockHeader+int(binary.LittleEndian.Uint16(b[20:])) : length-blockHash]
	headers := 4 + int(binary.LittleEndian.Uint32(body))
	return body[headers:], bytes.Contains(body[:headers], r.format)
}

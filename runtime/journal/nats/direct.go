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

// windowSize is how much of a block is read at a time; one that holds a larger
// message grows.
const windowSize = 1 << 20

// directMax is the bytes of the longest message that is a record.
const directMax = journal.RecordMax + 2*overhead

var windows = sync.Pool{New: func() any { b := make([]byte, windowSize); return &b }}

// spot is where a record may lie. Nobody vouches for it: what is there is
// checked like everything else.
type spot struct {
	seq   uint64
	block uint64
	at    int64
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
	scan := scanner{streams: filepath.Join(l.store.folder.path, storeDir, "$G", "streams")}
	list, err := scan.blocks(l.stream)
	if err != nil {
		return from, nil
	}
	window := windows.Get().(*[]byte)
	r := blockReader{log: l, next: from, last: last, visit: visit, format: fmt.Appendf(nil, "\r\n%s: %s\r\n", headerFormat, l.format), buf: *window}
	defer func() {
		l.mu.Lock()
		l.spot = spot{r.next, r.index, r.at + int64(r.head)}
		l.mu.Unlock()
		r.close()
		*window = r.buf[:cap(r.buf)]
		windows.Put(window)
	}()
	l.mu.Lock()
	hint := l.spot
	l.mu.Unlock()
	i, at := r.find(list, hint)
	for ; i < len(list) && r.next <= last; i, at = i+1, 0 {
		if !r.open(&list[i], at) {
			break
		}
		more, err := r.block(ctx)
		if err != nil || !more {
			return r.next, err
		}
	}
	return r.next, nil
}

// blockReader reads the blocks of one journal.
type blockReader struct {
	log        *log
	next, last uint64
	visit      func(uint64, []byte) error
	format     []byte // the header of a record that is ours

	check checker
	file  *os.File
	index uint64 // of the block
	at    int64  // where in the file buf begins
	buf   []byte // what has been read
	head  int    // where in buf the next message begins
}

func (r *blockReader) close() {
	if r.file != nil {
		r.file.Close() // which was only read
		r.file = nil
	}
}

// open opens a block for reading from a place on.
func (r *blockReader) open(b *block, at int64) bool {
	r.close()
	f, err := os.Open(b.path)
	if err != nil {
		return false
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", r.log.stream, b.index))
	r.file, r.index, r.at, r.buf, r.head = f, b.index, at, r.buf[:0], 0
	r.check.hash, err = highwayhash.New64(key[:])
	return err == nil
}

// find is the block in which the next record lies, and where in it to begin.
func (r *blockReader) find(list []block, hint spot) (int, int64) {
	for i := len(list) - 1; i >= 0; i-- {
		if hint.seq == r.next && list[i].index == hint.block {
			if r.open(&list[i], hint.at) && (len(r.peek(1)) == 0 || r.seq() == r.next) {
				return i, hint.at
			}
		}
		if r.open(&list[i], 0) && r.begins() {
			return i, 0
		}
	}
	return len(list), 0
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
	size := max(n, cap(r.buf))
	if size > cap(r.buf) {
		size += windowSize
		r.buf = append(make([]byte, 0, size), rest...)
	} else {
		r.buf = r.buf[:copy(r.buf[:len(rest)], rest)]
	}
	r.head = 0
	have := len(r.buf)
	got, _ := r.file.ReadAt(r.buf[have:size], r.at+int64(have)) // what is missing is seen by its length
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

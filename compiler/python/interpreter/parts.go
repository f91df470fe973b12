package interpreter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A file in parts can be read anywhere without unpacking the rest: an interpreter that
// starts needs a third of its library. It is a sequence of Zstandard frames, each of
// partSize bytes of the file but for the last; then the lengths of the frames, as
// u32; then the length of the file as u64 and partsMagic. Numbers are little endian.

// partSize is the length of a part, in bytes. Smaller parts unpack in less time and
// pack worse: the library takes 3.9 MB in parts of 64 KiB, and 3.2 MB in one.
const partSize = 64 << 10

// fileMax is how long a file in parts may be, in bytes.
const fileMax = 256 << 20

const partsMagic = "growpart"

const tailSize = 8 + len(partsMagic)

// parts is a file in parts that is open. Each part is unpacked once, when it is
// first read, and kept.
type parts struct {
	from   io.ReaderAt
	info   fs.FileInfo
	size   int64
	starts []int64 // of the frames, and the end of the last
	text   []func() ([]byte, error)
}

// packParts writes the file in parts.
func packParts(w io.Writer, file []byte) error {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	defer e.Close()
	var tail []byte
	for start := 0; start < len(file); start += partSize {
		frame := e.EncodeAll(file[start:min(start+partSize, len(file))], nil)
		tail = binary.LittleEndian.AppendUint32(tail, uint32(len(frame)))
		if _, err := w.Write(frame); err != nil {
			return err
		}
	}
	tail = binary.LittleEndian.AppendUint64(tail, uint64(len(file)))
	_, err = w.Write(append(tail, partsMagic...))
	return err
}

var errParts = errors.New("not a file in parts, or cut off")

// openParts reads where the parts of f are. f must be an io.ReaderAt, and stays open.
func openParts(f fs.File) (*parts, error) {
	from, ok := f.(io.ReaderAt)
	if !ok {
		return nil, fmt.Errorf("%T cannot be read at a place", f)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	tail := make([]byte, tailSize)
	if _, err := from.ReadAt(tail, info.Size()-int64(tailSize)); err != nil || string(tail[8:]) != partsMagic {
		return nil, errors.Join(errParts, err)
	}
	size := binary.LittleEndian.Uint64(tail)
	if size > fileMax {
		return nil, errParts
	}
	n := (int64(size) + partSize - 1) / partSize
	at := info.Size() - int64(tailSize) - 4*n
	if at < 0 {
		return nil, errParts
	}
	lengths := make([]byte, 4*n)
	if _, err := from.ReadAt(lengths, at); err != nil {
		return nil, err
	}
	p := &parts{from: from, info: info, size: int64(size), starts: make([]int64, n+1), text: make([]func() ([]byte, error), n)}
	for i := range p.text {
		p.starts[i+1] = p.starts[i] + int64(binary.LittleEndian.Uint32(lengths[4*i:]))
		p.text[i] = sync.OnceValues(func() ([]byte, error) { return p.unpack(i) })
	}
	if p.starts[n] != at {
		return nil, errParts
	}
	return p, nil
}

// unpack unpacks a part.
func (p *parts) unpack(i int) ([]byte, error) {
	frame := make([]byte, p.starts[i+1]-p.starts[i])
	if _, err := p.from.ReadAt(frame, p.starts[i]); err != nil {
		return nil, err
	}
	want := min(partSize, p.size-int64(i)*partSize)
	text, err := unpack(frame, int(want))
	if err == nil && int64(len(text)) != want {
		err = errParts
	}
	return text, err
}

// ReadAt implements io.ReaderAt.
func (p *parts) ReadAt(b []byte, at int64) (n int, err error) {
	if at < 0 {
		return 0, fs.ErrInvalid
	}
	for n < len(b) && at < p.size {
		text, err := p.text[at/partSize]()
		if err != nil {
			return n, err
		}
		k := copy(b[n:], text[at%partSize:])
		n, at = n+k, at+int64(k)
	}
	if n < len(b) {
		err = io.EOF
	}
	return n, err
}

// decoder unpacks; it may be used by several goroutines.
var decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderMaxMemory(fileMax))
})

// unpack unpacks a frame of which the length is known, or 0.
func unpack(frame []byte, size int) ([]byte, error) {
	d, err := decoder()
	if err != nil {
		return nil, err
	}
	return d.DecodeAll(frame, make([]byte, 0, size))
}

// packWhole packs bytes that are unpacked all at once.
func packWhole(data []byte) ([]byte, error) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer e.Close()
	return e.EncodeAll(data, nil), nil
}

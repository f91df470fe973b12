package snapshot

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Image is what instances begin with. It is not changed any more.
type Image struct {
	Size    int64    // bytes of memory: whole pages
	Runs    []Run    // what in it is not zero, ascending and apart
	Globals []Global // those that change, by ascending index
}

// Run is a stretch of memory.
type Run struct {
	At    int64
	Bytes []byte
}

// Global is a global and its value: the bits of a float, and an i32 without a sign.
type Global struct {
	Index int // in the module
	Value uint64
}

// block is the size in bytes of which memory is looked at: a page of the processor.
const block = 4 << 10

var zero [block]byte

// Of keeps a memory of whole pages, which it copies from as far as it is not zero,
// and globals.
func Of(memory []byte, globals []Global) *Image {
	i := &Image{Size: int64(len(memory)), Globals: globals}
	for at := 0; at < len(memory); {
		end := at
		for end < len(memory) && !bytes.Equal(memory[end:end+block], zero[:]) {
			end += block
		}
		if end > at {
			i.Runs = append(i.Runs, Run{At: int64(at), Bytes: bytes.Clone(memory[at:end])})
		}
		at = end + block
	}
	return i
}

// Bytes is how many bytes of memory the image holds.
func (i *Image) Bytes() int64 {
	n := int64(0)
	for _, r := range i.Runs {
		n += int64(len(r.Bytes))
	}
	return n
}

// CopyTo writes the image to memory of its size, which is zero.
func (i *Image) CopyTo(memory []byte) {
	for _, r := range i.Runs {
		copy(memory[r.At:], r.Bytes)
	}
}

// Encode appends an image: what is zero takes no bytes, and the rest lies as it is,
// for it is read far more often than kept. In front are, as unsigned LEB128, the
// pages of memory, the number of globals, each with its index and 8 bytes of value,
// the number of runs, and of each how many blocks of 4 KiB lie between it and the
// one before, and how many it has.
func (i *Image) Encode(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(i.Size/PageSize))
	b = binary.AppendUvarint(b, uint64(len(i.Globals)))
	for _, g := range i.Globals {
		b = binary.LittleEndian.AppendUint64(binary.AppendUvarint(b, uint64(g.Index)), g.Value)
	}
	b = binary.AppendUvarint(b, uint64(len(i.Runs)))
	end := int64(0)
	for _, r := range i.Runs {
		b = binary.AppendUvarint(b, uint64((r.At-end)/block))
		b = binary.AppendUvarint(b, uint64(len(r.Bytes)/block))
		end = r.At + int64(len(r.Bytes))
	}
	for _, r := range i.Runs {
		b = append(b, r.Bytes...)
	}
	return b
}

// errImage is what Decode says of bytes that Encode did not write.
var errImage = errors.New("decode image: it is cut off or malformed")

// Decode reads an image that Encode wrote, of at most so many bytes of memory. What
// it returns aliases b.
func Decode(b []byte, most int64) (*Image, error) {
	c := cursor{b: b}
	i := &Image{Size: int64(c.number(1<<16)) * PageSize}
	if i.Size > most {
		return nil, fmt.Errorf("decode image: it has %d bytes of memory; at most %d are allowed", i.Size, most)
	}
	for range c.count(9) {
		g := Global{Index: int(c.number(1<<31 - 1)), Value: c.value()}
		if n := len(i.Globals); n > 0 && i.Globals[n-1].Index >= g.Index {
			c.failed = true
		}
		i.Globals = append(i.Globals, g)
	}
	var blocks []int64
	end, total := int64(0), int64(0)
	for k := range c.count(2) {
		at, n := end+int64(c.number(1<<20))*block, int64(c.number(1<<20))
		if n == 0 || k > 0 && at == end || at+n*block > i.Size {
			c.failed = true
			break
		}
		i.Runs, blocks = append(i.Runs, Run{At: at}), append(blocks, n)
		end, total = at+n*block, total+n*block
	}
	if c.failed || int64(len(c.b)) != total {
		return nil, errImage
	}
	for k, n := range blocks {
		i.Runs[k].Bytes, c.b = c.b[:n*block:n*block], c.b[n*block:]
	}
	return i, nil
}

// cursor reads what Encode wrote. After a failure it reads zeros.
type cursor struct {
	b      []byte
	failed bool
}

// number reads a number that is not larger than most.
func (c *cursor) number(most uint64) uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 || v > most {
		c.failed = true
	}
	if c.failed {
		return 0
	}
	c.b = c.b[n:]
	return v
}

// count reads the number of entries to come, each of which takes at least size bytes.
func (c *cursor) count(size int) int { return int(c.number(uint64(len(c.b) / size))) }

// value reads 8 bytes.
func (c *cursor) value() uint64 {
	if len(c.b) < 8 {
		c.failed = true
		return 0
	}
	v := binary.LittleEndian.Uint64(c.b)
	c.b = c.b[8:]
	return v
}

package journal

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// FormatVersion is the version of the record format that this package writes.
const FormatVersion = 1

// Magic is what every record begins with.
const Magic = "GROJ"

const (
	magic      = Magic
	headerSize = 21
	checksum   = 17 // where it lies in the header
)

// largeRecord is the bytes after which a record is given memory for all it can become.
const largeRecord = 64 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// entryField is the number of Record.entry.
const entryField = 1

// Writer is a record under construction. It belongs to one goroutine; the zero
// Writer must be Reset first.
type Writer struct {
	coder   coder
	entries int
}

// Reset begins a new record of an epoch, in the memory of the last.
func (w *Writer) Reset(epoch uint64) {
	b := append(w.coder.b[:0], magic...)
	b = append(b, FormatVersion)
	b = binary.LittleEndian.AppendUint64(b, epoch)
	w.coder.b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	w.entries = 0
}

// Add appends an entry. It returns false, and leaves the record as it was, when
// the record would exceed RecordMax or EntriesMax, or the entry InlineMax: see [Pack].
func (w *Writer) Add(e Entry) bool {
	w.grow()
	at := len(w.coder.b)
	outer := w.coder.begin(entryField)
	inner := w.coder.begin(kindOf(e))
	e.fields(&w.coder)
	return w.close(at, outer, inner)
}

// AddHandled is Add for the commonest entry.
func (w *Writer) AddHandled(h *Handled) bool {
	w.grow()
	at := len(w.coder.b)
	outer := w.coder.begin(entryField)
	inner := w.coder.begin(kindHandled)
	h.fields(&w.coder)
	return w.close(at, outer, inner)
}

// grow gives a record that has become large, and so may become as large as it can,
// memory for all of it: doubled from time to time it would take three times as much.
func (w *Writer) grow() {
	if len(w.coder.b) > largeRecord && cap(w.coder.b) < RecordMax {
		w.coder.b = slices.Grow(w.coder.b, RecordMax+largeRecord-len(w.coder.b))
	}
}

func (w *Writer) close(at, outer, inner int) bool {
	if len(w.coder.b) > RecordMax || len(w.coder.b)-outer > InlineMax || w.entries == EntriesMax {
		w.coder.b = w.coder.b[:at]
		return false
	}
	w.coder.end(inner)
	w.coder.end(outer)
	w.entries++
	return true
}

// Merge appends the entries of another record under construction, or returns
// false when they do not fit.
func (w *Writer) Merge(o *Writer) bool {
	body := o.coder.b[headerSize:]
	if len(w.coder.b)+len(body) > RecordMax || w.entries+o.entries > EntriesMax {
		return false
	}
	w.grow()
	w.coder.b = append(w.coder.b, body...)
	w.entries += o.entries
	return true
}

// Entries is the number of entries added.
func (w *Writer) Entries() int { return w.entries }

// Size is the bytes of the record so far.
func (w *Writer) Size() int { return len(w.coder.b) }

// Cap is the bytes of memory that the record has.
func (w *Writer) Cap() int { return cap(w.coder.b) }

// Bytes is the record. It is valid until the writer is changed.
func (w *Writer) Bytes() []byte {
	b := w.coder.b
	binary.LittleEndian.PutUint32(b[13:], uint32(w.entries))
	binary.LittleEndian.PutUint32(b[checksum:], sum(b))
	return b
}

// sum is the checksum of a record: of everything but itself.
func sum(record []byte) uint32 {
	return crc32.Update(crc32.Checksum(record[:checksum], castagnoli), castagnoli, record[headerSize:])
}

// Record is a record that was read.
type Record struct {
	Epoch   uint64
	Entries int
	body    []byte
}

// Version is the epoch and the format version that a record says it has; ok
// is false for bytes that are no record. Nothing is checked.
func Version(record []byte) (epoch uint64, format byte, ok bool) {
	if len(record) < headerSize || string(record[:4]) != magic {
		return 0, 0, false
	}
	return binary.LittleEndian.Uint64(record[5:]), record[4], true
}

// Parse checks a record's header and checksum. It fails with ErrDamaged, and
// with ErrFormat too when the record is of another version.
func Parse(b []byte) (Record, error) {
	switch {
	case len(b) < headerSize || string(b[:4]) != magic:
		return Record{}, fmt.Errorf("%w: %d bytes that are no record", ErrDamaged, len(b))
	case b[4] != FormatVersion:
		return Record{}, fmt.Errorf("%w: %w: the record is of format version %d; this version of grow reads %d", ErrDamaged, ErrFormat, b[4], FormatVersion)
	case binary.LittleEndian.Uint32(b[checksum:]) != sum(b):
		return Record{}, fmt.Errorf("%w: the record's checksum is wrong", ErrDamaged)
	}
	r := Record{Epoch: binary.LittleEndian.Uint64(b[5:]), Entries: int(binary.LittleEndian.Uint32(b[13:])), body: b[headerSize:]}
	if r.Entries > EntriesMax {
		return Record{}, fmt.Errorf("%w: the record says it has %d entries; at most %d are allowed", ErrDamaged, r.Entries, EntriesMax)
	}
	return r, nil
}

// Cursor visits the entries of a record in their order. It belongs to one goroutine.
type Cursor struct {
	record Record
	read   int
	coder  coder
	// Of the commonest kinds one is reused.
	handled  Handled
	accepted Accepted
}

// Reset puts the cursor before the first entry of r.
func (c *Cursor) Reset(r Record) { c.record, c.read = r, 0 }

// Next returns the next entry, or io.EOF after the last, or ErrDamaged. The
// entry and what it refers to, which is the record's bytes, are valid until
// the next call; its strings are too.
func (c *Cursor) Next() (Entry, error) {
	c.coder = coder{reading: true}
	for len(c.record.body) > 0 {
		c.record.body = c.coder.field(c.record.body)
		if c.coder.err != nil {
			return nil, c.coder.err
		}
		if c.coder.number != entryField {
			continue
		}
		c.read++
		return c.entry(c.coder.bytes)
	}
	if c.read != c.record.Entries {
		return nil, fmt.Errorf("%w: the record has %d entries and says %d", ErrDamaged, c.read, c.record.Entries)
	}
	return nil, io.EOF
}

// entry reads an Entry message: one field, whose number is the kind.
func (c *Cursor) entry(b []byte) (Entry, error) {
	rest := c.coder.field(b)
	if c.coder.err != nil {
		return nil, c.coder.err
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%w: an entry holds more than one thing", ErrDamaged)
	}
	var e Entry
	switch kind := c.coder.number; kind {
	case kindHandled:
		h := &c.handled
		*h = Handled{State: h.State[:0], Outputs: h.Outputs[:0], Answers: h.Answers[:0]}
		e = h
	case kindAccepted:
		c.accepted = Accepted{}
		e = &c.accepted
	default:
		if e = newEntry(kind); e == nil {
			return nil, fmt.Errorf("%w: entry of kind %d, which this version of grow does not know", ErrDamaged, kind)
		}
	}
	c.coder.read(c.coder.bytes, e)
	return e, c.coder.err
}

// Pack puts an entry that is too large for a record into a blob and returns
// the entry that stands for it.
func Pack(ctx context.Context, blobs Blobs, e Entry) (*Packed, error) {
	var c coder
	at := c.begin(kindOf(e))
	e.fields(&c)
	c.end(at)
	digest, err := blobs.PutBlob(ctx, c.b)
	if err != nil {
		return nil, fmt.Errorf("pack an entry of %d bytes: %w", len(c.b), err)
	}
	return &Packed{Blob: digest, Size: uint64(len(c.b))}, nil
}

// Unpack returns the entry that p stands for.
func Unpack(ctx context.Context, blobs Blobs, p *Packed) (Entry, error) {
	b, err := blobs.Blob(ctx, p.Blob)
	if err != nil {
		return nil, fmt.Errorf("unpack an entry: %w", err)
	}
	c := Cursor{coder: coder{reading: true}}
	e, err := c.entry(slices.Clone(b))
	if err != nil {
		return nil, fmt.Errorf("unpack an entry: %w", err)
	}
	return e, nil
}

// kinds are the numbers of Entry.kind.
const (
	kindEpoch protowire.Number = iota + 1
	kindAccepted
	kindHandled
	kindDead
	kindAttemptMade
	kindTimer
	kindMoved
	kindRevision
	kindLinkAck
	kindSnapshotTaken
	kindPacked
	kindAsked
	kindAction
	kindCell
	kindWaiting
	kindRoot
	kindBegun
	kindRoutes
)

func kindOf(e Entry) protowire.Number {
	switch e.(type) {
	case *Epoch:
		return kindEpoch
	case *Accepted:
		return kindAccepted
	case *Handled:
		return kindHandled
	case *Dead:
		return kindDead
	case *AttemptMade:
		return kindAttemptMade
	case *Timer:
		return kindTimer
	case *Moved:
		return kindMoved
	case *Revision:
		return kindRevision
	case *LinkAck:
		return kindLinkAck
	case *SnapshotTaken:
		return kindSnapshotTaken
	case *Asked:
		return kindAsked
	case *Action:
		return kindAction
	case *Cell:
		return kindCell
	case *Waiting:
		return kindWaiting
	case *Root:
		return kindRoot
	case *Begun:
		return kindBegun
	case *Routes:
		return kindRoutes
	}
	return kindPacked
}

func newEntry(kind protowire.Number) Entry {
	switch kind {
	case kindEpoch:
		return new(Epoch)
	case kindDead:
		return new(Dead)
	case kindAttemptMade:
		return new(AttemptMade)
	case kindTimer:
		return new(Timer)
	case kindMoved:
		return new(Moved)
	case kindRevision:
		return new(Revision)
	case kindLinkAck:
		return new(LinkAck)
	case kindSnapshotTaken:
		return new(SnapshotTaken)
	case kindPacked:
		return new(Packed)
	case kindAsked:
		return new(Asked)
	case kindAction:
		return new(Action)
	case kindCell:
		return new(Cell)
	case kindWaiting:
		return new(Waiting)
	case kindRoot:
		return new(Root)
	case kindBegun:
		return new(Begun)
	case kindRoutes:
		return new(Routes)
	}
	return nil
}

// Seal makes a record of a header and a Record message encoded elsewhere: it
// sets the checksum. The header is that of [Writer.Bytes], with the number of entries.
func Seal(header, message []byte) []byte {
	b := append(slices.Clone(header[:headerSize]), message...)
	binary.LittleEndian.PutUint32(b[checksum:], sum(b))
	return b
}

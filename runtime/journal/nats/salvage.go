package nats

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
)

// Salvage is what can be read of a data folder that no process has open, damaged
// or not. Its files are read as they are, without a server, and none is changed
// but by Replace. It belongs to one goroutine.
type Salvage struct {
	// Damaged names every damaged message, of records and of everything else.
	Damaged []*journal.Damaged
	// Unnamed is what is wrong with the file that says that the folder holds journals
	// of grow, although it does; nil: nothing is. [Salvage.Name] and Replace mend it.
	Unnamed error
	// Leave says which buckets Replace leaves out, besides damaged ones; nil: none.
	Leave func(bucket.Carried) bool

	folder   *folder
	journals map[journal.Name]*Wreck
	files    []string // paths of blocks
	pointers map[string][]byte
}

// Wreck is one journal in a Salvage. It is read like a journal, as far as it can be.
type Wreck struct {
	salvage *Salvage
	name    journal.Name
	base    uint64    // sequence of the first of spots
	spots   []stretch // of records, in their order; of size 0: there is none
	last    uint64    // sequence of the last record that is known of
	pieces  map[string]stretch
	places  map[uint64]string // pieces by the sequence of their message
	rests   map[uint64][]byte // what is left of damaged records
}

// stretch is where something lies.
type stretch struct {
	file     int32
	at, size int32
}

// OpenSalvage reads the data folder in dir and locks it until Close. It fails with
// ErrForeign, ErrFormat, ErrLocked and ErrUnhealthy; damage is no error.
func OpenSalvage(ctx context.Context, dir string) (*Salvage, error) {
	f, unnamed, err := takeWreck(dir)
	if err != nil {
		return nil, fmt.Errorf("read data folder %s: %w", dir, err)
	}
	s := &Salvage{Unnamed: unnamed, folder: f, journals: map[journal.Name]*Wreck{}, pointers: map[string][]byte{}}
	if err = f.finishSwap(); err == nil {
		err = f.takeBack()
	}
	if err == nil {
		scan := scanner{streams: filepath.Join(dir, storeDir, "$G", "streams"), every: true, visit: s.found, rest: s.rest}
		err = scan.run(ctx)
		s.Damaged = scan.damaged
		for _, d := range s.Damaged {
			s.noted(d)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read data folder %s: %w", dir, err), f.release())
	}
	return s, nil
}

// Close lets the folder go.
func (s *Salvage) Close() error { return s.folder.release() }

// Names lists the journals in the folder.
func (s *Salvage) Names() []journal.Name {
	var list []journal.Name
	for n := range s.journals {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b journal.Name) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Service, b.Service), a.Number-b.Number)
	})
	return list
}

// Journal is the journal of a name, nil when the folder has none.
func (s *Salvage) Journal(n journal.Name) *Wreck { return s.journals[n] }

// Of says which journal a damaged message belongs to, and whether it is a record of
// it; otherwise it is part of a blob, or of what all journals of a namespace share.
func (s *Salvage) Of(d *journal.Damaged) (n journal.Name, record bool) {
	n, _ = nameOf(d.Journal)
	return n, strings.HasPrefix(d.Journal, journalPrefix) && d.Seq > 0
}

var streamName = regexp.MustCompile(`^GROW_[JB]_([a-z0-9-]+)_([a-z0-9-]+)_(\d\d)$`)

// nameOf is the journal that a stream of records or of blobs belongs to.
func nameOf(stream string) (journal.Name, bool) {
	m := streamName.FindStringSubmatch(stream)
	if m == nil {
		return journal.Name{}, false
	}
	number, err := strconv.Atoi(m[3])
	n := journal.Name{Namespace: m[1], Service: m[2], Number: number}
	return n, err == nil && n.Check() == nil
}

func (s *Salvage) wreck(stream string) *Wreck {
	n, ok := nameOf(stream)
	if !ok {
		return nil
	}
	w := s.journals[n]
	if w == nil {
		w = &Wreck{salvage: s, name: n, pieces: map[string]stretch{}, places: map[uint64]string{}, rests: map[uint64][]byte{}}
		s.journals[n] = w
	}
	return w
}

// noted counts a record that is known of and cannot be read.
func (s *Salvage) noted(d *journal.Damaged) {
	w := s.wreck(d.Journal)
	if w != nil && strings.HasPrefix(d.Journal, journalPrefix) && d.Seq > 0 {
		w.last = max(w.last, d.Seq)
	}
}

// found takes a sound message of a stream.
func (s *Salvage) found(stream, path string, at int, seq uint64, b []byte) {
	subject, header, from := split(b)
	data := b[from : len(b)-blockHash]
	if n := len(s.files); n == 0 || s.files[n-1] != path {
		s.files = append(s.files, path)
	}
	where := stretch{int32(len(s.files) - 1), int32(at + from), int32(len(data))}
	if bucket, ok := strings.CutPrefix(stream, "KV_GROW_"); ok && seq&(erasedBit|tombstoneBit) == 0 {
		key := bucket + "\x00" + strings.TrimPrefix(subject, "$KV.GROW_"+bucket+".")
		delete(s.pointers, key)
		if !bytes.Contains(header, []byte("KV-Operation:")) {
			s.pointers[key] = bytes.Clone(data)
		}
		return
	}
	w := s.wreck(stream)
	switch {
	case w == nil:
	case strings.HasPrefix(stream, journalPrefix):
		w.record(seq, where)
	default:
		w.piece(seq, subject, where)
	}
}

// restMax is how many damaged records are kept for looking at what they held.
const restMax = 100

// rest keeps what is left of a damaged record.
func (s *Salvage) rest(stream string, seq uint64, b []byte) {
	w := s.wreck(stream)
	if w == nil || !strings.HasPrefix(stream, journalPrefix) || len(w.rests) >= restMax {
		return
	}
	if i := bytes.Index(b, []byte(journal.Magic)); i >= 0 && len(b)-i > blockHash {
		w.rests[seq] = bytes.Clone(b[i : len(b)-blockHash])
	}
}

// Rest is what is left of a damaged record, for [journal.Glean]; nil: nothing is.
func (w *Wreck) Rest(seq uint64) []byte { return w.rests[seq] }

// split takes a sound message apart; from is where what it says begins.
func split(b []byte) (subject string, header []byte, from int) {
	from = blockHeader + int(binary.LittleEndian.Uint16(b[20:]))
	subject = string(b[blockHeader:from])
	if binary.LittleEndian.Uint32(b)&hasHeaders != 0 {
		n := int(binary.LittleEndian.Uint32(b[from:]))
		header = b[from+4 : from+4+n]
		from += 4 + n
	}
	return subject, header, from
}

// gapMax is how many records may be missing between two that belong together.
const gapMax = 1 << 20

// record notes where a record is. Of those that were trimmed some may be left on
// disk, and do no harm.
func (w *Wreck) record(seq uint64, where stretch) {
	if seq&(erasedBit|tombstoneBit) != 0 {
		if seq &^= erasedBit | tombstoneBit; seq >= w.base+uint64(len(w.spots)) {
			w.last = max(w.last, seq)
		}
		return
	}
	next := w.base + uint64(len(w.spots))
	if len(w.spots) == 0 || seq > next+gapMax {
		w.base, w.spots, next = seq, w.spots[:0], seq
	}
	if seq < w.base {
		return
	}
	for ; next < seq; next++ {
		w.spots = append(w.spots, stretch{})
	}
	if seq == next {
		w.spots = append(w.spots, where)
	} else {
		w.spots[seq-w.base] = where
	}
	w.last = max(w.last, seq)
}

// piece notes where a piece of a blob is, or that it is gone.
func (w *Wreck) piece(seq uint64, subject string, where stretch) {
	if seq&(erasedBit|tombstoneBit) != 0 {
		seq &^= erasedBit | tombstoneBit
		delete(w.pieces, w.places[seq])
		delete(w.places, seq)
		return
	}
	name := strings.TrimPrefix(subject, fmt.Sprintf("grow.b.%s.%s.%02d.", w.name.Namespace, w.name.Service, w.name.Number))
	w.pieces[name], w.places[seq] = where, name
}

// at reads what lies at a stretch.
func (w *Wreck) at(s stretch, into []byte) (_ []byte, err error) {
	f, err := os.Open(w.salvage.files[s.file])
	if err != nil {
		return nil, diskError(err)
	}
	defer f.Close()
	into = slices.Grow(into[:0], int(s.size))[:s.size]
	if _, err := f.ReadAt(into, int64(s.at)); err != nil {
		return nil, diskError(err)
	}
	return into, nil
}

// Bounds is the first record that is there and the last that is known of; first
// is last + 1 when there is none.
func (w *Wreck) Bounds(context.Context) (first, last uint64, err error) {
	if len(w.spots) == 0 {
		return w.last + 1, w.last, nil
	}
	return w.base, w.last, nil
}

// Read is that of a journal: it ends at a record that cannot be read, with a
// [journal.Damaged].
func (w *Wreck) Read(ctx context.Context, from uint64, visit func(seq uint64, record []byte) error) error {
	first, last, _ := w.Bounds(ctx)
	if from < first {
		return fmt.Errorf("read %d of %s: %w: the first is %d", from, w.name, journal.ErrTrimmed, first)
	}
	var buf []byte
	for seq := from; seq <= last; seq++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		i := int(seq - w.base)
		if i >= len(w.spots) || w.spots[i].size == 0 {
			return w.damaged(seq)
		}
		b, err := w.at(w.spots[i], buf)
		if err != nil {
			return err
		}
		buf = b
		if err := visit(seq, b); err != nil {
			return err
		}
	}
	return nil
}

// damaged is what was found of a record that cannot be read.
func (w *Wreck) damaged(seq uint64) error {
	for _, d := range w.salvage.Damaged {
		if n, record := w.salvage.Of(d); record && n == w.name && d.Seq == seq {
			return d
		}
	}
	return &journal.Damaged{Journal: w.name.String(), Seq: seq, Cause: errors.New("the record is missing")}
}

// Blob is that of a journal.
func (w *Wreck) Blob(_ context.Context, digest string) ([]byte, error) {
	subject, err := blobSubject(digest)
	if err != nil {
		return nil, err
	}
	at, ok := w.pieces[subject+"."+allToken]
	if !ok {
		return nil, fmt.Errorf("blob %s: %w", digest, journal.ErrNotFound)
	}
	b, err := w.at(at, nil)
	if err != nil {
		return nil, err
	}
	var all whole
	if err := json.Unmarshal(b, &all); err != nil || all.Size < 0 || all.Size > journal.BlobMax || all.Pieces != (all.Size+pieceSize-1)/pieceSize {
		return nil, fmt.Errorf("%w: what blob %s consists of cannot be read", journal.ErrDamaged, digest)
	}
	data := make([]byte, 0, all.Size)
	for n := range all.Pieces {
		at, ok := w.pieces[fmt.Sprintf("%s.%d", subject, n)]
		if !ok {
			return nil, fmt.Errorf("%w: piece %d of blob %s is missing", journal.ErrDamaged, n, digest)
		}
		if b, err = w.at(at, b); err != nil {
			return nil, err
		}
		data = append(data, b...)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != subject {
		return nil, fmt.Errorf("%w: blob %s is not what was put", journal.ErrDamaged, digest)
	}
	return data, nil
}

// Snapshot is that of a journal. Its revision means nothing.
func (w *Wreck) Snapshot(context.Context) (pointer []byte, revision uint64, err error) {
	b, ok := w.salvage.pointers[fmt.Sprintf("%s\x00%s.%02d", w.name.Namespace, w.name.Service, w.name.Number)]
	if !ok {
		return nil, 0, journal.ErrNotFound
	}
	return b, 0, nil
}

// ListBlobs implements journal.BlobLister.
func (w *Wreck) ListBlobs(ctx context.Context, visit func(digest string, whole bool) error) error {
	found := map[string]bool{}
	for piece := range w.pieces {
		note(found, piece)
	}
	return eachBlob(found, func(digest string, whole bool) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return visit(digest, whole)
	})
}

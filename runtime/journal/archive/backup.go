package archive

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
)

// BackupFormat is the version of the backup format that this package writes. Versions before, which are
// read too: 1 has the journal alone, and 2 nothing of who did what with secrets.
//
// A backup is a set of named files: records/<first>.grow, which hold records one
// after the other, each after its length in four bytes, little-endian; blobs/<SHA-256
// in hex>; buckets/<number>/<number>.grow, see [Writer.Bucket]; and manifest.json, which is
// put last, names each other with its size and SHA-256, and makes it a backup.
const BackupFormat = 3

const (
	firstFormat = 1 // the oldest version that is read
	// ContentsFormat is the first version that has more than a journal.
	ContentsFormat = 2
)

// The limits of a backup.
const (
	recordsMax  = 8 << 20 // bytes of a file of records, from which it takes no more
	ManifestMax = 256 << 20
	FilesMax    = 1 << 20
)

// ManifestName is the file that says what a backup holds.
const ManifestName = "manifest.json"

const manifestWhat = "backup of a journal of grow"

// Putter is where a backup goes: a folder, a bucket. A file that is put again takes
// the place of the one before.
type Putter interface {
	Put(ctx context.Context, name string, data []byte) error
}

// Getter is where a backup comes from. What is not there is journal.ErrNotFound.
type Getter interface {
	Get(ctx context.Context, name string) ([]byte, error)
}

// File is one of a backup.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	First  uint64 `json:"first,omitempty"` // of records: the sequence of the first
	Count  int    `json:"count,omitempty"` // and how many there are
}

// Manifest says what a backup holds.
type Manifest struct {
	What         string    `json:"what"`
	Format       int       `json:"format"`
	RecordFormat int       `json:"record_format"`
	Namespace    string    `json:"namespace"`
	Service      string    `json:"service"`
	Number       int       `json:"number"`
	Taken        time.Time `json:"taken"`
	Plan         Plan      `json:"journal"`
	Contents
}

// Backup writes a backup of src, a journal that may be appended to meanwhile: up to
// its last record at this moment. With history all records are in it that are kept,
// and otherwise those that the next start needs. Nobody may trim the journal or
// delete blobs of it while it runs. now is what the manifest says of the time. rest adds
// what is kept besides the journal, as it is after that moment, and before, which may be nil, what
// must not be newer than the journal.
func Backup(ctx context.Context, src Source, name journal.Name, to Putter, history bool, now time.Time, tell func(Progress), before func(context.Context, *Writer) error, rest ...func(context.Context, *Writer) error) (*Manifest, error) {
	b := &backup{to: to, meter: meter{tell: tell}, has: map[string]bool{}, Manifest: Manifest{
		What: manifestWhat, Format: BackupFormat, RecordFormat: journal.FormatVersion,
		Namespace: name.Namespace, Service: name.Service, Number: name.Number, Taken: now,
	}}
	if before != nil {
		if err := before(ctx, &Writer{b}); err != nil {
			return nil, err
		}
	}
	if err := b.cut(ctx, src, history); err != nil {
		return nil, err
	}
	for _, add := range rest {
		if err := add(ctx, &Writer{b}); err != nil {
			return nil, err
		}
	}
	if err := b.write(ctx, src); err != nil {
		return nil, err
	}
	return &b.Manifest, putManifest(ctx, to, &b.Manifest)
}

// putManifest puts what makes files a backup.
func putManifest(ctx context.Context, to Putter, m any) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err == nil {
		err = to.Put(ctx, ManifestName, append(text, '\n'))
	}
	return err
}

// cut fixes up to which record of the journal the backup goes.
func (b *backup) cut(ctx context.Context, src Source, history bool) error {
	first, last, err := src.Bounds(ctx)
	if err != nil {
		return err
	}
	taken, err := pointed(ctx, src)
	if err != nil {
		return err
	}
	b.Plan = Plan{First: 1, Last: last}
	if taken != nil {
		b.Plan = Plan{Snapshot: taken.Sequence, Root: taken.Object, First: taken.Sequence + 1, Last: max(last, taken.Sequence)}
	}
	if first > b.Plan.First {
		return fmt.Errorf("%w: the journal begins at record %d, and record %d is needed", journal.ErrTrimmed, first, b.Plan.First)
	}
	if last < b.Plan.Snapshot {
		return fmt.Errorf("%w: it ends with record %d, and its snapshot was taken after record %d", journal.ErrShort, last, b.Plan.Snapshot)
	}
	if history {
		b.Plan.First = first
	}
	return nil
}

// backup is one being written.
type backup struct {
	Manifest
	meter
	to      Putter
	has     map[string]bool // names of the files that were put
	pending []byte          // records that wait for more
	first   uint64          // of them
	count   int
}

func (b *backup) write(ctx context.Context, src Source) error {
	err := eachNeeded(ctx, src, &b.Plan, func(digest string) error {
		if b.has[blobFile(digest)] {
			return nil
		}
		data, err := src.Blob(ctx, digest)
		if err != nil {
			return err
		}
		b.add(0, 1, len(data))
		return b.put(ctx, File{Name: blobFile(digest)}, data)
	})
	if err != nil {
		return fmt.Errorf("back up blobs: %w", err)
	}
	err = readUntil(ctx, src, b.Plan.First, b.Plan.Last, func(seq uint64, record []byte) error {
		if b.count == 0 {
			b.first = seq
		}
		b.pending = binary.LittleEndian.AppendUint32(b.pending, uint32(len(record)))
		b.pending = append(b.pending, record...)
		b.count++
		b.add(1, 0, len(record))
		if len(b.pending) < recordsMax {
			return nil
		}
		return b.flush(ctx)
	})
	if err == nil {
		err = b.flush(ctx)
	}
	if err != nil {
		return fmt.Errorf("back up records: %w", err)
	}
	return nil
}

// flush puts the records that wait.
func (b *backup) flush(ctx context.Context) error {
	if b.count == 0 {
		return nil
	}
	err := b.put(ctx, File{Name: fmt.Sprintf("records/%020d.grow", b.first), First: b.first, Count: b.count}, b.pending)
	b.pending, b.count = b.pending[:0], 0
	return err
}

func (b *backup) put(ctx context.Context, f File, data []byte) error {
	f.Size = int64(len(data))
	sum := sha256.Sum256(data)
	f.SHA256 = hex.EncodeToString(sum[:])
	if len(b.Files) == FilesMax {
		return fmt.Errorf("%w: at most %d files", journal.ErrTooLarge, FilesMax)
	}
	b.Files, b.has[f.Name] = append(b.Files, f), true
	return b.to.Put(ctx, f.Name, data)
}

const digestPrefix = "sha256:"

const blobDir = "blobs/"

func blobFile(digest string) string { return blobDir + strings.TrimPrefix(digest, digestPrefix) }

// Kept is a backup that is read. It is a [Source]. It is for one goroutine.
type Kept struct {
	Manifest
	Digest string // of the manifest: its SHA-256 in hex
	from   Getter
	files  map[string]*File
}

var fileName = regexp.MustCompile(`^(records/[0-9]{20}\.grow|` + blobDir + `[0-9a-f]{64}|buckets/[0-9]{4}/[0-9]{6}\.grow)$`)

// ReadManifest reads what a backup says it holds. It fails with ErrForeign for what is
// none, ErrFormat for one of another version, and ErrDamaged.
func ReadManifest(text []byte) (*Manifest, error) {
	m := new(Manifest)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%w: %s cannot be read: %w", journal.ErrDamaged, ManifestName, err)
	}
	name := journal.Name{Namespace: m.Namespace, Service: m.Service, Number: m.Number}
	switch {
	case m.What != manifestWhat:
		return nil, fmt.Errorf("%w: %s says %q", journal.ErrForeign, ManifestName, m.What)
	case m.Format < firstFormat || m.Format > BackupFormat:
		return nil, fmt.Errorf("%w: the backup is of format version %d; this version of grow reads %d to %d", journal.ErrFormat, m.Format, firstFormat, BackupFormat)
	case m.RecordFormat != journal.FormatVersion:
		return nil, fmt.Errorf("%w: the backup's records are of format version %d; this version of grow reads %d", journal.ErrFormat, m.RecordFormat, journal.FormatVersion)
	case name.Check() != nil:
		return nil, fmt.Errorf("%w: %s: %w", journal.ErrDamaged, ManifestName, name.Check())
	}
	next, p := m.Plan.First, &m.Plan
	for i := range m.Files {
		f := &m.Files[i]
		switch {
		case f.First == 0:
		case f.First != next || f.Count == 0:
			return nil, fmt.Errorf("%w: %s names no records from %d on", journal.ErrDamaged, ManifestName, next)
		default:
			next += uint64(f.Count)
		}
	}
	if p.First == 0 || next != p.Last+1 || p.First > p.Snapshot+1 || p.Last < p.Snapshot {
		return nil, fmt.Errorf("%w: %s names records %d to %d, and files up to %d", journal.ErrDamaged, ManifestName, p.First, p.Last, next-1)
	}
	if err := m.check(fileName); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", journal.ErrDamaged, ManifestName, err)
	}
	return m, nil
}

// Open opens a backup and checks each file against its digest. It fails with a
// [journal.Damaged] that names the file.
func Open(ctx context.Context, from Getter, tell func(Progress)) (*Kept, error) {
	text, err := from.Get(ctx, ManifestName)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, fmt.Errorf("%w: there is no %s, which a whole backup has", journal.ErrForeign, ManifestName)
	}
	if err != nil {
		return nil, err
	}
	m, err := ReadManifest(text)
	if err != nil {
		return nil, err
	}
	return openKept(ctx, from, m, text, &meter{tell: tell})
}

// openKept checks each file that a manifest names.
func openKept(ctx context.Context, from Getter, m *Manifest, text []byte, count *meter) (*Kept, error) {
	sum := sha256.Sum256(text)
	k := &Kept{Manifest: *m, Digest: hex.EncodeToString(sum[:]), from: from, files: map[string]*File{}}
	for i := range k.Files {
		f := &k.Files[i]
		if k.files[f.Name] != nil {
			return nil, fmt.Errorf("%w: %s names %s twice", journal.ErrDamaged, ManifestName, f.Name)
		}
		k.files[f.Name] = f
		data, err := k.get(ctx, f)
		if err != nil {
			return nil, err
		}
		if f.First == 0 {
			count.add(0, 1, len(data))
		} else {
			count.add(f.Count, 0, len(data))
		}
	}
	return k, nil
}

// Addressed is a Getter whose files are named by what is in them.
type Addressed interface {
	GetFile(ctx context.Context, f *File) ([]byte, error)
}

func fetch(ctx context.Context, from Getter, f *File) ([]byte, error) {
	if from, ok := from.(Addressed); ok {
		return from.GetFile(ctx, f)
	}
	return from.Get(ctx, f.Name)
}

// get reads one file and checks it.
func (k *Kept) get(ctx context.Context, f *File) ([]byte, error) { return getFile(ctx, k.from, f) }

func getFile(ctx context.Context, from Getter, f *File) ([]byte, error) {
	data, err := fetch(ctx, from, f)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, fmt.Errorf("%w: file %s of the backup is missing", journal.ErrDamaged, f.Name)
	}
	if err != nil {
		return nil, err
	}
	if int64(len(data)) != f.Size {
		return nil, fmt.Errorf("%w: file %s of the backup has %d bytes, and should have %d", journal.ErrDamaged, f.Name, len(data), f.Size)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != f.SHA256 {
		return nil, fmt.Errorf("%w: file %s of the backup is not what was written: its SHA-256 is another", journal.ErrDamaged, f.Name)
	}
	return data, nil
}

// Bounds implements [Source].
func (k *Kept) Bounds(context.Context) (first, last uint64, err error) {
	return k.Plan.First, k.Plan.Last, nil
}

// Read implements [Source].
func (k *Kept) Read(ctx context.Context, from uint64, visit func(seq uint64, record []byte) error) error {
	if from < k.Plan.First {
		return fmt.Errorf("%w: the first is %d", journal.ErrTrimmed, k.Plan.First)
	}
	for i := range k.Files {
		f := &k.Files[i]
		if f.First == 0 || f.First+uint64(f.Count) <= from {
			continue
		}
		data, err := k.get(ctx, f)
		if err != nil {
			return err
		}
		err = split(data, f, func(seq uint64, record []byte) error {
			if seq < from {
				return nil
			}
			return visit(seq, record)
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// split visits the records of a file.
func split(data []byte, f *File, visit func(seq uint64, record []byte) error) error {
	for i := range f.Count {
		if len(data) < 4 || uint64(binary.LittleEndian.Uint32(data)) > uint64(len(data)-4) {
			return &journal.Damaged{Seq: f.First + uint64(i), Where: f.Name, Cause: errors.New("the file ends within a record")}
		}
		n := binary.LittleEndian.Uint32(data)
		if err := visit(f.First+uint64(i), data[4:4+n]); err != nil {
			return err
		}
		data = data[4+n:]
	}
	if len(data) > 0 {
		return fmt.Errorf("%w: %s has %d bytes after its last record", journal.ErrDamaged, f.Name, len(data))
	}
	return nil
}

// Blob implements [Source].
func (k *Kept) Blob(ctx context.Context, digest string) ([]byte, error) {
	f := k.files[blobFile(digest)]
	if f == nil {
		return nil, fmt.Errorf("blob %s: %w", digest, journal.ErrNotFound)
	}
	data, err := k.get(ctx, f)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(data); digestPrefix+hex.EncodeToString(sum[:]) != digest {
		return nil, fmt.Errorf("%w: blob %s is not what was put", journal.ErrDamaged, digest)
	}
	return data, nil
}

// Snapshot implements [Source].
func (k *Kept) Snapshot(context.Context) (pointer []byte, revision uint64, err error) {
	if k.Plan.Root == "" {
		return nil, 0, journal.ErrNotFound
	}
	return journal.AppendEntry(nil, &journal.SnapshotTaken{Sequence: k.Plan.Snapshot, Object: k.Plan.Root, Digest: k.Plan.Root}), 1, nil
}

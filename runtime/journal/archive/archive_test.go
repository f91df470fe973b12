package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/fold"
	"github.com/grow-platform/grow/runtime/journal/mem"
)

var (
	name   = journal.Name{Namespace: "main", Service: "shop"}
	limits = fold.Limits{Flows: 10, FlowBytes: 1 << 20, Dead: 10, DeadBytes: 1 << 20, KeyLife: time.Hour}
)

// source is a Source whose records and blobs a test takes away or changes.
type source struct {
	records map[uint64][]byte
	first   uint64
	last    uint64
	blobs   map[string][]byte
	pointer []byte
	bad     map[string]bool // blobs that cannot be read
}

func (s *source) Bounds(context.Context) (uint64, uint64, error) { return s.first, s.last, nil }

func (s *source) Read(_ context.Context, from uint64, visit func(uint64, []byte) error) error {
	for seq := from; seq <= s.last; seq++ {
		r := s.records[seq]
		if r == nil {
			return &journal.Damaged{Seq: seq, Cause: errors.New("the record is missing")}
		}
		if err := visit(seq, r); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) Blob(_ context.Context, digest string) ([]byte, error) {
	b, ok := s.blobs[digest]
	if !ok {
		return nil, fmt.Errorf("blob %s: %w", digest, journal.ErrNotFound)
	}
	if s.bad[digest] {
		return nil, fmt.Errorf("blob %s: %w", digest, journal.ErrDamaged)
	}
	return slices.Clone(b), nil
}

func (s *source) Snapshot(context.Context) ([]byte, uint64, error) {
	if s.pointer == nil {
		return nil, 0, journal.ErrNotFound
	}
	return s.pointer, 1, nil
}

func (s *source) ListBlobs(_ context.Context, visit func(string, bool) error) error {
	for digest := range s.blobs {
		if err := visit(digest, true); err != nil {
			return err
		}
	}
	return nil
}

// snapshotBlobs is where a test's snapshots go.
type snapshotBlobs struct {
	j       journal.Journal
	records map[uint64][]byte
}

func (b snapshotBlobs) Put(data []byte) (string, error) {
	return b.j.PutBlob(context.Background(), data)
}

func (b snapshotBlobs) Blob(digest string) ([]byte, error) {
	return b.j.Blob(context.Background(), digest)
}

func (b snapshotBlobs) Records(from uint64, visit func(uint64, []byte) error) error {
	for seq := from; b.records[seq] != nil; seq++ {
		if err := visit(seq, b.records[seq]); err != nil {
			return err
		}
	}
	return nil
}

func (b snapshotBlobs) Unpack(p *journal.Packed) (journal.Entry, error) {
	return journal.Unpack(context.Background(), b.j, p)
}

func (b snapshotBlobs) Page(digest string) (fold.Cells, error) {
	data, err := b.j.Blob(context.Background(), digest)
	if err != nil {
		return nil, err
	}
	return fold.ReadCells(data)
}

// made is a journal of ten records: an epoch, and nine messages that set the state
// of three keys by turns; there are snapshots after records 4 and 7, and record 9
// lies in a blob.
func made(t *testing.T) *source {
	t.Helper()
	store := mem.New(mem.Options{})
	t.Cleanup(func() { _ = store.Close() })
	j, err := store.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	s := &source{records: map[uint64][]byte{}, first: 1, last: 10, blobs: map[string][]byte{}, bad: map[string]bool{}}
	w := fold.New(limits)
	for seq := uint64(1); seq <= s.last; seq++ {
		s.records[seq] = recordOf(t, j, seq)
		if _, err := w.Record(seq, s.records[seq], func(p *journal.Packed) (journal.Entry, error) { return journal.Unpack(t.Context(), j, p) }); err != nil {
			t.Fatal(err)
		}
		if seq == 4 || seq == 7 {
			snap, err := w.Snapshot(snapshotBlobs{j, s.records})
			if err != nil {
				t.Fatal(err)
			}
			s.pointer = journal.AppendEntry(nil, &journal.SnapshotTaken{Sequence: seq, Object: snap.Root, Digest: snap.Root})
		}
	}
	err = j.(journal.BlobLister).ListBlobs(t.Context(), func(digest string, _ bool) error {
		data, err := j.Blob(t.Context(), digest)
		s.blobs[digest] = data
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func recordOf(t *testing.T, blobs journal.Blobs, seq uint64) []byte {
	t.Helper()
	var w journal.Writer
	w.Reset(1)
	if seq == 1 {
		w.Add(&journal.Epoch{Number: 1, Owner: "test", Format: journal.FormatVersion})
		return slices.Clone(w.Bytes())
	}
	id := fmt.Sprintf("m%d", seq)
	e := &journal.Handled{
		ID: id, Node: "book", Key: fmt.Sprintf("k%d", seq%3), Message: abi.NewMessage([]byte("{}"), abi.ID, id), Attempt: 1, Outcome: journal.OutcomeHandled,
		State: []journal.StateChange{{Name: "n", Value: fmt.Append(nil, seq), Revision: (seq + 1) / 3}},
	}
	if seq == 9 {
		p, err := journal.Pack(t.Context(), blobs, e)
		if err != nil {
			t.Fatal(err)
		}
		w.Add(p)
	} else {
		w.Add(e)
	}
	return slices.Clone(w.Bytes())
}

// root is the digest that the pointer leads to, and the one before it.
func (s *source) root(t *testing.T) (newest, older string) {
	t.Helper()
	taken, err := readPointer(s.pointer)
	if err != nil {
		t.Fatal(err)
	}
	r, err := readRoot(s.blobs[taken.Object])
	if err != nil {
		t.Fatal(err)
	}
	return taken.Object, r.Previous
}

// page is a blob of the newest snapshot that the older one has not.
func (s *source) page(t *testing.T) string {
	t.Helper()
	newest, older := s.root(t)
	have, err := needs(t.Context(), s, older)
	if err != nil {
		t.Fatal(err)
	}
	list, err := needs(t.Context(), s, newest)
	if err != nil {
		t.Fatal(err)
	}
	for _, digest := range list[1:] {
		if !slices.Contains(have, digest) {
			return digest
		}
	}
	t.Fatal("no page is new")
	return ""
}

// packedBlob is the blob of record 9.
func (s *source) packedBlob(t *testing.T) (blob string) {
	t.Helper()
	if err := journal.EachPacked(s.records[9], func(digest string) { blob = digest }); err != nil {
		t.Fatal(err)
	}
	return blob
}

func flipped(b []byte) []byte {
	c := slices.Clone(b)
	c[len(c)-1] ^= 1
	return c
}

func TestExamine(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, s *source)
		codes  []string // of findings
		plan   string   // snapshot, first and last record
		lost   uint64
		open   bool
		held   []string // ids of messages that are lost
	}{
		{"nothing", func(*testing.T, *source) {}, nil, "7 1-10", 0, false, nil},
		{"a record that both snapshots hold", func(_ *testing.T, s *source) { s.records[3] = flipped(s.records[3]) }, []string{CodeRecord}, "7 4-10", 0, false, nil},
		{"a record that the newest holds", func(_ *testing.T, s *source) { delete(s.records, 6) }, []string{CodeMissing}, "7 7-10", 0, false, nil},
		{"several", func(_ *testing.T, s *source) { delete(s.records, 5); delete(s.records, 6); delete(s.records, 7) }, []string{CodeMissing}, "7 8-10", 0, false, nil},
		{"a record after it", func(_ *testing.T, s *source) { s.records[9] = flipped(s.records[9]) }, []string{CodeRecord}, "7 11-8, rest to 10 without [9]", 9, false, nil},
		{"the first record after it", func(_ *testing.T, s *source) { delete(s.records, 8) }, []string{CodeMissing}, "7 11-7, rest to 10 without [8]", 8, false, nil},
		{"the last record", func(_ *testing.T, s *source) { s.records[10] = flipped(s.records[10]) }, []string{CodeRecord}, "7 1-9", 10, false, nil},
		{"a record of another format", func(_ *testing.T, s *source) { s.records[9][4]++ }, []string{CodeFormat, CodeNoPlan}, "", 0, false, nil},
		{"a page of the newest snapshot", func(t *testing.T, s *source) { s.bad[s.page(t)] = true }, []string{CodeBlob, CodeSnapshot}, "4 1-10", 0, false, nil},
		{"the newest root", func(t *testing.T, s *source) { n, _ := s.root(t); delete(s.blobs, n) }, []string{CodeSnapshot}, "4 1-10", 0, false, nil},
		{"both roots", func(t *testing.T, s *source) { n, o := s.root(t); delete(s.blobs, n); delete(s.blobs, o) }, []string{CodeSnapshot}, "0 1-10", 0, false, nil},
		{"both roots, trimmed", func(t *testing.T, s *source) {
			n, o := s.root(t)
			delete(s.blobs, n)
			delete(s.blobs, o)
			s.first = 5
		}, []string{CodeSnapshot, CodeNoPlan}, "", 0, false, nil},
		{"the beginning, without a snapshot", func(t *testing.T, s *source) {
			n, o := s.root(t)
			delete(s.blobs, n)
			delete(s.blobs, o)
			s.pointer, s.first = nil, 3
		}, []string{CodeMissing, CodeNoPlan}, "", 0, false, nil},
		{"the newest root, and a record after the older", func(t *testing.T, s *source) { n, _ := s.root(t); delete(s.blobs, n); delete(s.records, 6) },
			[]string{CodeMissing, CodeSnapshot}, "4 11-5, rest to 10 without [6]", 6, false, []string{"m9"}},
		{"the pointer", func(_ *testing.T, s *source) { s.pointer = []byte{0xff} }, []string{CodePointer}, "7 1-10", 0, false, nil},
		{"the blob of a record", func(t *testing.T, s *source) { delete(s.blobs, s.packedBlob(t)) }, []string{CodeNoBlob, CodeRecord}, "7 11-8, rest to 10 without [9]", 9, false, nil},
		{"an end that is gone", func(_ *testing.T, s *source) { s.last = 5 }, []string{CodeShort}, "7 8-7", 0, true, nil},
		{"a record that came twice", func(_ *testing.T, s *source) { s.records[10] = s.records[7] }, []string{CodeContrary, CodeContrary}, "4 1-9", 10, false, []string{"m7"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := made(t)
			c.damage(t, s)
			r, err := Examine(t.Context(), s, limits, nil)
			if err != nil {
				t.Fatal(err)
			}
			var codes, held []string
			for _, f := range r.Findings {
				codes = append(codes, f.Code)
			}
			for _, l := range r.Lost {
				held = append(held, l.ID)
			}
			if r.Plan == nil {
				codes = append(codes, CodeNoPlan)
			}
			got := []any{codes, planText(r.Plan), r.LostFrom, r.Open, held}
			if diff := cmp.Diff([]any{c.codes, c.plan, c.lost, c.open, c.held}, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%+v", diff, r.Findings)
			}
			if r.Plan != nil {
				carried(t, s, r.Plan)
			}
		})
	}
}

// planText is a plan in words.
func planText(p *Plan) string {
	if p == nil {
		return ""
	}
	text := fmt.Sprintf("%d %d-%d", p.Snapshot, p.First, p.Last)
	if p.Rest > 0 {
		text += fmt.Sprintf(", rest to %d without %v", p.Rest, p.Skip)
	}
	return text
}

// CodeNoPlan stands in the table for a journal that cannot go on.
const CodeNoPlan = "no plan"

// carried checks that what was carried to a new journal is what the plan says.
func carried(t *testing.T, s *source, p *Plan) {
	t.Helper()
	end := max(p.Last, p.Rest)
	want, err := World(t.Context(), s, limits, p)
	if err != nil {
		t.Fatal(err)
	}
	store := mem.New(mem.Options{})
	defer store.Close()
	j, done, err := store.Make(t.Context(), name, p.First)
	if err != nil {
		t.Fatal(err)
	}
	if err := Carry(t.Context(), j, s, limits, p, "test", nil); err != nil {
		t.Fatal(err)
	}
	if err := done(t.Context()); err != nil {
		t.Fatal(err)
	}
	r, err := Examine(t.Context(), j, limits, nil)
	if err != nil || !r.Sound() || r.Plan == nil || r.First != p.First || r.Last != end+1 || len(r.Leaked) > 0 {
		t.Fatalf("what was carried: %v, %+v", err, r)
	}
	got, err := World(t.Context(), j, limits, r.Plan)
	if err != nil {
		t.Fatal(err)
	}
	if got.Epoch() != end+1 {
		t.Errorf("epoch %d, and the last record was %d", got.Epoch(), end)
	}
	if diff := cmp.Diff(statesOf(t, want, s), statesOf(t, got, j)); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func statesOf(t *testing.T, w *fold.World, src Source) fold.Cells {
	t.Helper()
	cells, err := w.Cells(func(digest string) (fold.Cells, error) {
		data, err := src.Blob(t.Context(), digest)
		if err != nil {
			return nil, err
		}
		return fold.ReadCells(data)
	})
	if err != nil {
		t.Fatal(err)
	}
	return cells
}

func TestLeaked(t *testing.T) {
	s := made(t)
	s.blobs[digestPrefix+strings.Repeat("0", 64)] = []byte("left by a crash")
	r, err := Examine(t.Context(), s, limits, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{digestPrefix + strings.Repeat("0", 64)}, r.Leaked); diff != "" || !r.Sound() {
		t.Errorf("leaked (-want +got):\n%s%+v", diff, r.Findings)
	}
}

// backedUp is a backup in a folder.
func backedUp(t *testing.T, s *source, history bool) Folder {
	t.Helper()
	to := filepath.Join(t.TempDir(), "backup")
	d, err := Begin(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Backup(t.Context(), s, name, d, history, time.Unix(1, 0).UTC(), nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := d.End(to, true); err != nil {
		t.Fatal(err)
	}
	return Folder(to)
}

func TestBackup(t *testing.T) {
	for _, history := range []bool{false, true} {
		s := made(t)
		k, err := Open(t.Context(), backedUp(t, s, history), nil)
		if err != nil {
			t.Fatal(err)
		}
		want := Plan{Snapshot: 7, Root: k.Plan.Root, First: 8, Last: 10}
		if history {
			want.First = 1
		}
		if diff := cmp.Diff(want, k.Plan); diff != "" {
			t.Errorf("plan (-want +got):\n%s", diff)
		}
		carried(t, s, &k.Plan)
		r, err := Examine(t.Context(), k, limits, nil)
		if err != nil || !r.Sound() {
			t.Fatalf("%v, %+v", err, r)
		}
		a, err := World(t.Context(), s, limits, &want)
		if err != nil {
			t.Fatal(err)
		}
		b, err := World(t.Context(), k, limits, &want)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(statesOf(t, a, s), statesOf(t, b, k)); diff != "" {
			t.Errorf("states (-source +backup):\n%s", diff)
		}
	}
}

// TestBackupDamaged changes, cuts and removes each file of a backup: it is named.
func TestBackupDamaged(t *testing.T) {
	d := backedUp(t, made(t), false)
	k, err := Open(t.Context(), d, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(k.Files) < 3 {
		t.Fatalf("files %v", k.Files)
	}
	for _, f := range k.Files {
		path := filepath.Join(string(d), f.Name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for what, data := range map[string][]byte{"changed": flipped(whole), "cut": whole[:len(whole)-1], "removed": nil} {
			if data == nil {
				err = os.Remove(path)
			} else {
				err = os.WriteFile(path, data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), d, nil); !errors.Is(err, journal.ErrDamaged) || !strings.Contains(err.Error(), f.Name) {
				t.Errorf("%s %s: %v", f.Name, what, err)
			}
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestManifest(t *testing.T) {
	d := backedUp(t, made(t), true)
	text, err := d.Get(t.Context(), ManifestName)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		old, new string
		want     error
	}{
		{`"what": "backup`, `"what": "shopping list`, journal.ErrForeign},
		{`"format": 3`, `"format": 4`, journal.ErrFormat},
		{`"record_format": 1`, `"record_format": 9`, journal.ErrFormat},
		{`"service": "shop"`, `"service": "../shop"`, journal.ErrDamaged},
		{`"name": "blobs/`, `"name": "../blobs/`, journal.ErrDamaged},
		{`"last": 10`, `"last": 11`, journal.ErrDamaged},
		{`"count": 10`, `"count": 9`, journal.ErrDamaged},
		{`"snapshot": 7`, `"snapshot": 70`, journal.ErrDamaged},
		{`{`, `[`, journal.ErrDamaged},
	} {
		changed := strings.Replace(string(text), c.old, c.new, 1)
		if changed == string(text) {
			t.Errorf("the manifest has no %s", c.old)
		}
		if _, err := ReadManifest([]byte(changed)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.new, err)
		}
	}
}

// TestFolder: what is broken off does not look whole, and nothing is overwritten.
func TestFolder(t *testing.T) {
	to := filepath.Join(t.TempDir(), "backup")
	d, err := Begin(to)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Put(t.Context(), "blobs/"+strings.Repeat("a", 64), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), d, nil); !errors.Is(err, journal.ErrForeign) {
		t.Errorf("half a backup: %v", err)
	}
	if d, err = Begin(to); err != nil { // after a try that was killed
		t.Fatal(err)
	}
	if list, err := os.ReadDir(string(d)); err != nil || len(list) > 0 {
		t.Errorf("what the try left: %v, %v", list, err)
	}
	if err := d.End(to, false); err != nil {
		t.Fatal(err)
	}
	if list, _ := os.ReadDir(filepath.Dir(to)); len(list) > 0 {
		t.Errorf("left: %v", list)
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Begin(to); !errors.Is(err, os.ErrExist) {
		t.Errorf("a name that is taken: %v", err)
	}
	if err := d.Put(t.Context(), "../escaped", nil); err == nil {
		t.Error("a file outside of the folder is put")
	}
}

func FuzzReadManifest(f *testing.F) {
	f.Add([]byte(`{"what":"backup of a journal of grow","format":1,"record_format":1,"namespace":"main","service":"a","journal":{"first":1,"last":2},"files":[{"name":"records/00000000000000000001.grow","size":3,"first":1,"count":2}]}`))
	f.Add([]byte(`{"what":"backup of a journal of grow","format":1,"record_format":1,"namespace":"main","service":"a","journal":{"first":18446744073709551615,"last":18446744073709551615},"files":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := ReadManifest(text)
		if err != nil {
			return
		}
		if m.Plan.First == 0 || m.Plan.Last < m.Plan.Snapshot {
			t.Errorf("taken: %+v", m.Plan)
		}
		for _, file := range m.Files {
			if !fileName.MatchString(file.Name) {
				t.Errorf("taken: %q", file.Name)
			}
		}
	})
}

func FuzzSplit(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 7, 0, 0, 0, 0}, 2)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff}, 1)
	f.Fuzz(func(t *testing.T, data []byte, count int) {
		if count < 0 || count > 1000 {
			return
		}
		n, size := 0, 0
		err := split(data, &File{Name: "f", First: 1, Count: count}, func(_ uint64, record []byte) error {
			n++
			size += 4 + len(record)
			return nil
		})
		if err == nil && (n != count || size != len(data)) {
			t.Errorf("%d records of %d, %d bytes of %d", n, count, size, len(data))
		}
	})
}

func FuzzHeld(f *testing.F) {
	var w journal.Writer
	w.Reset(1)
	w.Add(&journal.Handled{ID: "m", Node: "book", Key: "k"})
	f.Add(slices.Clone(w.Bytes()))
	f.Fuzz(func(t *testing.T, record []byte) {
		for _, h := range Held(1, record) {
			if h.What == "" {
				t.Errorf("an entry of no kind: %+v", h)
			}
		}
	})
}

func FuzzReadPointer(f *testing.F) {
	f.Add(journal.AppendEntry(nil, &journal.SnapshotTaken{Sequence: 1, Object: "x"}))
	f.Add(journal.AppendEntry(nil, &journal.Root{Sequence: 1}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if taken, err := readPointer(data); err == nil && taken == nil {
			t.Error("neither pointer nor error")
		}
		if root, err := readRoot(data); err == nil && root == nil {
			t.Error("neither root nor error")
		}
	})
}

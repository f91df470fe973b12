package nats

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/journal"
)

var shop = journal.Name{Namespace: "main", Service: "shop"}

// entry is a small record.
func entry(epoch uint64, id string) []byte {
	var w journal.Writer
	w.Reset(epoch)
	w.Add(&journal.Accepted{ID: id})
	return w.Bytes()
}

// shopOf opens the test's journal.
func shopOf(t testing.TB, s *Store) journal.Journal {
	t.Helper()
	j, err := s.Open(t.Context(), shop)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// crashed makes a folder with n records that was not closed, as kill -9 leaves it.
func crashed(t testing.TB, n int) string {
	t.Helper()
	live := t.TempDir()
	s := open(t, Options{Dir: live})
	defer s.Close()
	j := shopOf(t, s)
	for i := range n {
		if err := appendWait(j, entry(1, fmt.Sprint("message ", i+1)), uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := j.PutBlob(t.Context(), []byte("a blob")); err != nil {
		t.Fatal(err)
	}
	if _, err := j.SetSnapshot(t.Context(), []byte("a pointer"), 0); err != nil {
		t.Fatal(err)
	}
	return copied(t, live)
}

// copied copies a folder.
func copied(t testing.TB, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// block is the one block of the test's journal.
func blockOf(dir string) string {
	return filepath.Join(dir, storeDir, "$G", "streams", "GROW_J_main_shop_00", "msgs", "1.blk")
}

// ends are where the records of a block end.
func ends(t testing.TB, path string) (list []int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(b); {
		at += int(uint32(b[at]) | uint32(b[at+1])<<8 | uint32(b[at+2])<<16 | uint32(b[at+3]&0x7f)<<24)
		list = append(list, at)
	}
	return list
}

// fingerprint is of every file of a folder, but those of a look at the disk and the lock.
func fingerprint(t testing.TB, dir string) string {
	t.Helper()
	var list []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == probeFile || d.Name() == lockFile {
			return err
		}
		b, err := os.ReadFile(path)
		list = append(list, fmt.Sprintf("%s %x", path, sha256.Sum256(b)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, "\n")
}

// records reads a journal from the first record and checks what they hold.
func records(t testing.TB, j journal.Journal) int {
	t.Helper()
	n := 0
	last, err := journal.Replay(t.Context(), j, 1, func(seq uint64, r journal.Record) error {
		n++
		var c journal.Cursor
		c.Reset(r)
		e, err := c.Next()
		if err != nil {
			return err
		}
		if a, ok := e.(*journal.Accepted); ok && a.ID != fmt.Sprint("message ", seq) {
			return fmt.Errorf("record %d is %q", seq, a.ID)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if last != uint64(n) {
		t.Fatalf("%d records up to %d", n, last)
	}
	return n
}

// TestTorn cuts the last record at every byte: what nobody was told of may go,
// and everything before it is there.
func TestTorn(t *testing.T) {
	const n = 5
	whole := crashed(t, n)
	at := ends(t, blockOf(whole))
	step := 1
	if testing.Short() {
		step = 17
	}
	for size := at[n-2]; size <= at[n-1]; size += step {
		dir := copied(t, whole)
		if err := os.Truncate(blockOf(dir), int64(size)); err != nil {
			t.Fatal(err)
		}
		s := open(t, Options{Dir: dir})
		j := shopOf(t, s)
		want := n - 1
		if size == at[n-1] {
			want = n
		}
		if got := records(t, j); got != want {
			t.Errorf("cut at %d: %d records, want %d", size, got, want)
		}
		if err := appendWait(j, entry(1, fmt.Sprint("message ", want+1)), uint64(want)); err != nil {
			t.Errorf("cut at %d: append: %v", size, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	// A record whose bytes the disk had made room for, but not written.
	dir := copied(t, whole)
	if err := os.Truncate(blockOf(dir), int64(at[n-2]+30)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(blockOf(dir), int64(at[n-1])); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{Dir: dir})
	defer s.Close()
	if got := records(t, shopOf(t, s)); got != n-1 {
		t.Errorf("zeros at the end: %d records, want %d", got, n-1)
	}
}

// TestFlip flips every bit of a block: the record it lies in is named, and no
// other.
func TestFlip(t *testing.T) {
	const n = 4
	whole := crashed(t, n)
	path := blockOf(whole)
	at := ends(t, path)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	step := 1
	if testing.Short() {
		step = 7
	}
	for bit := 0; bit < len(b)*8; bit += step {
		b[bit/8] ^= 1 << (bit % 8)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		damaged, err := Check(t.Context(), whole)
		if err != nil {
			t.Fatal(err)
		}
		want := uint64(1)
		for bit/8 >= at[want-1] {
			want++
		}
		if len(damaged) != 1 || damaged[0].Seq != want || damaged[0].Journal != "GROW_J_main_shop_00" {
			t.Errorf("bit %d of byte %d, in record %d: named are %v", bit%8, bit/8, want, damaged)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
}

// TestFlipOpen flips bits of each file and opens the folder: it is refused
// with the damage named and nothing changed, or all records are there.
func TestFlipOpen(t *testing.T) {
	const n = 4
	whole := crashed(t, n)
	var files []string
	err := filepath.WalkDir(whole, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != lockFile && d.Name() != probeFile {
			files = append(files, strings.TrimPrefix(path, whole))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(whole + file)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(b); at += max(1, len(b)/7) {
			dir := copied(t, whole)
			changed := slices.Clone(b)
			changed[at] ^= 0x10
			if err := os.WriteFile(dir+file, changed, 0o600); err != nil {
				t.Fatal(err)
			}
			before := fingerprint(t, dir)
			s, err := Open(t.Context(), Options{Dir: dir, Log: quiet})
			if err == nil {
				j := shopOf(t, s)
				if got := records(t, j); got != n {
					t.Errorf("%s, byte %d: %d records of %d", file, at, got, n)
				}
				if p, _, err := j.Snapshot(t.Context()); err != nil || string(p) != "a pointer" {
					t.Errorf("%s, byte %d: pointer %q, %v", file, at, p, err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				if strings.Contains(file, ".blk") || strings.Contains(file, "meta.") {
					t.Errorf("%s, byte %d: the damage is not seen", file, at)
				}
				continue
			}
			if !errors.Is(err, journal.ErrDamaged) && !errors.Is(err, journal.ErrForeign) && !errors.Is(err, journal.ErrFormat) {
				t.Errorf("%s, byte %d: %v has no name", file, at, err)
			}
			if fingerprint(t, dir) != before {
				t.Errorf("%s, byte %d: opening changed the folder", file, at)
			}
		}
	}
}

// TestLost removes a block: the records that are missing are named.
func TestLost(t *testing.T) {
	live := t.TempDir()
	s := open(t, Options{Dir: live})
	j := shopOf(t, s)
	large := bytes.Repeat([]byte("x"), journal.RecordMax)
	for i := range uint64(40) { // of 512 KiB, blocks being of 8 MiB
		if err := appendWait(j, large, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(strings.Replace(blockOf(live), "1.blk", "2.blk", 1)); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Options{Dir: live, Log: quiet})
	var damaged *journal.Damaged
	if !errors.As(err, &damaged) || damaged.Seq < 10 || damaged.Seq > 20 {
		t.Errorf("%v, want the first record of the block that is gone", err)
	}
}

// TestFlipWhileOpen flips a bit of a block on disk: it is named when it is read, and the
// records before it are given. Should the server have the block in memory, where it
// is as it was written, then all records are given, as they were written.
func TestFlipWhileOpen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	j := shopOf(t, s)
	large := bytes.Repeat([]byte("x"), journal.RecordMax)
	for i := range uint64(40) {
		if err := appendWait(j, large, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	const tries = 20
	for _, in := range []int{0, 5000} { // the record's length, and its content
		named := false
		for try := 0; try < tries && !named; try++ {
			last, err := flipped(t, copied(t, dir), in, large)
			var damaged *journal.Damaged
			named = errors.As(err, &damaged)
			if named && (damaged.Seq != 4 || last != 3) || !named && (err != nil || last != 40) {
				t.Fatalf("flip at %d of record 4: read up to %d, %v", in, last, err)
			}
		}
		if !named {
			t.Errorf("flip at %d of record 4 is not seen in %d tries", in, tries)
		}
	}
}

// flipped flips a bit of the fourth record in the folder of a store that is open, and
// reads all, each of which must be want: how far it came, and why it ended there.
func flipped(t *testing.T, dir string, in int, want []byte) (last uint64, err error) {
	t.Helper()
	s := open(t, Options{Dir: dir})
	j := shopOf(t, s)
	at := int64(ends(t, blockOf(dir))[2] + in)
	f, err := os.OpenFile(blockOf(dir), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	b[0] ^= 1
	_, werr := f.WriteAt(b[:], at)
	if err := errors.Join(err, werr, f.Close()); err != nil {
		t.Fatal(err)
	}
	err = j.Read(t.Context(), 1, func(seq uint64, record []byte) error {
		if last = seq; !bytes.Equal(record, want) {
			t.Errorf("record %d is not what was written", seq)
		}
		return nil
	})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return last, err
}

// TestFolder: a folder that is not ours is refused and not touched.
func TestFolder(t *testing.T) {
	type files map[string]string
	id := `{"what":"journals of grow","format":1}`
	for _, c := range []struct {
		name  string
		files files
		want  error
	}{
		{"something else's", files{"notes.txt": "x"}, journal.ErrForeign},
		{"a bare server's", files{"jetstream/$G/streams/X/meta.inf": "{}"}, journal.ErrForeign},
		{"another identity", files{identityFile: `{"what":"a cache","format":1}`}, journal.ErrForeign},
		{"a newer format", files{identityFile: `{"what":"journals of grow","format":2}`}, journal.ErrFormat},
		{"a damaged identity", files{identityFile: `{"what`}, journal.ErrDamaged},
		{"an empty identity", files{identityFile: ``}, journal.ErrDamaged},
		{"a crash before the identity", files{lockFile: "", probeFile: "x", freshFile: "{"}, nil},
		{"ours", files{identityFile: id}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for path, data := range c.files {
				path = filepath.Join(dir, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			before := fingerprint(t, dir)
			s, err := Open(t.Context(), Options{Dir: dir, Log: quiet})
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if err == nil {
				err = s.Close()
			} else if fingerprint(t, dir) != before {
				t.Error("the folder was changed")
			}
			if c.want == nil && err != nil {
				t.Error(err)
			}
		})
	}
	dir := t.TempDir()
	s := open(t, Options{Dir: dir})
	if _, err := Open(t.Context(), Options{Dir: dir, Log: quiet}); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("a second owner: %v, want ErrLocked", err)
	}
	if _, err := Check(t.Context(), dir); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("check while it is open: %v, want ErrLocked", err)
	}
	if err := appendWait(shopOf(t, s), []byte("x"), 0); err != nil {
		t.Errorf("append after a second owner was refused: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := Check(t.Context(), t.TempDir()); !errors.Is(err, journal.ErrForeign) {
		t.Errorf("check of an empty folder: %v, want ErrForeign", err)
	}
}

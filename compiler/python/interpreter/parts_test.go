package interpreter

import (
	"bytes"
	"io"
	"io/fs"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/fstest"
	"testing/iotest"
)

// text is n bytes that pack to something: half of them are random.
func text(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32()) * byte(i&1)
	}
	return b
}

// packed is the file in parts, within a file system.
func packed(t testing.TB, file []byte) fstest.MapFS {
	t.Helper()
	var b bytes.Buffer
	if err := packParts(&b, file); err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"f": {Data: b.Bytes()}}
}

func openPacked(t testing.TB, files fs.FS) (*parts, error) {
	t.Helper()
	f, err := files.Open("f")
	if err != nil {
		t.Fatal(err)
	}
	return openParts(f)
}

func TestParts(t *testing.T) {
	for _, n := range []int{0, 1, partSize - 1, partSize, partSize + 1, 3 * partSize, 3*partSize + 17} {
		want := text(n)
		p, err := openPacked(t, packed(t, want))
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if err := iotest.TestReader(io.NewSectionReader(p, 0, p.size), want); err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// TestPartsAreUnpackedAlone reads one byte of a file of which all other parts are
// broken.
func TestPartsAreUnpackedAlone(t *testing.T) {
	want := text(4 * partSize)
	files := packed(t, want)
	whole, err := openPacked(t, files)
	if err != nil {
		t.Fatal(err)
	}
	data := files["f"].Data
	clear(data[:whole.starts[2]])
	clear(data[whole.starts[3]:whole.starts[4]])
	p, err := openPacked(t, files)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 8)
	if n, err := p.ReadAt(b, 2*partSize+5); n != 8 || err != nil || !bytes.Equal(b, want[2*partSize+5:][:8]) {
		t.Errorf("read %d bytes %x, %v", n, b, err)
	}
	for _, at := range []int64{0, 3 * partSize} {
		if _, err := p.ReadAt(b, at); err == nil {
			t.Errorf("a broken part at %d was read", at)
		}
	}
	if n, err := p.ReadAt(b, 3*partSize-4); n != 4 || err == nil {
		t.Errorf("into the broken part: %d bytes, %v", n, err)
	}
}

func TestPartsOfSeveralReaders(t *testing.T) {
	want := text(5 * partSize)
	p, err := openPacked(t, packed(t, want))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			got, err := io.ReadAll(io.NewSectionReader(p, 0, p.size))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		})
	}
	group.Wait()
}

// TestPartsBroken cuts a file anywhere and changes what its tail says.
func TestPartsBroken(t *testing.T) {
	data := packed(t, text(2*partSize))["f"].Data
	for _, n := range []int{0, 1, tailSize - 1, tailSize, len(data) / 2, len(data) - 1} {
		if _, err := openPacked(t, fstest.MapFS{"f": {Data: data[:n]}}); err == nil {
			t.Errorf("cut to %d bytes: opened", n)
		}
		if _, err := openPacked(t, fstest.MapFS{"f": {Data: data[len(data)-n:]}}); n < len(data)-1 && n > tailSize && err == nil {
			t.Errorf("the last %d bytes: opened", n)
		}
	}
	for i := len(data) - tailSize - 8; i < len(data); i++ {
		broken := bytes.Clone(data)
		broken[i] ^= 0x55
		p, err := openPacked(t, fstest.MapFS{"f": {Data: broken}})
		if err != nil {
			continue
		}
		if _, err := io.ReadAll(io.NewSectionReader(p, 0, p.size)); err == nil {
			t.Errorf("byte %d of the tail changed: read as if nothing were", i-len(data))
		}
	}
}

func TestSingle(t *testing.T) {
	want := text(partSize + 3)
	p, err := openPacked(t, packed(t, want))
	if err != nil {
		t.Fatal(err)
	}
	s := single{"python313.zip", p, p.size}
	if err := fstest.TestFS(s, "python313.zip"); err != nil {
		t.Error(err)
	}
	f, err := s.Open("python313.zip")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, what := range []bool{is[io.ReaderAt](f), is[io.Seeker](f)} {
		if !what {
			t.Errorf("%T is no io.ReaderAt, or no io.Seeker", f)
		}
	}
	if _, err := s.Open("python313.zip/x"); err == nil {
		t.Error("a file below the file was opened")
	}
}

func is[T any](v any) bool { _, ok := v.(T); return ok }

package nats

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/grow-platform/grow/runtime/journal"
)

var made = journal.Name{Namespace: "main", Service: "made"}

// make9 makes a journal that begins with record 9.
func make9(t *testing.T, s *Store, finish bool) {
	t.Helper()
	j, done, err := s.Make(t.Context(), made, 9)
	if err != nil {
		t.Fatal(err)
	}
	if first, last, err := j.Bounds(t.Context()); err != nil || first != 9 || last != 8 {
		t.Fatalf("bounds %d to %d, %v", first, last, err)
	}
	if _, err := j.PutBlob(t.Context(), []byte("kept")); err != nil {
		t.Fatal(err)
	}
	if epoch, err := journal.Begin(t.Context(), j, "test", 9, func(uint64, journal.Record) error { return nil }); err != nil || epoch != 9 {
		t.Fatalf("epoch %d, %v", epoch, err)
	}
	if finish {
		if err := done(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMake: a journal that was filled by half is not taken for a whole one, and one
// that is there is not made again.
func TestMake(t *testing.T) {
	for _, finish := range []bool{false, true} {
		s := open(t, Options{Dir: t.TempDir()})
		make9(t, s, finish)
		if _, _, err := s.Make(t.Context(), made, 1); !errors.Is(err, journal.ErrExists) {
			t.Errorf("made again: %v", err)
		}
		j, err := s.Open(t.Context(), made)
		switch {
		case !finish && !errors.Is(err, journal.ErrDamaged):
			t.Errorf("opened half: %v", err)
		case finish && err != nil:
			t.Error(err)
		case finish:
			n := 0
			if err := j.(journal.BlobLister).ListBlobs(t.Context(), func(string, bool) error { n++; return nil }); err != nil || n != 1 {
				t.Errorf("%d blobs, %v", n, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestSwapInterrupted stops a swap after each of its steps: whoever opens the folder
// next finds the new journal, and the old one put away.
func TestSwapInterrupted(t *testing.T) {
	const away = "replaced-test"
	for step := range 4 {
		dir := t.TempDir()
		for _, at := range []string{dir, filepath.Join(dir, buildDir)} {
			s := open(t, Options{Dir: at})
			if at != dir {
				make9(t, s, true)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		var errs []error
		errs = append(errs, os.WriteFile(filepath.Join(dir, swapFile), []byte(`{"away":"`+away+`"}`), 0o600))
		if step > 0 {
			errs = append(errs, os.Mkdir(filepath.Join(dir, away), 0o700))
		}
		if step > 1 {
			errs = append(errs, os.Rename(filepath.Join(dir, storeDir), filepath.Join(dir, away, storeDir)))
		}
		if step > 2 {
			errs = append(errs, os.Rename(filepath.Join(dir, buildDir, storeDir), filepath.Join(dir, storeDir)))
		}
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		s := open(t, Options{Dir: dir})
		j, err := s.Open(t.Context(), made)
		if err != nil {
			t.Fatal(err)
		}
		if first, last, err := j.Bounds(t.Context()); err != nil || first != 9 || last != 9 {
			t.Errorf("step %d: bounds %d to %d, %v", step, first, last, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		for name, there := range map[string]bool{swapFile: false, buildDir: false, filepath.Join(away, storeDir): true} {
			if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != there {
				t.Errorf("step %d: %s is there: %t", step, name, err == nil)
			}
		}
	}
}

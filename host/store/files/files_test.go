package files

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/store/storetest"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (store.Store, func() store.Store) {
		dir := t.TempDir()
		return open(t, dir), func() store.Store { return open(t, dir) }
	})
}

// TestPassing holds that a store which syncs nothing is one, and can be opened again.
func TestPassing(t *testing.T) {
	passing := func(dir string) store.Store {
		s, err := OpenPassing(dir)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	storetest.Run(t, func(t *testing.T) (store.Store, func() store.Store) {
		dir := t.TempDir()
		return passing(dir), func() store.Store { return passing(dir) }
	})
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := Open(dir); !errors.Is(err, store.ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	left := filepath.Join(dir, freshDir, "half")
	if err := errors.Join(os.WriteFile(left, nil, 0o600), s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Error("what was half written is still there")
	}
	if err := os.WriteFile(filepath.Join(dir, formatFile), []byte("grow store 2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "grow store 2") {
		t.Errorf("another format: %v", err)
	}
}

// TestDamaged alters files, which is told and never passed on.
func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer s.Close()
	o, err := s.Put(t.Context(), strings.NewReader("what was put"), 100)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SetRef(t.Context(), "a", []byte("value"), 0); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"what was pux", "what was", "what was put and more"} {
		if err := os.WriteFile(s.object(o.Digest), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, _, err := s.Get(t.Context(), o.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%q: %v", text, err)
		}
		_ = r.Close()
	}
	if _, err := s.Put(t.Context(), strings.NewReader("what was put"), 100); err != nil {
		t.Fatal(err)
	}
	r, _, err := s.Get(t.Context(), o.Digest)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r); err != nil || string(b) != "what was put" {
		t.Errorf("put again: %q, %v", b, err)
	}
	_ = r.Close()
	for _, text := range []string{"", "1", "x\nvalue", "1 abc\nvalue", "-1 " + string(store.DigestOf([]byte("value"))) + "\nvalue"} {
		if err := os.WriteFile(s.ref("a"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Ref(t.Context(), "a"); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := s.SetRef(t.Context(), "a", nil, 0); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("%q: set: %v", text, err)
		}
	}
}

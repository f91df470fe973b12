package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/host/store"
)

// last finds the last revision that was given out.
func (s *Store) last() error {
	return s.walk(func(name string) error {
		r, err := s.read(name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		s.revision = max(s.revision, r.Revision)
		return nil
	})
}

// Ref implements store.Store.
func (s *Store) Ref(ctx context.Context, name string) (store.Ref, error) {
	if err := errors.Join(store.CheckRef(name), s.usable(ctx)); err != nil {
		return store.Ref{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.read(name)
}

// read reads a ref; of one that was removed the revision alone, with ErrNotFound.
func (s *Store) read(name string) (store.Ref, error) {
	r := store.Ref{Name: name}
	path := s.ref(name)
	f, err := os.Open(path)
	if err != nil {
		return r, missing(err, "ref "+name)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 2*store.RefMax))
	if err != nil {
		return r, fmt.Errorf("read ref %s: %w", name, err)
	}
	info, err := f.Stat()
	if err != nil {
		return r, fmt.Errorf("read ref %s: %w", name, err)
	}
	r.Time = info.ModTime()
	line, value, ok := bytes.Cut(b, []byte("\n"))
	word, sum, _ := strings.Cut(string(line), " ")
	if r.Revision, err = strconv.ParseUint(word, 10, 64); err != nil || !ok {
		return r, fmt.Errorf("read ref %s: %w: %s", name, store.ErrDamaged, path)
	}
	if sum == removed {
		return r, fmt.Errorf("ref %s: %w", name, store.ErrNotFound)
	}
	if sum != string(store.DigestOf(value)) {
		return r, fmt.Errorf("read ref %s: %w: %s", name, store.ErrDamaged, path)
	}
	r.Value = value
	return r, nil
}

// removed stands where the digest of a value would. What is removed leaves its file, so
// that its revision does not begin anew.
const removed = "removed"

// SetRef implements store.Store.
func (s *Store) SetRef(ctx context.Context, name string, value []byte, seen uint64) (uint64, error) {
	if len(value) > store.RefMax {
		return 0, fmt.Errorf("set ref %s: %w: %d bytes; at most %d are allowed", name, store.ErrTooLarge, len(value), store.RefMax)
	}
	return s.change(ctx, name, seen, string(store.DigestOf(value)), value)
}

// RemoveRef implements store.Store.
func (s *Store) RemoveRef(ctx context.Context, name string, seen uint64) error {
	if seen == 0 {
		return fmt.Errorf("ref %s: %w", name, store.ErrConflict)
	}
	_, err := s.change(ctx, name, seen, removed, nil)
	return err
}

func (s *Store) change(ctx context.Context, name string, seen uint64, sum string, value []byte) (uint64, error) {
	if err := errors.Join(store.CheckRef(name), s.usable(ctx)); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	have, err := s.read(name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		have.Revision = 0
	case err != nil:
		return 0, err
	}
	if have.Revision != seen {
		return 0, fmt.Errorf("ref %s: %w", name, store.ErrConflict)
	}
	next := s.revision + 1
	head := strings.NewReader(strconv.FormatUint(next, 10) + " " + sum + "\n")
	if err := s.write(s.ref(name), io.MultiReader(head, bytes.NewReader(value))); err != nil {
		return 0, fmt.Errorf("set ref %s: %w", name, err)
	}
	s.revision = next
	return next, nil
}

func (s *Store) ref(name string) string {
	return filepath.Join(s.dir, refsDir, filepath.FromSlash(name)+refSuffix)
}

// Refs implements store.Store.
func (s *Store) Refs(ctx context.Context, prefix string) ([]store.Ref, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if prefix != "" {
		if err := store.CheckRef(prefix); err != nil {
			return nil, err
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []store.Ref
	err := s.walk(func(name string) error {
		if !store.Below(name, prefix) {
			return ctx.Err()
		}
		r, err := s.read(name)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		list = append(list, r)
		return err
	})
	slices.SortFunc(list, func(a, b store.Ref) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}

// walk calls visit with the names of all refs.
func (s *Store) walk(visit func(name string) error) error {
	root := filepath.Join(s.dir, refsDir)
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("list refs: %w", err)
		}
		name, ok := strings.CutSuffix(path, refSuffix)
		if !ok || e.IsDir() {
			return nil
		}
		if name, err = filepath.Rel(root, name); err != nil {
			return err
		}
		return visit(filepath.ToSlash(name))
	})
}

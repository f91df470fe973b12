package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/grow-platform/grow/runtime/journal"
)

// Folder is a backup in a folder; its files are as durable as the disk when they
// have been put.
type Folder string

// Put implements [Putter].
func (d Folder) Put(ctx context.Context, name string, data []byte) error {
	path, err := d.path(name)
	if err != nil {
		return err
	}
	if err := errors.Join(ctx.Err(), os.MkdirAll(filepath.Dir(path), 0o700)); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// Get implements [Getter].
func (d Folder) Get(ctx context.Context, name string) ([]byte, error) {
	path, err := d.path(name)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, journal.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, ManifestMax+1))
	if err == nil && len(data) > ManifestMax {
		err = fmt.Errorf("read %s: %w", path, journal.ErrTooLarge)
	}
	return data, errors.Join(err, ctx.Err())
}

func (d Folder) path(name string) (string, error) {
	if name != ManifestName && !fileName.MatchString(name) && !memberFile.MatchString(name) {
		return "", fmt.Errorf("%w: a backup has no file %q", journal.ErrDamaged, name)
	}
	return filepath.Join(string(d), filepath.FromSlash(name)), nil
}

// partial is what a backup is called that is not whole.
const partial = ".partial"

// Begin makes the folder beside to that a backup is written to before it takes the
// name; what an earlier try left there is removed. It fails with fs.ErrExist when
// there is something called to.
func Begin(to string) (Folder, error) {
	if _, err := os.Lstat(to); err == nil {
		return "", fmt.Errorf("%s: %w", to, fs.ErrExist)
	}
	d := to + partial
	if err := os.RemoveAll(d); err != nil {
		return "", err
	}
	return Folder(d), os.MkdirAll(d, 0o700)
}

// End gives a backup that was begun its name when all of it is there, and removes it
// when it was not to be: whole is false, or its name is taken.
func (d Folder) End(to string, whole bool) error {
	if !whole {
		return os.RemoveAll(string(d))
	}
	err := filepath.WalkDir(string(d), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		return syncDir(path)
	})
	if err == nil {
		err = os.Rename(string(d), to)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(string(d)))
	}
	return syncDir(filepath.Dir(to))
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

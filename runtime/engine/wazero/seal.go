package wazero

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sealFile says what the files of a cache folder must hold. wazero itself
// guards machine code with a checksum, but not the tables beside it, in which
// a flipped bit is a wrong address or an allocation of gigabytes. The seal is
// against damage, not against somebody who may write there: hence a checksum,
// which is in no way of a quick start.
const sealFile = "seal"

var checksum = crc32.MakeTable(crc32.Castagnoli)

// sealed reports whether a folder is as seal left it.
func sealed(dir string) bool {
	want, err := os.ReadFile(filepath.Join(dir, sealFile))
	if err != nil {
		return false
	}
	got, n, err := sum(dir)
	return err == nil && n > 0 && bytes.Equal(got, want)
}

// seal writes the seal of a folder.
func seal(dir string) error {
	got, _, err := sum(dir)
	if err != nil {
		return err
	}
	// Written aside and renamed, so that two processes that fill a folder do
	// not mix. Both write the same.
	f, err := os.CreateTemp(dir, sealFile+".*")
	if err != nil {
		return fmt.Errorf("seal compiled modules: %w", err)
	}
	_, err = f.Write(got)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, sealFile))
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the fault is what matters
		return fmt.Errorf("seal compiled modules: %w", err)
	}
	return nil
}

// sum is a line for each file of a folder, with its size and checksum, and
// their number.
// Files still being written, here and by wazero, have a dot in their names.
func sum(dir string) (text []byte, files int, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == sealFile || strings.Contains(d.Name(), ".") {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		h := crc32.New(checksum)
		size, err := io.Copy(h, f)
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		text = fmt.Appendf(text, "%08x %d %s\n", h.Sum32(), size, filepath.ToSlash(name))
		files++
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("sum compiled modules: %w", err)
	}
	return text, files, nil
}

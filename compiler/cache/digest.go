package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
)

// Limits of one tree of sources. A folder over them is no source folder, or
// has something in it that does not belong there.
const (
	FilesMax = 20_000    // files
	BytesMax = 512 << 20 // bytes of all files together
)

// ErrTooLarge is returned for a tree over FilesMax or BytesMax.
var ErrTooLarge = errors.New("too many or too large files for a source folder")

// skipped are folders that hold products, other people's code fetched by a
// tool, or history. None of them is what a module is made of.
var skipped = map[string]bool{".git": true, ".grow": true, ".hg": true, "node_modules": true, "target": true}

// Files returns the SHA-256 in hex of each regular file below root, by
// slash-separated path. Folders that hold products (target, .grow,
// node_modules, …) are left out; a symbolic link counts as what it points to
// when that is a file. root may itself be a file, whose path is then ".".
func Files(root string) (map[string]string, error) {
	files := map[string]string{}
	var left int64 = BytesMax
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && skipped[d.Name()]:
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a dangling link, or a file an editor has just removed
		}
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		left -= info.Size()
		if left < 0 || len(files) == FilesMax {
			return ErrTooLarge
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(rel)], err = DigestFile(path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return files, nil
}

// DigestFile returns the SHA-256 of a file's bytes in hex.
func DigestFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// DigestFS returns a digest of names and contents of all files.
func DigestFS(files fs.FS) (string, error) {
	parts := map[string]string{}
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		parts[path] = hex.EncodeToString(sum[:])
		return nil
	})
	if err != nil {
		return "", err
	}
	return Digest(parts), nil
}

// Digest returns one digest of names and values, in hex.
func Digest(parts map[string]string) string {
	names := make([]string, 0, len(parts))
	for name := range parts {
		names = append(names, name)
	}
	sort.Strings(names)
	hash := sha256.New()
	for _, name := range names {
		fmt.Fprintf(hash, "%d:%s=%d:%s;", len(name), name, len(parts[name]), parts[name])
	}
	return hex.EncodeToString(hash.Sum(nil))
}

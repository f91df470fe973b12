// Package cache is the part of the user's cache that builds use: folders named
// by the digest of what they hold, locks on them, and the stamps that tell
// whether a module is still what its sources would give.
package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir returns the folder of grow in the user's cache, made when missing:
// $XDG_CACHE_HOME/grow, or what the operating system has instead. Everything
// in it can be removed at any time that no build runs.
func Dir() (string, error) {
	root, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache: %w", err)
	}
	dir := filepath.Join(root, "grow")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make cache: %w", err)
	}
	return dir, nil
}

// Extract writes the files to a folder of the cache whose name begins with name
// and ends with the digest of the files, and returns its path. A folder once
// written is used by all later calls; it appears whole or not at all.
func Extract(files fs.FS, name string) (string, error) {
	sum, err := DigestFS(files)
	if err != nil {
		return "", fmt.Errorf("extract %s: %w", name, err)
	}
	root, err := Dir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, "sdk", name+"-"+sum[:16])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	err = Once(dir, func(dir string) error { return os.CopyFS(dir, files) })
	if err != nil {
		return "", fmt.Errorf("extract %s: %w", name, err)
	}
	return dir, nil
}

// Once makes the folder dir by calling fill with the path of an empty one
// beside it, which then takes the place of dir. When another process was faster
// its folder stays.
func Once(dir string, fill func(dir string) error) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	draft, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(draft)
	if err := os.Chmod(draft, 0o755); err != nil {
		return err
	}
	if err := fill(draft); err != nil {
		return err
	}
	if err := os.Rename(draft, dir); err != nil {
		if _, there := os.Stat(dir); there == nil {
			return nil
		}
		return err
	}
	return nil
}

// Place copies the file from to the path to, whose folder it makes: readers of
// to see the old file or the whole new one. It returns the SHA-256 of the bytes
// in hex.
func Place(from, to string) (string, error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", err
	}
	out, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+"-")
	if err != nil {
		return "", err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(out, hash), in); err != nil {
		return "", err
	}
	if err := out.Chmod(0o644); err != nil {
		return "", err
	}
	if err := out.Close(); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), os.Rename(out.Name(), to)
}

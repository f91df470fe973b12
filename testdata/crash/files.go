package crash

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// lastBlock is the file that the journal's newest records are in: the block
// with the highest number of its stream.
func lastBlock(journal string) (string, error) {
	best, found := -1, ""
	err := filepath.WalkDir(journal, func(path string, d fs.DirEntry, err error) error {
		name, ok := strings.CutSuffix(filepath.Base(path), ".blk")
		if err != nil || !ok || !strings.Contains(path, "GROW_J_") {
			return err
		}
		if n, err := strconv.Atoi(name); err == nil && n > best {
			best, found = n, path
		}
		return nil
	})
	if err == nil && best < 0 {
		err = errors.New("the journal has no block")
	}
	return found, err
}

// bounds are where the records of a block begin, and where the last one ends. A record begins with its
// length, 4 bytes, little-endian, whose highest bit says something else. A
// tail that is no whole record is left out.
func bounds(block []byte) []int {
	at := []int{0}
	for rest := block; len(rest) >= 4; {
		n := int(binary.LittleEndian.Uint32(rest) &^ (1 << 31))
		if n < 30 || n > len(rest) {
			break
		}
		rest = rest[n:]
		at = append(at, len(block)-len(rest))
	}
	return at
}

// copyFolder makes to a copy of from, in place of what is there.
func copyFolder(from, to string) error {
	if err := os.RemoveAll(to); err != nil {
		return fmt.Errorf("copy folder: %w", err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return fmt.Errorf("copy folder: %w", err)
	}
	return nil
}

// file is one file of a journal, with its path inside of it.
type file struct {
	path string
	size int64
}

// files lists the files of a folder that have bytes, sorted.
func files(dir string) ([]file, error) {
	var list []file
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if info.Size() > 0 {
			list = append(list, file{name, info.Size()})
		}
		return err
	})
	slices.SortFunc(list, func(a, b file) int { return strings.Compare(a.path, b.path) })
	return list, err
}

// flip turns one bit of a file.
func flip(path string, at int64, bit int) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	if err == nil {
		b[0] ^= 1 << bit
		_, err = f.WriteAt(b[:], at)
	}
	return errors.Join(err, f.Close())
}

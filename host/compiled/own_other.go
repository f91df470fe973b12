//go:build !unix

package compiled

import (
	"errors"
	"io/fs"
	"os"
)

// openFile opens a file to read it, and no link.
func openFile(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a file")
	}
	return os.Open(path)
}

// Who may do what with a file is not in its mode here: a user's folders are
// closed to others by the system.

func own(fs.FileInfo) bool               { return true }
func open(fs.FileInfo, fs.FileMode) bool { return false }

//go:build unix

package compiled

import (
	"io/fs"
	"os"
	"syscall"
)

// openFile opens a file to read it, and neither a link nor what blocks.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}

// own reports whether a file belongs to this user.
func own(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(s.Uid) == os.Geteuid()
}

// open reports whether others have any of some permissions on a file.
func open(info fs.FileInfo, closed fs.FileMode) bool { return info.Mode().Perm()&closed != 0 }

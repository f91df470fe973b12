//go:build unix

package store

import "golang.org/x/sys/unix"

// free is how many bytes this user may still write to the disk of path, if that is known.
func free(path string) (int64, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}

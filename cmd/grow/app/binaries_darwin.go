package app

import (
	"os"
	"syscall"
	"time"
)

// changed is when a file was changed last: its bytes, its name or what is said of it. ok is
// false where that is not known.
func changed(file os.FileInfo) (at time.Time, ok bool) {
	if s, ok := file.Sys().(*syscall.Stat_t); ok {
		return time.Unix(s.Ctimespec.Unix()), true
	}
	return time.Time{}, false
}

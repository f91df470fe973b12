package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// FullError is returned when there is no room left on a disk. It is ErrFull.
type FullError struct {
	Dir   string // a folder on that disk: the nearest one that is there
	Cause error
}

// Error implements error.
func (e *FullError) Error() string { return ErrFull.Error() + ": " + e.Cause.Error() }

// Unwrap returns ErrFull and the cause.
func (e *FullError) Unwrap() []error { return []error{ErrFull, e.Cause} }

// Hint says what to do: it names the folder, and what is free there now.
func (e *FullError) Hint() string {
	text := "make room on the disk of " + e.Dir
	if n, ok := free(e.Dir); ok {
		text += fmt.Sprintf(", which has %d KiB free", n>>10)
	}
	return text + ", or move it to a larger one; then do it again: nothing of it was kept, and what runs goes on"
}

// NoRoom makes a *FullError of what the file system returns for want of room, and leaves
// all other errors, nil among them, as they are.
func NoRoom(err error) error {
	var known *FullError
	if errors.As(err, &known) || !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	at := ""
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		at = path.Path
	case errors.As(err, &link):
		at = link.New
	}
	return &FullError{Dir: nearest(at), Cause: err}
}

// nearest is the folder that a path is in, or one above it: that itself may have been
// tidied up.
func nearest(path string) string {
	for {
		above := filepath.Dir(path)
		if info, err := os.Stat(above); above == path || err == nil && info.IsDir() {
			return above
		}
		path = above
	}
}

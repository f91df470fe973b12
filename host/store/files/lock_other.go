//go:build !unix

package files

import (
	"io"
	"os"
)

// lock opens the file at path. Nobody is kept out where there is no flock.
func lock(path string) (io.Closer, error) { return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) }

//go:build unix

package control

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// masked is held while the process's mask for new files is another.
var masked sync.Mutex

// listenPrivate opens a socket with mode 0600 from its first moment on.
func listenPrivate(path string) (net.Listener, error) {
	masked.Lock()
	old := unix.Umask(0o177)
	l, err := net.Listen("unix", path)
	unix.Umask(old)
	masked.Unlock()
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close() // the fault is what matters
		return nil, err
	}
	return l, nil
}

// lock takes the file at path for this process until it is closed or the
// process ends, however that happens. It fails with errLocked when another
// has it. Where the file system knows no locks (flock(2)), nobody is kept out.
func lock(path string) (io.Closer, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errors.Join(errLocked, f.Close())
	}
	return f, nil
}

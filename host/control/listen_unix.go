//go:build unix

package control

import (
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

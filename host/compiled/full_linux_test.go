package compiled

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCacheFull: on a disk that is full nothing is kept, once said, and nothing half written is left.
func TestCacheFull(t *testing.T) {
	p := newPlace(t)
	p.must(os.Mkdir(p.o.Dir, 0o700))
	if err := unix.Mount("tmpfs", p.o.Dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("only root can make a small disk: ", err)
	}
	defer unix.Unmount(p.o.Dir, unix.MNT_DETACH)
	c := p.open()
	for n := range byte(10) {
		c.Put(key(n), code)
	}
	if n := strings.Count(p.log.String(), "cannot be kept"); n != 1 {
		t.Errorf("it was said %d times:\n%s", n, p.log.String())
	}
	p.has(c, key(0), code)
	p.has(c, key(9), nil)
	files, err := os.ReadDir(p.o.Dir)
	p.must(err)
	for _, f := range files {
		if strings.HasPrefix(f.Name(), freshPrefix) {
			t.Error("left over: ", f.Name())
		}
	}
}

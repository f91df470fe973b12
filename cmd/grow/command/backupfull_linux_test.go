package command

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/app"
	"golang.org/x/sys/unix"
)

// smallDisk makes one of a megabyte in a folder, for as long as the test takes.
func smallDisk(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("only root can make a small disk: ", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }) // of no use any more
}

// TestBackupFull: a backup that its disk has no room for is refused and leaves nothing, and so
// is a restore; the service goes on.
func TestBackupFull(t *testing.T) {
	b := newBook(t)
	disk := filepath.Join(t.TempDir(), "disk")
	smallDisk(t, disk)
	if err := os.WriteFile(filepath.Join(b.dir, "large.txt"), make([]byte, 2<<20), 0o600); err != nil { // a document of the service
		t.Fatal(err)
	}
	monday := filepath.Join(t.TempDir(), "monday")
	b.serve("", func(url string) {
		b.post(url, "alice")
		b.fails("grow backup "+filepath.Join(disk, "monday")+" -C "+b.dir, app.CodeBackupFull)
		if left, err := os.ReadDir(disk); err != nil || len(left) != 0 {
			t.Errorf("left on the disk: %v, %v", left, err)
		}
		ranGrow(t, "grow backup "+monday+" -C "+b.dir, exitDone)
		b.post(url, "alice")
	})
	b.fails("grow backup "+filepath.Join(disk, "tuesday")+" -C "+b.dir, app.CodeBackupFull)
	other := newBook(t)
	state := filepath.Join(other.dir, ".grow")
	smallDisk(t, state)
	other.fails("grow restore "+monday+" "+other.dir, app.CodeJournalFull)
	if left, err := os.ReadDir(state); err != nil || len(left) != 0 {
		t.Errorf("left of the restore: %v, %v", left, err)
	}
}

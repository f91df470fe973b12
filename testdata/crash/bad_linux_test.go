package crash

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// fullAtStart has a service start on a disk that has less room than grow leaves free.
func fullAtStart(t *testing.T, r *Run) {
	r.Close()
	away := r.Service.Journal() + "-away"
	if err := os.Rename(r.Service.Journal(), away); err != nil {
		t.Fatal(err)
	}
	b := r.work.(*books)
	known, poison := b.known, b.poison
	back := func() error {
		return errors.Join(os.RemoveAll(r.Service.Journal()), os.Rename(away, r.Service.Journal()))
	}
	if err := r.mount("-t", "tmpfs", "-o", fmt.Sprintf("size=%d", pages(t, away)+4<<20), "crash"); err != nil {
		t.Skip(errors.Join(err, back()))
	}
	if err := os.CopyFS(r.Service.Journal(), os.DirFS(away)); err != nil {
		t.Fatal(errors.Join(err, r.unmount(), back()))
	}
	before := fingerprint(t, r.Service.Journal())
	refused(t, r.Service, "journal.full")
	if fingerprint(t, r.Service.Journal()) != before {
		t.Error("the folder was changed")
	}
	b.known, b.poison = known, poison
	room := command("mount", "-o", "remount,size="+roomSize, r.Service.Journal())
	if err := errors.Join(room, r.All(t.Context()), r.unmount(), back()); err != nil {
		t.Error(err)
	}
}

// pages is how many bytes of a disk in memory a folder takes, which holds whole pages.
func pages(t *testing.T, dir string) (size int64) {
	t.Helper()
	page := int64(os.Getpagesize())
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil {
			size += (info.Size() + page - 1) / page * page
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}

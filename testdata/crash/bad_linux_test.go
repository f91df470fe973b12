package crash

import (
	"errors"
	"os"
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
	if err := r.mount("-t", "tmpfs", "-o", "size=32m", "crash"); err != nil {
		t.Skip(errors.Join(err, back()))
	}
	copied := os.CopyFS(r.Service.Journal(), os.DirFS(away))
	before := fingerprint(t, r.Service.Journal())
	refused(t, r.Service, "journal.full")
	if fingerprint(t, r.Service.Journal()) != before {
		t.Error("the folder was changed")
	}
	b.known, b.poison = known, poison
	room := command("mount", "-o", "remount,size="+roomSize, r.Service.Journal())
	if err := errors.Join(copied, room, r.All(t.Context()), r.unmount(), back()); err != nil {
		t.Error(err)
	}
}

package shard

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/archive"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/runtime/journal/nats"
)

var archived = journal.Name{Namespace: "main", Service: "test"}

// undisturbed is what the requests lead to when nothing happens.
func (x *crash) undisturbed() map[string]string {
	x.Helper()
	j := openJournal(x.T)
	s := x.open(j)
	flows := x.send(s)
	x.drain(s)
	end := x.end(s, j, flows)
	s.Close()
	return end
}

// goOn has a shard go on from a journal, and returns what the requests, which are
// all made again, lead to.
func (x *crash) goOn(j journal.Journal) map[string]string {
	x.Helper()
	s := x.open(j)
	flows := x.send(s)
	x.drain(s)
	end := x.end(s, j, flows)
	s.Close()
	return end
}

// restored is a new journal in memory made of a backup in a folder.
func restored(t *testing.T, dir archive.Folder) (journal.Journal, *archive.Kept) {
	t.Helper()
	kept, err := archive.Open(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	report, err := archive.Examine(t.Context(), kept, FoldLimits(), nil)
	if err != nil || !report.Sound() {
		t.Fatalf("the backup is not sound: %v, %+v", err, report)
	}
	store := mem.New(mem.Options{})
	t.Cleanup(func() { _ = store.Close() })
	j, done, err := store.Make(t.Context(), archived, kept.Plan.First)
	if err != nil {
		t.Fatal(err)
	}
	if err := archive.Carry(t.Context(), j, kept, FoldLimits(), &kept.Plan, "test", nil); err != nil {
		t.Fatal(err)
	}
	if err := done(t.Context()); err != nil {
		t.Fatal(err)
	}
	return j, kept
}

// TestBackupUnderLoad takes backups while requests are handled and snapshots
// taken and the journal is trimmed all the time. What was restored goes on as
// after a crash at that moment: every message is handled once.
func TestBackupUnderLoad(t *testing.T) {
	x := crashes(t, 30)
	want := x.undisturbed()
	x.options.Snapshots = Snapshots{Entries: 7, StateBytes: 1}
	for _, history := range []bool{false, true} {
		j := openJournal(t)
		s := x.open(j)
		var dirs []archive.Folder
		for i, r := range x.requests {
			x.next = idOf(i)
			copied := *r
			if _, err := s.Accept(t.Context(), &copied); err != nil {
				t.Fatal(err)
			}
			if i%3 == 0 {
				x.clock.pass(500 * time.Millisecond)
			}
			dir := archive.Folder(filepath.Join(t.TempDir(), "b"))
			release := s.Hold()
			if _, err := archive.Backup(t.Context(), j, archived, dir, history, time.Unix(0, 0), nil, nil); err != nil {
				t.Fatal(err)
			}
			release()
			dirs = append(dirs, dir)
		}
		s.Close()
		pending := 0
		for i, dir := range dirs {
			to, kept := restored(t, dir)
			pending += waitingIn(t, kept)
			if diff := cmp.Diff(want, x.goOn(to)); diff != "" {
				t.Fatalf("backup %d of %d, up to record %d (-undisturbed +restored):\n%s", i, len(dirs), kept.Plan.Last, diff)
			}
		}
		t.Logf("%d backups, history %t, %d messages waited in those restored", len(dirs), history, pending)
	}
}

// waitingIn is how many messages wait at the end of a backup.
func waitingIn(t *testing.T, kept *archive.Kept) int {
	t.Helper()
	w, err := archive.World(t.Context(), kept, FoldLimits(), &kept.Plan)
	if err != nil {
		t.Fatal(err)
	}
	return len(w.Pending())
}

// salvaged is what became of a folder that was damaged.
type salvaged struct{ sound, repaired, lossy, stuck int }

// TestSalvage turns bits of the files of a journal's folder. What is damaged is
// named, and what can be repaired without loss goes on as the whole one does.
func TestSalvage(t *testing.T) {
	x := crashes(t, 40)
	want := x.undisturbed()
	x.options.Snapshots = Snapshots{Entries: 25, StateBytes: 1}
	random := rand.New(rand.NewPCG(1, 2))
	var all salvaged
	rounds := 30
	if testing.Short() {
		rounds = 12
	}
	// What follows the last snapshot, and so cannot be repaired, depends on who was
	// quicker: another folder has another end.
	for folder := 0; folder == 0 || folder < 10 && (all.repaired < 5 || all.lossy == 0); folder++ {
		whole := x.folder(filepath.Join(t.TempDir(), "whole"))
		for range rounds {
			dir := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			x.salvage(dir, flipOne(t, dir, random), want, &all)
		}
	}
	t.Logf("%+v", all)
	if all.repaired < 5 || all.lossy == 0 {
		t.Errorf("too little was found: %+v", all)
	}
}

// folder keeps all that is sent in a folder, and returns it.
func (x *crash) folder(dir string) string {
	x.Helper()
	store := openFolder(x.T, dir)
	j, err := store.Open(x.Context(), archived)
	if err != nil {
		x.Fatal(err)
	}
	s := x.open(j)
	x.send(s)
	s.Close()
	if err := store.Close(); err != nil {
		x.Fatal(err)
	}
	return dir
}

func openFolder(t *testing.T, dir string) *nats.Store {
	t.Helper()
	store, err := nats.Open(t.Context(), nats.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// flipOne turns a bit of one of the blocks and says which.
func flipOne(t *testing.T, dir string, random *rand.Rand) string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".blk") {
			if info, err := d.Info(); err == nil && info.Size() > 0 {
				files = append(files, path)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	path := files[random.IntN(len(files))]
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at, bit := random.IntN(len(b)), random.IntN(8)
	b[at] ^= 1 << bit
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	rel, _ := filepath.Rel(dir, path)
	return fmt.Sprintf("bit %d of byte %d of %s", bit, at, rel)
}

// salvage examines a damaged folder, repairs it, and compares where that leads.
func (x *crash) salvage(dir, what string, want map[string]string, all *salvaged) {
	x.Helper()
	s, err := nats.OpenSalvage(x.Context(), dir)
	if err != nil {
		x.Fatalf("%s: %v", what, err)
	}
	report, err := archive.Examine(x.Context(), s.Journal(archived), FoldLimits(), nil)
	if err != nil {
		x.Fatalf("%s: %v", what, err)
	}
	if report.Plan == nil {
		all.stuck++
		if err := s.Close(); err != nil {
			x.Error(err)
		}
		return
	}
	away, err := s.Replace(x.Context(), nats.Options{Log: slog.New(slog.DiscardHandler)}, func(store *nats.Store) error {
		j, done, err := store.Make(x.Context(), archived, report.Plan.First)
		if err != nil {
			return err
		}
		return errors.Join(archive.Carry(x.Context(), j, s.Journal(archived), FoldLimits(), report.Plan, "test", nil), done(x.Context()))
	})
	if err = errors.Join(err, s.Close()); err != nil || away == "" {
		x.Fatalf("%s: %v, away %q", what, err, away)
	}
	store := openFolder(x.T, dir)
	defer store.Close()
	j, err := store.Open(x.Context(), archived)
	if err != nil {
		x.Fatalf("%s: %v", what, err)
	}
	got := x.goOn(j)
	switch {
	case !report.Lossless():
		all.lossy++
	case report.Sound() && len(s.Damaged) == 0:
		all.sound++
	default:
		all.repaired++
	}
	if diff := cmp.Diff(want, got); diff != "" && report.Lossless() {
		x.Errorf("%s: plan %+v, findings %+v (-undisturbed +repaired):\n%s", what, report.Plan, report.Findings, diff)
	}
}

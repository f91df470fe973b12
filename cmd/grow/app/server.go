package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/archive"
	"github.com/grow-platform/grow/runtime/shard"
)

// CodeFsckServer is the code of a journal on a server that is to be repaired in place.
const CodeFsckServer = "fsck.server"

// finder is a store that says whether there is a journal, and makes none.
type finder interface {
	Find(ctx context.Context, n journal.Name) (journal.Journal, error)
}

// find opens the store of the service in dir and the journal in it, which must be
// there already. Who gets it closes the store.
func (j Journal) find(ctx context.Context, dir, service string, log *slog.Logger) (journal.Store, journal.Journal, error) {
	store, err := j.OpenStore(ctx, dir, log)
	if err != nil {
		return nil, nil, err
	}
	var found journal.Journal
	if f, ok := store.(finder); ok {
		found, err = f.Find(ctx, mainJournal(service))
	} else {
		found, err = store.Open(ctx, mainJournal(service))
	}
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	return store, found, nil
}

// Fsck looks over the journal of a service on servers, which hosts should not be
// serving meanwhile; see the function Fsck for a folder. It changes nothing: the
// servers' files are theirs. It fails with an *Error of code fsck.server when it is
// to repair, and with those of a journal that cannot be opened.
func (j Journal) Fsck(ctx context.Context, dir, service string, o FsckOptions) (*FsckReport, error) {
	at := j.place(dir)
	if o.Repair {
		return nil, &Error{
			Code: CodeFsckServer, Err: fmt.Errorf("repair journal: what lies at %s is its servers' to repair", at),
			Hint: "look at it without --repair; or delete its streams there and restore a backup: grow restore",
		}
	}
	const hint = "see that the server runs and can be reached"
	store, found, err := j.find(ctx, dir, service, o.Log)
	if errors.Is(err, journal.ErrNotFound) {
		return &FsckReport{Folder: at, Server: true, Sound: true, Files: []archive.Finding{}, Journals: []FsckJournal{}}, nil
	}
	if err != nil {
		return nil, journalFault("check journal", err, hint)
	}
	r, err := examineServed(ctx, found, mainJournal(service), at)
	if err = errors.Join(err, store.Close()); err != nil {
		return nil, journalFault("check journal", err, hint)
	}
	return r, nil
}

// examineServed looks over a journal that others can reach at the same time.
func examineServed(ctx context.Context, j journal.Journal, n journal.Name, at string) (*FsckReport, error) {
	first, last, err := j.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	report, err := archive.Examine(ctx, j, shard.FoldLimits(), nil)
	if err != nil {
		return nil, err
	}
	nowFirst, nowLast, err := j.Bounds(ctx)
	if err != nil {
		return nil, err
	}
	if nowFirst != first || nowLast != last {
		return nil, fmt.Errorf("%w: it went from records %d to %d to records %d to %d while it was read", journal.ErrFenced, first, last, nowFirst, nowLast)
	}
	return &FsckReport{
		Folder: at, Server: true, Sound: report.Sound(), Files: []archive.Finding{}, Journals: []FsckJournal{{Journal: n.String(), Report: *report, name: n}},
	}, nil
}

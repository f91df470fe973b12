package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/archive"
	"github.com/grow-platform/grow/runtime/journal/nats"
	"github.com/grow-platform/grow/runtime/shard"
)

// The codes of backups.
const (
	CodeBackupDamaged = "backup.damaged" // a file of it is not what was written; it is named
	CodeBackupForeign = "backup.foreign" // it is none, or of another service
	CodeBackupFormat  = "backup.format"  // of another version of grow
	CodeBackupNothing = "backup.nothing" // the journal is in memory, or there is none
	CodeRestoreTarget = "restore.target" // there is something already
)

// mainJournal is the name of a service's journal.
func mainJournal(service string) journal.Name {
	return journal.Name{Namespace: "main", Service: service}
}

// Backup implements control.Backups.
func (b backend) Backup(ctx context.Context, r control.BackupRequest, emit func(control.BackupPart) error) error {
	if b.opts.Journal.At == Memory {
		return &control.Error{Code: CodeBackupNothing, Message: "the journal is in memory: there is nothing to back up", Next: "run it with a journal that is kept"}
	}
	if err := b.intake().well(); err != nil {
		return &control.Error{Code: CodeJournal, Message: "back up: " + err.Error(), Next: "it goes on by itself when the cause is gone; see: grow status"}
	}
	defer b.shard.Hold()()
	name := journal.Name{Namespace: b.opts.Namespace, Service: b.opts.Service.Name}
	j, err := b.store.Open(ctx, name)
	if err != nil {
		return err
	}
	_, err = archive.Backup(ctx, j, name, parts(emit), r.History, time.Now().UTC(), nil)
	return err
}

// parts sends files in parts.
type parts func(control.BackupPart) error

func (p parts) Put(_ context.Context, name string, data []byte) error {
	return control.Parts(name, data, p)
}

// Backup backs up the journal of the service in dir, of which no host runs.
func (j Journal) Backup(ctx context.Context, dir, service string, to archive.Putter, history bool, log *slog.Logger, tell func(archive.Progress)) (err error) {
	if j.At == "" {
		if _, err := os.Stat(JournalDir(dir)); errors.Is(err, fs.ErrNotExist) {
			return &Error{Code: CodeBackupNothing, Err: fmt.Errorf("back up: there is no journal in %s", JournalDir(dir)), Hint: "a service has one when it has run: grow run"}
		}
	}
	const hint = "see that the journal can be reached, and the disk be written to"
	store, from, err := j.find(ctx, dir, service, log)
	if errors.Is(err, journal.ErrNotFound) {
		return &Error{Code: CodeBackupNothing, Err: fmt.Errorf("back up: service %s has no journal at %s: %w", service, j.place(dir), err), Hint: "it has one when it has run there: grow run"}
	}
	if err != nil {
		return journalFault("back up", err, hint)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	_, err = archive.Backup(ctx, from, mainJournal(service), to, history, time.Now().UTC(), tell)
	if err != nil {
		return journalFault("back up", err, hint)
	}
	return nil
}

// Restored is what Restore did.
type Restored struct {
	Service string    `json:"service"`
	Taken   time.Time `json:"taken"`
	Records uint64    `json:"last_record"`
	Files   int       `json:"files"`
	Bytes   int64     `json:"bytes"`
	To      string    `json:"to"`
	Away    string    `json:"away,omitempty"` // folder in which what was there lies now
}

// RestoreOptions say how Restore goes about it.
type RestoreOptions struct {
	Service string // that the journal must be of; "": any
	Replace bool   // put what is there away, where that can be done
	Log     *slog.Logger
	Tell    func(archive.Progress)
}

// Restore makes the journal of a service in dir, or on the servers, of a backup that
// is sound. What is there already is an *Error of code restore.target.
func (j Journal) Restore(ctx context.Context, from archive.Getter, dir string, o RestoreOptions) (*Restored, error) {
	kept, err := archive.Open(ctx, from, nil)
	if err == nil {
		err = sound(ctx, kept)
	}
	if err != nil {
		return nil, backupFault(err)
	}
	if o.Service != "" && o.Service != kept.Service {
		return nil, &Error{Code: CodeBackupForeign, Err: fmt.Errorf("restore: the backup is of service %s, and the folder holds service %s", kept.Service, o.Service),
			Hint: "name the folder of a service of that name: what is kept belongs to the name"}
	}
	r := &Restored{Service: kept.Service, Taken: kept.Taken, Records: kept.Plan.Last, Files: len(kept.Files), Bytes: kept.Bytes(), To: j.place(dir)}
	name := journal.Name{Namespace: kept.Namespace, Service: kept.Service, Number: kept.Number}
	fill := func(to journal.Maker) error {
		return carry(ctx, to, name, kept, &kept.Plan, "grow restore", o.Tell)
	}
	if j.At == "" {
		r.Away, err = restoreFolder(ctx, JournalDir(dir), name, o, fill)
	} else {
		err = j.restoreServer(ctx, dir, o, fill)
	}
	if errors.Is(err, journal.ErrExists) {
		next := "stop the host, and put away what is there: grow restore --replace"
		if j.At != "" {
			next = "delete its streams on the server first, if they are not needed: GROW_J_… and GROW_B_…"
		}
		return nil, &Error{Code: CodeRestoreTarget, Err: fmt.Errorf("restore: service %s has a journal at %s already", kept.Service, r.To), Hint: next}
	}
	if err != nil {
		return nil, journalFault("restore", err, "see that the journal can be reached, and the disk be written to")
	}
	return r, nil
}

// sound says what keeps a backup from being started from, whose files are as they
// were written.
func sound(ctx context.Context, kept *archive.Kept) error {
	report, err := archive.Examine(ctx, kept, shard.FoldLimits(), nil)
	if err != nil {
		return err
	}
	if !report.Sound() {
		return fmt.Errorf("%w: %s", journal.ErrDamaged, report.Findings[0].Text)
	}
	return nil
}

// restoreServer fills a journal on servers.
func (j Journal) restoreServer(ctx context.Context, dir string, o RestoreOptions, fill func(journal.Maker) error) error {
	store, err := j.OpenStore(ctx, dir, o.Log)
	if err != nil {
		return err
	}
	to, ok := store.(journal.Maker)
	if !ok {
		return errors.Join(fmt.Errorf("a store %T takes no backup", store), store.Close())
	}
	return errors.Join(fill(to), store.Close())
}

// restoreFolder fills a journal in a data folder. Others in the folder stay.
func restoreFolder(ctx context.Context, at string, name journal.Name, o RestoreOptions, fill func(journal.Maker) error) (away string, err error) {
	options := nats.Options{Dir: at, Log: o.Log}
	build := func(s *nats.Store) error { return fill(s) }
	if !nats.Holds(at) {
		return "", nats.Fill(ctx, options, build)
	}
	s, err := nats.OpenSalvage(ctx, at)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if s.Journal(name) != nil && !o.Replace {
		return "", journal.ErrExists
	}
	var others []FsckJournal
	for _, n := range s.Names() {
		if n == name {
			continue
		}
		report, err := archive.Examine(ctx, s.Journal(n), shard.FoldLimits(), nil)
		if err != nil {
			return "", err
		}
		if !report.Lossless() {
			return "", fmt.Errorf("%w: journal %s lies in the same folder", journal.ErrDamaged, n)
		}
		others = append(others, FsckJournal{name: n, Report: *report})
	}
	return s.Replace(ctx, options, func(store *nats.Store) error {
		for i := range others {
			n := others[i].name
			if err := carry(ctx, store, n, s.Journal(n), others[i].Plan, "grow restore", nil); err != nil {
				return fmt.Errorf("journal %s of the same folder: %w", n, err)
			}
		}
		return fill(store)
	})
}

// backupFault is why a backup cannot be restored, with what to do.
func backupFault(err error) error {
	e := &Error{Err: fmt.Errorf("read backup: %w", err)}
	switch {
	case errors.Is(err, journal.ErrFormat):
		e.Code, e.Hint = CodeBackupFormat, "restore it with the version of grow that wrote it"
	case errors.Is(err, journal.ErrForeign):
		e.Code, e.Hint = CodeBackupForeign, "name the folder that grow backup made"
	case errors.Is(err, journal.ErrDamaged), errors.Is(err, journal.ErrNotFound):
		e.Code, e.Hint = CodeBackupDamaged, "nothing was restored; use another backup"
	default:
		return err
	}
	return e
}

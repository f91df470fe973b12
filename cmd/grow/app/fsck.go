package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/archive"
	"github.com/grow-platform/grow/runtime/journal/nats"
	"github.com/grow-platform/grow/runtime/shard"
)

// FsckOptions say what Fsck does about what it finds.
type FsckOptions struct {
	Repair bool
	Lose   bool // go on without what cannot be repaired
	Log    *slog.Logger
	Tell   func(archive.Progress) // of a repair; nil: nobody
}

// FsckReport is what Fsck found in a data folder, and did.
type FsckReport struct {
	Folder   string            `json:"folder"`           // or address of the servers
	Server   bool              `json:"server,omitempty"` // it is on servers
	Sound    bool              `json:"sound"`
	Files    []archive.Finding `json:"files"` // damage that belongs to no journal
	Journals []FsckJournal     `json:"journals"`
	Repaired bool              `json:"repaired"`
	Away     string            `json:"away,omitempty"`    // folder in which what was there lies now
	LostIn   string            `json:"lost_in,omitempty"` // file that tells of all that the repair went on without
	Leaked   int               `json:"leaked,omitempty"`  // blobs that were deleted
}

// FsckJournal is one journal of the folder.
type FsckJournal struct {
	Journal string `json:"journal"`
	archive.Report

	name journal.Name
}

// Fsck looks over every journal in the folder of the service in dir, which no host
// may have open, and repairs what can be. It fails with an *Error of code
// journal.locked, journal.foreign, journal.format or journal.unavailable; damage
// is no error.
func Fsck(ctx context.Context, dir string, o FsckOptions) (*FsckReport, error) {
	at := JournalDir(dir)
	if nats.Empty(at) {
		return &FsckReport{Folder: at, Sound: true, Files: []archive.Finding{}, Journals: []FsckJournal{}}, nil
	}
	s, err := nats.OpenSalvage(ctx, at)
	if err != nil {
		return nil, journalFault("check journal", err, "see that the folder can be read and written to")
	}
	r := &FsckReport{Folder: at, Files: []archive.Finding{}, Journals: []FsckJournal{}}
	err = r.examine(ctx, s)
	if err == nil && o.Repair && r.repairs(o.Lose) {
		err = r.repair(ctx, s, o)
	}
	if err = errors.Join(err, s.Close()); err != nil {
		return nil, journalFault("check journal", err, "see that the disk can be written to")
	}
	if o.Repair && r.Sound && r.leaks() > 0 {
		if err := r.forget(ctx, o.Log); err != nil {
			return nil, journalFault("delete leaked blobs", err, "see that the disk can be written to")
		}
	}
	return r, nil
}

// IsHostFolder reports whether a folder is what a host that services are deployed to keeps
// all it has in.
func IsHostFolder(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, storeDir, "format"))
	return err == nil && info.Mode().IsRegular()
}

// examine looks everything over.
func (r *FsckReport) examine(ctx context.Context, s *nats.Salvage) error {
	if s.Unnamed != nil {
		r.Files = append(r.Files, archive.Finding{Code: archive.CodeFile, Where: nats.IdentityFile, Text: s.Unnamed.Error()})
	}
	found := map[journal.Name][]archive.Finding{}
	for _, d := range s.Damaged {
		n, f := finding(s, d)
		if s.Journal(n) == nil {
			r.Files = append(r.Files, f)
			continue
		}
		found[n] = append(found[n], f)
	}
	r.Sound = len(r.Files) == 0
	for _, n := range s.Names() {
		report, err := archive.Examine(ctx, s.Journal(n), shard.FoldLimits(), found[n])
		if err != nil {
			return fmt.Errorf("journal %s: %w", n, err)
		}
		r.Journals = append(r.Journals, FsckJournal{Journal: n.String(), Report: *report, name: n})
		r.Sound = r.Sound && report.Sound()
	}
	return nil
}

// finding is what the folder's files say of one damaged message.
func finding(s *nats.Salvage, d *journal.Damaged) (journal.Name, archive.Finding) {
	n, record := s.Of(d)
	f := archive.Finding{Where: d.Journal, Text: d.Cause.Error()}
	if d.Where != "" {
		f.Where += "/" + d.Where
	}
	switch {
	case nats.IsBucket(d.Journal):
		f.Code, f.Text = archive.CodeFile, f.Text+"; a repair leaves this bucket out: what it held stays in the folder that is moved away"
	case record:
		f.Code, f.Record = archive.CodeRecord, d.Seq
		if strings.Contains(f.Text, "is missing") {
			f.Code = archive.CodeMissing
		}
		if w := s.Journal(n); w != nil {
			f.Held = archive.Held(d.Seq, w.Rest(d.Seq))
		}
	case d.Seq > 0 && n != journal.Name{}:
		f.Code = archive.CodeBlob
	case d.Seq > 0:
		f.Code = archive.CodePointer
	default:
		f.Code = archive.CodeFile
	}
	return n, f
}

// repairs reports whether there is something to repair that can be.
func (r *FsckReport) repairs(lose bool) bool {
	if r.Sound {
		return false
	}
	for i := range r.Journals {
		if j := &r.Journals[i]; j.Plan == nil || !j.Lossless() && !lose {
			return false
		}
	}
	return true
}

// Lost reports whether a repair goes on without something, and Stuck whether there
// is none for a journal.
func (r *FsckReport) Lost() (lost bool) {
	for i := range r.Journals {
		lost = lost || r.Journals[i].Plan != nil && !r.Journals[i].Lossless()
	}
	return lost
}

// Stuck reports whether there is a journal that nothing is left of to go on from.
func (r *FsckReport) Stuck() bool {
	for i := range r.Journals {
		if r.Journals[i].Plan == nil {
			return true
		}
	}
	return false
}

func (r *FsckReport) leaks() (n int) {
	for i := range r.Journals {
		n += len(r.Journals[i].Leaked)
	}
	return n
}

// unnamed reports whether nothing is wrong but that the folder does not say what it holds.
func (r *FsckReport) unnamed(s *nats.Salvage) bool {
	for i := range r.Journals {
		if !r.Journals[i].Sound() {
			return false
		}
	}
	return s.Unnamed != nil && len(r.Files) == 1
}

// repair builds the journals anew from what is sound, and puts them in place.
func (r *FsckReport) repair(ctx context.Context, s *nats.Salvage, o FsckOptions) (err error) {
	if r.unnamed(s) {
		err = s.Name()
		r.Repaired = err == nil
		return err
	}
	if r.LostIn, err = r.losses(ctx, s); err != nil {
		return err
	}
	r.Away, err = s.Replace(ctx, nats.Options{Log: o.Log}, func(store *nats.Store) error {
		for i := range r.Journals {
			j := &r.Journals[i]
			if err := carry(ctx, store, j.name, s.Journal(j.name), j.Plan, "grow fsck", o.Tell); err != nil {
				return fmt.Errorf("repair journal %s: %w", j.name, err)
			}
		}
		return nil
	})
	r.Repaired = err == nil
	return err
}

// carry makes a journal and fills it.
func carry(ctx context.Context, to journal.Maker, n journal.Name, src archive.Source, p *archive.Plan, by string, tell func(archive.Progress)) error {
	j, done, err := to.Make(ctx, n, p.First)
	if err != nil {
		return err
	}
	if err := archive.Carry(ctx, j, src, shard.FoldLimits(), p, by+" on "+owner(), tell); err != nil {
		return err
	}
	return done(ctx)
}

// forget deletes leaked blobs.
func (r *FsckReport) forget(ctx context.Context, log *slog.Logger) (err error) {
	store, err := nats.Open(ctx, nats.Options{Dir: r.Folder, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for i := range r.Journals {
		j, err := store.Open(ctx, r.Journals[i].name)
		if err != nil {
			return err
		}
		for _, digest := range r.Journals[i].Leaked {
			if err := j.DeleteBlob(ctx, digest); err != nil {
				return err
			}
			r.Leaked++
		}
	}
	r.Repaired = true
	return nil
}

// journalFault is an error of a journal with its code, and what to do.
func journalFault(what string, err error, hint string) error {
	var coded *Error
	if errors.Is(err, context.Canceled) || errors.As(err, &coded) {
		return err
	}
	for _, f := range journalFaults {
		if errors.Is(err, f.is) {
			return &Error{Code: f.code, Err: fmt.Errorf("%s: %w", what, err), Hint: f.hint}
		}
	}
	return &Error{Code: CodeJournal, Err: fmt.Errorf("%s: %w", what, err), Hint: hint}
}

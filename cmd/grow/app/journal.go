package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/runtime/journal/nats"
	"github.com/grow-platform/grow/runtime/shard"
)

// Memory is the journal of a host that keeps nothing when it ends.
const Memory = "memory"

// What a journal on disk keeps behind its snapshot, for replay and for looking
// back: whichever is reached first.
const (
	KeepTime  = 48 * time.Hour
	KeepBytes = 10 << 30
)

// Journal is where a host keeps what it has accepted. Its zero value is the
// folder journal in the host's own.
type Journal struct {
	// At is "" for the folder, Memory, or the address of NATS servers, nats://
	// or tls://, several separated by commas, with user and password or token
	// where those are wanted in it.
	At string
	// Credentials of a server, at most one kind besides those in At.
	User, Password, Token string
	Creds, NKey           string // files
	CA, Cert, Key         string // files for TLS, in PEM
	// AnyClock starts a host even when the journal tells of times to come.
	AnyClock bool
}

// JournalDir is the folder that the service in dir keeps its journal in.
func JournalDir(dir string) string { return filepath.Join(StateDir(dir), "journal") }

// place is where the journal is, for people: passwords are left out.
func (j *Journal) place(dir string) string {
	if j.At == "" {
		return JournalDir(dir)
	}
	var list []string
	for at := range strings.SplitSeq(j.At, ",") {
		if u, err := url.Parse(strings.TrimSpace(at)); err == nil && u.User != nil {
			at = u.Scheme + "://…@" + u.Host
		}
		list = append(list, at)
	}
	return strings.Join(list, ",")
}

// folderBytes is the size of what lies in a folder.
func folderBytes(dir string) (bytes int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // files come and go
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}

// intake takes messages from outside, while the journal does: who would have to
// wait for it is told so at once.
type intake struct {
	*shard.Shard
	store journal.Store
}

func (h *Host) intake() intake { return intake{h.shard, h.store} }

// well is why nothing can be kept at the moment, or nil.
func (i intake) well() error {
	if err := i.store.Health(); err != nil {
		return fmt.Errorf("%w: %w", shard.ErrJournal, err)
	}
	return i.Err()
}

// Accept is the shard's.
func (i intake) Accept(ctx context.Context, r *shard.Request) (*shard.Flow, error) {
	if err := i.well(); err != nil {
		return nil, err
	}
	return i.Shard.Accept(ctx, r)
}

// Check says what is wrong with the place, before anything is opened.
func (j *Journal) Check() error {
	if j.At == "" || j.At == Memory {
		return nil
	}
	for at := range strings.SplitSeq(j.At, ",") {
		if u, err := url.Parse(strings.TrimSpace(at)); err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Host == "" {
			return errors.New("a journal is in memory, or kept by servers at nats://HOST:PORT or tls://HOST:PORT, several separated by commas")
		}
	}
	return nil
}

// options are those of a store, when the journal is not in memory.
func (j *Journal) options(dir string) nats.Options {
	if j.At == "" {
		return nats.Options{Dir: JournalDir(dir)}
	}
	return nats.Options{
		URL: j.At, User: j.User, Password: j.Password, Token: j.Token,
		CredsFile: j.Creds, NKeyFile: j.NKey, CAFile: j.CA, CertFile: j.Cert, KeyFile: j.Key,
	}
}

// OpenStore opens what holds the journal of the service in dir, for those who read or
// write one with no host beside them. While it is open, no host can have it.
func (j Journal) OpenStore(ctx context.Context, dir string, log *slog.Logger) (journal.Store, error) {
	if j.At == Memory {
		return mem.New(mem.Options{Capacity: 4 * shard.KeepBytes}), nil
	}
	if err := j.Check(); err != nil {
		return nil, err
	}
	o := j.options(dir)
	o.Log = log
	s, err := nats.Open(ctx, o)
	if err != nil {
		return nil, err // and no store, which a nil *nats.Store would be
	}
	return s, nil
}

// keep opens the journal, and the shard on it.
func (h *Host) keep(ctx context.Context) error {
	began := time.Now()
	o := shard.Options{
		Namespace: h.opts.Namespace, Service: h.opts.Service.Name, Owner: owner(), Log: h.log, Lanes: processors(), Pacer: pacer(), Clock: h.opts.Clock,
	}
	if err := h.openStore(ctx, &o); err != nil {
		return err
	}
	j, err := h.store.Open(ctx, journal.Name{Namespace: o.Namespace, Service: o.Service})
	if err != nil {
		return journalError(h.opts.Journal, err)
	}
	h.journal, o.Journal = j, j
	_, last, err := j.Bounds(ctx)
	if err != nil {
		return journalError(h.opts.Journal, err)
	}
	if err := h.checkClock(ctx, j, last); err != nil {
		return err
	}
	had, err := shard.LastSnapshot(ctx, j)
	if err != nil {
		return journalError(h.opts.Journal, err)
	}
	if h.shard, err = shard.Open(ctx, o); err != nil {
		return journalError(h.opts.Journal, err)
	}
	h.shard.Govern(h.opts.Modes)
	if last > 0 {
		said := []any{"records", last, "took", time.Since(began).Round(time.Millisecond)}
		if had != nil {
			said = []any{"records", last - min(had.After, last), "snapshot", had.After, "took", time.Since(began).Round(time.Millisecond)}
		}
		h.log.Info("recovered from the journal", said...)
	}
	return nil
}

// openStore opens what holds the journal, and sets what the shard keeps in it.
func (h *Host) openStore(ctx context.Context, o *shard.Options) error {
	if h.store == nil {
		store, err := h.opts.Journal.OpenStore(ctx, h.opts.Dir, h.log)
		if err != nil {
			return journalError(h.opts.Journal, err)
		}
		h.store = store
	}
	if h.kept() {
		o.Snapshots, o.KeepBytes, o.KeepTime = shard.DefaultSnapshots, KeepBytes, KeepTime
	}
	return nil
}

// The codes of a journal that cannot be opened.
const (
	CodeJournal        = "journal.unavailable"
	CodeJournalLocked  = "journal.locked"  // another host has it
	CodeJournalForeign = "journal.foreign" // what lies there is something else
	CodeJournalFormat  = "journal.format"  // of another version of grow
	CodeJournalDamaged = "journal.damaged"
	CodeJournalFull    = "journal.full"
	CodeJournalDenied  = "journal.denied"
	CodeJournalNone    = "journal.no_jetstream"
	CodeJournalPayload = "journal.max_payload"
	CodeJournalClock   = "journal.clock" // this machine's is far behind
)

// journalFaults says what to do about each reason why a journal cannot be opened.
var journalFaults = []struct {
	is         error
	code, hint string
}{
	{journal.ErrLocked, CodeJournalLocked, "see which process has it: grow status; each service has one host at a time"},
	{journal.ErrFenced, CodeJournalLocked, "another host serves this service from the same journal: stop it, or this one"},
	{journal.ErrForeign, CodeJournalForeign, "move it away, and start again; if it is grow's, grow fsck says so"},
	{journal.ErrFormat, CodeJournalFormat, "run the version of grow that wrote it; nothing has been changed"},
	{journal.ErrShort, CodeJournalDamaged, "nothing has been changed; see what can be saved: grow fsck"},
	{journal.ErrTrimmed, CodeJournalDamaged, "nothing has been changed; see what can be saved: grow fsck"},
	{journal.ErrDamaged, CodeJournalDamaged, "nothing has been changed; see what can be saved: grow fsck"},
	{journal.ErrFull, CodeJournalFull, "make room on the disk; 64 MiB of it are left free"},
	{journal.ErrDenied, CodeJournalDenied, "check --journal, --journal-creds and --journal-nkey, or GROW_NATS_…; and --journal-ca for TLS"},
	{journal.ErrNoJetStream, CodeJournalNone, "start the server with JetStream (nats-server -js), and allow it to this account"},
	{journal.ErrPayload, CodeJournalPayload, "set max_payload: 1MB or more in the server's configuration"},
	{os.ErrPermission, CodeJournal, "the folder must be this user's to write"},
}

// journalError is why the journal cannot be opened, with what to do.
func journalError(j Journal, err error) error {
	for _, f := range journalFaults {
		if errors.Is(err, f.is) {
			return &Error{Code: f.code, Err: fmt.Errorf("open journal: %w", err), Hint: f.hint}
		}
	}
	hint := "see that the disk can be written to"
	if j.At != "" {
		hint = "see that the server runs and can be reached"
	}
	return &Error{Code: CodeJournal, Err: fmt.Errorf("open journal: %w", err), Hint: hint}
}

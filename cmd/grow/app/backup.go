package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/grow-platform/grow/host/audit"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/store/files"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/archive"
	"github.com/grow-platform/grow/runtime/journal/nats"
	"github.com/grow-platform/grow/runtime/shard"
)

// The codes of backups.
const (
	CodeBackupDamaged  = "backup.damaged"  // a file of it is not what was written; it is named
	CodeBackupForeign  = "backup.foreign"  // it is none, or of another service
	CodeBackupFormat   = "backup.format"   // of another version of grow
	CodeBackupNothing  = "backup.nothing"  // the journal is in memory, or there is none
	CodeBackupDatabase = "backup.database" // one of kind sql cannot be copied
	CodeBackupFull     = "backup.full"     // the disk that it is written to has no room
	CodeBackupKey      = "backup.key"      // that of sealed secrets is asked for from elsewhere
	CodeBackupBusy     = "backup.busy"     // another one of the whole host is under way
	CodeBackupSlow     = "backup.slow"     // it is not read in time
	CodeRestoreTarget  = "restore.target"  // there is something already
	CodeRestoreOthers  = "restore.others"  // the host has other services, too
)

// mainJournal is the name of a service's journal.
func mainJournal(service string) journal.Name {
	return journal.Name{Namespace: "main", Service: service}
}

// ownerOf marks the context of what the owner of the folder asks for, through its socket: who
// can reach that can read the folder.
type ownerOf struct{}

// Backup implements control.Backups.
func (b backend) Backup(ctx context.Context, r control.BackupRequest, emit func(control.BackupPart) error) error {
	if err := canBackUp(ctx, b.opts.Journal, r.Key); err != nil {
		return err
	}
	c := b.belongings()
	c.own, c.sealed, c.acts, c.all, c.key = b.opts.Own, b.opts.Sealed, b.opts.Acts, control.OfAll(ctx) && b.opts.Own != "", r.Key
	if b.opts.Shared != nil {
		c.remembered = b.opts.Shared.remembered
	}
	return backupFault(b.backUp(ctx, sendTo(emit), r.History, c))
}

// canBackUp says what keeps a host that runs from a backup that somebody asks for.
func canBackUp(ctx context.Context, j Journal, key bool) error {
	if j.At == Memory {
		return &control.Error{Code: CodeBackupNothing, Message: "the journal is in memory: there is nothing to back up", Next: "run it with a journal that is kept"}
	}
	if key && ctx.Value(ownerOf{}) == nil {
		return &control.Error{Code: CodeBackupKey, Message: "the key of sealed secrets is given to nobody from elsewhere", Next: "back it up in its folder: grow backup --key; or leave the key out"}
	}
	return nil
}

// belongings is what the host keeps of the service alone.
func (h *Host) belongings() *belongings {
	return &belongings{namespace: h.opts.Namespace, service: h.opts.Service.Name, store: h.store, data: h.dataDir(), copying: &h.saving}
}

// backUp writes a backup of the service, which goes on meanwhile.
func (h *Host) backUp(ctx context.Context, to archive.Putter, history bool, c *belongings) error {
	if err := h.intake().well(); err != nil {
		return &control.Error{Code: CodeJournal, Message: "back up: " + err.Error(), Next: "it goes on by itself when the cause is gone; see: grow status"}
	}
	h.expiry.mu.RLock()
	defer h.expiry.mu.RUnlock()
	defer h.shard.Hold()()
	name := journal.Name{Namespace: c.namespace, Service: c.service}
	j, err := h.store.Open(ctx, name)
	if err != nil {
		return err
	}
	_, err = archive.Backup(ctx, j, name, to, history, time.Now().UTC(), nil, c.schedules, c.write)
	return err
}

// backupFault is why a host that runs cannot be backed up, as it is told.
func backupFault(err error) error {
	var told *control.Error
	if err == nil || errors.As(err, &told) {
		return err
	}
	var coded *Error
	if fault := journalFault("back up", err, "see that the journal can be reached, and the disk be written to"); errors.As(fault, &coded) {
		return &control.Error{Code: coded.Code, Message: coded.Err.Error(), At: coded.At, Next: coded.Hint}
	}
	return err
}

// The time that who reads a backup may take: while it is written a service keeps what it would trim,
// and a host what it would sweep.
const (
	readTime = 10 * time.Minute // for the whole, and
	readRate = 256 << 10        // bytes a second that it may take for what it has read
)

// parts sends files in parts, as long as they are read in time. It belongs to one goroutine.
type parts struct {
	emit   func(control.BackupPart) error
	sent   int64         // bytes
	waited time.Duration // for them to be read
}

func sendTo(emit func(control.BackupPart) error) *parts { return &parts{emit: emit} }

// Put implements archive.Putter.
func (p *parts) Put(_ context.Context, name string, data []byte) error {
	return control.Parts(name, data, p.part)
}

func (p *parts) part(b control.BackupPart) error {
	began := time.Now()
	if err := p.emit(b); err != nil {
		return err
	}
	p.sent, p.waited = p.sent+int64(len(b.Data)), p.waited+time.Since(began)
	if p.waited > readTime+time.Duration(p.sent/readRate)*time.Second {
		return &control.Error{Code: CodeBackupSlow, Message: fmt.Sprintf("back up: %d bytes were read in %s: what is backed up is held meanwhile, and not for longer", p.sent, p.waited.Round(time.Second)), Next: fmt.Sprintf("have it read at %d KiB a second at least: from nearer by, or to another place", readRate>>10)}
	}
	return nil
}

// Backup backs up what is kept of the service in dir, of which no host runs.
func (j Journal) Backup(ctx context.Context, dir, service string, to archive.Putter, r control.BackupRequest, log *slog.Logger, tell func(archive.Progress)) (err error) {
	if j.At == "" {
		if _, err := os.Stat(JournalDir(dir)); errors.Is(err, fs.ErrNotExist) {
			return &Error{Code: CodeBackupNothing, Err: fmt.Errorf("back up: there is no journal in %s", JournalDir(dir)), Hint: "a service has one when it has run: grow run"}
		}
	}
	if err := finished(StateDir(dir)); err != nil {
		return err
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
	if err := j.backUp(ctx, dir, from, store, service, to, r, tell); err != nil {
		return journalFault("back up", err, hint)
	}
	return nil
}

// backUp is Backup with the journal, and the store that it lies in.
func (j Journal) backUp(ctx context.Context, dir string, from journal.Journal, in journal.Store, service string, to archive.Putter, r control.BackupRequest, tell func(archive.Progress)) (err error) {
	name := mainJournal(service)
	state := StateDir(dir)
	c := belongings{
		namespace: name.Namespace, service: service, store: in, own: state, sealed: filepath.Join(state, secretsDir), acts: audit.New(filepath.Join(state, auditDir), nil), all: true, key: r.Key, copying: new(sync.Mutex),
		data: dataOf(dir, name.Namespace, service),
	}
	if _, err := os.Stat(filepath.Join(state, storeDir)); err == nil {
		s, err := files.Open(filepath.Join(state, storeDir))
		if err != nil {
			return fmt.Errorf("%w: %w", journal.ErrUnhealthy, err)
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		c.remembered = s
	}
	_, err = archive.Backup(ctx, from, name, to, r.History, time.Now().UTC(), tell, c.schedules, c.write)
	return err
}

// Restored is what Restore did.
type Restored struct {
	Service string    `json:"service"`
	Taken   time.Time `json:"taken"`
	Records uint64    `json:"last_record"`
	Files   int       `json:"files"`
	Bytes   int64     `json:"bytes"`
	To      string    `json:"to"`
	Away    []string  `json:"away,omitempty"` // folders in which what was there lies now
	Buckets int       `json:"buckets"`
	Parts   int       `json:"parts"`            // files of the host: databases, secrets, documents
	Locked  bool      `json:"locked,omitempty"` // sealed secrets whose key was not in the backup
}

// RestoreOptions say how Restore goes about it.
type RestoreOptions struct {
	Service string // that the journal must be of; "": any
	Replace bool   // put what is there away, where that can be done
	Log     *slog.Logger
	Tell    func(archive.Progress)
}

// Restore makes what a host keeps of a service, in dir and on the servers of its journal, of
// a backup that is sound. What is there already is an *Error of code restore.target.
func (j Journal) Restore(ctx context.Context, from archive.Getter, dir string, o RestoreOptions) (*Restored, error) {
	kept, err := archive.Open(ctx, from, nil)
	if err == nil {
		err = sound(ctx, kept)
	}
	if err != nil {
		return nil, BackupFault(err)
	}
	if o.Service != "" && o.Service != kept.Service {
		return nil, &Error{Code: CodeBackupForeign, Err: fmt.Errorf("restore: the backup is of service %s, and the folder holds service %s", kept.Service, o.Service),
			Hint: "name the folder of a service of that name: what is kept belongs to the name"}
	}
	const hint = "see that the journal can be reached, and the disk be written to"
	u, err := unpack(ctx, dir, kept)
	if err != nil {
		if errors.Is(err, journal.ErrDamaged) {
			return nil, BackupFault(err)
		}
		return nil, journalFault("restore", diskFault(err), hint)
	}
	r := &Restored{
		Service: kept.Service, Taken: kept.Taken, Records: kept.Plan.Last, Files: len(kept.Files), Bytes: kept.Bytes(), To: j.place(dir),
		Buckets: len(kept.Buckets), Parts: len(kept.Parts), Locked: u.locked(kept),
	}
	err = j.restore(ctx, dir, kept, u, o, r)
	if err == nil {
		return r, nil
	}
	err = errors.Join(err, u.drop())
	if errors.Is(err, journal.ErrExists) || errors.Is(err, bucket.ErrExists) {
		next := "stop the host, and put away what is there: grow restore --replace"
		if j.At != "" {
			next = onServerNext
		}
		return nil, &Error{Code: CodeRestoreTarget, Err: fmt.Errorf("restore: service %s has something at %s already: %w", kept.Service, r.To, err), Hint: next}
	}
	return nil, journalFault("restore", err, hint)
}

// restore puts what was unpacked and the journal in place.
func (j Journal) restore(ctx context.Context, dir string, kept *archive.Kept, u *unpacked, o RestoreOptions, r *Restored) error {
	if at := u.taken(); at != "" && !o.Replace {
		return fmt.Errorf("%w: %s holds something", journal.ErrExists, at)
	}
	if err := u.alone(ctx, kept); err != nil {
		return err
	}
	fill := &filler{ctx: ctx, kept: kept, o: o}
	begin := j.restoreFolder
	if j.At != "" {
		begin = j.restoreServer
	}
	away, err := begin(ctx, dir, fill, u)
	if err != nil {
		return err
	}
	if away != "" {
		r.Away = append(r.Away, away)
	}
	if away, err = u.place(); err != nil {
		return diskFault(err)
	}
	if away != "" {
		r.Away = append(r.Away, away)
	}
	return nil
}

// diskFault names a failure of the disk as a journal does.
func diskFault(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, store.ErrFull) {
		return fmt.Errorf("%w: %w", journal.ErrFull, err)
	}
	return err
}

// onServerNext is what to do about something that a server has already.
const onServerNext = "put away what lies in the folder: grow restore --replace; and delete what lies on the server, if it is not needed: its streams GROW_J_…, GROW_B_…, KV_GROW_… and OBJ_GROW_…"

// filler makes a journal and buckets of a backup.
type filler struct {
	ctx  context.Context
	kept *archive.Kept
	o    RestoreOptions
}

func (f *filler) name() journal.Name {
	return journal.Name{Namespace: f.kept.Namespace, Service: f.kept.Service, Number: f.kept.Number}
}

// brings reports whether what a bucket is to be is in the backup: it is gone if there is none.
func (f *filler) brings(b bucket.Carried) bool {
	return f.kept.Format >= archive.ContentsFormat && b.Namespace == f.kept.Namespace && (b.Service == f.kept.Service || b.Service == "")
}

// fill makes all of it in a store. The journal is the last to be whole.
func (f *filler) fill(to journal.Maker) error {
	if err := f.buckets(to); err != nil {
		return err
	}
	return carry(f.ctx, to, f.name(), f.kept, &f.kept.Plan, "grow restore", f.o.Tell)
}

// buckets makes those of the backup. One of all services that is there stays as it is, since it
// is not this service's alone.
func (f *filler) buckets(to journal.Maker) error {
	if len(f.kept.Buckets) == 0 {
		return nil
	}
	in, ok := to.(bucket.Carrier)
	if !ok {
		return fmt.Errorf("a store %T takes no buckets", to)
	}
	there, err := in.CarriedBuckets(f.ctx, f.kept.Namespace, f.kept.Service)
	if err != nil {
		return err
	}
	for _, b := range there {
		if b.Service != "" && slices.ContainsFunc(f.kept.Buckets, func(k archive.Bucket) bool { return k.Carried() == b }) {
			return fmt.Errorf("%w: bucket %s", bucket.ErrExists, b)
		}
	}
	for i := range f.kept.Buckets {
		if slices.Contains(there, f.kept.Buckets[i].Carried()) {
			continue
		}
		if err := f.kept.MakeBucket(f.ctx, i, in); err != nil {
			return fmt.Errorf("bucket %s: %w", f.kept.Buckets[i].Carried(), err)
		}
	}
	return nil
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
func (j Journal) restoreServer(ctx context.Context, dir string, f *filler, u *unpacked) (away string, err error) {
	streams := nats.JournalStreams(f.name())
	own := streams[:1:1] // its records, and its buckets, which are not there yet
	for i := range f.kept.Buckets {
		b := f.kept.Buckets[i].Carried()
		streams = append(streams, nats.BucketStream(b))
		if b.Service != "" {
			own = append(own, nats.BucketStream(b))
		}
	}
	r := &serverRestore{
		journal: j, state: u.state, dir: dir, backup: f.kept.Digest, replace: f.o.Replace, log: f.o.Log, mine: func(stream string) bool { return slices.Contains(streams, stream) },
		free: func(list []string) error {
			if i := slices.IndexFunc(own, func(s string) bool { return slices.Contains(list, s) }); i >= 0 {
				return fmt.Errorf("%w: stream %s", journal.ErrExists, own[i])
			}
			return nil
		},
		fill: func(_ context.Context, in *nats.Store, _ string) error { return f.fill(in) },
	}
	return "", r.run(ctx)
}

// restoreFolder fills a journal in a data folder.
func (j Journal) restoreFolder(ctx context.Context, dir string, f *filler, u *unpacked) (away string, err error) {
	n, _, err := readNote(u.state)
	if err == nil {
		err = n.here(u.state)
	}
	if err == nil {
		err = u.begin()
	}
	if err != nil {
		return "", diskFault(err)
	}
	away, err = fillFolder(ctx, JournalDir(dir), f)
	if err != nil && away == "" && !errors.Is(err, nats.ErrReplacing) { // else a part is in place: the service must not start on it
		err = errors.Join(err, u.abort())
	}
	return away, err
}

// fillFolder fills a journal in a data folder. Others in the folder stay.
func fillFolder(ctx context.Context, at string, f *filler) (away string, err error) {
	options, name := nats.Options{Dir: at, Log: f.o.Log}, f.name()
	build := func(s *nats.Store) error { return f.fill(s) }
	if !nats.Holds(at) {
		return "", nats.Fill(ctx, options, build)
	}
	s, err := nats.OpenSalvage(ctx, at)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if s.Journal(name) != nil && !f.o.Replace {
		return "", journal.ErrExists
	}
	var others []FsckJournal
	for _, n := range s.Names() {
		if n == name {
			continue
		}
		if len(f.kept.Buckets)+len(f.kept.Parts) > 0 && (n.Namespace != name.Namespace || n.Service != name.Service) {
			return "", othersFault(n.Namespace + "/" + n.Service)
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
	s.Leave = f.brings
	return s.Replace(ctx, options, func(store *nats.Store) error {
		for i := range others {
			n := others[i].name
			if err := carry(ctx, store, n, s.Journal(n), others[i].Plan, "grow restore", nil); err != nil {
				return fmt.Errorf("journal %s of the same folder: %w", n, err)
			}
		}
		return f.fill(store)
	})
}

// BackupFault is why a backup cannot be restored, with what to do.
func BackupFault(err error) error {
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

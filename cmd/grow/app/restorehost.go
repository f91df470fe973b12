package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/grow-platform/grow/host/capabilities/sql"
	"github.com/grow-platform/grow/host/secrets"
	"github.com/grow-platform/grow/host/store"
	storenats "github.com/grow-platform/grow/host/store/nats"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/archive"
	"github.com/grow-platform/grow/runtime/journal/nats"
)

// RestoredHost is what RestoreHost did.
type RestoredHost struct {
	Services []string  `json:"services"` // NAMESPACE/SERVICE
	Without  []string  `json:"without"`  // those that the backup leaves out
	Taken    time.Time `json:"taken"`
	Files    int       `json:"files"`
	Bytes    int64     `json:"bytes"`
	To       string    `json:"to"`
	Buckets  int       `json:"buckets"`
	Locked   bool      `json:"locked,omitempty"` // sealed secrets whose key was not in the backup
}

// IsHostBackup reports whether what is in from is a backup of a whole host.
func IsHostBackup(ctx context.Context, from archive.Getter) (bool, error) {
	text, err := from.Get(ctx, archive.ManifestName)
	if errors.Is(err, journal.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = archive.ReadWhole(text)
	return !errors.Is(err, journal.ErrForeign), nil
}

// RestoreHost makes all that a host keeps of a backup of a whole one that is sound, in the
// folder that grow serve is given by --data, and on the servers of its journal. There must be nothing
// yet; what a restore has left that was broken off is removed first. With o.Replace that is also
// done where another folder knows of it. It fails with an *Error.
func (j Journal) RestoreHost(ctx context.Context, from archive.Getter, dir string, o RestoreOptions) (*RestoredHost, error) {
	kept, err := archive.OpenWhole(ctx, from, nil)
	if err != nil {
		return nil, BackupFault(err)
	}
	r := &RestoredHost{
		Services: []string{}, Without: append([]string{}, kept.Without...), Taken: kept.Taken, Files: len(kept.Host.Files), Bytes: kept.Bytes(), To: dir, Buckets: len(kept.Host.Buckets),
	}
	for _, m := range kept.Whole.Services {
		r.Services = append(r.Services, m.String())
	}
	for _, s := range kept.Services {
		if err := sound(ctx, s); err != nil {
			return nil, BackupFault(fmt.Errorf("service %s/%s: %w", s.Namespace, s.Service, err))
		}
		r.Files, r.Buckets = r.Files+len(s.Files), r.Buckets+len(s.Buckets)
	}
	h := &newHost{journal: j, dir: dir, kept: kept, o: o}
	if err := h.restore(ctx); err != nil {
		if errors.Is(err, journal.ErrDamaged) && errors.As(BackupFault(err), new(*Error)) {
			return nil, BackupFault(err)
		}
		if errors.Is(err, journal.ErrExists) || errors.Is(err, bucket.ErrExists) || errors.Is(err, store.ErrConflict) {
			return nil, &Error{Code: CodeRestoreTarget, At: dir, Err: fmt.Errorf("restore: there is something already: %w", err), Hint: h.next()}
		}
		return nil, journalFault("restore", diskFault(err), "see that the journal can be reached, and the disk be written to")
	}
	r.Locked = h.locked()
	return r, nil
}

// newHost is a host that is made of a backup. It belongs to one goroutine.
type newHost struct {
	journal Journal
	dir     string
	kept    *archive.KeptWhole
	o       RestoreOptions
}

func (h *newHost) next() string {
	if h.journal.At != "" {
		return "restore it onto a server that holds nothing of grow; or " + onServerNext
	}
	return "name a folder that is not there yet, or an empty one: what a host has is not mixed with that of another"
}

// places are what a host has in its folder, but for its sealed secrets.
func (h *newHost) places() []string {
	return []string{storeDir, auditDir, filepath.Base(StateDir(h.dir))}
}

// restore makes it. When it fails and can be begun anew, nothing of it is left.
func (h *newHost) restore(ctx context.Context) error {
	n, noted, err := readNote(h.dir)
	if err != nil {
		return err
	}
	if !noted {
		if err := h.empty(); err != nil {
			return err
		}
	}
	if h.journal.At == "" {
		if err := n.here(h.dir); err != nil {
			return err
		}
		err = h.inFolder(ctx)
	} else {
		err = h.onServer(ctx)
	}
	if err == nil {
		return removeNote(h.dir)
	}
	if now, there, noteErr := readNote(h.dir); noteErr == nil && (!there || now.ID == "") {
		err = errors.Join(err, h.clear(), removeNote(h.dir))
	}
	return err
}

// inFolder makes all of it in the folder.
func (h *newHost) inFolder(ctx context.Context) error {
	if err := writeNote(h.dir, note{}); err != nil {
		return err
	}
	if err := h.files(ctx); err != nil {
		return err
	}
	if err := unpackStore(ctx, h.kept.Host, filepath.Join(h.dir, storeDir)); err != nil {
		return err
	}
	o := h.journal.options(h.dir)
	o.Log = h.o.Log
	return nats.Fill(ctx, o, func(in *nats.Store) error { return h.fill(ctx, in) })
}

// onServer makes in the folder what belongs there, and the rest on the server.
func (h *newHost) onServer(ctx context.Context) error {
	r := &serverRestore{
		journal: h.journal, state: h.dir, dir: h.dir, backup: h.kept.Host.Digest, replace: h.o.Replace, log: h.o.Log, mine: func(string) bool { return true },
		free: func(list []string) error {
			if len(list) > 0 {
				return fmt.Errorf("%w: %d streams of services, such as %s", journal.ErrExists, len(list), list[0])
			}
			return nil
		},
		fill: func(ctx context.Context, in *nats.Store, id string) error {
			if err := h.files(ctx); err != nil {
				return err
			}
			if err := h.remember(ctx, id); err != nil {
				return err
			}
			return h.fill(ctx, in)
		},
	}
	return r.run(ctx)
}

// remember makes what the host remembers on the server.
func (h *newHost) remember(ctx context.Context, id string) (err error) {
	o := h.journal.options(h.dir)
	o.Log = h.o.Log
	conn, err := nats.Dial(o)
	if err != nil {
		return err
	}
	s, err := storenats.Make(ctx, conn, 1, map[string]string{nats.RestoreMark: id})
	if err != nil {
		conn.Close()
		return err
	}
	to := onServer{s, conn}
	return errors.Join(unpackInto(ctx, h.kept.Host, to), to.Close())
}

// fill makes journals and buckets.
func (h *newHost) fill(ctx context.Context, in *nats.Store) error {
	for _, s := range h.kept.Services {
		f := &filler{ctx: ctx, kept: s, o: h.o}
		if err := f.fill(in); err != nil {
			return fmt.Errorf("service %s/%s: %w", s.Namespace, s.Service, err)
		}
	}
	for i := range h.kept.Host.Buckets {
		if err := h.kept.Host.MakeBucket(ctx, i, in); err != nil {
			return fmt.Errorf("bucket %s: %w", h.kept.Host.Buckets[i].Carried(), err)
		}
	}
	return nil
}

// files unpacks databases and sealed secrets, in place of what a try before has left.
func (h *newHost) files(ctx context.Context) error {
	if err := h.clear(); err != nil {
		return err
	}
	for i := range h.kept.Host.Parts {
		p := &h.kept.Host.Parts[i]
		switch {
		case p.Kind == partSecret && secrets.IsEntry(p.Name):
			if err := unpackFile(ctx, h.kept.Host, p, filepath.Join(h.dir, secretsDir, p.Name)); err != nil {
				return err
			}
		case p.Kind == PartKey && p.Name == secrets.KeyFile:
			if err := h.key(ctx, p); err != nil {
				return err
			}
		case p.Kind == partRefs, p.Kind == partObject, p.Kind == partActs:
		default:
			return fmt.Errorf("%w: it holds a part %.40q %.100q", journal.ErrDamaged, p.Kind, p.Name)
		}
	}
	if err := restoreDeeds(ctx, h.kept.Host, filepath.Join(h.dir, auditDir)); err != nil {
		return err
	}
	for _, s := range h.kept.Services {
		for i := range s.Parts {
			p := &s.Parts[i]
			if p.Kind != partDatabase || !databaseName.MatchString(p.Name) {
				return fmt.Errorf("%w: service %s/%s has a part %.40q %.100q", journal.ErrDamaged, s.Namespace, s.Service, p.Kind, p.Name)
			}
			if err := unpackFile(ctx, s, p, filepath.Join(dataOf(h.dir, s.Namespace, s.Service), sql.Folder, p.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// key unpacks the key of sealed secrets, unless it was brought before.
func (h *newHost) key(ctx context.Context, p *archive.Part) error {
	at := filepath.Join(h.dir, secretsDir, secrets.KeyFile)
	there, err := readSmall(at)
	if errors.Is(err, fs.ErrNotExist) {
		return unpackFile(ctx, h.kept.Host, p, at)
	}
	var key bytes.Buffer
	if err == nil {
		err = h.kept.Host.ReadPart(ctx, p, &key)
	}
	if err == nil && !bytes.Equal(key.Bytes(), there) {
		err = fmt.Errorf("%w: %s, which is not the key of the backup", journal.ErrExists, at)
	}
	return err
}

// empty fails when there is something in the folder that a new host has not.
func (h *newHost) empty() error {
	list, err := os.ReadDir(h.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range list {
		switch e.Name() {
		case "lost+found": // of a disk that is the folder
			continue
		case secretsDir:
			inside, err := os.ReadDir(filepath.Join(h.dir, secretsDir))
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(inside, func(e os.DirEntry) bool { return e.Name() != secrets.KeyFile }) {
				continue // the key may be brought before
			}
		}
		return fmt.Errorf("%w: %s", journal.ErrExists, filepath.Join(h.dir, e.Name()))
	}
	return nil
}

// clear removes what a try has made in the folder, but for the key of sealed secrets.
func (h *newHost) clear() error {
	var errs []error
	for _, place := range h.places() {
		errs = append(errs, os.RemoveAll(filepath.Join(h.dir, place)))
	}
	list, err := os.ReadDir(filepath.Join(h.dir, secretsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	for _, e := range list {
		if secrets.IsEntry(e.Name()) {
			errs = append(errs, os.Remove(filepath.Join(h.dir, secretsDir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// locked reports whether there are sealed secrets, and no key.
func (h *newHost) locked() bool {
	_, err := os.Lstat(filepath.Join(h.dir, secretsDir, secrets.KeyFile))
	return len(h.kept.Host.PartsOf(partSecret)) > 0 && err != nil
}

// allRestored fails when what a host remembers on a server is of a restore that did not come to its end.
func allRestored(ctx context.Context, in journal.Store) error {
	s, ok := in.(*nats.Store)
	if !ok {
		return nil
	}
	left, err := s.Unsettled(ctx)
	for _, streams := range left {
		if slices.Contains(streams, storenats.RefsStream) {
			return &Error{Code: CodeRestoreUnfinished, Err: errors.New("a restore of the whole host onto the server was broken off, or is under way"), Hint: "repeat it: grow restore BACKUP FOLDER --journal …"}
		}
	}
	return err
}

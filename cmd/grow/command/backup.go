package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/journal/archive"
	"github.com/spf13/cobra"
)

// progressEvery is how often a long work says how far it is.
const progressEvery = 2 * time.Second

// progress is what tells how far a long work is, now and then.
func (s *shell) progress(done string) func(archive.Progress) {
	last := time.Now()
	return func(p archive.Progress) {
		if now := time.Now(); now.Sub(last) >= progressEvery {
			last = now
			if p.At != "" {
				s.say("%s so far: %s, now %s", done, memory(p.Bytes), p.At)
				return
			}
			s.say("%s so far: %s", done, memory(p.Bytes))
		}
	}
}

// backedUp is what a backup holds, as it is told.
type backedUp struct {
	Folder   string    `json:"folder"` // or s3://NAME/PREFIX
	Service  string    `json:"service"`
	Taken    time.Time `json:"taken"`
	First    uint64    `json:"first_record"`
	Last     uint64    `json:"last_record"`
	Snapshot uint64    `json:"snapshot"`
	Files    int       `json:"files"`
	Bytes    int64     `json:"bytes"`
	Buckets  int       `json:"buckets"`
	Parts    int       `json:"parts"`          // files of the host: databases, secrets, documents
	Key      bool      `json:"key"`            // that of sealed secrets is in it
	Sent     *int      `json:"sent,omitempty"` // files that the server did not have yet
}

func (s *shell) backup() *cobra.Command {
	var o runOptions
	var r backupOptions
	c := &cobra.Command{
		Use: "backup FOLDER", Short: "back up what a service, or a whole host, has kept, while it runs", Args: cobra.ExactArgs(1),
		Long: "backup writes what is kept of a service to a new folder: of its journal the last snapshot and what came after it up to\n" +
			"this moment; its buckets, databases of SQLite, sealed secrets and who did what with them; documents, revisions and tokens of its host; and a\n" +
			"manifest with the SHA-256 of each file. The host, if it runs, goes on meanwhile. The folder has its name when all of it is\n" +
			"on disk and was read again; what is broken off leaves FOLDER.partial at most, which the next try removes.\n\n" +
			"s3://NAME/PREFIX in place of FOLDER is a server that the secret GROW_S3_NAME tells of, as for a grant of kind blob. Files\n" +
			"that it has from an earlier backup to the same place, or one that was cut, are not sent again; the manifest is sent last.\n\n" +
			"Sealed secrets stay sealed: without --key, the key that opens them is not in the backup, and must be kept elsewhere.\n" +
			"--host, or " + envHost + ", has the service on that host backed up. Secrets, documents and tokens, which are those of all its\n" +
			"services, are in it when it is the host of a folder and the token is for all namespaces; else the secrets that the service has.\n" +
			"--all has all of a host that runs backed up: every service, what services share, and what the host keeps itself. Its token must\n" +
			"be admin of all namespaces. A service that cannot be read is named and ends it; --without leaves it out.\n" +
			"Of a service that does not run and keeps its journal on a NATS server, give --journal as for grow run.",
		Example: "  grow backup ../shop-monday\n  grow backup ../shop-monday --host https://grow.example.com:8600 --service shop\n  grow backup -C shop --history shop-all\n  grow backup ../shop-monday --journal nats://127.0.0.1:4222\n  grow backup s3://cellar/shop\n  grow backup --all s3://cellar/host --verify",
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.checkJournal(); err != nil {
				return err
			}
			if r.all {
				return s.backUpHost(c, args[0], o.journal, r)
			}
			if len(r.without) > 0 {
				return usage("--without leaves services out of a backup of all: give --all, too")
			}
			dir, err := "", error(nil)
			switch {
			case s.target.named() == "":
				if dir, err = s.folder(nil); err != nil {
					return err
				}
			case o.journal.At != "":
				return usage("a host that is named has its journal; leave out --journal, or --host and " + envHost)
			}
			done, err := s.backUp(c.Context(), dir, args[0], o.journal, r)
			if err != nil {
				return err
			}
			return s.print(done, func(w io.Writer) error {
				if done.Sent != nil {
					fmt.Fprintf(w, "sent %s; the others were there\n", count(*done.Sent, "file"))
				}
				_, err := fmt.Fprintf(w, "backed up %s to %s: up to record %d, %s, %s\n", done.Service, cell(nearby(done.Folder)), done.Last, count(done.Files, "file"), memory(done.Bytes))
				return err
			})
		},
	}
	c.Flags().BoolVar(&r.all, "all", false, "all that the host keeps: every service, documents, deployments, tokens, secrets")
	c.Flags().StringSliceVar(&r.without, "without", nil, "with --all: leave out these `services`, NAMESPACE/SERVICE joined by commas")
	c.Flags().BoolVar(&r.History, "history", false, "with every record that is kept, for looking back, and not only those the next start needs")
	c.Flags().BoolVar(&r.verify, "verify", false, "have what lies at s3:// read again whole; a folder always is")
	c.Flags().BoolVar(&r.Key, "key", false, "with the key of sealed secrets: whoever has the backup has them then")
	o.kept(c)
	return c
}

// backupOptions say what is to be in a backup, and what is done about it.
type backupOptions struct {
	control.BackupRequest
	verify  bool
	all     bool
	without []string
}

// backUp writes a backup to a folder or a server.
func (s *shell) backUp(ctx context.Context, dir, to string, j app.Journal, r backupOptions) (*backedUp, error) {
	if strings.HasPrefix(to, app.S3Scheme) {
		return s.backUpS3(ctx, dir, to, j, r)
	}
	to, err := filepath.Abs(to)
	if err != nil {
		return nil, err
	}
	return s.backUpFolder(ctx, dir, to, j, r.BackupRequest)
}

// backUpS3 sends a backup to a server. What is broken off leaves the backup that is there.
func (s *shell) backUpS3(ctx context.Context, dir, to string, j app.Journal, r backupOptions) (done *backedUp, err error) {
	service, err := s.serviceName()
	if err != nil {
		return nil, err
	}
	b, err := app.OpenS3Backup(to)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := b.Takes(ctx, service); err != nil {
		return nil, err
	}
	if err := s.writeBackup(ctx, dir, b, j, r.BackupRequest); err != nil {
		return nil, err
	}
	if r.verify {
		if _, err := archive.Open(ctx, b, s.progress("read again")); err != nil {
			return nil, app.BackupFault(err)
		}
	}
	text, err := b.Get(ctx, archive.ManifestName)
	if err != nil {
		return nil, err
	}
	m, err := archive.ReadManifest(text)
	if err != nil {
		return nil, err
	}
	done = backedUpOf(b.At, &archive.Kept{Manifest: *m})
	done.Sent = &b.Sent
	return done, nil
}

// backUpFolder writes a backup beside its place, reads it again, and gives it its name.
func (s *shell) backUpFolder(ctx context.Context, dir, to string, j app.Journal, r control.BackupRequest) (done *backedUp, err error) {
	var kept *archive.Kept
	err = inFolder(to, func(folder archive.Folder) error {
		if err := s.writeBackup(ctx, dir, folder, j, r); err != nil {
			return err
		}
		kept, err = archive.Open(ctx, folder, s.progress("read again"))
		return err
	})
	if err != nil {
		return nil, err
	}
	return backedUpOf(to, kept), nil
}

// inFolder has a backup be written to a folder, which has its name when that is done.
func inFolder(to string, write func(archive.Folder) error) error {
	folder, err := archive.Begin(to)
	if errors.Is(err, fs.ErrExist) {
		return &control.Error{Code: codeExists, Message: "there is something called " + to + " already", At: to, Next: "name a folder that is not there yet"}
	}
	if err != nil {
		return fmt.Errorf("begin a backup: %w", err)
	}
	err = write(folder)
	if err = errors.Join(err, folder.End(to, err == nil)); errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &control.Error{Code: app.CodeBackupFull, At: to, Message: "there is no room for the backup", Next: "make room on the disk of " + filepath.Dir(to) + ", or name a folder on another; nothing is left of this one"}
	}
	return err
}

func backedUpOf(to string, kept *archive.Kept) *backedUp {
	return &backedUp{
		Folder: to, Service: kept.Service, Taken: kept.Taken, First: kept.Plan.First, Last: kept.Plan.Last, Snapshot: kept.Plan.Snapshot,
		Files: len(kept.Files) + 1, Bytes: kept.Bytes(), Buckets: len(kept.Buckets), Parts: len(kept.Parts), Key: len(kept.PartsOf(app.PartKey)) > 0,
	}
}

// writeBackup has the host write a backup, or writes it when none is named and none runs.
func (s *shell) writeBackup(ctx context.Context, dir string, to archive.Putter, j app.Journal, r control.BackupRequest) error {
	host, err := s.host()
	switch {
	case err == nil:
		defer host.Close()
		tell, p := s.progress("backed up"), archive.Progress{}
		err = host.Backup(ctx, r, func(ctx context.Context, name string, data []byte) error {
			p.Bytes += int64(len(data))
			tell(p)
			return to.Put(ctx, name, data)
		})
	case dir != "" && isCode(err, control.CodeNotRunning):
		service, _, outline := app.Outline(dir)
		if outline != nil {
			return outline
		}
		if s.target.namespace != app.DefaultNamespace || s.target.service != "" && s.target.service != service.Name {
			return &control.Error{Code: control.CodeNotRunning, Message: "the folder's host, which has service " + s.target.namespace + "/" + cmp.Or(s.target.service, service.Name) + ", does not run", Next: "start it: grow run; or name another host: --host URL, or export " + envHost}
		}
		err = j.Backup(ctx, dir, service.Name, to, r, s.warnings(), s.progress("backed up"))
	}
	return err
}

// backupAt is the backup in a folder or on a server, and what ends the reading.
func backupAt(from string) (archive.Getter, func() error, error) {
	if !strings.HasPrefix(from, app.S3Scheme) {
		return archive.Folder(from), func() error { return nil }, nil
	}
	b, err := app.OpenS3Backup(from)
	if err != nil {
		return nil, nil, err
	}
	return b, b.Close, nil
}

// withoutFiles says what to do where a folder to restore into is none of a service.
func withoutFiles(err error) error {
	var e *control.Error
	if errors.As(err, &e) && (e.Code == control.CodeNotFound || e.Code == codeNoService) {
		with := *e
		with.Next = "bring the service's own files there first, grow.yaml among them, such as a checkout: a backup has what was kept, and not those"
		return &with
	}
	return err
}

func (s *shell) restore() *cobra.Command {
	var o runOptions
	var replace bool
	c := &cobra.Command{
		Use: "restore BACKUP FOLDER", Short: "make of a backup what a service, or a whole host, had kept", Args: cobra.ExactArgs(2),
		Long: "restore reads a backup whole, checks each file against its SHA-256 and that it can be gone on from, and makes what is kept\n" +
			"of the service in FOLDER of it, which must not run: journal, buckets, databases, sealed secrets, documents. FOLDER has the\n" +
			"service's own files already, such as a checkout. The journal begins a new epoch.\n\n" +
			"Where a journal, a database or a secret is already, nothing is touched; with --replace it is put away. With --journal\n" +
			"journal and buckets go to a NATS server, wherever the backup is from. One that was broken off is repeated by the same command.\n\n" +
			"Of a backup of a whole host, FOLDER is what grow serve is given by --data: it is made, and must hold nothing yet.",
		Example: "  grow restore ../shop-monday shop\n  grow restore ../shop-monday shop --replace\n  grow restore s3://cellar/shop shop\n  grow restore s3://cellar/host /var/lib/grow",
		RunE: func(c *cobra.Command, args []string) (err error) {
			if err := o.checkJournal(); err != nil {
				return err
			}
			if o.journal.At == app.Memory {
				return usage("restore takes a journal that is kept; memory is none")
			}
			from, end, err := backupAt(args[0])
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, end()) }()
			if whole, err := app.IsHostBackup(c.Context(), from); err != nil {
				return err
			} else if whole {
				return s.restoreHost(c.Context(), from, args[1], o.journal, replace)
			}
			dir, err := s.stopped(args[1:])
			if err != nil {
				return withoutFiles(err)
			}
			service, _, err := app.Outline(dir)
			if err != nil {
				return err
			}
			r, err := o.journal.Restore(c.Context(), from, dir, app.RestoreOptions{
				Service: service.Name, Replace: replace, Log: s.warnings(), Tell: s.progress("restored"),
			})
			if err != nil {
				return err
			}
			return s.print(r, func(w io.Writer) error {
				for _, away := range r.Away {
					fmt.Fprintf(w, "what was there is in %s\n", cell(nearby(away)))
				}
				fmt.Fprintf(w, "restored %s as of %s: up to record %d, %s, %s\n", r.Service, r.Taken.Local().Format(time.DateTime), r.Records, count(r.Buckets, "bucket"), memory(r.Bytes))
				if r.Locked {
					fmt.Fprintln(w, "its sealed secrets are there, and the key is not: put it back to .grow/secrets/seal.key, or give it by GROW_SEAL_KEY")
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&replace, "replace", false, "put away what is there already")
	o.kept(c)
	return c
}

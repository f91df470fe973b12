package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/api"
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
			s.say("%s so far: %s", done, memory(p.Bytes))
		}
	}
}

// backedUp is what a backup holds, as it is told.
type backedUp struct {
	Folder   string    `json:"folder"`
	Service  string    `json:"service"`
	Taken    time.Time `json:"taken"`
	First    uint64    `json:"first_record"`
	Last     uint64    `json:"last_record"`
	Snapshot uint64    `json:"snapshot"`
	Files    int       `json:"files"`
	Bytes    int64     `json:"bytes"`
}

func (s *shell) backup() *cobra.Command {
	var o runOptions
	var history bool
	c := &cobra.Command{
		Use: "backup FOLDER", Short: "back up what a service has kept, while it runs", Args: cobra.ExactArgs(1),
		Long: "backup writes the journal of a service to a new folder: the last snapshot, what came after it up to this moment, and a\n" +
			"manifest with the SHA-256 of each file. The host, if it runs, goes on meanwhile. The folder has its name when all of it is\n" +
			"on disk and was read again; what is broken off leaves FOLDER.partial at most, which the next try removes.\n\n" +
			"Of a service that does not run and keeps its journal on a NATS server, give --journal as for grow run. Secrets and built\n" +
			"modules are in no backup.",
		Example: "  grow backup ../shop-monday\n  grow backup -C shop --history shop-all\n  grow backup ../shop-monday --journal nats://127.0.0.1:4222",
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.checkJournal(); err != nil {
				return err
			}
			dir, err := s.folder(nil)
			if err != nil {
				return err
			}
			to, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			done, err := s.backUp(c.Context(), dir, to, o.journal, history)
			if err != nil {
				return err
			}
			return s.print(done, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "backed up %s to %s: up to record %d, %s, %s\n", done.Service, cell(nearby(done.Folder)), done.Last, count(done.Files, "file"), memory(done.Bytes))
				return err
			})
		},
	}
	c.Flags().BoolVar(&history, "history", false, "with every record that is kept, for looking back, and not only those the next start needs")
	o.kept(c)
	return c
}

// backUp writes a backup beside its place, reads it again, and gives it its name.
func (s *shell) backUp(ctx context.Context, dir, to string, j app.Journal, history bool) (done *backedUp, err error) {
	folder, err := archive.Begin(to)
	if errors.Is(err, fs.ErrExist) {
		return nil, &control.Error{Code: codeExists, Message: "there is something called " + to + " already", At: to, Next: "name a folder that is not there yet"}
	}
	if err != nil {
		return nil, fmt.Errorf("begin a backup: %w", err)
	}
	kept, err := s.backUpTo(ctx, dir, folder, j, history)
	if err = errors.Join(err, folder.End(to, err == nil)); err != nil {
		return nil, err
	}
	return &backedUp{
		Folder: to, Service: kept.Service, Taken: kept.Taken, First: kept.Plan.First, Last: kept.Plan.Last, Snapshot: kept.Plan.Snapshot,
		Files: len(kept.Files) + 1, Bytes: kept.Bytes(),
	}, nil
}

// backUpTo has the host write a backup, or writes it when none runs.
func (s *shell) backUpTo(ctx context.Context, dir string, folder archive.Folder, j app.Journal, history bool) (*archive.Kept, error) {
	way, at, err := control.Dial(app.StateDir(dir))
	var none *control.Error
	switch {
	case err == nil:
		host := api.NewLocal(way).At(at.Namespace, at.Service)
		defer host.Close()
		tell, p := s.progress("backed up"), archive.Progress{}
		err = host.Backup(ctx, control.BackupRequest{History: history}, func(ctx context.Context, name string, data []byte) error {
			p.Bytes += int64(len(data))
			tell(p)
			return folder.Put(ctx, name, data)
		})
	case errors.As(err, &none) && none.Code == control.CodeNotRunning:
		service, _, outline := app.Outline(dir)
		if outline != nil {
			return nil, outline
		}
		err = j.Backup(ctx, dir, service.Name, folder, history, s.warnings(), s.progress("backed up"))
	}
	if err != nil {
		return nil, err
	}
	return archive.Open(ctx, folder, s.progress("read again"))
}

func (s *shell) restore() *cobra.Command {
	var o runOptions
	var replace bool
	c := &cobra.Command{
		Use: "restore BACKUP FOLDER", Short: "make a service's journal of a backup", Args: cobra.ExactArgs(2),
		Long: "restore reads a backup whole, checks each file against its SHA-256 and that it can be gone on from, and makes the journal\n" +
			"of the service in FOLDER of it, which must not run. The journal begins a new epoch.\n\n" +
			"A journal that is there already is not touched; with --replace it is put away beside the new one. With --journal it goes\n" +
			"to a NATS server, wherever the backup is from.",
		Example: "  grow restore ../shop-monday shop\n  grow restore ../shop-monday shop --replace",
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.checkJournal(); err != nil {
				return err
			}
			if o.journal.At == app.Memory {
				return usage("restore takes a journal that is kept; memory is none")
			}
			dir, err := s.stopped(args[1:])
			if err != nil {
				return err
			}
			service, _, err := app.Outline(dir)
			if err != nil {
				return err
			}
			r, err := o.journal.Restore(c.Context(), archive.Folder(args[0]), dir, app.RestoreOptions{
				Service: service.Name, Replace: replace, Log: s.warnings(), Tell: s.progress("restored"),
			})
			if err != nil {
				return err
			}
			return s.print(r, func(w io.Writer) error {
				if r.Away != "" {
					fmt.Fprintf(w, "what was there is in %s\n", cell(nearby(r.Away)))
				}
				_, err := fmt.Fprintf(w, "restored %s as of %s: up to record %d, %s\n", r.Service, r.Taken.Local().Format(time.DateTime), r.Records, memory(r.Bytes))
				return err
			})
		},
	}
	c.Flags().BoolVar(&replace, "replace", false, "put a journal that is there already away")
	o.kept(c)
	return c
}

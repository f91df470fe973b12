package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/journal/archive"
	"github.com/spf13/cobra"
)

// backedUpHost is what a backup of a whole host holds, as it is told.
type backedUpHost struct {
	Folder   string    `json:"folder"` // or s3://NAME/PREFIX
	Taken    time.Time `json:"taken"`
	Services []string  `json:"services"` // NAMESPACE/SERVICE
	Without  []string  `json:"without"`
	Key      bool      `json:"key"`             // that of sealed secrets is in it
	Bytes    *int64    `json:"bytes,omitempty"` // of all files, where these were read again
	Sent     *int      `json:"sent,omitempty"`  // files that the server did not have yet
}

// backUpHost is backup with --all.
func (s *shell) backUpHost(c *cobra.Command, to string, j app.Journal, r backupOptions) error {
	if s.target.service != "" || c.Flags().Changed("namespace") {
		return usage("--all is of every service in every namespace; leave out --service and --namespace")
	}
	if j.At != "" {
		return usage("a host that runs has its journal; leave out --journal")
	}
	done, err := s.writeHost(c.Context(), to, r)
	if err != nil {
		return err
	}
	return s.print(done, func(w io.Writer) error {
		if done.Sent != nil {
			fmt.Fprintf(w, "sent %s; the others were there\n", count(*done.Sent, "file"))
		}
		if len(done.Without) > 0 {
			fmt.Fprintf(w, "without %s\n", cell(strings.Join(done.Without, ", ")))
		}
		size := ""
		if done.Bytes != nil {
			size = ", " + memory(*done.Bytes)
		}
		_, err := fmt.Fprintf(w, "backed up the host to %s: %s%s\n", cell(nearby(done.Folder)), count(len(done.Services), "service"), size)
		return err
	})
}

// writeHost writes a backup of a whole host to a folder or a server.
func (s *shell) writeHost(ctx context.Context, to string, r backupOptions) (done *backedUpHost, err error) {
	if strings.HasPrefix(to, app.S3Scheme) {
		return s.writeHostS3(ctx, to, r)
	}
	if to, err = filepath.Abs(to); err != nil {
		return nil, err
	}
	err = inFolder(to, func(folder archive.Folder) error {
		if err := s.fetchHost(ctx, folder, r); err != nil {
			return err
		}
		kept, err := archive.OpenWhole(ctx, folder, s.progress("read again"))
		if err != nil {
			return app.BackupFault(err)
		}
		bytes := kept.Bytes()
		done = backedUpHostOf(to, &kept.Whole)
		done.Bytes = &bytes
		return nil
	})
	return done, err
}

// writeHostS3 sends a backup of a whole host to a server. What is broken off leaves the backup that
// is there.
func (s *shell) writeHostS3(ctx context.Context, to string, r backupOptions) (done *backedUpHost, err error) {
	b, err := app.OpenS3Backup(to)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := b.TakesHost(ctx); err != nil {
		return nil, err
	}
	if err := s.fetchHost(ctx, b, r); err != nil {
		return nil, err
	}
	text, err := b.Get(ctx, archive.ManifestName)
	if err != nil {
		return nil, err
	}
	whole, err := archive.ReadWhole(text)
	if err != nil {
		return nil, app.BackupFault(err)
	}
	done = backedUpHostOf(b.At, whole)
	done.Sent = &b.Sent
	if r.verify {
		kept, err := archive.OpenWhole(ctx, b, s.progress("read again"))
		if err != nil {
			return nil, app.BackupFault(err)
		}
		bytes := kept.Bytes()
		done.Bytes = &bytes
	}
	return done, nil
}

func backedUpHostOf(to string, w *archive.Whole) *backedUpHost {
	done := &backedUpHost{Folder: to, Taken: w.Taken, Services: []string{}, Without: append([]string{}, w.Without...), Key: len(w.PartsOf(app.PartKey)) > 0}
	for _, m := range w.Services {
		done.Services = append(done.Services, m.String())
	}
	return done
}

// fetchHost has the host write a backup of all that it keeps.
func (s *shell) fetchHost(ctx context.Context, to archive.Putter, r backupOptions) error {
	host, err := s.platform()
	if err != nil {
		return err
	}
	defer host.Close()
	tell, p := s.progress("backed up"), archive.Progress{}
	return host.BackUp(ctx, control.HostBackupRequest{BackupRequest: r.BackupRequest, Without: r.without}, func(ctx context.Context, name string, data []byte) error {
		p.Bytes, p.At = p.Bytes+int64(len(data)), archive.MemberOf(name)
		tell(p)
		return to.Put(ctx, name, data)
	})
}

// restoreHost makes a host of a backup of a whole one.
func (s *shell) restoreHost(ctx context.Context, from archive.Getter, dir string, j app.Journal, replace bool) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	r, err := j.RestoreHost(ctx, from, dir, app.RestoreOptions{Replace: replace, Log: s.warnings(), Tell: s.progress("restored")})
	if err != nil {
		return err
	}
	return s.print(r, func(w io.Writer) error {
		fmt.Fprintf(w, "restored a host to %s as of %s: %s, %s, %s\n", cell(nearby(dir)), r.Taken.Local().Format(time.DateTime), count(len(r.Services), "service"), count(r.Buckets, "bucket"), memory(r.Bytes))
		if len(r.Without) > 0 {
			fmt.Fprintf(w, "the backup was made without %s\n", cell(strings.Join(r.Without, ", ")))
		}
		if r.Locked {
			fmt.Fprintf(w, "its sealed secrets are there, and the key is not: put it back to %s, or give it by GROW_SEAL_KEY\n", cell(nearby(filepath.Join(dir, "secrets", "seal.key"))))
		}
		_, err := fmt.Fprintf(w, "start it: grow serve --data %s\n", cell(nearby(dir)))
		return err
	})
}

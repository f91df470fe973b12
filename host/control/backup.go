package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Backups is what a host offers of its journal as a whole.
type Backups interface {
	// Backup calls emit with the files of a backup, in parts.
	Backup(ctx context.Context, r BackupRequest, emit func(BackupPart) error) error
}

// allKey marks the context of a request of who may read all that the host keeps.
type allKey struct{}

// WithAll says that a request is of who may do everything in all namespaces of the host.
func WithAll(ctx context.Context) context.Context { return context.WithValue(ctx, allKey{}, true) }

// OfAll reports whether a request is of such a one; without it, only what belongs to the service
// asked for is given.
func OfAll(ctx context.Context) bool { return ctx.Value(allKey{}) != nil }

// BackupRequest says what is to be in a backup.
type BackupRequest struct {
	History bool `json:"history,omitempty"` // all records that are kept, and not only those the next start needs
	Key     bool `json:"key,omitempty"`     // that of sealed secrets goes along
}

// HostBackupRequest says what is to be in a backup of a whole host.
type HostBackupRequest struct {
	BackupRequest
	Without []string `json:"without,omitempty" doc:"NAMESPACE/SERVICE of services that are left out"`
}

// BackupPart is a part of one file. The parts of a file follow each other; the last
// file is the manifest.
type BackupPart struct {
	Name string `json:"name"`
	Data []byte `json:"data"`           // base64
	More bool   `json:"more,omitempty"` // the file goes on
}

// The limits of a backup on the wire.
const (
	partMax = 2 << 20   // bytes of a part
	fileMax = 256 << 20 // bytes of a file
)

// Parts cuts a file into parts and calls emit with each.
func Parts(name string, data []byte, emit func(BackupPart) error) error {
	for {
		n := min(len(data), partMax)
		if err := emit(BackupPart{Name: name, Data: data[:n], More: n < len(data)}); err != nil {
			return err
		}
		if data = data[n:]; len(data) == 0 {
			return nil
		}
	}
}

// Backup has the host send a backup of its journal while it goes on, and calls put
// with each file of it. Without an error all of them were put.
func (c *Client) Backup(ctx context.Context, r BackupRequest, put func(ctx context.Context, name string, data []byte) error) error {
	return FetchBackup(ctx, c.conn, r, put)
}

// FetchBackup has what a way leads to, a service or a host, send the backup that r says, and does
// as Client.Backup.
func FetchBackup(ctx context.Context, way Conn, r any, put func(ctx context.Context, name string, data []byte) error) error {
	response, err := way.Do(ctx, http.MethodPost, "/backup", r)
	if err != nil {
		return err
	}
	j := joiner{put: func(name string, data []byte) error { return put(ctx, name, data) }}
	err = Each(response.Body, j.take)
	var cut *cutError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &cut), err == nil && (j.open || j.files == 0):
		return &Error{Code: CodeUnreachable, Message: "the host has stopped before the backup was whole", Next: "back it up as it is, stopped; or start it, and try again: grow run"}
	}
	return err
}

// joiner makes files of parts.
type joiner struct {
	put   func(name string, data []byte) error
	name  string
	data  []byte
	open  bool // a part is to follow
	files int
}

func (j *joiner) take(p BackupPart) error {
	if p.Name == "" || j.open && p.Name != j.name || len(j.data)+len(p.Data) > fileMax {
		return &Error{Code: CodeUnreachable, Message: fmt.Sprintf("the host sends a part of %q that does not belong there", p.Name), Next: "use a grow of the same version as the host"}
	}
	j.name, j.open, j.data = p.Name, p.More, append(j.data, p.Data...)
	if p.More {
		return nil
	}
	j.files++
	err := j.put(j.name, j.data)
	j.data = nil
	return err
}

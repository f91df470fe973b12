package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/grow-platform/grow/host/outside/s3"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/archive"
	"github.com/grow-platform/grow/runtime/object"
)

// CodeBackupServer is the code of a server of backups that does not do what it is asked for.
const CodeBackupServer = "backup.server"

// S3Scheme begins the place of a backup on a server that speaks S3.
const S3Scheme = "s3://"

var serverName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// S3Backup is a backup at s3://NAME/PREFIX, where NAME is that of a server as grants of kind
// blob name it: the secret GROW_S3_NAME says where it is. Each file is stored once under the
// SHA-256 of what is in it, and the manifest last, so a backup to the same place sends what has
// changed, and until it is whole the one before it stays. Who opens it closes it.
type S3Backup struct {
	At    string // s3://NAME/PREFIX
	store *s3.Store
	files *s3.Files
	sent  map[string]bool // what is known to be there
	Sent  int             // files that were sent, and not there yet
}

// OpenS3Backup makes a client; the server is not asked.
func OpenS3Backup(at string) (*S3Backup, error) {
	name, prefix, _ := strings.Cut(strings.Trim(strings.TrimPrefix(at, S3Scheme), "/"), "/")
	const hint = "give s3://NAME/PREFIX, and in the environment GROW_S3_NAME=s3://KEY:SECRET@HOST:PORT/BUCKET"
	if !serverName.MatchString(name) || prefix == "" {
		return nil, &Error{Code: CodeBackupServer, Err: fmt.Errorf("a backup cannot lie at %.200q", at), Hint: hint}
	}
	store, err := s3.Open(name, os.LookupEnv)
	if err != nil {
		return nil, &Error{Code: CodeBackupServer, Err: err, Hint: hint}
	}
	files, err := store.Files("backups/" + prefix)
	if err != nil {
		return nil, errors.Join(&Error{Code: CodeBackupServer, Err: err, Hint: hint}, store.Close())
	}
	return &S3Backup{At: S3Scheme + name + "/" + prefix, store: store, files: files, sent: map[string]bool{}}, nil
}

// Close ends the connections.
func (b *S3Backup) Close() error { return b.store.Close() }

// Takes says whether a backup of a service may be put there: what lies there is none, or one
// of that service.
func (b *S3Backup) Takes(ctx context.Context, service string) error {
	text, err := b.Get(ctx, archive.ManifestName)
	if errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	m, err := archive.ReadManifest(text)
	if err != nil {
		return BackupFault(err)
	}
	if m.Service != service {
		return &Error{Code: CodeBackupForeign, At: b.At, Err: fmt.Errorf("back up: there is a backup of service %s", m.Service), Hint: "give each service a prefix of its own"}
	}
	return nil
}

// TakesHost says whether a backup of a whole host may be put there: what lies there is none, or one
// of a whole host.
func (b *S3Backup) TakesHost(ctx context.Context) error {
	text, err := b.Get(ctx, archive.ManifestName)
	if errors.Is(err, journal.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = archive.ReadWhole(text)
	if errors.Is(err, journal.ErrForeign) {
		return &Error{Code: CodeBackupForeign, At: b.At, Err: errors.New("back up: there is a backup of a service, or of something else"), Hint: "give the host a prefix of its own"}
	}
	if err != nil {
		return BackupFault(err)
	}
	return nil
}

func contentKey(digest string) string { return "data/" + digest }

// Put implements archive.Putter.
func (b *S3Backup) Put(ctx context.Context, name string, data []byte) error {
	if name == archive.ManifestName {
		return b.fault("write", b.files.Put(ctx, name, data))
	}
	sum := sha256.Sum256(data)
	key := contentKey(hex.EncodeToString(sum[:]))
	if b.sent[key] {
		return nil
	}
	size, err := b.files.Size(ctx, key)
	if errors.Is(err, object.ErrNotFound) || err == nil && size != int64(len(data)) {
		b.Sent++
		err = b.files.Put(ctx, key, data)
	}
	b.sent[key] = err == nil
	return b.fault("write", err)
}

// Get implements archive.Getter; only the manifest has its own name.
func (b *S3Backup) Get(ctx context.Context, name string) ([]byte, error) {
	data, err := b.files.Get(ctx, name)
	return data, b.fault("read", err)
}

// GetFile implements archive.Addressed.
func (b *S3Backup) GetFile(ctx context.Context, f *archive.File) ([]byte, error) {
	data, err := b.files.Get(ctx, contentKey(f.SHA256))
	return data, b.fault("read", err)
}

// fault says what an error of the server means.
func (b *S3Backup) fault(what string, err error) error {
	hint := "see that the server can be reached, and try again: what was sent is not sent again"
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, object.ErrNotFound):
		return fmt.Errorf("%s: %w", b.At, journal.ErrNotFound)
	case errors.Is(err, object.ErrDenied):
		hint = "see whether the key that GROW_S3_… has may read and write there"
	case errors.Is(err, object.ErrFull):
		hint = "make room on the server, and try again: what was sent is not sent again"
	}
	return &Error{Code: CodeBackupServer, At: b.At, Err: fmt.Errorf("%s a backup at %s: %w", what, b.At, err), Hint: hint}
}

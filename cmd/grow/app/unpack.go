package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/grow-platform/grow/host/audit"
	"github.com/grow-platform/grow/host/capabilities/sql"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/secrets"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/store/files"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/archive"
)

// CodeRestoreUnfinished is the code of a folder in which a restore was broken off after it
// had put something in place.
const CodeRestoreUnfinished = "restore.unfinished"

const (
	unpackDir      = "restoring"      // what a backup holds besides a journal, until it is put in place
	unfinishedFile = "restoring.json" // says that something was, and not all yet
)

// unpacked is what a backup holds besides a journal, beside the places where it belongs. It
// belongs to one goroutine.
type unpacked struct {
	state  string    // folder of the host
	places []string  // in it, that what is unpacked takes
	away   string    // in it, where what was there goes
	noted  bool      // begin has noted it, and no try before
	made   time.Time // when the backup was taken
}

// stamp tells what is put away from what was before.
func stamp() string { return time.Now().UTC().Format("20060102T150405.000") }

var databaseName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}\` + sql.FileSuffix + `$`)

// unpack writes what a backup holds besides a journal beside its places, which stay as they
// are. A backup of a version that had the journal alone has nothing.
func unpack(ctx context.Context, dir string, kept *archive.Kept) (u *unpacked, err error) {
	u = &unpacked{state: StateDir(dir), away: "replaced-" + stamp(), made: kept.Taken}
	if kept.Format < archive.ContentsFormat {
		return u, nil
	}
	data := filepath.Join(dataDir, kept.Namespace, kept.Service, sql.Folder)
	u.places = []string{data, secretsDir}
	fresh := filepath.Join(u.state, unpackDir)
	if err := errors.Join(os.RemoveAll(fresh), os.MkdirAll(fresh, 0o700)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(fresh))
		}
	}()
	for i := range kept.Parts {
		p := &kept.Parts[i]
		var to string
		switch {
		case p.Kind == partDatabase && databaseName.MatchString(p.Name):
			to = filepath.Join(fresh, data, p.Name)
		case p.Kind == partSecret && secrets.IsEntry(p.Name), p.Kind == PartKey && p.Name == secrets.KeyFile:
			to = filepath.Join(fresh, secretsDir, p.Name)
		case p.Kind == partActs:
			if _, _, err := deedsOf(ctx, kept, p); err != nil {
				return nil, err
			}
			to = filepath.Join(fresh, auditDir, p.Name)
		case p.Kind == partSeed && p.Name == seedFile:
			to = filepath.Join(fresh, seedFile)
			u.places = append(u.places, seedFile)
		case p.Kind == partRefs, p.Kind == partObject:
			continue
		default:
			return nil, fmt.Errorf("%w: it holds a part %.40q %.100q", journal.ErrDamaged, p.Kind, p.Name)
		}
		if err := unpackFile(ctx, kept, p, to); err != nil {
			return nil, err
		}
	}
	if len(kept.PartsOf(partRefs)) == 0 {
		return u, nil
	}
	u.places = append(u.places, storeDir)
	return u, unpackStore(ctx, kept, filepath.Join(fresh, storeDir))
}

// unpackFile writes one file.
func unpackFile(ctx context.Context, kept *archive.Kept, p *archive.Part, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(kept.ReadPart(ctx, p, f), f.Sync(), f.Close())
}

// unpackStore makes what the host remembers.
func unpackStore(ctx context.Context, kept *archive.Kept, at string) error {
	s, err := files.Open(at)
	if err != nil {
		return err
	}
	return errors.Join(unpackInto(ctx, kept, s), s.Close())
}

// unpackInto fills an empty store with what the host remembers.
func unpackInto(ctx context.Context, kept *archive.Kept, s store.Store) error {
	for _, p := range kept.PartsOf(partObject) {
		if err := unpackObject(ctx, kept, p, s); err != nil {
			return err
		}
	}
	for _, p := range kept.PartsOf(partRefs) {
		var text bytes.Buffer
		if err := kept.ReadPart(ctx, p, &text); err != nil {
			return err
		}
		for lines := json.NewDecoder(&text); lines.More(); {
			var r keptRef
			if err := lines.Decode(&r); err != nil {
				return fmt.Errorf("%w: what the host remembers cannot be read: %w", journal.ErrDamaged, err)
			}
			if _, err := s.SetRef(ctx, r.Name, r.Value, 0); err != nil {
				return fmt.Errorf("%w: %w", journal.ErrDamaged, err)
			}
		}
	}
	return nil
}

// unpackObject puts an object, and holds it against its name.
func unpackObject(ctx context.Context, kept *archive.Kept, p *archive.Part, to store.Store) error {
	r, w := io.Pipe()
	read := make(chan error, 1)
	go func() { // ends with the object, or with r
		err := kept.ReadPart(ctx, p, w)
		read <- errors.Join(err, w.CloseWithError(err))
	}()
	o, err := to.Put(ctx, r, p.Size)
	err = errors.Join(err, r.CloseWithError(io.ErrClosedPipe), <-read)
	if err == nil && string(o.Digest) != p.Name {
		err = fmt.Errorf("%w: object %.80q is not what its name says", journal.ErrDamaged, p.Name)
	}
	return err
}

// taken is a place that holds something that a backup must not take the place of unasked;
// "" when there is none.
func (u *unpacked) taken() string {
	for _, place := range u.places {
		if place == seedFile || place == storeDir {
			continue // which each start makes
		}
		list, _ := os.ReadDir(filepath.Join(u.state, place)) // what is not there, or cannot be read, is put away
		for _, e := range list {
			if e.Name() != secrets.KeyFile { // which may be brought before
				return filepath.Join(u.state, place)
			}
		}
	}
	return ""
}

// alone checks that what a backup has of the host takes nothing from other services that are
// deployed there. A restore that was broken off is repeated whatever it has brought.
func (u *unpacked) alone(ctx context.Context, kept *archive.Kept) (err error) {
	at := filepath.Join(u.state, storeDir)
	if _, err := os.Lstat(at); err != nil || len(u.places) == 0 || finished(u.state) != nil {
		return nil
	}
	s, err := files.Open(at)
	if err != nil {
		return nil // nobody can read it: it is put away as it is
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	list, err := documents.New(s, nil).Services(ctx)
	if err != nil {
		return nil // as above
	}
	for _, other := range list {
		if other.Namespace != kept.Namespace || other.Name != kept.Service {
			return othersFault(other.String())
		}
	}
	return nil
}

func othersFault(other string) error {
	return &Error{
		Code: CodeRestoreOthers, Err: fmt.Errorf("restore: service %s is on the same host, and its documents, secrets and shared buckets would be as old as the backup", other),
		Hint: "restore it into an empty folder: grow restore BACKUP FOLDER; or delete the other service first, if it is not needed: grow service delete",
	}
}

// drop removes what was unpacked.
func (u *unpacked) drop() error { return os.RemoveAll(filepath.Join(u.state, unpackDir)) }

// begin notes that things are put in place from now on: until place has ended, the service
// does not start. The note of a try that was broken off stays.
func (u *unpacked) begin() error {
	if len(u.places) == 0 {
		return nil
	}
	_, there, err := readNote(u.state)
	if there || err != nil {
		return err
	}
	u.noted = true
	return writeNote(u.state, note{})
}

// abort takes back what begin noted: nothing was put in place by this try.
func (u *unpacked) abort() error {
	if !u.noted {
		return nil
	}
	return removeNote(u.state)
}

// locked reports whether there are sealed secrets and no key in the backup, nor in the folder.
func (u *unpacked) locked(kept *archive.Kept) bool {
	_, err := os.Lstat(filepath.Join(u.state, secretsDir, secrets.KeyFile))
	return len(kept.PartsOf(partSecret)) > 0 && len(kept.PartsOf(PartKey)) == 0 && err != nil
}

// place puts everything in place, and what was there away, into the folder it returns; "":
// nothing was.
func (u *unpacked) place() (away string, err error) {
	if len(u.places) == 0 {
		return "", removeNote(u.state)
	}
	fresh, put := filepath.Join(u.state, unpackDir), filepath.Join(u.state, u.away)
	if err := u.keepKey(fresh); err != nil {
		return "", err
	}
	for _, place := range u.places {
		here := filepath.Join(u.state, place)
		if _, err := os.Lstat(here); err == nil {
			away = put
			if err := moved(here, filepath.Join(put, place)); err != nil {
				return "", err
			}
		}
		err := moved(filepath.Join(fresh, place), here)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	if err := u.deeds(fresh); err != nil {
		return "", err
	}
	if err := u.drop(); err != nil {
		return "", err
	}
	return away, removeNote(u.state)
}

// deeds adds who did what with secrets to what the folder has of that, which stays.
func (u *unpacked) deeds(fresh string) error {
	list, err := os.ReadDir(filepath.Join(fresh, auditDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	log := audit.New(filepath.Join(u.state, auditDir), nil)
	for _, file := range list {
		text, err := readSmall(filepath.Join(fresh, auditDir, file.Name()))
		if err != nil {
			return err
		}
		namespace, _ := audit.NamespaceOf(file.Name())
		entries, err := audit.ReadLines(namespace, bytes.NewReader(text))
		if err == nil {
			err = log.Restore(namespace, entries, u.made)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keepKey has the key that is there stay when the backup brings none.
func (u *unpacked) keepKey(fresh string) error {
	to := filepath.Join(fresh, secretsDir, secrets.KeyFile)
	if _, err := os.Lstat(to); err == nil {
		return nil
	}
	b, err := readSmall(filepath.Join(u.state, secretsDir, secrets.KeyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o700)
	}
	if err == nil {
		err = writeSynced(to, b)
	}
	return err
}

// moved renames something, whose new folder is made.
func moved(from, to string) error {
	if _, err := os.Lstat(from); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return errors.Join(syncFolder(filepath.Dir(from)), syncFolder(filepath.Dir(to)))
}

// writeSynced writes a file of this user's own that outlives a power cut.
func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close(), syncFolder(filepath.Dir(path)))
}

// syncFolder has a folder's names outlive a power cut.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// finished says whether a restore in the folder of a host came to its end.
func finished(state string) error {
	if _, err := os.Lstat(filepath.Join(state, unfinishedFile)); err != nil {
		return nil
	}
	return &Error{Code: CodeRestoreUnfinished, At: state, Err: errors.New("a restore was broken off when it had put a part in place"), Hint: "restore it again: grow restore BACKUP FOLDER --replace"}
}

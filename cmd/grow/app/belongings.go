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
	"slices"
	"strings"
	"sync"

	"github.com/grow-platform/grow/host/audit"
	"github.com/grow-platform/grow/host/capabilities/sql"
	"github.com/grow-platform/grow/host/schedule"
	"github.com/grow-platform/grow/host/secrets"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/archive"
)

// The kinds of parts of a backup.
const (
	partDatabase = "sql"
	partSecret   = "secret" // sealed
	PartKey      = "key"    // that opens sealed secrets
	partSeed     = "seed"   // of random streams
	partRefs     = "refs"   // of the host's store
	partObject   = "object" // of the host's store
	partActs     = "acts"   // who did what with secrets
)

// The names of files in the host's folder.
const (
	seedFile    = "secret"
	secretsDir  = "secrets"
	auditDir    = "audit"
	storeDir    = "store"
	dataDir     = "data"
	copiesDir   = "copies" // of databases, while they are backed up
	partFileMax = 8 << 20  // bytes of a small file
)

// belongings is what a host keeps of a service besides its journal.
type belongings struct {
	namespace, service string
	store              journal.Store
	data               string      // folder of what capabilities keep
	own                string      // the host's folder; "": the service has none for itself
	sealed             string      // the folder of sealed secrets; "": there is none
	acts               *audit.Log  // nil: there is none
	without            []string    // NAMESPACE/SERVICE of those that are left out of it
	all                bool        // what the host keeps for other services, too, goes along
	alone              bool        // nothing goes along that is not the service's alone
	remembered         store.Store // nil: nothing is
	key                bool        // that of sealed secrets goes along
	copying            *sync.Mutex // held while databases are copied
}

// write adds all of it to a backup, the quickest first.
func (c *belongings) write(ctx context.Context, w *archive.Writer) error {
	var steps []func(context.Context, *archive.Writer) error
	if c.own != "" {
		steps = append(steps, c.seed)
	}
	if c.sealed != "" {
		steps = append(steps, c.secrets)
	}
	if c.acts != nil {
		steps = append(steps, c.deeds)
	}
	if c.own != "" && c.all { // other services can be deployed to the host, and theirs lies there too
		steps = append(steps, c.refs)
	}
	for _, step := range append(steps, c.databases, c.buckets) {
		if err := step(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

func (c *belongings) seed(ctx context.Context, w *archive.Writer) error {
	b, err := readSmall(filepath.Join(c.own, seedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return w.Part(ctx, partSeed, seedFile, bytes.NewReader(b))
}

// secrets adds the sealed entries as they are, and the key if that was asked for: all of them but
// those of services that are left out, or those that the service has, its own and those of all
// services of its namespace.
func (c *belongings) secrets(ctx context.Context, w *archive.Writer) error {
	dir := c.sealed
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("back up sealed secrets: %w", err)
	}
	for _, e := range list {
		kind := partSecret
		switch {
		case e.Name() == secrets.KeyFile:
			if kind = PartKey; !c.key || !c.all {
				continue
			}
		case !secrets.IsEntry(e.Name()):
			continue
		}
		b, err := readSmall(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted a moment ago
		}
		if err == nil && kind == partSecret && !c.has(e.Name(), b) {
			continue
		}
		if err == nil {
			err = w.Part(ctx, kind, e.Name(), bytes.NewReader(b))
		}
		if err != nil {
			return fmt.Errorf("back up sealed secrets: %w", err)
		}
	}
	return nil
}

// has reports whether an entry goes along. Of one that does not tell, nobody knows whose it is.
func (c *belongings) has(file string, entry []byte) bool {
	at, err := secrets.PlaceOf(file, entry)
	if c.all {
		return err != nil || !slices.Contains(c.without, at.Namespace+"/"+at.Service)
	}
	return err == nil && at.Namespace == c.namespace && (at.Service == c.service || at.Service == "")
}

// deeds adds who did what with secrets: of the host, or what concerns the service.
func (c *belongings) deeds(ctx context.Context, w *archive.Writer) error {
	namespaces, err := c.acts.Namespaces()
	if err != nil {
		return err
	}
	concerns := audit.Filter{Namespace: c.namespace, Service: c.service}
	for _, namespace := range namespaces {
		text, err := c.acts.Lines(namespace, func(e *audit.Entry) bool {
			return (c.all || concerns.Picks(e)) && !slices.Contains(c.without, e.Namespace+"/"+e.Service)
		})
		if err == nil && len(text) > 0 {
			err = w.Part(ctx, partActs, audit.FileOf(namespace), bytes.NewReader(text))
		}
		if err != nil {
			return fmt.Errorf("back up who did what with secrets: %w", err)
		}
	}
	return nil
}

// restoreDeeds adds who did what with secrets by a backup to what is noted in a folder.
func restoreDeeds(ctx context.Context, kept *archive.Kept, dir string) error {
	log := audit.New(dir, nil)
	for _, p := range kept.PartsOf(partActs) {
		namespace, list, err := deedsOf(ctx, kept, p)
		if err == nil {
			err = log.Restore(namespace, list, kept.Taken)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// deedsOf reads a part of who did what with secrets.
func deedsOf(ctx context.Context, kept *archive.Kept, p *archive.Part) (namespace string, list []audit.Entry, err error) {
	namespace, ok := audit.NamespaceOf(p.Name)
	if !ok || p.Size > partFileMax {
		return "", nil, fmt.Errorf("%w: it holds a part %.40q %.100q of %d bytes", journal.ErrDamaged, p.Kind, p.Name, p.Size)
	}
	var text bytes.Buffer
	if err := kept.ReadPart(ctx, p, &text); err != nil {
		return "", nil, err
	}
	if list, err = audit.ReadLines(namespace, &text); err != nil {
		err = fmt.Errorf("%w: who did what with secrets cannot be read: %s: %w", journal.ErrDamaged, p.Name, err)
	}
	return namespace, list, err
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, partFileMax+1))
	if err == nil && len(b) > partFileMax {
		err = fmt.Errorf("%s has over %d bytes", path, partFileMax)
	}
	return b, err
}

// keptRef is a ref of the host's store in a backup.
type keptRef struct {
	Name  string `json:"name"`
	Value []byte `json:"value"`
}

// refs adds what the host remembers: the refs first, since what they name was there before
// them.
func (c *belongings) refs(ctx context.Context, w *archive.Writer) error {
	if c.remembered == nil {
		return nil
	}
	list, err := c.remembered.Refs(ctx, "")
	if err != nil {
		return fmt.Errorf("back up documents and deployments: %w", err)
	}
	return c.named(ctx, w, list)
}

// named adds refs, and all objects.
func (c *belongings) named(ctx context.Context, w *archive.Writer, list []store.Ref) error {
	var text bytes.Buffer
	lines := json.NewEncoder(&text)
	for _, r := range list {
		if err := lines.Encode(keptRef{r.Name, r.Value}); err != nil {
			return err
		}
	}
	if err := w.Part(ctx, partRefs, partRefs, &text); err != nil {
		return err
	}
	for o, err := range c.remembered.Objects(ctx) {
		if err == nil {
			err = c.object(ctx, w, o.Digest)
		}
		if err != nil {
			return fmt.Errorf("back up documents and modules: %w", err)
		}
	}
	return nil
}

func (c *belongings) object(ctx context.Context, w *archive.Writer, d store.Digest) error {
	r, _, err := c.remembered.Get(ctx, d)
	if errors.Is(err, store.ErrNotFound) {
		return nil // nobody named it, and it was swept
	}
	if err != nil {
		return err
	}
	return errors.Join(w.Part(ctx, partObject, string(d), r), r.Close())
}

// databases adds a copy of each database of SQLite, made beside them.
func (c *belongings) databases(ctx context.Context, w *archive.Writer) (err error) {
	c.copying.Lock()
	defer c.copying.Unlock()
	dir := filepath.Join(c.data, sql.Folder)
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	copies := filepath.Join(c.data, copiesDir)
	if err == nil {
		err = errors.Join(os.RemoveAll(copies), os.Mkdir(copies, 0o700)) // of a backup that was broken off
	}
	if err != nil {
		return fmt.Errorf("back up databases: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(copies)) }()
	for _, e := range list {
		if !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), sql.FileSuffix) {
			continue
		}
		if !databaseName.MatchString(e.Name()) { // which a restore would not take
			return &Error{Code: CodeBackupDatabase, Err: fmt.Errorf("back up: %s lies among the databases, and no grant can be for one of that name", filepath.Join(dir, e.Name())), Hint: "move it to another folder"}
		}
		to := filepath.Join(copies, e.Name())
		if err := sql.Copy(ctx, filepath.Join(dir, e.Name()), to); err != nil {
			return &Error{Code: CodeBackupDatabase, Err: fmt.Errorf("back up: %w", err), Hint: "see that the disk has room for another copy of it, and that it is sound: sqlite3 FILE 'pragma integrity_check'"}
		}
		f, err := os.Open(to)
		if err == nil {
			err = errors.Join(w.Part(ctx, partDatabase, e.Name(), f), f.Close(), os.Remove(to))
		}
		if err != nil {
			return fmt.Errorf("back up databases: %w", err)
		}
	}
	return nil
}

// schedules adds the times that schedules have sent for, before it is said where the journal ends: a
// time that is noted must be in the journal, while one that is not is sent again, once.
func (c *belongings) schedules(ctx context.Context, w *archive.Writer) error {
	return c.bucketsOf(ctx, w, isSchedules)
}

// buckets adds those of the service, and of all services of its namespace.
func (c *belongings) buckets(ctx context.Context, w *archive.Writer) error {
	return c.bucketsOf(ctx, w, func(b bucket.Carried) bool { return !isSchedules(b) && (b.Service != "" || !c.alone) })
}

func isSchedules(b bucket.Carried) bool {
	return b.Kind == bucket.Values && b.Service != "" && b.Bucket == schedule.Bucket
}

func (c *belongings) bucketsOf(ctx context.Context, w *archive.Writer, which func(bucket.Carried) bool) error {
	return c.eachBucket(ctx, which, func(from bucket.Carrier, b bucket.Carried) error { return w.Bucket(ctx, from, b) })
}

// eachBucket calls do with some of the buckets of the service, and of all services of its namespace.
func (c *belongings) eachBucket(ctx context.Context, which func(bucket.Carried) bool, do func(bucket.Carrier, bucket.Carried) error) error {
	from, ok := c.store.(bucket.Carrier)
	if !ok {
		return nil
	}
	list, err := from.CarriedBuckets(ctx, c.namespace, c.service)
	if err != nil {
		return fmt.Errorf("back up buckets: %w", err)
	}
	for _, b := range list {
		if !which(b) {
			continue
		}
		if err := do(from, b); err != nil {
			return err
		}
	}
	return nil
}

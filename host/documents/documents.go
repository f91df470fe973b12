package documents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/store"
)

// Service names a service on a host.
type Service struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// String returns NAMESPACE/NAME.
func (s Service) String() string { return s.Namespace + "/" + s.Name }

func (s Service) ref() string { return "documents/" + s.Namespace + "/" + s.Name }

// Change is one step in the life of a service's documents. It never changes.
type Change struct {
	ID     store.Digest `json:"-"`
	Number int          `json:"number"` // 1, 2, … within the service
	Parent store.Digest `json:"parent,omitempty"`
	Tree   store.Digest `json:"tree"`
	Time   time.Time    `json:"time"`
	By     string       `json:"by"`
	Text   string       `json:"text,omitempty"`   // why
	Commit string       `json:"commit,omitempty"` // of the git repository that the documents came from
	For    int          `json:"for,omitempty"`    // number of the deployment that it was made for; 0: none
	Undoes store.Digest `json:"undoes,omitempty"` // the change that it takes back, since the deployment that it was for is not live
	// Amends has Revise put the change in the place of the last one.
	Amends bool `json:"-"`
}

// Documents are those of all services of a host. Its methods may be called concurrently.
type Documents struct {
	store store.Store
	now   func() time.Time
}

// New returns the documents in a store. now is asked for the time of changes; nil: the
// system's clock.
func New(s store.Store, now func() time.Time) *Documents {
	if now == nil {
		now = time.Now
	}
	return &Documents{s, now}
}

// StaleError is returned to who has not seen the last change.
type StaleError struct {
	Service Service
	Last    Change
}

// Error implements error.
func (e *StaleError) Error() string {
	return fmt.Sprintf("the documents of %s have changed: %s made change %d at %s", e.Service, e.Last.By, e.Last.Number, e.Last.Time.UTC().Format(time.RFC3339))
}

// Unwrap returns store.ErrConflict.
func (e *StaleError) Unwrap() error { return store.ErrConflict }

// Last returns the last change of a service; store.ErrNotFound when it has none.
func (d *Documents) Last(ctx context.Context, s Service) (Change, error) {
	c, _, err := d.last(ctx, s)
	return c, err
}

// last returns the last change, and the revision of the ref that names it.
func (d *Documents) last(ctx context.Context, s Service) (Change, uint64, error) {
	r, err := d.store.Ref(ctx, s.ref())
	if err != nil {
		return Change{}, 0, err
	}
	c, err := d.Change(ctx, store.Digest(r.Value))
	return c, r.Revision, err
}

// changeMax is bytes of a change as it is kept.
const changeMax = 16 << 10

// Change returns a change by its id.
func (d *Documents) Change(ctx context.Context, id store.Digest) (Change, error) {
	b, err := d.read(ctx, id, changeMax)
	if err != nil {
		return Change{}, fmt.Errorf("read change: %w", err)
	}
	c := Change{ID: id}
	if err := json.Unmarshal(b, &c); err != nil {
		return Change{}, fmt.Errorf("read change %s: %w: %w", id, store.ErrDamaged, err)
	}
	return c, nil
}

// Tree returns a tree by its digest.
func (d *Documents) Tree(ctx context.Context, digest store.Digest) (Tree, error) {
	b, err := d.read(ctx, digest, treeMax)
	if err != nil {
		return nil, fmt.Errorf("read tree: %w", err)
	}
	return decodeTree(b)
}

// Read returns a file's bytes.
func (d *Documents) Read(ctx context.Context, f File) ([]byte, error) {
	b, err := d.read(ctx, f.Digest, FileMax)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Path, err)
	}
	return b, nil
}

func (d *Documents) read(ctx context.Context, digest store.Digest, limit int64) (b []byte, err error) {
	r, o, err := d.store.Get(ctx, digest)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if o.Size > limit {
		return nil, fmt.Errorf("%w: %d bytes; at most %d are read", store.ErrTooLarge, o.Size, limit)
	}
	return io.ReadAll(io.LimitReader(r, limit+1))
}

// Put keeps a file's bytes, for a tree.
func (d *Documents) Put(ctx context.Context, p string, b []byte, exec bool) (File, error) {
	if err := CheckPath(p); err != nil {
		return File{}, err
	}
	o, err := d.store.Put(ctx, bytes.NewReader(b), FileMax)
	if err != nil {
		return File{}, fmt.Errorf("keep %s: %w", p, err)
	}
	return File{Path: p, Digest: o.Digest, Size: o.Size, Exec: exec}, nil
}

// Missing returns the digests of a tree that the store does not have, each once, in the
// order of the tree. The others are touched: whoever is told so will name them.
func (d *Documents) Missing(ctx context.Context, t Tree) ([]store.Digest, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	missing := []store.Digest{}
	seen := map[store.Digest]bool{}
	for _, f := range t {
		if seen[f.Digest] {
			continue
		}
		seen[f.Digest] = true
		switch o, err := d.store.Touch(ctx, f.Digest); {
		case errors.Is(err, store.ErrNotFound):
			missing = append(missing, f.Digest)
		case err != nil:
			return nil, err
		case o.Size != f.Size:
			return nil, &PathError{f.Path, fmt.Sprintf("it is said to have %d bytes, and its digest is that of %d", f.Size, o.Size)}
		}
	}
	return missing, nil
}

// Revise makes a tree a service's documents. c says who does it and why, and, as its
// Parent, which change they have seen, "" for a service that has none yet; a
// *StaleError is returned when there has been another. All files of the tree must be in
// the store. A tree that changes nothing makes no change: the last one is returned.
func (d *Documents) Revise(ctx context.Context, s Service, t Tree, c Change) (Change, error) {
	if len(c.By) > personMax || len(c.Text) > textMax || len(c.Commit) > personMax {
		return Change{}, fmt.Errorf("%w: who makes a change may have %d bytes, and why %d", ErrLimit, personMax, textMax)
	}
	tree, err := d.Keep(ctx, t)
	if err != nil {
		return Change{}, err
	}
	last, seen, err := d.last(ctx, s)
	if err != nil && (!errors.Is(err, store.ErrNotFound) || seen != 0) {
		return Change{}, err
	}
	if last.ID != c.Parent {
		return Change{}, &StaleError{s, last}
	}
	if c.Tree = tree; tree == last.Tree {
		return last, nil
	}
	c.Number = last.Number + 1
	if c.Amends {
		c.Number, c.Parent = last.Number, last.Parent
	}
	c.Time = d.now().UTC()
	b, err := json.Marshal(c)
	if err != nil {
		return Change{}, err
	}
	o, err := d.store.Put(ctx, bytes.NewReader(b), changeMax)
	if err != nil {
		return Change{}, fmt.Errorf("keep change: %w", err)
	}
	c.ID = o.Digest
	_, err = d.store.SetRef(ctx, s.ref(), []byte(c.ID), seen)
	if errors.Is(err, store.ErrConflict) {
		if last, err := d.Last(ctx, s); err == nil {
			return Change{}, &StaleError{s, last}
		}
	}
	if err != nil {
		return Change{}, fmt.Errorf("change the documents of %s: %w", s, err)
	}
	return c, nil
}

// Keep keeps a tree, without making it any service's. All files of it must be in the
// store.
func (d *Documents) Keep(ctx context.Context, t Tree) (store.Digest, error) {
	missing, err := d.Missing(ctx, t)
	if err != nil {
		return "", err
	}
	if len(missing) > 0 {
		return "", fmt.Errorf("%d files have not been sent: %w", len(missing), store.ErrNotFound)
	}
	b, err := t.encode()
	if err != nil {
		return "", err
	}
	o, err := d.store.Put(ctx, bytes.NewReader(b), treeMax)
	if err != nil {
		return "", fmt.Errorf("keep tree: %w", err)
	}
	return o.Digest, nil
}

// History calls visit with the changes of a service, the last one first, until it
// returns false.
func (d *Documents) History(ctx context.Context, s Service, visit func(Change) bool) error {
	c, err := d.Last(ctx, s)
	for err == nil && visit(c) && c.Parent != "" {
		c, err = d.Change(ctx, c.Parent)
	}
	if err != nil {
		return fmt.Errorf("history of %s: %w", s, err)
	}
	return nil
}

// HistoryOf is the changes of one file, the last one first, at most limit.
func (d *Documents) HistoryOf(ctx context.Context, s Service, p string, limit int) ([]Version, error) {
	var list []Version
	var newer *Version // the change after the one that is looked at
	var fault error
	err := d.History(ctx, s, func(c Change) bool {
		t, err := d.Tree(ctx, c.Tree)
		if err != nil {
			fault = err
			return false
		}
		v := Version{Change: c}
		if f, ok := t.Find(p); ok {
			v.File = &f
		}
		if newer != nil && !same(newer.File, v.File) {
			list = append(list, *newer)
		}
		newer = &v
		return len(list) < limit
	})
	if err = errors.Join(err, fault); err != nil {
		return nil, err
	}
	if newer.File != nil && len(list) < limit {
		list = append(list, *newer) // which made it
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s of %s: %w", p, s, store.ErrNotFound)
	}
	return list, nil
}

// Version is what a change has made of a file.
type Version struct {
	Change Change
	File   *File // nil: it was removed
}

func same(a, b *File) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// Services are those that have documents, in the order of their names.
func (d *Documents) Services(ctx context.Context) ([]Service, error) {
	refs, err := d.store.Refs(ctx, "documents")
	if err != nil {
		return nil, err
	}
	var list []Service
	for _, r := range refs {
		parts := strings.Split(r.Name, "/")
		if len(parts) != 3 {
			return nil, fmt.Errorf("ref %s: %w", r.Name, store.ErrDamaged)
		}
		list = append(list, Service{parts[1], parts[2]})
	}
	return list, nil
}

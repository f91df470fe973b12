// Package store is the contract of what a host remembers besides the journals of its
// services: documents, artifacts, revisions, deployments, tokens. As in git, everything
// that never changes is an object, named by its digest, and the few things that change
// are refs, names whose values are replaced by compare-and-set. Whoever changes
// something writes its objects first and moves one ref last: a host that is killed in
// between has changed nothing.
package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
)

// Limits of a store.
const (
	RefMax     = 64 << 10 // bytes of a ref's value
	RefNameMax = 400      // bytes of a ref's name
	PartMax    = 128      // bytes of one part of a ref's name
)

var (
	// ErrNotFound is returned for objects and refs that are not there.
	ErrNotFound = errors.New("not in the store")
	// ErrConflict is returned when a ref has been changed by somebody else.
	ErrConflict = errors.New("changed by somebody else meanwhile")
	// ErrTooLarge is returned by Put for more bytes than it was allowed, and by SetRef
	// for a value over RefMax.
	ErrTooLarge = errors.New("too large")
	// ErrDamaged is returned when what lies in the store is not what was put there.
	ErrDamaged = errors.New("damaged in the store")
	// ErrLocked is returned when another host has the store.
	ErrLocked = errors.New("in use by another host")
	// ErrFull is returned when there is no room left.
	ErrFull = errors.New("no room left for the store")
	// ErrName is returned for what cannot be a digest or the name of a ref.
	ErrName = errors.New("not a name that the store knows")
	// ErrClosed is returned by a store that has been closed.
	ErrClosed = errors.New("the store is closed")
)

// Digest names an object: the SHA-256 of its bytes in 64 hex digits.
type Digest string

// DigestOf returns the digest of b.
func DigestOf(b []byte) Digest {
	sum := sha256.Sum256(b)
	return Digest(hex.EncodeToString(sum[:]))
}

// Check reports whether d has the form of a digest.
func (d Digest) Check() error {
	if len(d) != 2*sha256.Size || strings.Trim(string(d), "0123456789abcdef") != "" {
		return fmt.Errorf("%w: %.80q is no digest: those have 64 digits from 0 to 9 and a to f", ErrName, string(d))
	}
	return nil
}

// Object is something that never changes.
type Object struct {
	Digest Digest
	Size   int64     // bytes
	Time   time.Time // when it was last put there or touched
}

// Ref is a name whose value changes.
type Ref struct {
	Name     string
	Value    []byte
	Revision uint64    // of the value: it grows with every change, also through removals
	Time     time.Time // of the last change
}

// Store keeps objects and refs. It is safe for concurrent use. What a call has
// returned without an error outlives the process and the machine's power.
type Store interface {
	// Put keeps what r gives, at most limit bytes. Nothing of it is kept, and r's error
	// returned, when r fails; ErrTooLarge when it has more. Putting what is there is
	// no error, and mends it where it is damaged.
	Put(ctx context.Context, r io.Reader, limit int64) (Object, error)
	// Get opens an object. The reader's last Read returns ErrDamaged instead of io.EOF
	// when the bytes are not those of the digest. The caller closes it.
	Get(ctx context.Context, d Digest) (io.ReadCloser, Object, error)
	// Stat says whether an object is there, by ErrNotFound.
	Stat(ctx context.Context, d Digest) (Object, error)
	// Objects are all of them, in no order. Those that are put or removed meanwhile may
	// be among them or not.
	Objects(ctx context.Context) iter.Seq2[Object, error]
	// Touch renews an object's time, as putting it again does, and says by ErrNotFound
	// that it is not there. Whoever is about to name an object that is there already
	// touches it, so that it is not taken for one that nobody wants.
	Touch(ctx context.Context, d Digest) (Object, error)
	// Remove removes an object; that it is not there is no error.
	Remove(ctx context.Context, d Digest) error
	// RemoveUnchanged removes an object that Objects or Stat has given, unless it has
	// been put or touched since: ErrConflict, and it stays. That it is not there is no
	// error.
	RemoveUnchanged(ctx context.Context, o Object) error

	// Ref returns a ref.
	Ref(ctx context.Context, name string) (Ref, error)
	// SetRef gives a ref a value if its revision is still the one that the caller has
	// seen, 0 for one that is not there, and returns the new revision; ErrConflict
	// otherwise.
	SetRef(ctx context.Context, name string, value []byte, seen uint64) (uint64, error)
	// RemoveRef removes a ref on the same terms.
	RemoveRef(ctx context.Context, name string, seen uint64) error
	// Refs are those whose names are below a prefix, "" for all, in the order of
	// their names.
	Refs(ctx context.Context, prefix string) ([]Ref, error)

	// Close ends the store. Readers that are open may fail from then on.
	Close() error
}

// CheckRef reports whether name may be a ref's: parts of letters, digits, '-', '_' and
// single '.', those only between others, with slashes between them.
func CheckRef(name string) error {
	if len(name) > RefNameMax {
		return fmt.Errorf("%w: a ref's has %d bytes; at most %d are allowed", ErrName, len(name), RefNameMax)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || part[len(part)-1] == '.' || strings.Contains(part, "..") || len(part) > PartMax || strings.ContainsFunc(part, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
		}) {
			return fmt.Errorf("%w: %.80q cannot be that of a ref: its parts are letters, digits, '-', '_' and single '.' between those", ErrName, name)
		}
	}
	return nil
}

// Below reports whether the ref name is below prefix: a or a/b are below "", a/b is
// below a, ab is not.
func Below(name, prefix string) bool {
	return prefix == "" || strings.HasPrefix(name, prefix+"/")
}

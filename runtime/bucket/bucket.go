// Package bucket is the contract of named buckets of values that actors share. Package
// buckettest is the suite each implementation must pass.
//
// A write that names what it is done for is done once, however often it is asked for: a
// message that is handled again after a crash changes nothing again.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of one bucket.
const (
	KeyMax   = 256         // bytes of a key
	ValueMax = 512 << 10   // bytes of a value
	SizeMax  = 1 << 30     // bytes of all values, as they are kept
	PageMax  = 1000        // keys of one List
	OnceMax  = 64          // bytes of Write.Once
	OnceKept = 100_000     // writes whose Once is known at least
	TTLMin   = time.Second // the shortest time to live, and its unit
	TTLMax   = 365 * 24 * time.Hour
)

// Errors of buckets.
var (
	// ErrNotFound: there is no value of that key.
	ErrNotFound = errors.New("there is no such key")
	// ErrConflict: the value's revision is another than the one expected.
	ErrConflict = errors.New("the key has another revision")
	// ErrFull: the bucket has reached SizeMax.
	ErrFull = errors.New("the bucket is full")
	// ErrInvalid: the key, the value or the time to live cannot be kept.
	ErrInvalid = errors.New("cannot be kept")
	// ErrTooLarge: the value has more than ValueMax bytes.
	ErrTooLarge = errors.New("the value is too large")
	// ErrExists: there is a bucket of that name already.
	ErrExists = errors.New("there is a bucket of that name")
	// ErrDamaged: what is kept of the bucket is not what was written.
	ErrDamaged = errors.New("the bucket is damaged")
)

// Name names a bucket.
type Name struct {
	Namespace string
	Service   string // "": it belongs to all services of the namespace
	Bucket    string
}

var (
	named       = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)
	bucketNamed = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,39}$`)
)

// Check returns an error that says what is wrong with the name.
func (n Name) Check() error {
	if !named.MatchString(n.Namespace) || n.Service != "" && !named.MatchString(n.Service) || !bucketNamed.MatchString(n.Bucket) {
		return fmt.Errorf("%s cannot be the name of a bucket", n)
	}
	return nil
}

// String is the name for people.
func (n Name) String() string {
	if n.Service == "" {
		return n.Namespace + "/" + n.Bucket
	}
	return n.Namespace + "/" + n.Service + "/" + n.Bucket
}

// Store holds buckets. It is safe for concurrent use.
type Store interface {
	// Bucket opens a bucket, making it when it is new. It is valid as long as the store is.
	Bucket(ctx context.Context, n Name) (Bucket, error)
	// Exists reports whether there is a bucket of that name, and makes none.
	Exists(ctx context.Context, n Name) (bool, error)
}

// Bucket is a set of values by key. It is safe for concurrent use.
type Bucket interface {
	// Get returns the value of a key, or ErrNotFound.
	Get(ctx context.Context, key string) (Entry, error)
	// Write sets or removes a value and returns the revision that the key has now, or
	// ErrConflict, ErrFull, ErrTooLarge or ErrInvalid; then nothing is changed. A write
	// whose Once was done before returns what it returned then.
	Write(ctx context.Context, w *Write) (revision uint64, err error)
	// List returns up to limit keys that begin with prefix and, when after is not "",
	// follow it, in the order of their bytes. It reads the names of all keys. A key whose value
	// cannot be read is among them: Get tells of it, with ErrDamaged.
	List(ctx context.Context, prefix, after string, limit int) ([]string, error)
}

// Preparer is a bucket of which a write can be prepared. It is safe for concurrent use.
type Preparer interface {
	// Prepare does what of a write changes no value: looking up what is there, and keeping
	// what must be known of a former write to the key. What it returns is Prepared of the
	// same write later, which is none the less done as if it had not been prepared; nil:
	// nothing is. It fails as Write does.
	Prepare(ctx context.Context, w *Write) (prepared any, err error)
}

// Entry is a value as it is kept.
type Entry struct {
	Data     []byte
	Revision uint64 // grows with every write to the bucket; never 0
}

// Write is a change of one key.
type Write struct {
	Key    string
	Data   []byte
	Delete bool          // the key is removed; that there is none is no error
	If     *uint64       // revision that the key must have, 0 for none; nil: any
	TTL    time.Duration // when the value is removed, in whole seconds; 0: never
	Once   string        // letters and digits that name what it is done for; "": nothing
	// First says that nobody has asked for what it is done for, so that it was not done before.
	First bool

	Prepared any // what Prepare of a Preparer returned for the write; nil: it is not prepared
}

// Check returns ErrInvalid or ErrTooLarge for a write that cannot be kept.
func (w *Write) Check() error {
	if err := CheckKey(w.Key); err != nil {
		return err
	}
	switch {
	case len(w.Data) > ValueMax:
		return fmt.Errorf("%w: it has %d bytes, %d are allowed", ErrTooLarge, len(w.Data), ValueMax)
	case w.TTL != 0 && (w.TTL < TTLMin || w.TTL > TTLMax || w.TTL%TTLMin != 0):
		return fmt.Errorf("a time to live of %v %w: whole seconds from %v to %v are allowed", w.TTL, ErrInvalid, TTLMin, TTLMax)
	case len(w.Once) > OnceMax:
		return fmt.Errorf("the name of a write %w: it has %d bytes, %d are allowed", ErrInvalid, len(w.Once), OnceMax)
	case strings.ContainsFunc(w.Once, func(c rune) bool { return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') }):
		return fmt.Errorf("the name of a write %q %w: it is letters and digits", w.Once, ErrInvalid)
	}
	return nil
}

// CheckKey returns ErrInvalid for what cannot be a key.
func CheckKey(key string) error {
	if len(key) == 0 || len(key) > KeyMax || !utf8.ValidString(key) {
		return fmt.Errorf("the key %.64q %w: it is UTF-8 of 1 to %d bytes", key, ErrInvalid, KeyMax)
	}
	return nil
}

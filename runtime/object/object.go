// Package object is the contract of named buckets of large objects that actors share.
// Package objecttest is the suite each implementation must pass.
//
// An object is written whole, or part by part under the name of an upload and then made of
// its parts. A write that names what it is done for is done once, however often it is asked
// for.
package object

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/grow-platform/grow/runtime/bucket"
)

// Limits of one bucket.
const (
	KeyMax    = 512            // bytes of a key
	PartMax   = 1 << 20        // bytes of one part, and of what one Read returns
	PartsMax  = 1024           // parts of an object
	ObjectMax = 1 << 30        // bytes of an object
	SizeMax   = 16 << 30       // bytes of all objects
	PageMax   = 1000           // objects of one List
	OnceMax   = 64             // bytes of Write.Once
	OnceKept  = 100_000        // writes whose Once is known at least
	UploadAge = 24 * time.Hour // how long parts wait to be made an object
)

// Errors of buckets.
var (
	// ErrNotFound: there is no object of that key.
	ErrNotFound = errors.New("there is no such object")
	// ErrConflict: the object's revision is another than the one expected.
	ErrConflict = errors.New("the object has another revision")
	// ErrFull: the bucket has reached its size.
	ErrFull = errors.New("the bucket is full")
	// ErrInvalid: what is asked for makes no sense.
	ErrInvalid = errors.New("cannot be done")
	// ErrTooLarge: the object, or a part, has too many bytes.
	ErrTooLarge = errors.New("it is too large")
	// ErrNoUpload: parts of the upload are not there; they wait for UploadAge.
	ErrNoUpload = errors.New("the upload has not all of its parts")
	// ErrDenied: the server of the bucket does not let the host do it.
	ErrDenied = errors.New("the server does not let the host in")
)

// Store holds buckets. It is safe for concurrent use.
type Store interface {
	// Objects opens a bucket, making it when it is new. It is valid as long as the store is.
	Objects(ctx context.Context, n bucket.Name) (Bucket, error)
}

// Bucket is a set of objects by key. It is safe for concurrent use.
type Bucket interface {
	// Stat says what is there of a key, or ErrNotFound.
	Stat(ctx context.Context, key string) (Info, error)
	// Read returns the bytes of a range, and of what they are. revision "" is any; when the
	// object has another one it is ErrConflict.
	Read(ctx context.Context, key, revision string, r Range) (Info, []byte, error)
	// Part keeps a part until the object is made of it, or UploadAge has passed. One that is
	// kept again takes the place of the one before.
	Part(ctx context.Context, p *Part) error
	// Write makes or removes an object, and says what is there now; of one that is removed,
	// nothing. It is ErrConflict, ErrFull, ErrTooLarge, ErrInvalid or ErrNoUpload when
	// nothing was changed. A write whose Once was done before returns what it returned then.
	Write(ctx context.Context, w *Write) (Info, error)
	// List returns up to limit objects whose keys begin with prefix and, when after is not
	// "", follow it, in the order of their bytes. One of which it cannot be read what it is
	// is among them, as Damaged.
	List(ctx context.Context, prefix, after string, limit int) ([]Info, error)
}

// Info is what is known of an object without its bytes.
type Info struct {
	Key      string    `json:"key"`
	Size     int64     `json:"size"`
	Digest   string    `json:"digest,omitempty"` // sha256:<64 hex digits>; "": the store does not know it
	Revision string    `json:"revision"`         // another one with every write; never "" nor None
	Modified time.Time `json:"modified"`
	// Damaged: what is kept of it cannot be read. It has a key alone; List alone tells it, and others
	// fail with bucket.ErrDamaged.
	Damaged bool `json:"damaged,omitempty"`
}

// None is the revision of a key without an object.
const None = "0"

// Range is part of an object. One that reaches beyond the end ends there.
type Range struct {
	From   int64 // where it begins; below 0: so many bytes before the end
	Length int64 // bytes, at most PartMax
}

// Within is where the range begins and ends in an object of that size.
func (r Range) Within(size int64) (from, to int64) {
	from = r.From
	if from < 0 {
		from += size
	}
	from = min(max(from, 0), size)
	return from, from + min(max(r.Length, 0), PartMax, size-from)
}

// Part is a part of an object that is not there yet.
type Part struct {
	Key    string
	Upload string // letters and digits that name what the part is of
	Number int    // from 1
	Data   []byte
}

// Write is a change of one key: data or, when Upload is set, the parts of that upload become
// the object, or it is removed.
type Write struct {
	Key    string
	Data   []byte
	Upload string
	Parts  int     // of the upload, numbered 1 to Parts
	Delete bool    // the object is removed; that there is none is no error
	If     *string // revision that the key must have, None for no object; nil: any
	Most   int64   // bytes that the object may have; 0: ObjectMax
	Once   string  // letters and digits that name what it is done for; "": nothing
}

var token = regexp.MustCompile(`^[0-9A-Za-z]{1,64}$`)

// Check returns ErrInvalid or ErrTooLarge for a part that cannot be kept.
func (p *Part) Check() error {
	if err := CheckKey(p.Key); err != nil {
		return err
	}
	switch {
	case !token.MatchString(p.Upload):
		return fmt.Errorf("%w: %.70q is not the name of an upload", ErrInvalid, p.Upload)
	case p.Number < 1 || p.Number > PartsMax:
		return fmt.Errorf("%w: part %d; parts have the numbers 1 to %d", ErrInvalid, p.Number, PartsMax)
	case len(p.Data) == 0:
		return fmt.Errorf("%w: part %d is empty", ErrInvalid, p.Number)
	case len(p.Data) > PartMax:
		return fmt.Errorf("%w: part %d has %d bytes, %d are allowed", ErrTooLarge, p.Number, len(p.Data), PartMax)
	}
	return nil
}

// Check returns ErrInvalid or ErrTooLarge for a write that cannot be done.
func (w *Write) Check() error {
	if err := CheckKey(w.Key); err != nil {
		return err
	}
	switch {
	case w.Upload != "" && (w.Delete || len(w.Data) > 0):
		return fmt.Errorf("%w: an object is made of parts or of data", ErrInvalid)
	case w.Upload != "" && !token.MatchString(w.Upload):
		return fmt.Errorf("%w: %.70q is not the name of an upload", ErrInvalid, w.Upload)
	case w.Upload != "" && (w.Parts < 1 || w.Parts > PartsMax):
		return fmt.Errorf("%w: an object of %d parts; 1 to %d are allowed", ErrInvalid, w.Parts, PartsMax)
	case len(w.Data) > PartMax:
		return fmt.Errorf("%w: it has %d bytes; more than %d are written in parts", ErrTooLarge, len(w.Data), PartMax)
	case w.Fits(int64(len(w.Data))) != nil:
		return w.Fits(int64(len(w.Data)))
	case w.Once != "" && !token.MatchString(w.Once):
		return fmt.Errorf("%w: %.70q cannot be what a write is for", ErrInvalid, w.Once)
	case w.If != nil && *w.If == "":
		return fmt.Errorf("%w: a revision is not empty; that of no object is %s", ErrInvalid, None)
	}
	return nil
}

// Expects reports whether a write may be done when the key has that revision, None for no
// object.
func (w *Write) Expects(revision string) bool { return w.If == nil || *w.If == revision }

// Fits returns ErrTooLarge when an object of that size may not be written.
func (w *Write) Fits(size int64) error {
	most := int64(ObjectMax)
	if w.Most > 0 {
		most = min(most, w.Most)
	}
	if size > most {
		return fmt.Errorf("%w: it has %d bytes, %d are allowed", ErrTooLarge, size, most)
	}
	return nil
}

// Own is what the keys of a store's own begin with: no object has one.
const Own = ".grow/"

// CheckKey returns ErrInvalid for what cannot be a key.
func CheckKey(key string) error {
	switch {
	case len(key) == 0 || len(key) > KeyMax || !utf8.ValidString(key) || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return fmt.Errorf("the key %.64q %w: it is UTF-8 of 1 to %d bytes, without control characters", key, ErrInvalid, KeyMax)
	case strings.HasPrefix(key, "/") || strings.HasSuffix(key, "/") || strings.HasPrefix(key, Own) || strings.ContainsFunc(key, func(c rune) bool { return c == '\\' }):
		return fmt.Errorf("the key %.64q %w: it neither begins nor ends with /, does not begin with %s and has no \\", key, ErrInvalid, Own)
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("the key %.64q %w: a part between two / is empty, . or .., which none may be", key, ErrInvalid)
		}
	}
	return nil
}

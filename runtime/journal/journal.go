// Package journal is the contract of the log that everything grow accepts goes
// through: fenced, append-only, one per slice of the key space. Package
// journaltest is the suite each implementation must pass.
//
// A record is one append and is applied whole or not at all; it holds entries
// (see [Entry]), encoded as journal.proto says.
package journal

import (
	"context"
	"errors"
	"time"
)

// Limits of one record and one entry.
const (
	RecordMax  = 512 << 10 // bytes
	EntriesMax = 4096      // entries in a record
	InlineMax  = 256 << 10 // bytes of one entry; what is larger lies in a blob
	InFlight   = 2         // appends of one journal that may be under way
)

// Errors that callers tell apart with [errors.Is].
var (
	// ErrFenced: the journal's last sequence is not the expected one, so
	// somebody else appended. The caller has lost ownership.
	ErrFenced = errors.New("journal has another owner")
	// ErrUnknown: the append timed out or the connection broke; the record may
	// or may not be there. The caller must read the tail again.
	ErrUnknown = errors.New("outcome of the append is unknown")
	// ErrTooLarge: the record exceeds RecordMax.
	ErrTooLarge = errors.New("record is too large")
	// ErrTrimmed: the sequence asked for has been trimmed away.
	ErrTrimmed = errors.New("record has been trimmed")
	// ErrNotFound: there is no such blob, or no snapshot yet.
	ErrNotFound = errors.New("not found")
	// ErrConflict: compare-and-set found another revision.
	ErrConflict = errors.New("revision has moved")
	// ErrHeld: somebody else holds the lease.
	ErrHeld = errors.New("lease is held")
	// ErrClosed: the store or journal has been closed.
	ErrClosed = errors.New("journal is closed")
	// ErrDamaged: a record or entry is not what was written, or of a format
	// this version does not know.
	ErrDamaged = errors.New("journal is damaged")
)

// Name names one journal. Names carry a namespace from the first day.
type Name struct {
	Namespace string
	Service   string
	Number    int // from 0; a laptop has one journal a service
}

// Store holds journals and what belongs to them. It is safe for concurrent use.
type Store interface {
	// Open opens a journal, making it when it is new.
	Open(ctx context.Context, n Name) (Journal, error)
	// Close closes every journal. Appends under way end with ErrClosed or as they would have.
	Close() error
}

// Journal is one log. Append is called by its one owner; everything else is
// safe for concurrent use.
type Journal interface {
	// Append starts to append record after sequence last. done is called
	// exactly once, with the record's sequence (last + 1) or an error; it may
	// run before Append returns and on any goroutine, and must not block. The
	// caller may reuse record as soon as Append has returned. At most
	// [InFlight] appends may be under way; a second one names the sequence the
	// first will have, and fails when that one does.
	Append(record []byte, last uint64, done func(seq uint64, err error))
	// Bounds is the first and last sequence; first is last + 1 when the
	// journal is empty. A new journal has 1, 0.
	Bounds(ctx context.Context) (first, last uint64, err error)
	// Read visits the records from sequence from to the last in order. The
	// bytes are valid during the visit only. It ends early with visit's error,
	// and with ErrTrimmed when from is below the first.
	Read(ctx context.Context, from uint64, visit func(seq uint64, record []byte) error) error
	// Trim drops every record below before.
	Trim(ctx context.Context, before uint64) error

	Blobs
	Snapshots
	Leases
}

// Blobs keeps values too large for an entry, by the digest of their bytes.
type Blobs interface {
	// PutBlob keeps data and returns its digest, sha256:<64 hex digits>.
	// Putting the same bytes again is no error.
	PutBlob(ctx context.Context, data []byte) (digest string, err error)
	// Blob returns what PutBlob kept, or ErrNotFound, or ErrDamaged.
	Blob(ctx context.Context, digest string) ([]byte, error)
	// DeleteBlob forgets a blob; one that is not there is no error.
	DeleteBlob(ctx context.Context, digest string) error
}

// Snapshots keeps the pointer to where replay starts.
type Snapshots interface {
	// Snapshot returns the pointer and its revision, or ErrNotFound.
	Snapshot(ctx context.Context) (pointer []byte, revision uint64, err error)
	// SetSnapshot replaces the pointer when its revision is still the one
	// given (0: there is none yet), and returns the new revision or ErrConflict.
	SetSnapshot(ctx context.Context, pointer []byte, revision uint64) (uint64, error)
}

// Leases says who should own the journal. A lease is for liveness only; what
// keeps two owners apart is the sequence that Append expects.
type Leases interface {
	// Acquire takes the lease for owner, or returns ErrHeld. The lease runs
	// out after ttl unless it is renewed.
	Acquire(ctx context.Context, owner string, ttl time.Duration) (Lease, error)
}

// Lease is held until it is released or runs out.
type Lease interface {
	// Renew prolongs the lease by its ttl, or returns ErrHeld when it was lost.
	Renew(ctx context.Context) error
	// Release gives the lease up.
	Release(ctx context.Context) error
}

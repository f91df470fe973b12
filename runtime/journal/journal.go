// Package journal is the contract of the log that everything grow accepts goes
// through: fenced, append-only, one per slice of the key space. Package
// journaltest is the suite each implementation must pass.
//
// A record is one append and is applied whole or not at all; it holds entries
// (see [Entry]), encoded as journal.proto says.
package journal

import (
	"context"
	"fmt"
	"regexp"
	"time"
)

// Limits of one journal.
const (
	RecordMax  = 512 << 10 // bytes
	EntriesMax = 4096      // entries in a record
	InlineMax  = 256 << 10 // bytes of one entry; what is larger lies in a blob
	InFlight   = 2         // appends of one journal that may be under way
	BlobMax    = 64 << 20  // bytes of a blob
	PointerMax = 64 << 10  // bytes of a snapshot pointer
)

// Name names one journal. Names carry a namespace from the first day.
type Name struct {
	Namespace string
	Service   string
	Number    int // from 0 to 99; a laptop has one journal a service
}

// named is what a namespace and a service may be called: see #Name in specs.
var named = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// Check returns an error that says what is wrong with the name.
func (n Name) Check() error {
	for _, s := range []string{n.Namespace, n.Service} {
		if !named.MatchString(s) {
			return fmt.Errorf("%q cannot be part of a journal's name: it must match %s", s, named)
		}
	}
	if n.Number < 0 || n.Number > 99 {
		return fmt.Errorf("a journal cannot have number %d: 0 to 99 are allowed", n.Number)
	}
	return nil
}

// String is the name for people.
func (n Name) String() string { return fmt.Sprintf("%s/%s/%02d", n.Namespace, n.Service, n.Number) }

// Store holds journals and what belongs to them. It is safe for concurrent use.
type Store interface {
	// Open opens a journal, making it when it is new.
	Open(ctx context.Context, n Name) (Journal, error)
	// Health is nil while journals take records, and otherwise why not:
	// ErrUnhealthy, with ErrFull when that is the reason. It does not block. A
	// store looks after itself: when the cause is gone, Health is nil again and
	// every open journal goes on.
	Health() error
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
	// [InFlight] appends may be under way, and another one ends with ErrBusy; a
	// second one names the sequence the first will have, and fails when that
	// one does.
	//
	// After an append that ended with an error other than ErrFenced,
	// ErrTooLarge or ErrBusy the journal is in doubt, and every append ends with
	// ErrUnknown until Bounds has been called: what the caller knows of the end
	// may be wrong, and would be taken for the work of another owner. An append
	// of unknown outcome may still arrive later. [Begin] is how to go on.
	Append(record []byte, last uint64, done func(seq uint64, err error))
	// Bounds is the first and last sequence; first is last + 1 when the
	// journal is empty. A new journal has 1, 0. It ends doubt; see Append.
	Bounds(ctx context.Context) (first, last uint64, err error)
	// Read visits the records from sequence from to the last in order. The
	// bytes are valid during the visit only. It ends early with visit's error,
	// with ErrTrimmed when from is below the first, and with a [Damaged] that
	// names the sequence when a record is missing or not what was appended.
	// Records appended while it runs may be visited or not.
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
	// Putting the same bytes again is no error. When it has returned, the blob
	// is as durable as a record; more than BlobMax is ErrTooLarge.
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
	// After ErrUnknown, Snapshot tells. More than PointerMax is ErrTooLarge.
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

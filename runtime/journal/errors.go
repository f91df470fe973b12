package journal

import (
	"errors"
	"fmt"
)

// Errors that callers tell apart with [errors.Is].
var (
	// ErrFenced: the journal's last sequence is not the expected one, so
	// somebody else appended. The caller has lost ownership.
	ErrFenced = errors.New("journal has another owner")
	// ErrUnknown: the append timed out or the connection broke; the record may
	// or may not be there, and may still arrive. See [Begin].
	ErrUnknown = errors.New("outcome of the append is unknown")
	// ErrBusy: more than InFlight appends are under way.
	ErrBusy = errors.New("too many appends are under way")
	// ErrTooLarge: what was to be kept exceeds its limit.
	ErrTooLarge = errors.New("too large")
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
	// ErrDamaged: a record, entry or file is not what was written. A [Damaged]
	// says which record.
	ErrDamaged = errors.New("journal is damaged")
	// ErrFormat: something is of a format that this version of grow does not know.
	ErrFormat = errors.New("format is not known to this version of grow")
	// ErrShort: the journal ends before where replay is to start, so committed
	// records are missing from its end.
	ErrShort = errors.New("journal is shorter than its snapshot")
	// ErrUnhealthy: the store takes nothing at present. It looks after itself.
	ErrUnhealthy = errors.New("journal store is unhealthy")
	// ErrFull: the disk, or what the store may use of it, is full.
	ErrFull = errors.New("journal store is full")
	// ErrDenied: the server refused the credentials, or one side the other's certificate.
	ErrDenied = errors.New("credentials are refused")
	// ErrNoJetStream: the server, or this account on it, keeps nothing.
	ErrNoJetStream = errors.New("server has no JetStream")
	// ErrPayload: the server takes no messages as large as a record.
	ErrPayload = errors.New("max_payload of the server is too small")
	// ErrLocked: another process has the data folder open.
	ErrLocked = errors.New("data folder is in use by another process")
	// ErrExists: there is such a journal already.
	ErrExists = errors.New("the journal is there already")
	// ErrForeign: the data folder or stream was made by something else.
	ErrForeign = errors.New("not a journal of grow")
)

// Damaged names a record that is damaged, missing or foreign. errors.Is finds
// ErrDamaged in it, and ErrFormat where the format is the reason.
type Damaged struct {
	Journal string // its name, where known
	Seq     uint64 // sequence of the record; 0 when not even that can be read
	Where   string // file and offset, where known
	Cause   error
}

// Error implements error.
func (d *Damaged) Error() string {
	text := fmt.Sprintf("record %d", d.Seq)
	if d.Journal != "" {
		text += " of journal " + d.Journal
	}
	if d.Where != "" {
		text += " (" + d.Where + ")"
	}
	return text + ": " + d.Cause.Error()
}

// Unwrap gives the cause and ErrDamaged.
func (d *Damaged) Unwrap() []error { return []error{ErrDamaged, d.Cause} }

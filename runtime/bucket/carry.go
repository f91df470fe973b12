package bucket

import (
	"context"
	"time"
)

// Kinds of buckets.
const (
	Values  = "kv"
	Objects = "blob"
)

// Carried names a bucket among those of all kinds.
type Carried struct {
	Kind string // Values, Objects
	Name
}

// Item is one thing that a bucket keeps: a value, part of an object, or what is known of a
// former write.
type Item struct {
	Subject  string            // what it is, as the store names it; a later item of the same replaces it
	Sequence uint64            // grows from one item to the next
	Time     time.Time         // when it was kept
	Header   map[string]string // what the store knows of it besides
	Data     []byte
}

// Extent says what the items of a copy leave.
type Extent struct {
	Last uint64   // sequence of the last item that the bucket has had
	Gone []string // subjects that were removed while the items were read
}

// Carrier is a store whose buckets can be copied and made anew of the copies. A store that
// keeps them implements it. It is safe for concurrent use.
type Carrier interface {
	// CarriedBuckets lists the buckets of a namespace, "" for all, that belong to a service or to all of
	// them.
	CarriedBuckets(ctx context.Context, namespace, service string) ([]Carried, error)
	// CopyBucket visits the items of a bucket that goes on: writes of this store's own wait
	// only while the last of them are read. What it tells is the bucket at one moment, but for
	// what others write to it through a server of theirs. Items are valid during the visit.
	CopyBucket(ctx context.Context, c Carried, visit func(*Item) error) (Extent, error)
	// MakeBucket makes a bucket that is not there, of a copy: items calls its argument with
	// each. Revisions of values and objects are as they were, and those to come greater.
	// Values whose time is over by now are left out. It fails with ErrExists, and leaves no
	// bucket when it fails.
	MakeBucket(ctx context.Context, c Carried, x Extent, items func(visit func(*Item) error) error) error
}

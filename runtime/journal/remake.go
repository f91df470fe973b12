package journal

import "context"

// Maker makes journals that go on where another one was: of a backup, or of what
// could be saved. A store that can do so implements it.
type Maker interface {
	// Make makes a journal whose first record will have sequence first, from 1,
	// or fails with ErrExists when there is one of that name. Until done was
	// called and returned nil, nobody can open it by its name, so that one which
	// was filled by half is not taken for a whole one.
	Make(ctx context.Context, n Name, first uint64) (j Journal, done func(context.Context) error, err error)
}

// BlobLister lists the blobs of a journal, also those that nothing refers to:
// what a crash leaves behind between the writing of a blob and of what names it.
// A journal that can do so implements it.
type BlobLister interface {
	// ListBlobs visits the digest of every blob, in no order. Of one that was not
	// written to its end, whole is false; DeleteBlob removes that too.
	ListBlobs(ctx context.Context, visit func(digest string, whole bool) error) error
}

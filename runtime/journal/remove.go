package journal

import "context"

// Remover removes journals. A store that can do so implements it.
type Remover interface {
	// Remove removes a journal with its blobs and its snapshot pointer; one that is not
	// there is no error. Nobody may have it open: who has finds that it is gone, or
	// finds another. After an error it may be there in part, and Remove can be called
	// again; Open makes a new one of the same name only once it has returned nil.
	Remove(ctx context.Context, n Name) error
}

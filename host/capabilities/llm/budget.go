package llm

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
)

// Limits of the budget's own work.
const (
	countKept = 48 * time.Hour // how long it is kept what was used
	countMax  = 100            // attempts to change a count that others change, too
)

// budget counts tokens by day and by message, in a bucket that others count in, too. It is
// safe for concurrent use.
type budget struct {
	kept           bucket.Bucket
	scope          string
	now            func() time.Time
	message, daily int64

	mu sync.Mutex // held for each change, so that those of this process do not meet in the bucket
}

// messageOf is the message of a request, as its Stable says.
func messageOf(stable string) string {
	if i := strings.LastIndexByte(stable, '/'); i >= 0 {
		return stable[:i]
	}
	return stable
}

// take counts tokens before they are used. give, called at most once, puts what was used in
// their place; when it is not called, what was taken stays counted.
func (b *budget) take(ctx context.Context, message string, tokens int64) (give func(ctx context.Context, used int64), err error) {
	day := "day/" + b.now().UTC().Format(time.DateOnly) + "/" + key(b.scope, "")
	one := "message/" + key(b.scope, message)
	if err := b.add(ctx, one, tokens, b.message, "the message"); err != nil {
		return nil, err
	}
	give = func(ctx context.Context, used int64) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
		defer cancel()
		more := used - tokens
		// That it cannot be counted leaves what was taken, which is about as much.
		_ = b.add(ctx, one, more, 0, "")
		if err == nil {
			_ = b.add(ctx, day, more, 0, "")
		}
	}
	if err = b.add(ctx, day, tokens, b.daily, "the actor today"); err != nil {
		give(ctx, 0)
		return nil, err
	}
	return give, nil
}

// add adds to a count, unless it came to more than most; 0: whatever it comes to.
func (b *budget) add(ctx context.Context, key string, more, most int64, who string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range countMax {
		var n int64
		e, err := b.kept.Get(ctx, key)
		if err != nil && !errors.Is(err, bucket.ErrNotFound) {
			return errUnknown
		}
		if err == nil && json.Unmarshal(e.Data, &n) != nil {
			return errUnknown
		}
		if most > 0 && n+more > most {
			return refuse(capability.Limit, "%s has used %d tokens and the request may use %d more: the grant allows %d", who, n, more, most)
		}
		data, err := json.Marshal(max(n+more, 0))
		if err != nil {
			return err
		}
		_, err = b.kept.Write(ctx, &bucket.Write{Key: key, Data: data, If: &e.Revision, TTL: countKept})
		if err == nil {
			return nil
		}
		if !errors.Is(err, bucket.ErrConflict) {
			return errUnknown
		}
	}
	return errUnknown
}

package http

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"time"

	"github.com/grow-platform/grow/runtime/object"
	"github.com/grow-platform/grow/specs"
)

// How long bodies are kept that are objects.
const (
	KeepDefault = 7 * 24 * time.Hour // where a grant says nothing
	KeepMin     = 48 * time.Hour     // for as long as the journal keeps what has happened
	KeepMax     = 10 * 365 * 24 * time.Hour
	expireMax   = 10_000 // bodies that one Expire removes; the next goes on
)

// keptKey is what the keys of such bodies are.
var keptKey = regexp.MustCompile(`^http/([0-9a-f]{32})$`)

// keptName is what a text is looked through for, where it may name such bodies.
var keptName = regexp.MustCompile(`[0-9a-f]{32,}`)

// Lives says for how long each bucket of a service's own keeps bodies, after they were written:
// as long as the grant that keeps them longest says, and KeepDefault where only grants of kind
// blob name the bucket, since another revision may have had one.
func Lives(s *specs.Service) map[string]time.Duration {
	lives := map[string]time.Duration{}
	for _, a := range s.Actors {
		for _, g := range a.Uses {
			bucket, _ := g.Params["bucket"].(string)
			_, outside := g.Params["server"].(string)
			switch {
			case bucket == "":
			case g.Kind == "http":
				if read, err := form.Read(g.Params); err == nil { // it was checked when the service was loaded
					lives[bucket] = max(lives[bucket], read.keep)
				}
			case g.Kind == "blob" && !outside && g.Params["of"] != "namespace":
				lives[bucket] = max(lives[bucket], KeepDefault)
			}
		}
	}
	return lives
}

// Expired is what Expire has done.
type Expired struct {
	Removed int
	Bytes   int64 // of those
	Held    int   // bodies that are as old, and stay since something names them
}

// Expire removes the bodies of a bucket that were written before some time and that nothing
// names. holds looks through all that may name one, by visiting its bytes; it is called when there
// are such bodies. One that is written anew meanwhile stays.
func Expire(ctx context.Context, b object.Bucket, before time.Time, holds func(visit func(data []byte)) error) (e Expired, err error) {
	// It begins anywhere, so that many that stay do not hide the others for ever.
	from := fmt.Sprintf("%s%08x", kept, rand.Uint32()) //nolint:gosec // it is no secret
	old, err := expired(ctx, b, before, from, "")
	if err == nil && len(old) < expireMax {
		var rest map[string]object.Info
		rest, err = expired(ctx, b, before, "", from)
		for digits, o := range rest {
			old[digits] = o // a few more than expireMax may be
		}
	}
	if err != nil {
		return e, fmt.Errorf("list kept answers: %w", err)
	}
	if len(old) == 0 {
		return e, nil
	}
	err = holds(func(data []byte) {
		for _, digits := range keptName.FindAll(data, -1) {
			for i := 0; i+32 <= len(digits); i++ {
				if _, ok := old[string(digits[i:i+32])]; ok {
					delete(old, string(digits[i:i+32]))
					e.Held++
				}
			}
		}
	})
	if err != nil {
		return e, err
	}
	for _, o := range old {
		_, err := b.Write(ctx, &object.Write{Key: o.Key, Delete: true, If: &o.Revision})
		switch {
		case errors.Is(err, object.ErrConflict):
		case err != nil:
			return e, fmt.Errorf("remove a kept answer: %w", err)
		default:
			e.Removed++
			e.Bytes += o.Size
		}
	}
	return e, nil
}

// expired lists up to expireMax bodies that were written before some time, by the digits of their
// keys: those whose keys come after one, and, unless to is "", not after it.
func expired(ctx context.Context, b object.Bucket, before time.Time, after, to string) (map[string]object.Info, error) {
	old := map[string]object.Info{}
	for {
		list, err := b.List(ctx, kept, after, object.PageMax)
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			if to != "" && o.Key > to || len(old) == expireMax {
				return old, nil
			}
			if m := keptKey.FindStringSubmatch(o.Key); m != nil && !o.Damaged && o.Modified.Before(before) {
				old[m[1]] = o
			}
		}
		if len(list) < object.PageMax {
			return old, nil
		}
		after = list[len(list)-1].Key
	}
}

package compiled

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/engine"
)

// refusals are the modules that were last found to be more than the compiler can
// take. It is safe for concurrent use.
type refusals struct {
	mu   sync.Mutex
	list []refused // the oldest first
}

type refused struct {
	module [32]byte
	err    *engine.Error
	until  time.Time
}

// note remembers what a compilation ended with, if it lies in the module: what has
// a cause beside it may be otherwise the next time.
func (r *refusals) note(module [32]byte, err error) {
	var known *engine.Error
	if !errors.As(err, &known) || known.Cause != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) == RefusedMax {
		r.list = slices.Delete(r.list, 0, 1)
	}
	r.list = append(r.list, refused{module, known, time.Now().Add(refusedFor)})
}

// find is the error that the module ended with; nil: it is not remembered.
func (r *refusals) find(module [32]byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = slices.DeleteFunc(r.list, func(f refused) bool { return time.Now().After(f.until) })
	if k := slices.IndexFunc(r.list, func(f refused) bool { return f.module == module }); k >= 0 {
		return r.list[k].err
	}
	return nil
}

// Package grants reads the parameters of grants by the CUE type that describes them, so
// that what a kind of capability takes is written down once, with its defaults. What its
// operations take and answer may stand there, too.
package grants

import (
	"fmt"
	"sync"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"github.com/grow-platform/grow/runtime/capability"
)

// definitionName is the type in a definition.
const definitionName = "#Grant"

// Form is what the grants of a kind are: a type in CUE, and T that they are read into. It is
// embedded in the kind, whose Name and Check it is. It is safe for concurrent use.
type Form[T any] struct {
	kind      string
	whole     func(*T) error
	value     func() cue.Value // the definition, compiled when it is first needed
	described func() *capability.Description
	mu        sync.Mutex // CUE's values are used by one goroutine at a time
}

// New makes the form of a kind from CUE that defines #Grant, and #Operations when what the kind
// serves has types. whole sees to what CUE cannot say, and may complete what was read; nil: there
// is nothing.
func New[T any](kind, definition string, whole func(*T) error) *Form[T] {
	f := &Form[T]{kind: kind, whole: whole, value: sync.OnceValue(func() cue.Value {
		return cuecontext.New().CompileString(definition)
	})}
	f.described = sync.OnceValue(func() *capability.Description {
		f.mu.Lock()
		defer f.mu.Unlock()
		return describe(kind, f.value())
	})
	return f
}

// Name implements capability.Kind.
func (f *Form[T]) Name() string { return f.kind }

// Check implements capability.Kind.
func (f *Form[T]) Check(params map[string]any) error {
	_, err := f.Read(params)
	return err
}

// Read reads a grant's parameters, with defaults for what they leave out. Its error names
// the field that is wrong.
func (f *Form[T]) Read(params map[string]any) (*T, error) {
	var read T
	if err := f.decode(params, &read); err != nil {
		return nil, err
	}
	if f.whole != nil {
		if err := f.whole(&read); err != nil {
			return nil, err
		}
	}
	return &read, nil
}

func (f *Form[T]) decode(params map[string]any, into *T) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	definition := f.value().LookupPath(cue.ParsePath(definitionName))
	v := definition.Unify(cuecontext.New().Encode(params))
	if err := v.Validate(cue.Concrete(true)); err != nil {
		return fmt.Errorf("%s grant: %s", f.kind, fault(definition, params, err))
	}
	if err := v.Decode(into); err != nil {
		return fmt.Errorf("%s grant: %w", f.kind, err)
	}
	return nil
}

// Worded is an error in words of its own that is another one to who asks by errors.Is: what an
// actor is told says what is wrong, and not twice that something is.
func Worded(err error, format string, args ...any) error {
	return &worded{err, fmt.Sprintf(format, args...)}
}

type worded struct {
	err  error
	text string
}

func (e *worded) Error() string { return e.text }
func (e *worded) Unwrap() error { return e.err }

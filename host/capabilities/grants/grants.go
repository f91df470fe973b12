// Package grants reads the parameters of grants by the CUE type that describes them, so
// that what a kind of capability takes is written down once, with its defaults.
package grants

import (
	"fmt"
	"strings"
	"sync"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/errors"
)

// definitionName is the type in a definition.
const definitionName = "#Grant"

// Form is the type of the grants of a kind. It is safe for concurrent use.
type Form struct {
	kind  string
	value func() cue.Value // compiled when it is first needed
	mu    sync.Mutex       // CUE's values are used by one goroutine at a time
}

// New makes the form of a kind from CUE that defines #Grant.
func New(kind, definition string) *Form {
	return &Form{kind: kind, value: sync.OnceValue(func() cue.Value {
		return cuecontext.New().CompileString(definition).LookupPath(cue.ParsePath(definitionName))
	})}
}

// Read reads a grant's parameters into a struct, with defaults for what they leave out.
// Its error names the field that is wrong.
func (f *Form) Read(params map[string]any, into any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := f.value().Unify(cuecontext.New().Encode(params))
	if err := v.Validate(cue.Concrete(true)); err != nil {
		first := errors.Errors(err)[0]
		format, args := first.Msg()
		return fmt.Errorf("%s grant: %s: %s", f.kind, strings.TrimPrefix(strings.Join(first.Path(), "."), definitionName+"."), fmt.Sprintf(format, args...))
	}
	if err := v.Decode(into); err != nil {
		return fmt.Errorf("%s grant: %w", f.kind, err)
	}
	return nil
}

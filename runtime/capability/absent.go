package capability

import (
	"context"
	"fmt"
)

// Absent stands in for a capability that a grant can do without, and that the host has
// nothing for: each of the operations fails as unavailable, for good, with what the text
// says that is missing.
func Absent(operations []string, format string, args ...any) Capability {
	return absent{operations, fmt.Sprintf(format, args...)}
}

type absent struct {
	operations []string
	text       string
}

// Operations implements Capability: nothing outside changes.
func (a absent) Operations() map[string]Effect {
	all := map[string]Effect{}
	for _, name := range a.operations {
		all[name] = Reads
	}
	return all
}

// Do implements Capability.
func (a absent) Do(context.Context, *Request) Answer { return Answer{Code: Unavailable, Text: a.text} }

// Close implements Capability.
func (absent) Close() error { return nil }

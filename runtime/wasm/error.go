package wasm

import "fmt"

// Error says why a binary is not accepted.
type Error struct {
	Code   string // one of the codes below
	At     int    // offset into the binary
	Where  string // function 5 (main), section type; may be empty
	Reason string // one line for a person
	// Proposal is, of CodeFeature, the name of what it belongs to.
	Proposal string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Where == "" {
		return fmt.Sprintf("%s: at offset %d: %s", e.Code, e.At, e.Reason)
	}
	return fmt.Sprintf("%s: at offset %d, %s: %s", e.Code, e.At, e.Where, e.Reason)
}

// Codes of [Error].
const (
	CodeInvalid = "module.invalid" // not a valid core module
	CodeLimit   = "module.limit"   // more of something than is allowed
	CodeFeature = "module.feature" // valid perhaps, but of a proposal that is not accepted
)

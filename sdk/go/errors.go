package grow

import (
	"errors"
	"fmt"
	"time"
)

// Refusal is the error of a handler that refuses its message: the message is
// at fault and trying again would not help. Make one with [Refuse].
type Refusal struct {
	Code string // stable, for programs: order.empty
	Text string // for people
}

// Error implements error.
func (e *Refusal) Error() string { return e.Code + ": " + e.Text }

// Refuse returns a *[Refusal]. Code should be short, stable and made of words
// with dots between them.
func Refuse(code, text string) error { return &Refusal{Code: code, Text: text} }

// Refusef is [Refuse] with a formatted text.
func Refusef(code, format string, args ...any) error {
	return &Refusal{Code: code, Text: fmt.Sprintf(format, args...)}
}

// Delayed is the error of a handler that wants its message again later. Make
// one with [Later].
type Delayed struct {
	Code  string        // "later", or the code of the capability that failed
	Text  string        // for people
	After time.Duration // at least so much later; 0 leaves it to the retry policy
}

// Error implements error.
func (e *Delayed) Error() string { return e.Code + ": " + e.Text }

// Later returns a *[Delayed]: the message is delivered again as often as the
// actor's retry policy says, then kept as a dead letter. With after it waits
// at least so long, counted in milliseconds and rounded up.
func Later(text string, after time.Duration) error {
	return &Delayed{Code: "later", Text: text, After: after}
}

// CallError is the error answer of a capability.
type CallError struct {
	Op    string // the operation that was asked for: state.set
	Code  string // denied, not_found, conflict, timeout, limit, unavailable, invalid or the capability's own
	Text  string // for people
	Retry bool   // trying again may help
}

// Error implements error.
func (e *CallError) Error() string { return fmt.Sprintf("%s: %s: %s", e.Op, e.Code, e.Text) }

// outcome finds what err asks for: a refusal, another attempt, or neither.
func outcome(err error) (refusal *Refusal, delayed *Delayed) {
	switch e := err.(type) { // as most handlers return them; errors.As takes its time
	case *Refusal:
		return e, nil
	case *Delayed:
		return nil, e
	}
	if errors.As(err, &refusal) {
		return refusal, nil
	}
	if errors.As(err, &delayed) {
		return nil, delayed
	}
	var failed *CallError
	if errors.As(err, &failed) && failed.Retry {
		return nil, &Delayed{Code: failed.Code, Text: err.Error()}
	}
	return nil, nil
}

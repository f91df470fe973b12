//go:build !failpoint

package nats

// failpoint is a moment before, between or after writes at which a build with the
// tag failpoint can be made to die.
func failpoint(string) {}

//go:build !linux

package crash

import "context"

// Full needs a disk of its own, which it can have on Linux alone.
func (r *Run) Full(context.Context) error { return ErrSkipped }

// Power needs a disk of its own, which it can have on Linux alone.
func (r *Run) Power(context.Context) error { return ErrSkipped }

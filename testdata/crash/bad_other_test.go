//go:build !linux

package crash

import "testing"

func fullAtStart(t *testing.T, _ *Run) {
	t.Skip("needs a disk of its own, which it can have on Linux alone")
}

//go:build linux || darwin

package jail

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// setLimits sets soft and hard limits, none higher than it is. Of processor time
// the soft one comes a second earlier, so that Go's runtime can say what happened.
func setLimits(limits map[int]uint64) error {
	for resource, most := range limits {
		var has unix.Rlimit
		if err := unix.Getrlimit(resource, &has); err != nil {
			return fmt.Errorf("read resource limit %d: %w", resource, err)
		}
		hard := most
		if resource == unix.RLIMIT_CPU {
			hard++
		}
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: min(most, has.Max), Max: min(hard, has.Max)}); err != nil {
			return fmt.Errorf("set resource limit %d to %d: %w", resource, most, err)
		}
	}
	return nil
}

//go:build darwin

package jail

import (
	"time"

	"golang.org/x/sys/unix"
)

// limit sets the resource limits, hard ones too: nobody but root raises them again.
func limit(o orders) ([]Measure, error) {
	limits := map[int]uint64{
		unix.RLIMIT_CORE:   0,
		unix.RLIMIT_FSIZE:  0,
		unix.RLIMIT_NPROC:  0, // threads do not count here
		unix.RLIMIT_NOFILE: uint64(firstFile + o.Files + FilesMax),
	}
	if o.Limits.CPUMax > 0 {
		limits[unix.RLIMIT_CPU] = uint64(seconds(o.Limits.CPUMax) / time.Second)
	}
	if err := setLimits(limits); err != nil {
		return nil, err
	}
	return []Measure{{Name: measureLimits, Holds: true, Note: "processor time, files, no other programs, no core dump"}}, nil
}

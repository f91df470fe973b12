//go:build !unix

package compiled

import "time"

// cpuUsed is not asked for where nothing bounds it.
func cpuUsed() time.Duration { return 0 }

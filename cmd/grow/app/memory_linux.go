package app

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// hostMemory is the memory in bytes that this process may use: the machine's,
// or what the control group allows, whichever is less; 0: it is not known.
func hostMemory() int64 {
	most := int64(0)
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		most = int64(uint64(info.Totalram) * uint64(info.Unit))
	}
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		limit, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		if err == nil && limit > 0 && (most == 0 || limit < most) { // "max" is none
			most = limit
		}
	}
	return most
}

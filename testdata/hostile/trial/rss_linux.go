package trial

import (
	"fmt"
	"os"
)

// rss is the memory of this process that is in use, in bytes.
func rss() (int64, error) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, fmt.Errorf("read memory in use: %w", err)
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		return 0, fmt.Errorf("read memory in use: %w", err)
	}
	return resident * int64(os.Getpagesize()), nil
}

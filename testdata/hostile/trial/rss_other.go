//go:build !linux

package trial

import "runtime"

// rss is the memory of this process that is in use, in bytes: that which Go knows of.
func rss() (int64, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased), nil
}

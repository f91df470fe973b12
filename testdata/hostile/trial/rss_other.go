//go:build !linux

package trial

import "runtime"

// rss is the memory of this process that is in use, in bytes: that which Go knows of.
func rss() (int64, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.Sys - m.HeapReleased), nil
}

// Peak is the most memory that this process ever had in use, in bytes; 0: the
// system does not say.
func Peak() int64 { return 0 }

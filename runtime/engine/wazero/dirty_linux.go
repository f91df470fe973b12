package wazero

import (
	"encoding/binary"
	"os"
	"sync"
	"unsafe"
)

// pagemap tells of each page of this process in 8 bytes (Linux, Documentation/
// admin-guide/mm/pagemap.rst); nil: it cannot be read.
var pagemap = sync.OnceValue(func() *os.File {
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return nil
	}
	return f
})

// Bits of an entry of pagemap.
const (
	pageShared  = 1 << 61 // it is a file's
	pageSwapped = 1 << 62
	pagePresent = 1 << 63

	pagemapEntry = 8
	pagemapRead  = 64 << 10 // bytes that are read at once
)

// measures says whether dirty can count.
func measures() bool { return pagemap() != nil }

// dirty is how many bytes of memory that is mapped from a file were written, and are
// this process's own since.
func dirty(b []byte) (bytes int64, ok bool) {
	f, page := pagemap(), os.Getpagesize()
	if f == nil || len(b) == 0 {
		return 0, f != nil
	}
	at := int64(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) / int64(page) * pagemapEntry
	left := len(b) / page * pagemapEntry
	entries := make([]byte, min(left, pagemapRead))
	for left > 0 {
		e := entries[:min(left, len(entries))]
		if _, err := f.ReadAt(e, at); err != nil {
			return 0, false
		}
		at, left = at+int64(len(e)), left-len(e)
		for ; len(e) > 0; e = e[pagemapEntry:] {
			if v := binary.LittleEndian.Uint64(e); v&pageSwapped != 0 || v&pagePresent != 0 && v&pageShared == 0 {
				bytes += int64(page)
			}
		}
	}
	return bytes, true
}

package schema

import (
	"strconv"
	"strings"
	"time"
)

// Duration writes a time as files have it, without parts that are zero: 10s, 1h30m.
func Duration(d time.Duration) string {
	s := d.String()
	for _, nothing := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, nothing) {
			s = strings.TrimSuffix(s, nothing[1:])
		}
	}
	return s
}

// Suffixes are what stands behind the number of a count, the greatest first.
var Suffixes = []struct {
	Suffix string
	Factor uint64
}{{"G", 1e9}, {"M", 1e6}, {"k", 1e3}}

// Count writes a count as files have it, with a suffix where that says all: 200M, 1500k.
func Count(n uint64) string {
	for _, u := range Suffixes {
		if n >= u.Factor && n%u.Factor == 0 {
			return strconv.FormatUint(n/u.Factor, 10) + u.Suffix
		}
	}
	return strconv.FormatUint(n, 10)
}

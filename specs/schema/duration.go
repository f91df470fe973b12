package schema

import (
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

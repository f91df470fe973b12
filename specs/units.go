package specs

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/specs/schema"
)

// size reads a size such as 32MiB in bytes; the schema has checked its form.
// What is too large for an int64 is its greatest value.
func size(s string) int64 {
	factor := int64(1)
	for _, u := range []struct {
		suffix string
		factor int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"B", 1}} {
		if digits, ok := strings.CutSuffix(s, u.suffix); ok {
			s, factor = digits, u.factor
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > math.MaxInt64/factor {
		return math.MaxInt64
	}
	return n * factor
}

// duration reads a time such as 250ms; what the schema has let through but is
// too long for a time.Duration is the longest there is.
func duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		return math.MaxInt64
	}
	return d
}

// units reads a count such as 200M; the schema has checked its form. What is too
// large for an uint64 is its greatest value.
func units(s string) uint64 {
	factor := uint64(1)
	for _, u := range schema.Suffixes {
		if digits, ok := strings.CutSuffix(s, u.Suffix); ok {
			s, factor = digits, u.Factor
			break
		}
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > math.MaxUint64/factor {
		return math.MaxUint64
	}
	return n * factor
}

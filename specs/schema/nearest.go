package schema

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Mean is "did you mean …" with the known name nearest to name, or "" when none is near.
func Mean(name string, known []string) string {
	if best := Nearest(name, known); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return ""
}

// Nearest returns the known name that name was most likely meant to be, or "".
// Short names must be nearer than long ones: up to a third of the letters may
// be wrong, neighbours that changed places counting as one.
func Nearest(name string, known []string) string {
	const longest = 100 // characters; longer names are no slips
	if utf8.RuneCountInString(name) > longest {
		return ""
	}
	best, least := "", 1+max(1, (utf8.RuneCountInString(name)+1)/3)
	for _, k := range known {
		if k == name || k == "" || utf8.RuneCountInString(k) > longest {
			continue
		}
		d := distance([]rune(strings.ToLower(name)), []rune(strings.ToLower(k)))
		if d < least {
			best, least = k, d
		}
	}
	if best == "" {
		best = sameBeginning(name, known)
	}
	return best
}

// sameBeginning finds a name of the same stem: retry for retries.
func sameBeginning(name string, known []string) string {
	const least = 4 // letters
	best, most := "", least-1
	for _, k := range known {
		n := 0
		for n < min(len(name), len(k)) && name[n] == k[n] {
			n++
		}
		if n > most && 4*n >= 3*min(len(name), len(k)) && k != name {
			best, most = k, n
		}
	}
	return best
}

// distance counts insertions, deletions, substitutions and exchanges of
// neighbours (optimal string alignment).
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

package shape

import "unicode/utf8"

// Near returns the name that differs least from word, by at most two edits and
// less than half of it, or "".
func Near(word string, names []string) string {
	const longest = 64
	best, least := "", 3
	if n := utf8.RuneCountInString(word); n > longest {
		return ""
	} else if n < 6 {
		least = max(2, (n+1)/2)
	}
	for _, n := range names {
		if len(n) > longest {
			continue
		}
		if d := distance([]rune(word), []rune(n)); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance is the number of letters to add, drop, change or swap with a
// neighbour (Damerau and Levenshtein, restricted).
func distance(a, b []rune) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

//go:build race

package compiled

// slower is how many times as long a compilation takes under the race detector.
const slower = 8

// larger is how many times as much memory it takes.
const larger = 4

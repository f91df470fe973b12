//go:build !race

package compiled

// slower is how many times as long a compilation takes as it should.
const slower = 1

const larger = 1

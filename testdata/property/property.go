// Package property checks properties of what is drawn at random: with [pgregory.net/rapid],
// and the same draws each time where a run is to be repeatable.
package property

import (
	"flag"
	"os"
	"testing"

	"pgregory.net/rapid"
)

// Seed names the environment variable that fixes what is drawn, for all properties of a
// process; without it each run draws anew. The flag -rapid.seed has precedence.
const Seed = "GROW_PROPERTY_SEED"

func init() {
	if seed := os.Getenv(Seed); seed != "" {
		if err := flag.Set("rapid.seed", seed); err != nil {
			panic(Seed + ": " + err.Error())
		}
	}
}

// Check is [rapid.Check].
func Check(t *testing.T, prop func(*rapid.T)) {
	t.Helper()
	rapid.Check(t, prop)
}

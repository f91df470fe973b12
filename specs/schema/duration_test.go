package schema_test

import (
	"testing"
	"time"

	"github.com/grow-platform/grow/specs/schema"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 10 * time.Second: "10s", time.Minute: "1m", 90 * time.Minute: "1h30m", time.Hour: "1h", time.Hour + time.Second: "1h0m1s",
		20 * time.Millisecond: "20ms", -time.Hour: "-1h",
	} {
		if got := schema.Duration(d); got != want {
			t.Errorf("%v is written %s, want %s", d, got, want)
		}
		if want == "0s" {
			continue
		}
		if back, err := time.ParseDuration(want); err != nil || back != d {
			t.Errorf("%s is read as %v: %v", want, back, err)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0", 999: "999", 1000: "1k", 1500: "1500", 1_500_000: "1500k", 200_000_000: "200M", 1_000_000_000: "1G", 1_000_000_000_000: "1000G",
	} {
		if got := schema.Count(n); got != want {
			t.Errorf("%d is written %s, want %s", n, got, want)
		}
		if f := schema.Lookup("#Fuel"); n >= 1000 && !f.Fits(want) {
			t.Errorf("%s is no fuel", want)
		}
	}
}

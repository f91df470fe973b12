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

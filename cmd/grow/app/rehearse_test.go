package app

import (
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/runtime/replay"
	"github.com/grow-platform/grow/specs"
)

// TestTargets: a revision that does all that the old one did, but takes twice as long, fails
// the targets that the old one met. Dead letters do not tell how fast it is.
func TestTargets(t *testing.T) {
	const each = time.Millisecond
	report := func(times time.Duration) *replay.Report {
		took := times * each
		return &replay.Report{
			Node: "a", Selected: 110, Ran: 110, Equal: 110, Dead: 10,
			New: replay.Speed{P50: took, P99: took, Total: 100 * took}, Old: &replay.Speed{P50: each, P99: each, Total: 100 * each},
		}
	}
	for name, c := range map[string]struct {
		targets specs.Targets
		want    string
	}{
		"none": {specs.Targets{}, ""},
		"p99":  {specs.Targets{P99: 3 * each / 2}, "targets.p99: 1.5ms is wanted, and of 100 messages the slowest in a hundred took 2ms"},
		"rate": {specs.Targets{Rate: 800}, "targets.rate: 800/s is wanted, and one instance handled 500/s"},
	} {
		a := &specs.Actor{Name: "a", Targets: c.targets}
		k := deploy.Check{Outcome: deploy.Passed}
		if verdict(a, []*replay.Report{report(1)}, nil, &k); k.Outcome != deploy.Passed {
			t.Errorf("%s: as fast as before: %+v", name, k)
		}
		k = deploy.Check{Outcome: deploy.Passed}
		verdict(a, []*replay.Report{report(2)}, nil, &k)
		if failed := k.Outcome == deploy.Failed; failed != (c.want != "") || failed && !strings.Contains(k.Details[0].Text, c.want) {
			t.Errorf("%s: twice as slow: %+v", name, k)
		}
	}
}

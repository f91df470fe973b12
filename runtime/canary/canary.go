// Package canary decides how a new revision takes over from an old one by growing
// shares of the keys, and whether it may: it watches errors, time and fuel of both, and
// says so as soon as the new one is worse by more than chance explains.
package canary

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/aclements/go-moremath/stats"
	"github.com/grow-platform/grow/runtime/shard"
)

// Limits of plans.
const (
	StepsMax  = 100
	WaitMax   = 7 * 24 * time.Hour
	SlowerMax = 1e6
)

// Step is a share of the keys, and how long the new revision has it at least.
type Step struct {
	Share float64       `json:"share"` // of the keys, above 0, at most 1
	Wait  time.Duration `json:"wait_ns"`
}

// Plan says how a new revision takes over.
type Plan struct {
	Steps []Step `json:"steps" nullable:"false"` // the share grows from each to the next, up to 1
	// Slower is how many times as much time and fuel as the old one it may take for a
	// message.
	Slower float64 `json:"slower"`
}

// ErrPlan is returned for a plan that cannot be followed.
var ErrPlan = errors.New("no such canary")

// DefaultSlower is the Slower of a plan that nobody has said otherwise of.
const DefaultSlower = 2.0

// growth is by how much each share is larger than the one before.
const growth = 3

// Grow plans the steps from a first share to all keys, each three times the one before.
func Grow(first float64, wait time.Duration) []Step {
	var steps []Step
	for share := first; share < 1 && share > 0; share *= growth {
		steps = append(steps, Step{share, wait})
	}
	return append(steps, Step{1, wait})
}

// Check reports what is wrong with a plan.
func (p *Plan) Check() error {
	switch {
	case len(p.Steps) == 0:
		return fmt.Errorf("%w: it has no steps", ErrPlan)
	case len(p.Steps) > StepsMax:
		return fmt.Errorf("%w: it has %d steps, and at most %d are allowed", ErrPlan, len(p.Steps), StepsMax)
	case !(p.Slower >= 1 && p.Slower <= SlowerMax):
		return fmt.Errorf("%w: the new revision may take from 1 to %.0f times as long, not %v", ErrPlan, SlowerMax, p.Slower)
	}
	last := 0.0
	for i, s := range p.Steps {
		if !(s.Share > last && s.Share <= 1) {
			return fmt.Errorf("%w: shares grow up to 100 %%, and step %d has %s after %s", ErrPlan, i+1, Percent(s.Share), Percent(last))
		}
		if s.Wait < 0 || s.Wait > WaitMax {
			return fmt.Errorf("%w: step %d waits for %v; up to %v are allowed", ErrPlan, i+1, s.Wait, WaitMax)
		}
		last = s.Share
	}
	if last != 1 {
		return fmt.Errorf("%w: it ends with %s of the keys, not with all", ErrPlan, Percent(last))
	}
	return nil
}

// Percent writes a share for people.
func Percent(share float64) string { return fmt.Sprintf("%.4g %%", share*100) }

// Finding is a way in which a new revision is worse than the old one.
type Finding struct {
	Node string `json:"node"`
	What string `json:"what"` // errors, time or fuel
	Text string `json:"text"` // for a person
	// P is how likely it would look as bad, or worse, if it was not.
	P float64 `json:"p"`
}

// Alpha bounds how likely it is that a revision which is as good as the old one is found
// to be worse, over all looks at one node for one reason.
const Alpha = 0.001

// spent is the part of Alpha that the nth look may spend: all parts, for ever, are Alpha
// together (the union bound, so that looks need not be independent).
func spent(look int) float64 { return Alpha * 6 / (math.Pi * math.Pi * float64(look) * float64(look)) }

// Judge looks for the nth time, from 1, at what both revisions of each node have done,
// and finds in what the new one is worse. Errors are compared by Fisher's exact test,
// which holds for numbers however small; time and fuel, of messages that were handled,
// by the test of Mann and Whitney after the old one's were multiplied by slower. Where only
// routes are others it is errors that count, since another way passes other actors, which take
// what they take, and of answers all three: until then a request has passed all of them.
func Judge(nodes []shard.TrialNode, look int, slower float64) []Finding {
	var list []Finding
	for i := range nodes {
		n := &nodes[i]
		worse := []*Finding{moreErrors(n)}
		if !n.Routes {
			worse = append(worse, more(n, "time", slower), more(n, "fuel", slower))
		}
		for _, f := range worse {
			if f != nil && f.P < spent(look) {
				list = append(list, *f)
			}
		}
	}
	return list
}

func moreErrors(n *shard.TrialNode) *Finding {
	oldAll, newAll := n.Old.Handled+n.Old.Refused+n.Old.Failed, n.New.Handled+n.New.Refused+n.New.Failed
	oldBad, newBad := n.Old.Refused+n.Old.Failed, n.New.Refused+n.New.Failed
	if newBad == 0 {
		return nil
	}
	if oldAll == 0 { // all keys are the new one's
		if newBad < newAll || newBad < samplesMin {
			return nil
		}
		return &Finding{Node: n.Node, What: "errors", Text: fmt.Sprintf("all %d %ss were refused or failed, and the old revision has handled none to compare with", newBad, counted(n))}
	}
	oldBad, oldAll = scaled(oldBad, oldAll)
	newBad, newAll = scaled(newBad, newAll)
	d := stats.HypergeometicDist{N: int(oldAll + newAll), K: int(oldBad + newBad), Draws: int(newAll)}
	p := 0.0
	for k := newBad; k <= min(newAll, oldBad+newBad); k++ {
		more := d.PMF(float64(k))
		p += more
		if more < p*1e-12 {
			break
		}
	}
	return &Finding{Node: n.Node, What: "errors", P: min(1, p), Text: fmt.Sprintf(
		"%d of %d %ss were refused or failed, and %d of %d by the old revision",
		n.New.Refused+n.New.Failed, n.New.Handled+n.New.Refused+n.New.Failed, counted(n), n.Old.Refused+n.Old.Failed, n.Old.Handled+n.Old.Refused+n.Old.Failed)}
}

// counted is what is counted at a node.
func counted(n *shard.TrialNode) string {
	if n.Answers {
		return "request"
	}
	return "message"
}

// countMax is how many messages of an arm count: more say nothing that fewer do not, and
// the exact test sums over them.
const countMax = 1_000_000

func scaled(part, all uint64) (uint64, uint64) {
	if all <= countMax {
		return part, all
	}
	return uint64(math.Round(float64(part) / float64(all) * countMax)), countMax
}

// samplesMin is how many messages both revisions must have handled before their times
// are compared.
const samplesMin = 8

func more(n *shard.TrialNode, what string, slower float64) *Finding {
	if len(n.Old.Samples) < samplesMin || len(n.New.Samples) < samplesMin {
		return nil
	}
	of := func(s shard.Sample) float64 { return float64(s.Time) }
	if what == "fuel" {
		of = func(s shard.Sample) float64 { return float64(s.Fuel) }
	}
	old, now := values(n.Old.Samples, of), values(n.New.Samples, of)
	was, is := middle(old), middle(now)
	if was == 0 || is <= was*slower {
		return nil
	}
	for i := range old {
		old[i] *= slower
	}
	r, err := stats.MannWhitneyUTest(old, now, stats.LocationLess)
	if err != nil { // all are equal
		return nil
	}
	text := fmt.Sprintf("a %s takes %v, %.3g times the %v of the old revision; %.3g times are allowed", counted(n), time.Duration(is), is/was, time.Duration(was), slower)
	if what == "fuel" {
		text = fmt.Sprintf("a %s uses %.0f units of fuel, %.3g times the %.0f of the old revision; %.3g times are allowed", counted(n), is, is/was, was, slower)
	}
	return &Finding{Node: n.Node, What: what, P: r.P, Text: text}
}

func values(list []shard.Sample, of func(shard.Sample) float64) []float64 {
	v := make([]float64, len(list))
	for i, s := range list {
		v[i] = of(s)
	}
	return v
}

func middle(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

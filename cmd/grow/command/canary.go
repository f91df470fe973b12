package command

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/canary"
	"github.com/spf13/pflag"
)

// canaryFlags say how a new revision takes over.
type canaryFlags struct {
	share  share
	wait   time.Duration
	slower float64
}

func (c *canaryFlags) flags(f *pflag.FlagSet) {
	f.Var(&c.share, "canary", "try it on a `share` of the keys first, such as 5%; the share grows by itself")
	f.DurationVar(&c.wait, "wait", time.Minute, "how long each step of a canary takes at least")
	f.Float64Var(&c.slower, "slower", canary.DefaultSlower, "how many `times` as much time and fuel a canary may take as what runs")
}

// steps are what the flags say; none: all at once.
func (c *canaryFlags) steps() []canary.Step {
	if c.share == 0 {
		return nil
	}
	return canary.Grow(float64(c.share), c.wait)
}

// share is a part of the keys: 5% or 0.05.
type share float64

// String implements pflag.Value.
func (s *share) String() string {
	if *s == 0 {
		return ""
	}
	return strings.ReplaceAll(canary.Percent(float64(*s)), " ", "")
}

// Type implements pflag.Value.
func (s *share) Type() string { return "share" }

// Set implements pflag.Value.
func (s *share) Set(text string) error {
	number, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if percent {
		v /= 100
	}
	if err != nil || !(v > 0 && v <= 1) {
		return fmt.Errorf("a share is above 0%% and at most 100%%, such as 5%%")
	}
	*s = share(v)
	return nil
}

package canary

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/shard"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGrow(t *testing.T) {
	p := Plan{Steps: Grow(0.05, time.Minute), Slower: 2}
	var shares []string
	for _, s := range p.Steps {
		shares = append(shares, Percent(s.Share))
	}
	if got := strings.Join(shares, ", "); got != "5 %, 15 %, 45 %, 100 %" {
		t.Error(got)
	}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	step := func(s float64) Step { return Step{Share: s} }
	for want, p := range map[string]Plan{
		"no steps":        {Slower: 2},
		"not with all":    {Slower: 2, Steps: []Step{step(0.5)}},
		"shares grow":     {Slower: 2, Steps: []Step{step(0.5), step(0.4), step(1)}},
		"waits for":       {Slower: 2, Steps: []Step{{1, -1}}},
		"times as long":   {Slower: 0.5, Steps: []Step{step(1)}},
		"at most 100":     {Slower: 2, Steps: make([]Step, 101)},
		"has 200 % after": {Slower: 2, Steps: []Step{step(2)}},
	} {
		if err := p.Check(); !errors.Is(err, ErrPlan) || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func arm(handled, failed uint64, sample func(i int) shard.Sample) shard.Arm {
	a := shard.Arm{Handled: handled, Failed: failed}
	for i := range min(handled, 500) {
		a.Samples = append(a.Samples, sample(int(i)))
	}
	return a
}

func took(d time.Duration, fuel uint64) func(int) shard.Sample {
	return func(i int) shard.Sample { return shard.Sample{Time: d + time.Duration(i), Fuel: fuel + uint64(i%10)} }
}

func TestJudge(t *testing.T) {
	same := took(time.Millisecond, 1000)
	for _, c := range []struct {
		name     string
		old, new shard.Arm
		want     string
	}{
		{"equal", arm(1000, 0, same), arm(50, 0, same), ""},
		{"nothing yet", arm(1000, 0, same), arm(0, 0, same), ""},
		{"nothing to compare with", arm(0, 0, same), arm(0, 3, same), ""},
		{"nothing to compare with, and all fail", arm(0, 0, same), arm(0, 8, same), "errors"},
		{"nothing to compare with, and all but one fail", arm(0, 0, same), arm(1, 50, same), ""},
		{"first message of few fails", arm(20, 0, same), arm(0, 1, same), ""},
		{"first three of many fail", arm(1000, 0, same), arm(0, 3, same), "errors"},
		{"all fail as they did", arm(0, 1000, same), arm(0, 50, same), ""},
		{"one in twenty fails as before", arm(950, 50, same), arm(95, 5, same), ""},
		{"one in five fails", arm(950, 50, same), arm(80, 20, same), "errors"},
		{"errors among millions", arm(9_000_000, 0, same), arm(5_000_000, 400, same), "errors"},
		{"a fifth slower", arm(500, 0, same), arm(100, 0, took(1200*time.Microsecond, 1000)), ""},
		{"four times as slow", arm(500, 0, same), arm(100, 0, took(4*time.Millisecond, 1000)), "time"},
		{"four times the fuel", arm(500, 0, same), arm(100, 0, took(time.Millisecond, 4000)), "fuel"},
		{"four times as slow, seen few times", arm(500, 0, same), arm(3, 0, took(4*time.Millisecond, 1000)), ""},
	} {
		for _, of := range []string{"message", "routes", "request"} {
			var got []string
			for _, f := range Judge([]shard.TrialNode{{Node: "n", Routes: of == "routes", Answers: of == "request", Old: c.old, New: c.new}}, 1, 2) {
				got = append(got, f.What)
				if f.P < 0 || f.P > 1 || of != "routes" && !strings.Contains(f.Text, of) {
					t.Errorf("%s: %+v", c.name, f)
				}
			}
			want := c.want
			if of == "routes" && want != "errors" { // another way takes what it takes
				want = ""
			}
			if strings.Join(got, ",") != want {
				t.Errorf("%s, of a %s: found %v, want %q", c.name, of, got, want)
			}
		}
	}
}

// TestJudgeFalseAlarms: of revisions that are as good as the old one, and are looked at
// again and again, hardly any is found to be worse.
func TestJudgeFalseAlarms(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	alarms := 0
	for range 300 {
		n := shard.TrialNode{Node: "n"}
		for look := 1; look <= 30; look++ {
			for range 20 {
				add(&n.Old, r)
				add(&n.New, r)
			}
			if len(Judge([]shard.TrialNode{n}, look, 1)) > 0 {
				alarms++
				break
			}
		}
	}
	if alarms > 3 { // 0.9 are allowed on average, for three reasons
		t.Errorf("%d of 300 good revisions are found to be worse", alarms)
	}
}

func add(a *shard.Arm, r *rand.Rand) {
	if r.IntN(10) == 0 {
		a.Failed++
		return
	}
	a.Handled++
	a.Samples = append(a.Samples, shard.Sample{Time: time.Duration(r.ExpFloat64() * 1e6), Fuel: uint64(1000 + r.IntN(100))})
}

// fakeClock passes by itself: whoever waits is woken at once, at the time waited for.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
	at  func(time.Time)
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	c.now = c.now.Add(d)
	now := c.now
	c.mu.Unlock()
	if c.at != nil {
		c.at(now)
	}
	go f()
	return func() bool { return false }
}

// fakeSubject handles a thousand messages between two looks, of which the new revision
// has its share.
type fakeSubject struct {
	mu     sync.Mutex
	share  float64
	shares []float64
	node   shard.TrialNode
	fails  bool // the new revision does
	idle   bool
}

func (s *fakeSubject) Share(share float64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.share = share
	s.shares = append(s.shares, share)
	return nil
}

func (s *fakeSubject) Trial() []shard.TrialNode {
	s.mu.Lock()
	defer s.mu.Unlock()
	const messages = 1000
	n := uint64(s.share * messages)
	switch {
	case s.idle:
		n = 0
	case s.fails:
		s.node.New.Failed += n
	default:
		s.node.New.Handled += n
	}
	s.node.Node = "who"
	s.node.Old.Handled += messages - n
	return []shard.TrialNode{s.node}
}

func watch(s *fakeSubject, c *fakeClock, steps []Step) *Watch {
	s.share = steps[0].Share
	return New(Options{Plan: Plan{Steps: steps, Slower: 2}, Clock: c, Subject: s, Reached: func(int) error { return nil }})
}

func TestRun(t *testing.T) {
	c, s := &fakeClock{now: time.Unix(1e9, 0)}, &fakeSubject{}
	v, err := watch(s, c, Grow(0.05, time.Minute)).Run(context.Background())
	if err != nil || !v.Keep {
		t.Fatalf("%+v, %v", v, err)
	}
	if !slices.EqualFunc(s.shares, []float64{0.15, 0.45, 1}, func(a, b float64) bool { return Percent(a) == Percent(b) }) {
		t.Errorf("shares %v", s.shares)
	}
	if took := c.Now().Sub(time.Unix(1e9, 0)); took < 4*time.Minute || took > 4*time.Minute+10*lookEvery {
		t.Errorf("four steps of a minute took %v", took)
	}
}

// TestRunBadLater: a revision that traps after an hour is found out then.
func TestRunBadLater(t *testing.T) {
	c, s := &fakeClock{now: time.Unix(1e9, 0)}, &fakeSubject{}
	began := c.now
	c.at = func(now time.Time) {
		s.mu.Lock()
		s.fails = now.Sub(began) >= time.Hour
		s.mu.Unlock()
	}
	v, err := watch(s, c, Grow(0.05, 30*time.Minute)).Run(context.Background())
	took := c.Now().Sub(began)
	if err != nil || v.Keep || len(v.Findings) != 1 || v.Findings[0].What != "errors" || took < time.Hour || took > time.Hour+4*lookEvery {
		t.Errorf("after %v: %+v, %v", took, v, err)
	}
}

// TestRunIdle: a step in which nothing was handled takes longer, and ends.
func TestRunIdle(t *testing.T) {
	c, s := &fakeClock{now: time.Unix(1e9, 0)}, &fakeSubject{idle: true}
	began := c.now
	v, err := watch(s, c, []Step{{1, time.Minute}}).Run(context.Background())
	if took := c.Now().Sub(began); err != nil || !v.Keep || took < idleWaits*time.Minute {
		t.Errorf("after %v: %+v, %v", took, v, err)
	}
}

// TestRunNotRecorded: a step that cannot be recorded is not taken, and is tried again.
func TestRunNotRecorded(t *testing.T) {
	c, s := &fakeClock{now: time.Unix(1e9, 0)}, &fakeSubject{share: 0.5}
	tries := 0
	w := New(Options{Plan: Plan{Steps: []Step{{0.5, time.Minute}, {1, time.Minute}}, Slower: 2}, Clock: c, Subject: s, Reached: func(step int) error {
		if tries++; tries < 3 {
			return errors.New("disk is full")
		}
		return nil
	}})
	c.at = func(time.Time) {
		if p := w.Progress(); tries == 2 && (p.Fault != "disk is full" || p.Step != 0) {
			t.Errorf("progress %+v", p)
		}
	}
	if v, err := w.Run(context.Background()); err != nil || !v.Keep || tries != 3 || !slices.Equal(s.shares, []float64{1}) {
		t.Errorf("%+v, %v, %d tries, shares %v", v, err, tries, s.shares)
	}
}

func TestRunEnds(t *testing.T) {
	c, s := &fakeClock{now: time.Unix(1e9, 0)}, &fakeSubject{}
	ctx, cancel := context.WithCancel(context.Background())
	c.at = func(time.Time) { cancel() }
	if _, err := watch(s, c, Grow(0.05, time.Hour)).Run(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

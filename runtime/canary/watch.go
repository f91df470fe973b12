package canary

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/shard"
)

// Subject is what takes over, step by step.
type Subject interface {
	// Share gives the new revision a share of the keys.
	Share(float64) error
	// Trial reports what both revisions of each node have done since the beginning.
	Trial() []shard.TrialNode
}

// Options are what a Watch works with.
type Options struct {
	Plan    Plan
	From    int // index of the step to begin with, after a restart
	Clock   shard.Clock
	Subject Subject
	// Reached is told before each step but the first, by its index: what it cannot
	// record does not happen, and is tried again.
	Reached func(step int) error
}

// lookEvery is how often a watch looks at how things are.
const lookEvery = 250 * time.Millisecond

// idleWaits is how many times its wait a step takes when the new revision has handled
// no message in it.
const idleWaits = 10

// Watch is a canary under way. Its methods may be called concurrently.
type Watch struct {
	o       Options
	mu      sync.Mutex // guards those below
	step    int
	since   time.Time
	handled uint64 // by the new revision when the step began
	looks   int
	looked  uint64 // messages of the new revision at the last look
	failed  uint64 // of those
	fault   error  // why the next step was not reached
}

// Progress is how far a canary has come.
type Progress struct {
	Plan  Plan              `json:"plan"`
	Step  int               `json:"step"` // index in the plan
	Since time.Time         `json:"since"`
	Left  time.Duration     `json:"left_ns"` // of the step, at least
	Looks int               `json:"looks"`
	Nodes []shard.TrialNode `json:"-"`
	Fault string            `json:"fault,omitempty"` // why the next step waits
}

// Verdict is how a canary ended.
type Verdict struct {
	Keep     bool
	Text     string // for a person
	Findings []Finding
}

// New makes a watch; the subject has the share of its first step already.
func New(o Options) *Watch {
	return &Watch{o: o, step: o.From, since: o.Clock.Now()}
}

// Run watches until the new revision has proved itself in all steps, or is found to be
// worse than the old one. It returns ctx's error when that ends first.
func (w *Watch) Run(ctx context.Context) (Verdict, error) {
	for {
		if v, done := w.look(); done && ctx.Err() == nil {
			return v, nil
		}
		again := make(chan struct{})
		stop := w.o.Clock.AfterFunc(lookEvery, func() { close(again) })
		select {
		case <-again:
		case <-ctx.Done():
			stop()
			return Verdict{}, ctx.Err()
		}
	}
}

// look judges both revisions, and goes on to the next step when this one is over.
func (w *Watch) look() (Verdict, bool) {
	nodes := w.o.Subject.Trial()
	if nodes == nil { // it was ended, and so will be the watch
		return Verdict{}, false
	}
	all, failed := totals(nodes)
	if v := w.judge(nodes, all, failed); v != nil {
		return *v, true
	}
	w.mu.Lock()
	at, since, before := w.step, w.since, w.handled
	w.mu.Unlock()
	now, step := w.o.Clock.Now(), w.o.Plan.Steps[at]
	passed := now.Sub(since)
	if passed < step.Wait || all == before && passed < idleWaits*step.Wait {
		return Verdict{}, false
	}
	if at == len(w.o.Plan.Steps)-1 {
		return Verdict{Keep: true, Text: fmt.Sprintf("%d messages were handled by the new revision, and it is no worse than the old one", all)}, true
	}
	err := w.o.Reached(at + 1)
	if err == nil {
		err = w.o.Subject.Share(w.o.Plan.Steps[at+1].Share)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault = err; err == nil {
		w.step, w.since, w.handled = at+1, now, all
	}
	return Verdict{}, false
}

// judge looks, if there is something new to see; nil: nothing is found.
func (w *Watch) judge(nodes []shard.TrialNode, all, failed uint64) *Verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	// Looks are as far apart as what they see differs: a tenth more messages, or another
	// one that failed.
	if all <= w.looked+w.looked/10 && failed <= w.failed {
		return nil
	}
	w.looks++
	w.looked, w.failed = all, failed
	list := Judge(nodes, w.looks, w.o.Plan.Slower)
	if len(list) == 0 {
		return nil
	}
	return &Verdict{Text: reasons(list), Findings: list}
}

// totals counts what the new revision has done at all nodes, and of requests those that failed:
// they are of the same messages.
func totals(nodes []shard.TrialNode) (all, failed uint64) {
	for i := range nodes {
		n := &nodes[i].New
		failed += n.Refused + n.Failed
		if nodes[i].Answers {
			continue
		}
		all += n.Handled + n.Refused + n.Failed
	}
	return all, failed
}

func reasons(list []Finding) string {
	var text []string
	for _, f := range list {
		text = append(text, f.Node+": "+f.Text)
	}
	return strings.Join(text, "; ")
}

// Progress reports how far the canary has come.
func (w *Watch) Progress() Progress {
	nodes := w.o.Subject.Trial()
	w.mu.Lock()
	defer w.mu.Unlock()
	p := Progress{Plan: w.o.Plan, Step: w.step, Since: w.since, Looks: w.looks, Nodes: nodes}
	p.Left = max(0, w.o.Plan.Steps[w.step].Wait-w.o.Clock.Now().Sub(w.since))
	if w.fault != nil {
		p.Fault = w.fault.Error()
	}
	return p
}

package replay

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Comparison is one message that was run again.
type Comparison struct {
	*Case
	Now         *Outcome
	Old         *Outcome // on the old revision, run again; nil when there is none
	Differences []Difference
	Mended      bool     // it had failed for good, and is handled now
	Unsteady    bool     // it did not even repeat on the old revision
	Blocks      []uint32 // that Old ran, a bit each, see package cover; nil: they are not known
}

// Report is what a replay found. It is what is saved with a deployment.
type Report struct {
	Node     string  `json:"node"`
	Selected int     `json:"selected"`
	Ran      int     `json:"ran"`
	Equal    int     `json:"equal"`
	Dead     int     `json:"dead,omitempty"`     // dead letters among those that ran, which are not measured
	Mended   int     `json:"mended,omitempty"`   // of those, that had failed for good and are handled now; not among those that are equal
	Skipped  int     `json:"skipped,omitempty"`  // their state before, or what they were answered, is not known any more
	Unsteady int     `json:"unsteady,omitempty"` // those that did not repeat on the old revision
	Groups   []Group `json:"groups,omitempty"`   // the largest first
	More     int     `json:"more,omitempty"`     // differences in other groups than these
	New      Speed   `json:"new"`
	Old      *Speed  `json:"old,omitempty"`
	// Recorded is the fuel that the messages took when they were recorded.
	Recorded uint64 `json:"recorded_fuel"`
}

// Group is all messages that differ in one way.
type Group struct {
	Name     string  `json:"name"`
	Messages int     `json:"messages"`
	Example  Example `json:"example"` // the first in the journal
}

// Example is one message that differs, in full.
type Example struct {
	ID          string       `json:"id"`
	Sequence    uint64       `json:"sequence"`
	Key         string       `json:"key,omitempty"`
	Time        time.Time    `json:"time"`
	Type        string       `json:"type"`
	Data        string       `json:"data"`
	Revision    string       `json:"revision"` // that handled it
	Differences []Difference `json:"differences"`
}

// Speed is how fast messages were handled, one after the other on an instance.
type Speed struct {
	P50    time.Duration `json:"p50_ns"`
	P99    time.Duration `json:"p99_ns"`
	Total  time.Duration `json:"total_ns"`
	Fuel   uint64        `json:"fuel"`
	Memory int64         `json:"memory"` // bytes of all instances, at most
}

// Others stands for the groups beyond GroupsMax among those refused. It cannot be
// accepted: nobody has seen them.
const Others = "others"

// Refused are the groups that are not accepted: none means that the new
// revision has proved itself.
func (r *Report) Refused(accepted []string) (names []string) {
	for i := range r.Groups {
		if !slices.Contains(accepted, r.Groups[i].Name) {
			names = append(names, r.Groups[i].Name)
		}
	}
	if r.More > 0 {
		names = append(names, Others)
	}
	return names
}

// tally adds a report up.
type tally struct {
	options *Options
	all     int

	mu       sync.Mutex
	done     int
	report   Report
	groups   map[string]*Group
	new, old times
}

// times are those of one revision.
type times struct {
	list  []time.Duration
	speed Speed
}

func (t *times) add(o *Outcome) {
	if len(t.list) < LastMax { // those of a tail have no end
		t.list = append(t.list, o.Took)
	}
	t.speed.Total += o.Took
	t.speed.Fuel += o.Fuel
	t.speed.Memory = max(t.speed.Memory, o.Memory)
}

func (t *times) told() Speed {
	if n := len(t.list); n > 0 {
		slices.Sort(t.list)
		t.speed.P50, t.speed.P99 = t.list[n/2], t.list[min(n-1, n*99/100)]
	}
	return t.speed
}

// progressEvery is after how many messages progress is told.
const progressEvery = 100

// step counts a message that is done with.
func (t *tally) step() {
	if t.done++; t.options.Progress != nil && (t.done%progressEvery == 0 || t.done == t.all) {
		t.options.Progress(t.done, t.all)
	}
}

// skip counts a message that cannot be run.
func (t *tally) skip() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report.Skipped++
	t.step()
}

func (t *tally) add(c *Comparison) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &t.report
	r.Ran++
	if c.Dead { // how long it took to fail says nothing
		r.Dead++
	} else {
		r.Recorded += c.Then.Fuel
		t.new.add(c.Now)
		if c.Old != nil {
			t.old.add(c.Old)
		}
	}
	if c.Unsteady {
		r.Unsteady++
	}
	switch {
	case c.Mended:
		r.Mended++
	case len(c.Differences) == 0:
		r.Equal++
	}
	t.group(c)
	if t.options.Each != nil {
		t.options.Each(c)
	}
	t.step()
}

// group counts a message once for each way in which it differs.
func (t *tally) group(c *Comparison) {
	if len(c.Differences) == 0 {
		return
	}
	seen := map[string]bool{}
	for i := range c.Differences {
		name := c.Differences[i].Name
		if seen[name] {
			continue
		}
		seen[name] = true
		g := t.groups[name]
		if g == nil && len(t.groups) == GroupsMax {
			t.report.More++
			continue
		}
		if g == nil {
			if t.groups == nil {
				t.groups = map[string]*Group{}
			}
			g = &Group{Name: name}
			t.groups[name] = g
		}
		if g.Messages++; g.Messages == 1 || c.Sequence < g.Example.Sequence {
			hide := hide(t.options.Hide)
			g.Example = Example{
				ID: c.ID, Sequence: c.Sequence, Key: hide.text(c.Key), Time: time.Unix(0, c.Clock).UTC(), Type: c.Message.Type(),
				Data: hide.shown(c.Message.Data()), Revision: c.Revision, Differences: c.Differences,
			}
		}
	}
}

// more adds messages that are to be run.
func (t *tally) more(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all += n
	t.report.Selected += n
}

// told is the report of those that are done.
func (t *tally) told() *Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.report
	r := &all
	for _, name := range slices.Sorted(maps.Keys(t.groups)) {
		r.Groups = append(r.Groups, *t.groups[name])
	}
	slices.SortStableFunc(r.Groups, func(a, b Group) int { return b.Messages - a.Messages })
	r.New = t.new.told()
	if t.options.Old != nil {
		old := t.old.told()
		r.Old = &old
	}
	return r
}

package crash

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// The services that faults are done to.
const (
	ServiceBooks  = "books"
	ServiceTriage = "triage"
	// ServiceEffects keeps its rows in SQLite, ServiceEffectsPostgres in a PostgreSQL.
	ServiceEffects         = "effects"
	ServiceEffectsPostgres = "effects-postgres"
)

// Services are their folders in this repository.
var Services = map[string]string{
	ServiceBooks: "testdata/crash/service", ServiceTriage: "testdata/services/triage",
	ServiceEffects: "testdata/crash/effects", ServiceEffectsPostgres: "testdata/crash/effects",
}

// Run is a service that faults are done to, round after round. It belongs to
// one goroutine.
type Run struct {
	Service *Service
	Load    *Load
	Random  *rand.Rand
	Say     func(format string, args ...any)
	// Root is the repository's folder, where grow is built from for some faults.
	Root string
	// Messages is how many a backlog has.
	Messages int

	host   *Host // nil when none runs
	work   work
	rounds int
	hurt   bool // the journal's files have been changed since a host had them

	// What the summary says.
	Sent, Acknowledged, Lost, Recovered int // entries; unanswered; unanswered and applied
	Slowest                             time.Duration
	Harmless, Tail                      int            // damage without effect; taken for an unfinished end
	Refusals                            map[string]int // starts refused by name, by code
	Cut, Cuts                           int            // acknowledged entries cut off; cuts of a last record
	Points                              int            // moments between writes that a host died at
	Repaired                            int            // damaged journals that were served after a repair
	Sound                               int            // starts before which grow fsck found nothing wrong
}

// NewRun makes a run of the service of books; the same seed does the same.
func NewRun(s *Service, seed uint64, clients int, say func(string, ...any)) *Run {
	r := &Run{Service: s, Load: NewLoad(clients), Random: rand.New(rand.NewPCG(seed, 7)), Say: say, Root: ".", Refusals: map[string]int{}}
	r.work = &books{run: r, known: Known{}}
	return r
}

// Start starts the service when it does not run, after grow fsck has looked over
// what it has kept.
func (r *Run) Start(ctx context.Context) error {
	if r.host != nil && !r.host.Ended() {
		return nil
	}
	return r.looked(ctx, func() error { return r.start(ctx) })
}

// start starts the service.
func (r *Run) start(ctx context.Context) error {
	h, err := r.Service.Start(ctx)
	// A disk that is busy with something else for so long is no finding.
	for end := time.Now().Add(startMax); unavailable(err) && time.Now().Before(end); h, err = r.Service.Start(ctx) {
		time.Sleep(time.Second)
	}
	if err != nil {
		return err
	}
	r.host, r.Slowest = h, max(r.Slowest, h.Took)
	return nil
}

// unavailable says whether a host did not start because the disk takes nothing now.
func unavailable(err error) bool {
	var refused *Refused
	return errors.As(err, &refused) && refused.Code == "journal.unavailable"
}

// Close kills the host, if one runs.
func (r *Run) Close() {
	if r.host != nil {
		r.host.Kill()
		r.host = nil
	}
}

// begin loads the running service with a round until the function that it returns is called; own: with keys that
// no other round has.
func (r *Run) begin(ctx context.Context, own bool) (end func()) {
	r.rounds++
	r.work.begin(r.rounds, own)
	loading, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	seed, url := r.Random.Uint64(), r.host.URL
	go func() {
		defer close(ended)
		r.work.load(loading, url, seed)
	}()
	return func() {
		stop()
		<-ended
	}
}

// Round loads the running service for some time, has harm done to it, starts it
// again and checks everything. Harm leaves no process.
func (r *Run) Round(ctx context.Context, load time.Duration, harm func(h *Host) error) error {
	if err := r.Start(ctx); err != nil {
		return err
	}
	end := r.begin(ctx, false)
	time.Sleep(load)
	err := harm(r.host)
	end()
	if err != nil {
		r.Close()
		return err
	}
	return r.Verify(ctx)
}

// Verify starts the service when it does not run and checks all of it.
func (r *Run) Verify(ctx context.Context) error {
	if err := r.Start(ctx); err != nil {
		return err
	}
	return r.work.verify(ctx, r.host.URL)
}

// All starts the service when it does not run and compares all that is known.
func (r *Run) All(ctx context.Context) error {
	if err := r.Start(ctx); err != nil {
		return err
	}
	return r.work.all(ctx, r.host.URL)
}

// named counts a start that was refused by name.
func (r *Run) named(refused *Refused) { r.Refusals[refused.Code]++ }

// Summary says what was sent, and what came of what was not answered.
func (r *Run) Summary() string {
	text := fmt.Sprintf("%d entries, %d acknowledged, %d unanswered of which %d applied, slowest start %v", r.Sent, r.Acknowledged, r.Lost, r.Recovered, r.Slowest.Round(time.Millisecond))
	for _, code := range slices.Sorted(maps.Keys(r.Refusals)) {
		text += fmt.Sprintf("; %d starts refused as %s", r.Refusals[code], code)
	}
	if r.Harmless+r.Tail > 0 {
		text += fmt.Sprintf("; damage: %d without effect, %d in the last record", r.Harmless, r.Tail)
	}
	if r.Cut+r.Cuts > 0 {
		text += fmt.Sprintf("; %d entries cut off, %d cuts of a last record", r.Cut, r.Cuts)
	}
	if r.Repaired > 0 {
		text += fmt.Sprintf("; %d repaired and served", r.Repaired)
	}
	if r.Sound > 0 {
		text += fmt.Sprintf("; fsck found nothing before %d starts", r.Sound)
	}
	if r.Points > 0 {
		text += fmt.Sprintf("; died at %d moments between writes", r.Points)
	}
	return text
}

// errBooks: a fault is for the service of books alone.
var errBooks = errors.New("this fault sends entries that only the service testdata/crash/service has: leave SERVICE out")

// untilMax is how long a host may take to refuse what it cannot keep, and to take it again.
const untilMax = 2 * time.Minute

// until sends entries until one is answered with a status.
func (r *Run) until(ctx context.Context, want int) error {
	last := 0
	for began, n := time.Now(), 0; time.Since(began) < untilMax; n++ {
		if last = r.work.probe(ctx, r.host.URL, fmt.Sprintf("probe-%d-%d-%d", r.rounds, want, n)); last == want {
			return nil
		}
		if r.host.Ended() {
			return errors.New("the host has ended by itself")
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("no entry was answered %d within %v, but %d", want, untilMax, last)
}

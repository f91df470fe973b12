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

// The keys of a round: most are its own, so that books stay short however many
// rounds there are; some are those of every round.
const (
	keysOwn    = 48
	keysShared = 8
	keysOld    = 64 // of earlier rounds, read again
)

// Run is a service that faults are done to, round after round. It belongs to
// one goroutine.
type Run struct {
	Service *Service
	Load    *Load
	Random  *rand.Rand
	Say     func(format string, args ...any)
	// Messages is how many a backlog has.
	Messages int

	host   *Host // nil when none runs
	known  Known
	poison []*Op // of all rounds
	rounds int

	// What the summary says.
	Sent, Acknowledged, Lost, Recovered int // entries; unanswered; unanswered and applied
	Slowest                             time.Duration
	Harmless, Tail                      int            // damage without effect; taken for an unfinished end
	Refusals                            map[string]int // starts refused by name, by code
	Cut, Cuts                           int            // acknowledged entries cut off; cuts of a last record
}

// NewRun makes a run of a service; the same seed does the same.
func NewRun(s *Service, seed uint64, clients int, say func(string, ...any)) *Run {
	return &Run{Service: s, Load: NewLoad(clients), Random: rand.New(rand.NewPCG(seed, 7)), Say: say, known: Known{}, Refusals: map[string]int{}}
}

// Start starts the service when it does not run.
func (r *Run) Start(ctx context.Context) error {
	if r.host != nil && !r.host.Ended() {
		return nil
	}
	h, err := r.Service.Start(ctx)
	if err != nil {
		return err
	}
	r.host, r.Slowest = h, max(r.Slowest, h.Took)
	return nil
}

// Close kills the host, if one runs.
func (r *Run) Close() {
	if r.host != nil {
		r.host.Kill()
		r.host = nil
	}
}

// keys are those of the next round.
func (r *Run) keys() []string {
	r.rounds++
	var keys []string
	for n := range keysOwn {
		keys = append(keys, fmt.Sprintf("r%d-%d", r.rounds, n))
	}
	for n := range keysShared {
		keys = append(keys, fmt.Sprintf("all-%d", n))
	}
	return keys
}

// Round loads the running service for some time, has harm done to it, starts it
// again and checks everything. Harm leaves no process.
func (r *Run) Round(ctx context.Context, load time.Duration, harm func(h *Host) error) error {
	if err := r.Start(ctx); err != nil {
		return err
	}
	keys := r.keys()
	loading, end := context.WithCancel(ctx)
	defer end()
	result := make(chan []*Op, 1)
	seed, round, url := r.Random.Uint64(), fmt.Sprint(r.rounds), r.host.URL
	go func() { result <- r.Load.Run(loading, url, round, keys, seed) }()
	time.Sleep(load)
	err := harm(r.host)
	end()
	ops := <-result
	if err != nil {
		r.Close()
		return err
	}
	return r.Verify(ctx, keys, ops)
}

// Verify starts the service when it does not run and checks all of it.
func (r *Run) Verify(ctx context.Context, keys []string, ops []*Op) error {
	if err := r.Start(ctx); err != nil {
		return err
	}
	var unknown []*Op
	for _, op := range ops {
		if op.Read {
			continue
		}
		r.Sent++
		if !op.settled() {
			unknown = append(unknown, op)
		}
		if op.Poison {
			r.poison = append(r.poison, op)
		}
	}
	r.Lost += len(unknown)
	again := r.Load.Again(ctx, r.host.URL, ops, 0.5, r.Random.Float64)
	read := r.sample(keys)
	books, err := r.Load.Settled(ctx, r.host.URL, read, ops)
	if err != nil {
		return errors.Join(again, err)
	}
	r.count(books, ops, unknown)
	err = errors.Join(again, Check(books, r.known, ops), CheckLinear(books, r.known, ops), r.dead(ctx))
	r.known.Learn(books)
	return err
}

// count adds to what the summary says.
func (r *Run) count(books *Books, ops, unknown []*Op) {
	in := map[string]bool{}
	for _, b := range books.Ledger {
		for _, line := range b.Lines {
			in[line.ID] = true
		}
	}
	for _, op := range unknown {
		if in[op.ID] {
			r.Recovered++
		}
	}
	for _, op := range ops {
		if op.acknowledged() && !op.Read {
			r.Acknowledged++
		}
	}
}

// sample adds keys of earlier rounds to those of this one.
func (r *Run) sample(keys []string) []string {
	var old []string
	for key := range r.known {
		if !slices.Contains(keys, key) {
			old = append(old, key)
		}
	}
	slices.Sort(old)
	r.Random.Shuffle(len(old), func(i, j int) { old[i], old[j] = old[j], old[i] })
	return slices.Concat(keys, old[:min(len(old), keysOld)])
}

// All reads every book that is known and compares it with what is known.
func (r *Run) All(ctx context.Context) error {
	if err := r.Start(ctx); err != nil {
		return err
	}
	var keys []string
	for key := range r.known {
		keys = append(keys, key)
	}
	books, err := r.Load.read(ctx, r.host.URL, keys)
	if err != nil {
		return err
	}
	for key, b := range books.Ledger {
		if len(b.Lines) != len(r.known[key]) {
			return fmt.Errorf("%s: %d lines, %d were known", key, len(b.Lines), len(r.known[key]))
		}
	}
	return errors.Join(Check(books, r.known, nil), r.dead(ctx))
}

// dead checks the dead letters until those of what was acknowledged are there.
func (r *Run) dead(ctx context.Context) error {
	for end := time.Now().Add(settleMax); ; time.Sleep(100 * time.Millisecond) {
		dead, err := r.Service.Dead(ctx)
		if err != nil {
			return err
		}
		if err = CheckDead(dead, r.poison); err == nil || time.Now().After(end) {
			return err
		}
	}
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
	return text
}

package crash

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// work loads a service and knows what must be true of it. A Run has one, which
// belongs to the run's goroutine but for load.
type work interface {
	// begin draws the keys of a round; own: and none that other rounds have.
	begin(round int, own bool)
	// load sends until ctx ends or the host is gone.
	load(ctx context.Context, url string, seed uint64)
	// probe sends one entry that no check looks at, and returns the status of the answer.
	probe(ctx context.Context, url, id string) int
	// verify checks a host that has been started again after a round.
	verify(ctx context.Context, url string) error
	// cut checks one whose journal's end was cut off, which may have lost what
	// was acknowledged, but nothing in between.
	cut(ctx context.Context, url string) error
	// all reads all that is known and compares.
	all(ctx context.Context, url string) error
	// forget is told that the journal is another one.
	forget()
	// spoil sets the share of entries that an actor does not take, and how many
	// bytes an entry has at most that only count; before a round.
	spoil(poison float64, fill int)
}

// The keys of a round: most are its own, so that books stay short however many
// rounds there are; some are those of every round.
const (
	keysOwn    = 48
	keysShared = 8
	keysOld    = 64 // of earlier rounds, read again
)

// books is the work on the service in folder service.
type books struct {
	run    *Run
	known  Known
	poison []*Op // of all rounds
	late   []*Op // of all rounds, that were not answered and not in the books either: they may yet come
	keys   []string
	ops    []*Op // of this round
}

func (b *books) begin(round int, own bool) {
	b.keys = nil
	for n := range keysOwn {
		b.keys = append(b.keys, fmt.Sprintf("r%d-%d", round, n))
	}
	for n := range keysShared {
		if !own {
			b.keys = append(b.keys, fmt.Sprintf("all-%d", n))
		}
	}
}

func (b *books) load(ctx context.Context, url string, seed uint64) {
	b.ops = b.run.Load.Run(ctx, url, fmt.Sprint(b.run.rounds), b.keys, seed)
}

func (b *books) probe(ctx context.Context, url, id string) int {
	op := &Op{Entry: Entry{Key: "probe", ID: id}}
	b.run.Load.Send(ctx, url, op)
	return op.Status
}

func (b *books) forget() { b.known, b.poison, b.late = Known{}, nil, nil }

func (b *books) spoil(poison float64, fill int) { b.run.Load.Poison, b.run.Load.Fill = poison, fill }

func (b *books) verify(ctx context.Context, url string) error {
	r := b.run
	var unknown []*Op
	for _, op := range b.ops {
		if op.Read {
			continue
		}
		r.Sent++
		if !op.settled() {
			unknown = append(unknown, op)
		}
		if op.Poison {
			b.poison = append(b.poison, op)
		}
	}
	r.Lost += len(unknown)
	again := r.Load.Again(ctx, url, b.ops, 0.5, r.Random.Float64)
	found, err := r.Load.Settled(ctx, url, b.sample(), b.ops)
	if err != nil {
		return errors.Join(again, err)
	}
	b.count(found, unknown)
	ops := slices.Concat(b.ops, b.late)
	err = errors.Join(again, Check(found, b.known, ops), CheckLinear(found, b.known, ops), b.dead(ctx))
	b.learn(found, unknown)
	return err
}

// learn takes what was found as what is known, and what was not as what may yet come.
func (b *books) learn(found *Books, unknown []*Op) {
	b.known.Learn(found)
	in := found.ids()
	b.late = slices.DeleteFunc(append(b.late, unknown...), func(op *Op) bool { return in[op.ID] || op.acknowledged() })
}

// count adds to what the summary says.
func (b *books) count(found *Books, unknown []*Op) {
	in := found.ids()
	for _, op := range unknown {
		if in[op.ID] {
			b.run.Recovered++
		}
	}
	for _, op := range b.ops {
		if op.acknowledged() && !op.Read {
			b.run.Acknowledged++
		}
	}
}

// ids are all that is in the first books.
func (b *Books) ids() map[string]bool {
	in := map[string]bool{}
	for _, book := range b.Ledger {
		for _, line := range book.Lines {
			in[line.ID] = true
		}
	}
	return in
}

// sample adds keys of earlier rounds to those of this one.
func (b *books) sample() []string {
	var old []string
	for key := range b.known {
		if !slices.Contains(b.keys, key) {
			old = append(old, key)
		}
	}
	slices.Sort(old)
	b.run.Random.Shuffle(len(old), func(i, j int) { old[i], old[j] = old[j], old[i] })
	return slices.Concat(b.keys, old[:min(len(old), keysOld)])
}

// all compares every book that is known.
func (b *books) all(ctx context.Context, url string) error {
	var keys []string
	for key := range b.known {
		keys = append(keys, key)
	}
	found, err := b.run.Load.read(ctx, url, keys)
	if err != nil {
		return err
	}
	err = errors.Join(Check(found, b.known, b.late), b.dead(ctx))
	if err == nil {
		b.learn(found, nil)
	}
	return err
}

// dead checks the dead letters until those of what was acknowledged are there.
func (b *books) dead(ctx context.Context) error {
	for end := time.Now().Add(settleMax); ; time.Sleep(100 * time.Millisecond) {
		dead, err := b.run.Service.Dead(ctx)
		if err != nil {
			return err
		}
		if err = CheckDead(dead, b.poison); err == nil || time.Now().After(end) {
			return err
		}
	}
}

func (b *books) cut(ctx context.Context, url string) error {
	found, err := b.run.Load.Quiet(ctx, url, b.keys)
	if err != nil {
		return err
	}
	in := found.ids()
	if err := onlyEnd(in, b.ops); err != nil {
		return err
	}
	kept := slices.DeleteFunc(slices.Clone(b.ops), func(op *Op) bool { return op.acknowledged() && !op.Read && !in[op.ID] })
	for _, op := range b.ops {
		if op.Read {
			continue
		}
		b.run.Sent++
		if op.acknowledged() {
			b.run.Acknowledged++
		}
	}
	b.run.Cut += len(b.ops) - len(kept)
	if err := Check(found, Known{}, kept); err != nil {
		return err
	}
	b.learn(found, slices.DeleteFunc(kept, func(op *Op) bool { return op.Read || op.settled() }))
	return b.all(ctx, url)
}

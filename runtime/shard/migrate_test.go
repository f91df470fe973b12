package shard

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/specs"
)

// counting is a service that counts the messages of each key: old keeps a number, next a
// number and its double, and migrates what old has kept. Each migrates what the other keeps
// when both is set.
func counting(t testing.TB, both bool) (old, next *specs.Service, guests map[string]guest) {
	t.Helper()
	number := specs.State{Type: cueType(t, "int"), Name: "count.v1"}
	twice := specs.State{Type: cueType(t, "{n!: int, twice!: int}"), Name: "count"}
	number.Print, twice.Print = number.Type.Print(), twice.Type.Print()
	convert := func(name, from, to string) *specs.Actor {
		return def(name, func(a *specs.Actor) { a.In, a.Out = []string{from}, []string{to} })
	}
	forth := specs.Migration{Type: number.Type, Name: number.Name, Print: number.Print, Actor: convert("forth", number.Name, twice.Name)}
	back := specs.Migration{Type: twice.Type, Name: twice.Name, Print: twice.Print, Actor: convert("back", twice.Name, number.Name)}
	twice.From, twice.Back = []specs.Migration{forth}, "back"
	if both {
		number.From = []specs.Migration{back}
	}
	service := func(name string, state specs.State) *specs.Service {
		s := project(def("count", func(a *specs.Actor) {
			a.Key, a.State = map[string]string{"": "data.k"}, []specs.State{state}
			a.Retry = specs.Retry{Max: 2, Backoff: time.Second, Factor: 1, Hold: true}
			a.About = name
		}))
		return s
	}
	guests = map[string]guest{
		"forth": func(_ engine.Host, m *abi.Message) ([]sent, error) {
			n := 0
			_, err := fmt.Sscan(string(m.Data()), &n)
			return []sent{{typ: twice.Name, data: fmt.Sprintf(`{"n":%d,"twice":%d}`, n, 2*n)}}, err
		},
		"back": func(_ engine.Host, m *abi.Message) ([]sent, error) {
			n, double := 0, 0
			_, err := fmt.Sscanf(string(m.Data()), `{"n":%d,"twice":%d}`, &n, &double)
			return []sent{{typ: number.Name, data: fmt.Sprint(n)}}, err
		},
	}
	return service("old", number), service("next", twice), guests
}

// counts counts as old does, or as next.
func counts(guests map[string]guest, next bool) map[string]guest {
	all := map[string]guest{"forth": guests["forth"], "back": guests["back"]}
	all["count"] = func(h engine.Host, _ *abi.Message) ([]sent, error) {
		n, double, text := 0, 0, get(h, "")
		if !next {
			if text != "" {
				if _, err := fmt.Sscanf(text, "%d", &n); err != nil {
					return nil, trap("reads " + text)
				}
			}
			set(h, "", fmt.Sprint(n+1))
			return []sent{{typ: "out", data: fmt.Sprint(n + 1)}}, nil
		}
		if text != "" {
			if _, err := fmt.Sscanf(text, `{"n":%d,"twice":%d}`, &n, &double); err != nil {
				return nil, trap("reads " + text)
			}
		}
		set(h, "", fmt.Sprintf(`{"n":%d,"twice":%d}`, n+1, double+2))
		return []sent{{typ: "out", data: fmt.Sprint(n + 1)}}, nil
	}
	return all
}

// count sends a message of a key, and returns the answer.
func (b *bench) count(t *testing.T, key string) string {
	t.Helper()
	return answered1(t, b.accept(t, &Request{To: "count", AnyReply: true, Data: fmt.Appendf(nil, `{"k":%q}`, key)}))
}

// kept is the value of a key and its revision.
func (b *bench) kept(t *testing.T, key string) string {
	t.Helper()
	values, err := b.GetState(context.Background(), "count", key)
	if err != nil {
		t.Fatal(err)
	}
	v := values[""]
	return fmt.Sprintf("%s, revision %d", v.Data, v.Revision)
}

// TestMigration: a key's value is migrated by its first message under the new revision, and
// written by the entry of that message; what nobody touches stays as it is, after a restart
// too. A revision that migrates back finds what it kept.
func TestMigration(t *testing.T) {
	old, next, guests := counting(t, true)
	b := open(t, old, counts(guests, false), nil)
	expect := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	for _, key := range []string{"a", "b", "b"} {
		b.count(t, key)
	}
	serve(t, b.Shard, next, counts(guests, true))
	expect("not touched yet", b.kept(t, "a"), "1, revision 1")
	expect("touched", b.count(t, "a"), "replied out 2")
	expect("migrated and counted", b.kept(t, "a"), `{"n":2,"twice":4}, revision 2`)
	var last journal.StateChange
	changes := 0
	eachEntry(t, b.journal, func(e journal.Entry) {
		if h, ok := e.(*journal.Handled); ok && h.Key == "a" {
			changes = len(h.State)
			last = h.State[0]
		}
	})
	if want := next.Actors["count"].State[0].Print; changes != 1 || last.Type != want || last.Revision != 2 {
		t.Errorf("the entry has %d changes, the last of type %d and revision %d; want 1 of %d, 2", changes, last.Type, last.Revision, want)
	}
	b.reopen(t, next, counts(guests, true), Options{})
	expect("after a restart", b.kept(t, "b"), "2, revision 2")
	expect("touched after it", b.count(t, "b"), "replied out 3")
	serve(t, b.Shard, old, counts(guests, false))
	expect("back", b.count(t, "b"), "replied out 4")
	expect("as it was kept before", b.kept(t, "b"), "4, revision 4")
}

// TestMigrationRead: a message that only reads has the migrated value written all the same;
// a refusal leaves everything as it was.
func TestMigrationRead(t *testing.T) {
	old, next, guests := counting(t, false)
	b := open(t, old, counts(guests, false), nil)
	b.count(t, "a")
	b.count(t, "b")
	all := counts(guests, true)
	all["count"] = func(h engine.Host, m *abi.Message) ([]sent, error) {
		if strings.Contains(string(m.Data()), `"b"`) {
			return []sent{{typ: abi.TypeError, data: "no", attrs: []string{"code", "no"}}}, nil
		}
		return []sent{{typ: "out", data: get(h, "")}}, nil
	}
	serve(t, b.Shard, next, all)
	if got := b.count(t, "a"); got != `replied out {"n":1,"twice":2}` {
		t.Error(got)
	}
	if got := b.kept(t, "a"); got != `{"n":1,"twice":2}, revision 2` {
		t.Error(got)
	}
	if got := b.count(t, "b"); !strings.HasPrefix(got, "refused no") {
		t.Error(got)
	}
	if got := b.kept(t, "b"); got != "1, revision 1" {
		t.Error(got)
	}
}

// TestMigrationFails: a migration that fails fails the message, by its retry policy; the
// value stays, and the next attempt may do better.
func TestMigrationFails(t *testing.T) {
	old, next, guests := counting(t, false)
	forth := guests["forth"]
	for _, c := range []struct {
		name  string
		guest guest
		says  string
	}{
		{"trap", func(engine.Host, *abi.Message) ([]sent, error) { return nil, trap("broken") }, "forth: trap: broken"},
		{"refusal", func(engine.Host, *abi.Message) ([]sent, error) {
			return []sent{{typ: abi.TypeError, data: "too old", attrs: []string{"code", "old"}}}, nil
		}, "forth: old: too old"},
		{"nothing", func(engine.Host, *abi.Message) ([]sent, error) { return nil, nil }, "it sent 0 messages in place of one"},
		{"two", func(h engine.Host, m *abi.Message) ([]sent, error) {
			list, err := forth(h, m)
			return append(list, list...), err
		}, "it sent 2 messages in place of one"},
		{"another type", func(engine.Host, *abi.Message) ([]sent, error) { return []sent{{typ: "count", data: `{"n":1}`}}, nil }, "value is not a count"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := open(t, old, counts(guests, false), nil)
			b.count(t, "a")
			all := counts(guests, true)
			var mended atomic.Bool
			all["forth"] = func(h engine.Host, m *abi.Message) ([]sent, error) {
				if !mended.Load() {
					return c.guest(h, m)
				}
				return forth(h, m)
			}
			serve(t, b.Shard, next, all)
			f := b.accept(t, &Request{To: "count", AnyReply: true, Data: []byte(`{"k":"a"}`)})
			again := func(retries uint64) {
				await(t, "the wait for another attempt", func() bool { return b.status(t, "count").Retried == retries })
				b.clock.ring(t, time.Second)
			}
			again(1)
			again(2)
			if got := answered1(t, f); !strings.HasPrefix(got, "failed "+actor.CodeMigration) || !strings.Contains(got, c.says) {
				t.Errorf("%s; want %s of %s", got, actor.CodeMigration, c.says)
			}
			if got := b.kept(t, "a"); got != "1, revision 1" {
				t.Error(got)
			}
			f = b.accept(t, &Request{To: "count", AnyReply: true, Data: []byte(`{"k":"a"}`)})
			await(t, "the first attempt", func() bool { return b.status(t, "count").Retried == 3 })
			mended.Store(true)
			again(3)
			if got := answered1(t, f); got != "replied out 2" {
				t.Error(got)
			}
		})
	}
}

// TestMigrationCrash cuts a run in which values are migrated, and migrated back, after each
// of its records, and goes on with each of the revisions: the counts are those of a run that
// was not cut, and each key has one value, of the type of who wrote it last.
func TestMigrationCrash(t *testing.T) {
	old, next, guests := counting(t, true)
	x := &crash{T: t, clock: newManual(), service: old, guests: counts(guests, false)}
	for i := range 18 {
		x.requests = append(x.requests, &Request{To: "count", Type: "in", Data: fmt.Appendf(nil, `{"k":"k%d"}`, i%3), Kept: i%2 == 0, Idempotency: &journal.Idempotency{Key: fmt.Sprint(i)}})
	}
	all := x.requests
	j := openJournal(t)
	s := x.open(j)
	for i, revision := range []*specs.Service{old, next, old} {
		serve(t, s, revision, counts(guests, revision == next))
		x.requests = all[:6*(i+1)]
		x.send(s)
		x.drain(s)
	}
	s.Close()
	_, last, err := j.Bounds(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	want := map[bool]map[string]string{
		false: {"k0": "6", "k1": "6", "k2": "6"},
		true:  {"k0": `{"n":6,"twice":12}`, "k1": `{"n":6,"twice":12}`, "k2": `{"n":6,"twice":12}`},
	}
	x.requests = append(all[:18:18], &Request{To: "count", Type: "in", Data: []byte(`{"k":"k0"}`), Idempotency: &journal.Idempotency{Key: "touch"}})
	for n := range last {
		for _, ahead := range []bool{false, true} {
			x.service, x.guests = old, counts(guests, ahead)
			if ahead {
				x.service = next
			}
			c := cut(t, j, n+1)
			s := x.open(c)
			x.send(s)
			x.drain(s)
			got := map[string]string{}
			for _, key := range []string{"k0", "k1", "k2"} {
				values, err := s.GetState(context.Background(), "count", key)
				if err != nil {
					t.Fatal(err)
				}
				got[key] = untouched(string(values[""].Data), ahead, key)
			}
			s.Close()
			x.once(c)
			if diff := cmp.Diff(seven(want[ahead]), got); diff != "" {
				t.Fatalf("cut after record %d of %d, next %t (-want +got):\n%s", n+1, last, ahead, diff)
			}
		}
	}
}

// seven is what is kept when k0 was counted once more.
func seven(want map[string]string) map[string]string {
	m := map[string]string{"k0": "7", "k1": want["k1"], "k2": want["k2"]}
	if strings.HasPrefix(want["k0"], "{") {
		m["k0"] = `{"n":7,"twice":14}`
	}
	return m
}

// untouched writes the value of a key that no message came to after the cut as the revision
// that has it would find it.
func untouched(value string, ahead bool, key string) string {
	if key == "k0" {
		return value
	}
	n, double := 0, 0
	if _, err := fmt.Sscanf(value, `{"n":%d,"twice":%d}`, &n, &double); err != nil {
		_, _ = fmt.Sscan(value, &n) // it is the one or the other
	}
	if ahead {
		return fmt.Sprintf(`{"n":%d,"twice":%d}`, n, 2*n)
	}
	return fmt.Sprint(n)
}

// TestMigrationTrial: keys move both ways where each revision migrates what the other
// keeps, and nothing is lost; otherwise there is no trial.
func TestMigrationTrial(t *testing.T) {
	old, next, guests := counting(t, false)
	b := open(t, old, counts(guests, false), nil)
	if err := b.try(t, next, counts(guests, true), 0.5); !errors.Is(err, ErrTrial) || !strings.Contains(err.Error(), "the state of count is of another type") {
		t.Fatalf("without a way back: %v", err)
	}
	old, next, guests = counting(t, true)
	b = open(t, old, counts(guests, false), nil)
	for round := 1; round <= 6; round++ {
		switch round {
		case 2:
			if err := b.try(t, next, counts(guests, true), 0.5); err != nil {
				t.Fatal(err)
			}
		case 4:
			if err := b.Share(0.9); err != nil {
				t.Fatal(err)
			}
		case 5:
			b.Untry()
		}
		for i := range 40 {
			if got, want := b.count(t, fmt.Sprint(i)), fmt.Sprint("replied out ", round); got != want {
				t.Fatalf("round %d: key %d: %s, want %s", round, i, got, want)
			}
		}
	}
}

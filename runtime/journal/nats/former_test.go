package nats

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/nats-io/nats.go/jetstream"
)

// notesOf are the subjects of the notes of a bucket, without what begins them.
func notesOf(t *testing.T, v *values) (list []string) {
	t.Helper()
	info, err := v.handle.Load().stream.Info(t.Context(), jetstream.WithSubjectFilter(v.done(">")))
	if err != nil {
		t.Fatal(err)
	}
	for subject := range info.State.Subjects {
		list = append(list, strings.TrimPrefix(subject, v.done("")))
	}
	slices.Sort(list)
	return list
}

// writes is a write to a bucket that must succeed.
func writes(t *testing.T) func(b bucket.Bucket, w bucket.Write) uint64 {
	return func(b bucket.Bucket, w bucket.Write) uint64 {
		t.Helper()
		revision, err := b.Write(t.Context(), &w)
		if err != nil {
			t.Fatalf("%+v: %v", w, err)
		}
		return revision
	}
}

// wrote writes a key so often, as the first of each, and returns the revisions.
func wrote(t *testing.T, b bucket.Bucket, key string, times int) (revisions []uint64) {
	t.Helper()
	for n := range times {
		revision, err := b.Write(t.Context(), &bucket.Write{Key: key, Data: fmt.Append(nil, n), Once: fmt.Sprintf("%s%d", key, n), First: true})
		if err != nil {
			t.Fatal(err)
		}
		revisions = append(revisions, revision)
	}
	return revisions
}

// again asks once more for what wrote has written.
func again(t *testing.T, b bucket.Bucket, key string, revisions []uint64) {
	t.Helper()
	for n, want := range revisions {
		if got, err := b.Write(t.Context(), &bucket.Write{Key: key, Data: fmt.Append(nil, n), Once: fmt.Sprintf("%s%d", key, n)}); err != nil || got != want {
			t.Errorf("write %d of %s again: revision %d, %v, want %d", n, key, got, err, want)
		}
	}
}

// TestTogether: there is one note for formersMax writes of a key, each is known after a restart,
// and these notes are trimmed as others are.
func TestTogether(t *testing.T) {
	dir, n := t.TempDir(), bucket.Name{Namespace: "main", Bucket: "carts"}
	s := open(t, Options{Dir: dir})
	b, err := s.Bucket(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	revisions := wrote(t, b, "a", 3*formersMax+1)
	if notes := notesOf(t, b.(*values)); len(notes) != 3 || !strings.HasPrefix(notes[0], "of.") {
		t.Errorf("notes of %d writes: %q", len(revisions), notes)
	}
	few := wrote(t, b, "b", 3)
	if notes := notesOf(t, b.(*values)); len(notes) != 3 {
		t.Errorf("after %d of another key: %q", len(few), notes)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Dir: dir})
	defer s.Close()
	if b, err = s.Bucket(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	again(t, b, "a", revisions)
	again(t, b, "b", few)
	if e, err := b.Get(t.Context(), "a"); err != nil || string(e.Data) != fmt.Sprint(3*formersMax) {
		t.Errorf("%+v %v", e, err)
	}
	v := b.(*values)
	v.trims[1].most, v.count = 1, keepEvery
	wrote(t, b, "c", 1)
	if notes := notesOf(t, v); len(notes) != 1 || notes[0] != fmt.Sprintf("of.%d", revisions[3*formersMax-1]) {
		t.Errorf("after they were looked through: %q", notes)
	}
}

// TestRemovedWith: what a removal takes with it is noted before it is gone, and so is what takes the
// place of one that goes by itself.
func TestRemovedWith(t *testing.T) {
	v, write := basket(t)
	revisions := wrote(t, v, "a", formersMax-2)
	gone := write(bucket.Write{Key: "a", Delete: true, Once: "gone", First: true})
	if m, err := v.last(t.Context(), v.handle.Load(), v.subject("a")); m != nil || err != nil {
		t.Errorf("a mark is left: %+v %v", m, err)
	}
	again(t, v, "a", revisions)
	if got := write(bucket.Write{Key: "a", Delete: true, Once: "gone"}); got != gone {
		t.Errorf("the removal again: revision %d, want %d", got, gone)
	}
	if e, err := v.Get(t.Context(), "a"); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("%+v %v", e, err)
	}
	revisions = wrote(t, v, "b", formersMax-2)
	write(bucket.Write{Key: "b", Data: []byte("passing"), TTL: time.Hour, Once: "passing", First: true})
	m, err := v.last(t.Context(), v.handle.Load(), v.subject("b"))
	if err != nil || m == nil || m.Header.Get(replaced) != "" {
		t.Fatalf("what goes by itself has %+v %v", m, err)
	}
	again(t, v, "b", revisions)
	if e, err := v.Get(t.Context(), "b"); err != nil || string(e.Data) != "passing" {
		t.Errorf("%+v %v", e, err)
	}
}

// TestNotedBefore: a bucket in which there is a note for each write, and values have nothing with
// them, goes on.
func TestNotedBefore(t *testing.T) {
	v, write := basket(t)
	h := v.handle.Load()
	f, revisions := &finding{}, []uint64{}
	for n := range 3 {
		if len(revisions) > 0 {
			if err := v.note(t.Context(), h, []former{{fmt.Sprintf("a%d", n-1), f.there}}); err != nil {
				t.Fatal(err)
			}
		}
		revision, err := v.publish(t.Context(), h, &bucket.Write{Key: "a", Data: fmt.Append(nil, n), Once: fmt.Sprintf("a%d", n)}, f, 0)
		if err != nil {
			t.Fatal(err)
		}
		f, revisions = &finding{there: revision, expect: revision}, append(revisions, revision)
	}
	if notes := notesOf(t, v); !slices.Equal(notes, []string{"a0", "a1"}) {
		t.Fatalf("notes: %q", notes)
	}
	again(t, v, "a", revisions)
	write(bucket.Write{Key: "a", Data: []byte("new"), Once: "new", First: true})
	again(t, v, "a", revisions)
	if e, err := v.Get(t.Context(), "a"); err != nil || string(e.Data) != "new" {
		t.Errorf("%+v %v", e, err)
	}
}

// TestWrittenByAnother: what a process wrote last is not what is there when another has written
// since, and none takes the other's for its own.
func TestWrittenByAnother(t *testing.T) {
	_, url := external(t, nil)
	var hosts []bucket.Bucket
	for range 2 {
		s := open(t, Options{URL: url})
		defer s.Close()
		b, err := s.Bucket(t.Context(), carts.Name)
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, b)
	}
	one, other := hosts[0], hosts[1]
	write := writes(t)
	var done []bucket.Write
	var revisions []uint64
	for n := range 5 * formersMax {
		w := bucket.Write{Key: "a", Data: fmt.Append(nil, n), Once: fmt.Sprintf("m%d", n), First: true, Delete: n%11 == 10}
		if n%5 == 4 && !done[n-1].Delete {
			w.If = &revisions[n-1]
		}
		revisions = append(revisions, write(hosts[n*n%3%2], w))
		w.First = false
		done = append(done, w)
	}
	for n, w := range done {
		for i, b := range hosts {
			if got := write(b, w); got != revisions[n] {
				t.Errorf("write %d again by host %d: revision %d, want %d", n, i, got, revisions[n])
			}
		}
	}
	// What it remembers is in conflict with what is expected, and what is there is not.
	write(one, bucket.Write{Key: "b", Data: []byte("1"), Once: "b1", First: true})
	revision := write(other, bucket.Write{Key: "b", Data: []byte("2"), Once: "b2", First: true})
	write(one, bucket.Write{Key: "b", Data: []byte("3"), Once: "b3", First: true, If: &revision})
	// And the other way round.
	if _, err := other.Write(t.Context(), &bucket.Write{Key: "b", Data: []byte("4"), Once: "b4", First: true, If: &revision}); !errors.Is(err, bucket.ErrConflict) {
		t.Errorf("by what it wrote last, which another has taken the place of: %v", err)
	}
	write(other, bucket.Write{Key: "b", Delete: true, Once: "b5", First: true})
	none := uint64(0)
	write(one, bucket.Write{Key: "b", Data: []byte("6"), Once: "b6", First: true, If: &none})
	if e, err := other.Get(t.Context(), "b"); err != nil || string(e.Data) != "6" {
		t.Errorf("%+v %v", e, err)
	}
}

// TestMadeAnew: what is known of a bucket goes with it. Another process removes it, and makes it anew.
func TestMadeAnew(t *testing.T) {
	_, url := external(t, nil)
	one, other := open(t, Options{URL: url}), open(t, Options{URL: url})
	defer one.Close()
	defer other.Close()
	bucketOf := func(s *Store) bucket.Bucket {
		t.Helper()
		b, err := s.Bucket(t.Context(), carts.Name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	write := writes(t)
	n := journal.Name{Namespace: carts.Namespace, Service: carts.Service}
	b := bucketOf(one)
	wrote(t, b, "a", formersMax+1)
	write(b, bucket.Write{Key: "x", Once: "x"}) // which reads all notes
	if _, err := other.Open(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	if err := other.Remove(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	anew := bucketOf(other)
	revisions := wrote(t, anew, "b", 3*formersMax) // more than the former bucket has had
	b = bucketOf(one)
	again(t, b, "b", revisions)
	write(b, bucket.Write{Key: "a", Data: []byte("new"), Once: "a3"})
	if e, err := anew.Get(t.Context(), "a"); err != nil || string(e.Data) != "new" {
		t.Errorf("what was written in the former bucket is said to be there: %+v %v", e, err)
	}
	// A server that lost its newest messages, as in a power cut, has the same stream.
	h := b.(*values).handle.Load()
	h.see(1 << 40)
	if again := bucketOf(one).(*values).handle.Load(); again == h {
		t.Error("what is known is of messages that the server has no more")
	}
}

// TestToldMeanwhile: a write of what goes by itself, prepared before another process did it and
// somebody removed the key, does not take the place of the note that says so.
func TestToldMeanwhile(t *testing.T) {
	_, url := external(t, nil)
	var hosts []*values
	for range 2 {
		s := open(t, Options{URL: url})
		defer s.Close()
		b, err := s.Bucket(t.Context(), carts.Name)
		if err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, b.(*values))
	}
	write := writes(t)
	write(hosts[0], bucket.Write{Key: "a", Data: []byte("0"), Once: "a0"})
	w := bucket.Write{Key: "a", Data: []byte("mine"), TTL: time.Hour, Once: "mine"}
	late := w
	var err error
	if late.Prepared, err = hosts[0].Prepare(t.Context(), &late); err != nil {
		t.Fatal(err)
	}
	first := write(hosts[1], w)
	write(hosts[1], bucket.Write{Key: "a", Delete: true, Once: "gone"})
	if got := write(hosts[0], late); got != first {
		t.Errorf("it was done again: revision %d, was %d", got, first)
	}
	if e, err := hosts[0].Get(t.Context(), "a"); !errors.Is(err, bucket.ErrNotFound) {
		t.Errorf("what was removed is there: %+v %v", e, err)
	}
}

// TestNotesInTurn: who waits for another that reads notes gives up when nobody waits for it.
func TestNotesInTurn(t *testing.T) {
	v, write := basket(t)
	write(bucket.Write{Key: "a", Data: []byte("1"), Once: "m1"})
	g := &v.handle.Load().groups
	g.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.find(ctx, v.handle.Load(), v, "m2"); !errors.Is(err, context.Canceled) {
		t.Errorf("while another reads: %v", err)
	}
	<-g.turn
	if revision, err := g.find(t.Context(), v.handle.Load(), v, "m2"); err != nil || revision != 0 {
		t.Errorf("after that: %d, %v", revision, err)
	}
}

// TestRecent: no more keys are remembered than recentMax.
func TestRecent(t *testing.T) {
	var r recent
	for n := range 2 * recentMax {
		r.set(fmt.Sprint(n), &finding{there: uint64(n)})
		r.set(fmt.Sprint(n), &finding{there: uint64(n + 1)})
	}
	last := fmt.Sprint(2*recentMax - 1)
	if f := r.get(last); len(r.of) != recentMax || f == nil || f.there != 2*recentMax {
		t.Errorf("%d keys, the last is %+v", len(r.of), f)
	}
	if r.set(last, nil); r.get(last) != nil {
		t.Error("it is remembered although nobody knows")
	}
}

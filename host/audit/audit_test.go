package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clock goes on by a second with each look.
func clock() func() time.Time {
	now := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	return func() time.Time { now = now.Add(time.Second); return now }
}

func told(t *testing.T, l *Log, f Filter) string {
	t.Helper()
	list, err := l.List(f)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range list {
		all = append(all, strings.TrimRight(fmt.Sprintf("%s %s %s%s", e.Act, e.Name, e.By, e.Node), " "))
	}
	return strings.Join(all, ", ")
}

// TestLog: what was noted is there for who comes later, the newest first, also behind a line
// that a crash has cut.
func TestLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "audit")
	now := clock()
	l := New(dir, now)
	if got := told(t, l, Filter{Namespace: "main"}); got != "" {
		t.Error(got)
	}
	add := func(e Entry) {
		t.Helper()
		if err := l.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	add(Entry{Act: Set, Namespace: "main", Service: "shop", Name: "A", By: "ann"})
	add(Entry{Act: Set, Namespace: "main", Name: "B", By: "ci\n"})
	add(Entry{Act: Set, Namespace: "other", Service: "shop", Name: "A", By: "eve"})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, filesOf("main")[1]), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"act":"del`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	l = New(dir, now)
	add(Entry{Act: Rekey, By: "bob"})
	add(Entry{Act: Give, Namespace: "main", Service: "till", Name: strings.Repeat("A", 2*TextMax), Node: "n"})
	for _, c := range []struct {
		f    Filter
		want string
	}{
		{Filter{Namespace: "main"}, "give " + strings.Repeat("A", TextMax) + " n, rekey  bob, set B ci\n, set A ann"},
		{Filter{Namespace: "main", Service: "shop"}, "rekey  bob, set B ci\n, set A ann"},
		{Filter{Namespace: "main", Name: "A"}, "set A ann"},
		{Filter{Namespace: "other"}, "rekey  bob, set A eve"},
		{Filter{Namespace: "main", Limit: 1}, "give " + strings.Repeat("A", TextMax) + " n"},
	} {
		if got := told(t, l, c.f); got != c.want {
			t.Errorf("%+v: %q, want %q", c.f, got, c.want)
		}
	}
}

// TestOnce: what is done over and over is noted once in a while.
func TestOnce(t *testing.T) {
	now := time.Unix(0, 0)
	l := New(t.TempDir(), func() time.Time { return now })
	for n := range 6 {
		now = time.Unix(int64(n), 0)
		for _, node := range []string{"a", "b"} {
			if err := l.Once(Entry{Act: Give, Name: "A", Node: node, Time: now}, 4*time.Second); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := told(t, l, Filter{}); got != "give A b, give A a, give A b, give A a" {
		t.Error(got)
	}
}

// TestBound: two files have so many bytes; the oldest entries go.
func TestBound(t *testing.T) {
	dir := t.TempDir()
	l := New(dir, clock())
	l.most = 1000
	for n := range 50 {
		if err := l.Append(Entry{Act: Set, Name: fmt.Sprint("A", n), By: "ann"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{older, newer} {
		if i, err := os.Stat(filepath.Join(dir, name)); err != nil || i.Size() > l.most {
			t.Errorf("%s: %v, %v", name, i, err)
		}
	}
	list, err := l.List(Filter{})
	if err != nil || len(list) < 10 || len(list) > 30 {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	for n, e := range list {
		if e.Name != fmt.Sprint("A", 49-n) {
			t.Errorf("entry %d is of %s", n, e.Name)
		}
	}
}

// TestApart: what is done in one namespace pushes nothing out of another; what an earlier version
// wrote for all is told, also behind a line that is too long to be one.
func TestApart(t *testing.T) {
	dir := t.TempDir()
	early := `{"time":"2030-01-01T00:00:00Z","act":"set","namespace":"main","name":"EARLY"}` + "\n"
	if err := os.WriteFile(filepath.Join(dir, newer), []byte(strings.Repeat("\x00", 5*lineMax/2)+"\n"+early), 0o600); err != nil {
		t.Fatal(err)
	}
	l := New(dir, clock())
	l.most = 1000
	add := func(namespace, name string) {
		t.Helper()
		if err := l.Append(Entry{Act: Set, Namespace: namespace, Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	add("main", "A")
	for n := range openMax + 50 {
		add("evil", fmt.Sprint("B", n))
		add(fmt.Sprint("n", n), "C")
	}
	add("main", "D")
	if got := told(t, l, Filter{Namespace: "main"}); got != "set D, set A, set EARLY" {
		t.Error(got)
	}
}

// TestOnceFails: what could not be written is not tried again for a minute, and fails until then.
func TestOnceFails(t *testing.T) {
	now, dir := time.Unix(0, 0), filepath.Join(t.TempDir(), "audit")
	l := New(dir, func() time.Time { return now })
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // where the folder is to be
		t.Fatal(err)
	}
	e := Entry{Act: Give, Namespace: "main", Name: "A"}
	first := l.Once(e, time.Hour)
	if first == nil {
		t.Fatal("it is written")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := l.Once(e, time.Hour); err != first {
		t.Errorf("%v, want %v once more", err, first)
	}
	now = now.Add(onceAgain)
	if err := l.Once(e, time.Hour); err != nil {
		t.Error(err)
	}
}

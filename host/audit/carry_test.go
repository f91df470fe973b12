package audit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func everything(*Entry) bool { return true }

// carried has one log take what another has, as a backup brings it.
func carried(t *testing.T, from, to *Log, taken time.Time) {
	t.Helper()
	namespaces, err := from.Namespaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, namespace := range namespaces {
		text, err := from.Lines(namespace, everything)
		if err != nil {
			t.Fatal(err)
		}
		of, ok := NamespaceOf(FileOf(namespace))
		if !ok || of != namespace {
			t.Fatalf("%q is of %q, %v", FileOf(namespace), of, ok)
		}
		list, err := ReadLines(namespace, bytes.NewReader(text))
		if err == nil {
			err = to.Restore(namespace, list, taken)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func marked(t *testing.T, l *Log, namespace string) (all []string) {
	t.Helper()
	list, err := l.List(Filter{Namespace: namespace})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		text := e.Act + " " + e.Name
		if !e.Restored.IsZero() {
			text += " " + e.Restored.Format(time.DateOnly)
		}
		all = append(all, text)
	}
	return all
}

// TestRestore: what a backup brings is there and marked, beside what is there already, which stays as it
// is; also when it is brought again, or comes by way of two hosts.
func TestRestore(t *testing.T) {
	now := clock()
	first, second, third := New(t.TempDir(), now), New(t.TempDir(), now), New(t.TempDir(), now)
	add := func(l *Log, namespace, name string) {
		t.Helper()
		if err := l.Append(Entry{Act: Set, Namespace: namespace, Name: name, By: "ann"}); err != nil {
			t.Fatal(err)
		}
	}
	add(first, "main", "A")
	add(first, "", "ALL")
	add(first, "lab", "L")
	add(second, "main", "B")
	one, two := time.Date(2031, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2031, 4, 1, 0, 0, 0, 0, time.UTC)
	carried(t, first, second, one)
	carried(t, first, second, two)
	carried(t, first, first, two)
	add(second, "main", "C")
	carried(t, second, third, two)
	for _, c := range []struct {
		log       *Log
		namespace string
		want      []string
	}{
		{first, "main", []string{"set ALL", "set A"}},
		{second, "main", []string{"set C", "set B", "set ALL 2031-03-01", "set A 2031-03-01"}},
		{second, "lab", []string{"set L 2031-03-01", "set ALL 2031-03-01"}},
		{third, "main", []string{"set C 2031-04-01", "set B 2031-04-01", "set ALL 2031-03-01", "set A 2031-03-01"}},
	} {
		if got := marked(t, c.log, c.namespace); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.namespace, got, c.want)
		}
	}
}

// TestRestoreBound: of what backups bring the newest is kept.
func TestRestoreBound(t *testing.T) {
	l := New(t.TempDir(), clock())
	var list []Entry
	begin, name := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC), strings.Repeat("N", TextMax)
	for n := range 2 * RestoredMax / TextMax {
		list = append(list, Entry{Time: begin.Add(time.Duration(n) * time.Second), Act: Set, Namespace: "main", Name: name, By: fmt.Sprint(n)})
	}
	last := list[len(list)-1].By
	slices.Reverse(list)
	if err := l.Restore("main", list, begin); err != nil {
		t.Fatal(err)
	}
	i, err := os.Stat(filepath.Join(l.dir, restoredOf("main")))
	if err != nil || i.Size() > RestoredMax || i.Size() < RestoredMax-lineMax {
		t.Errorf("%v, %v", i, err)
	}
	if got, err := l.List(Filter{Namespace: "main", Limit: 1}); err != nil || len(got) != 1 || got[0].By != last {
		t.Errorf("the newest is %+v, %v; want that of %s", got, err, last)
	}
}

// TestReadLines: what is no entry, or of another namespace, is named by its line.
func TestReadLines(t *testing.T) {
	const good = `{"time":"2031-02-03T04:05:06Z","act":"set","namespace":"main","name":"A"}` + "\n"
	for _, c := range []struct{ namespace, text, want string }{
		{"main", good + good, ""},
		{"", good, ""},
		{"main", good + "{\n", "line 2: "},
		{"lab", good, "line 1: it is of namespace"},
		{"main", strings.Repeat("x", 2*lineMax), "too long"},
	} {
		_, err := ReadLines(c.namespace, strings.NewReader(c.text))
		if got := fmt.Sprint(err); c.want == "" && err != nil || !strings.Contains(got, c.want) {
			t.Errorf("%q: %v, want %q", c.text[:min(len(c.text), 100)], err, c.want)
		}
	}
	for _, name := range []string{"", "x", "acts.before.jsonl", ".acts.jsonl", "../acts.jsonl", "a/b.acts.jsonl", `a\b.acts.jsonl`} {
		if namespace, ok := NamespaceOf(name); ok {
			t.Errorf("%q is taken for that of namespace %q", name, namespace)
		}
	}
}

// TestRestoreUnmarked: what a backup brings is marked also where that does not say when it was taken.
func TestRestoreUnmarked(t *testing.T) {
	l := New(t.TempDir(), clock())
	for n := range 2 {
		e := Entry{Time: time.Date(2031, 2, 3, 4, 5, n, 0, time.UTC), Act: Set, Namespace: "main", Name: "A"}
		if err := l.Restore("main", []Entry{e}, time.Time{}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := l.List(Filter{Namespace: "main", Limit: 10})
	if err != nil || len(list) != 2 || slices.ContainsFunc(list, func(e Entry) bool { return e.Restored.IsZero() }) {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestLinesReadable: a backup has nothing that ReadLines refuses, whatever files lie in the folder.
func TestLinesReadable(t *testing.T) {
	l := New(t.TempDir(), clock())
	const entry = `{"time":"2031-02-03T04:05:06Z","act":"set","namespace":"main","name":"A"}` + "\n"
	for _, name := range []string{"main." + newer, "saved." + newer, "a.b." + newer} {
		if err := os.WriteFile(filepath.Join(l.dir, name), []byte(entry), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	namespaces, err := l.Namespaces()
	if want := []string{"main", "saved"}; err != nil || !slices.Equal(namespaces, want) {
		t.Errorf("namespaces %q, %v", namespaces, err)
	}
	for namespace, want := range map[string]int{"main": 1, "saved": 0} {
		text, err := l.Lines(namespace, func(*Entry) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		if list, err := ReadLines(namespace, bytes.NewReader(text)); err != nil || len(list) != want {
			t.Errorf("%s: %+v, %v", namespace, list, err)
		}
	}
}

package logs

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func filled() *Store {
	s := New(Options{})
	for i, r := range []Record{
		{Node: "shop/price", Level: "debug", Message: "A", Text: "one"},
		{Node: "shop/price/tax", Level: "info", Message: "A.1", Text: "two"},
		{Node: "shop/pricelist", Level: "warn", Message: "AB", Text: "three"},
		{Level: "error", Text: "four"},
		{Node: "shop/price", Level: "loud", Text: "five"},
	} {
		r.Time = noon.Add(time.Duration(i) * time.Minute)
		s.Add(r)
	}
	return s
}

func texts(list []Record) string {
	var all []string
	for _, r := range list {
		all = append(all, r.Text)
	}
	return strings.Join(all, " ")
}

func TestQuery(t *testing.T) {
	for _, c := range []struct {
		name   string
		filter Filter
		want   string
	}{
		{"all", Filter{}, "one two three four five"},
		{"a node and what is in it", Filter{Node: "shop/price"}, "one two five"},
		{"a level and above", Filter{Level: "warn"}, "three four"},
		{"an unknown level was kept as info", Filter{Level: "info"}, "two three four five"},
		{"a message and what it caused", Filter{Message: "A"}, "one two"},
		{"since, the moment itself too", Filter{Since: noon.Add(3 * time.Minute)}, "four five"},
		{"the newest", Filter{Limit: 2}, "four five"},
		{"the newest of those that fit", Filter{Node: "shop/price", Limit: 2}, "two five"},
		{"none", Filter{Node: "nowhere"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := filled().Query(c.filter)
			if texts(got) != c.want {
				t.Errorf("%q, want %q", texts(got), c.want)
			}
			if got == nil {
				t.Error("an empty list is nil: it would be null in JSON")
			}
		})
	}
}

func TestCaused(t *testing.T) {
	for id, want := range map[string]bool{"A.1": true, "A-2": true, "A-2.1": true, "A": false, "AB": false, "B.A": false, "": false} {
		s := New(Options{})
		s.Add(Record{Message: id})
		if got := Caused(id, "A"); got != want {
			t.Errorf("%q: %v, want %v", id, got, want)
		}
		if got := len(s.Query(Filter{Message: "A"})) == 1; got != (want || id == "A") {
			t.Errorf("the filter takes %q: %v", id, got)
		}
	}
}

func TestTheOldestGo(t *testing.T) {
	s := New(Options{})
	for i := range 2*recordsMax + 10 {
		s.Add(Record{Level: "info", Text: fmt.Sprint(i)})
	}
	list := s.Query(Filter{})
	if len(list) != recordsMax || list[0].Text != fmt.Sprint(recordsMax+10) {
		t.Errorf("%d records from %q on, want %d from %d on", len(list), list[0].Text, recordsMax, recordsMax+10)
	}
	if s.Dropped() != recordsMax+10 {
		t.Errorf("%d dropped, want %d", s.Dropped(), recordsMax+10)
	}
	s = New(Options{})
	long := strings.Repeat("x", 1<<20)
	for range 100 {
		s.Add(Record{Level: "info", Text: long})
	}
	if s.bytes > bytesMax || len(s.Query(Filter{})) != bytesMax/(1<<20)-1 {
		t.Errorf("%d bytes in %d records are kept; at most %d bytes may be", s.bytes, len(s.Query(Filter{})), bytesMax)
	}
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := filled()
		ctx, cancel := context.WithCancel(t.Context())
		var got []Record
		ended := make(chan error, 1)
		go func() {
			ended <- s.Follow(ctx, Filter{Level: "warn"}, func(r Record) error { got = append(got, r); return nil })
		}()
		synctest.Wait()
		s.Add(Record{Level: "info", Text: "left out"})
		s.Add(Record{Level: "error", Text: "six"})
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("follow ended with %v", err)
		}
		if texts(got) != "three four six" {
			t.Errorf("followed %q", texts(got))
		}
		if len(s.followers) != 0 {
			t.Error("who has gone is still followed")
		}
	})
}

// TestSlowFollower holds that who does not read loses lines and is told how
// many, while Add goes on.
func TestSlowFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var got []Record
		stuck := make(chan struct{})
		ended := make(chan error, 1)
		go func() {
			ended <- s.Follow(ctx, Filter{}, func(r Record) error { <-stuck; got = append(got, r); return nil })
		}()
		synctest.Wait()
		const more = 500
		for i := range 1 + followMax + more {
			s.Add(Record{Level: "info", Text: fmt.Sprint(i)})
			if i == 0 {
				synctest.Wait() // the follower has it in hand
			}
		}
		close(stuck)
		synctest.Wait()
		s.Add(Record{Level: "info", Text: "last"})
		synctest.Wait()
		cancel()
		<-ended
		n := len(got)
		if n != 1+followMax+2 || got[n-1].Text != "last" {
			t.Fatalf("%d records, the last %q", n, got[n-1].Text)
		}
		if told := got[n-2]; told.Level != "warn" || told.Fields["lines"] != fmt.Sprint(more) {
			t.Errorf("told %+v, want %d lines left out", told, more)
		}
	})
}

func TestTooManyFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		for range followersMax {
			group.Go(func() { _ = s.Follow(ctx, Filter{}, func(Record) error { return nil }) })
		}
		synctest.Wait()
		if err := s.Follow(ctx, Filter{}, nil); err != ErrFollowers {
			t.Errorf("%v, want %v", err, ErrFollowers)
		}
		cancel()
		group.Wait()
	})
}

func TestWriter(t *testing.T) {
	var out bytes.Buffer
	s := New(Options{Writer: &out, Level: slog.LevelWarn})
	s.Add(Record{Time: noon, Level: "info", Text: "kept only"})
	s.Add(Record{Time: noon, Level: "warn", Text: "shown"})
	if strings.Contains(out.String(), "kept only") || !strings.Contains(out.String(), "WARN  shown\n") {
		t.Errorf("written:\n%s", out.String())
	}
	if n := len(s.Query(Filter{})); n != 2 {
		t.Errorf("%d records are kept, want 2", n)
	}
}

// TestAppend holds how a line looks, and that nothing in it can pass for
// another line or hide one.
func TestAppend(t *testing.T) {
	time.Local = time.UTC // of this test program alone
	for _, c := range []struct {
		name  string
		r     Record
		color bool
		want  string
	}{
		{name: "all", r: Record{Level: "warn", Node: "shop/price", Message: "01J", Text: "no rate", Fields: map[string]string{"to": "DE", "a": "x y"}},
			want: `12:00:00.000 WARN  shop/price  no rate a="x y" to=DE 01J`},
		{name: "the host's own", r: Record{Level: "info", Text: "ready"}, want: `12:00:00.000 INFO  ready`},
		{name: "a line break", r: Record{Level: "info", Node: "n", Text: "a\n12:00:00.000 ERROR  b\r"}, want: `12:00:00.000 INFO  n  a\n12:00:00.000 ERROR  b\r`},
		{name: "ways to break a line", r: Record{Level: "info", Text: "\v\f\u0085\u2028\u2029"}, want: `12:00:00.000 INFO  \v\f\u0085\u2028\u2029`},
		{name: "a terminal's codes", r: Record{Level: "info", Text: "\x1b[2J\u009b2J\x7f\x00"}, want: `12:00:00.000 INFO  \x1b[2J\u009b2J\x7f\x00`},
		{name: "text that runs backwards", r: Record{Level: "info", Text: "a\u202eb\u2066c\ufeff"}, want: `12:00:00.000 INFO  a\u202eb\u2066c\ufeff`},
		{name: "no UTF-8", r: Record{Level: "info", Text: "a\xffb"}, want: "12:00:00.000 INFO  a\ufffdb"},
		{name: "fields", r: Record{Level: "info", Text: "t", Fields: map[string]string{"a\n": "\n\x1b", "b": `say "hi"`, "c": "", "d": "x=y"}},
			want: `12:00:00.000 INFO  t a\n=\n\x1b b="say \"hi\"" c="" d="x=y"`},
		{name: "node and message", r: Record{Level: "info", Node: "n\n", Message: "m\x1b", Text: "t"}, want: `12:00:00.000 INFO  n\n  t m\x1b`},
		{name: "colours", color: true, r: Record{Level: "error", Node: "n", Text: "t"}, want: "\x1b[2m12:00:00.000\x1b[0m \x1b[31mERROR\x1b[0m \x1b[36mn\x1b[0m  t"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.r.Time = noon
			if diff := cmp.Diff(c.want+"\n", string(c.r.Append(nil, c.color))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzAppend: one record is one line, and holds nothing a terminal obeys.
func FuzzAppend(f *testing.F) {
	f.Add("a\nb", "k", "v\x1b[31m", "n")
	f.Fuzz(func(t *testing.T, text, key, value, node string) {
		r := Record{Time: noon, Level: "info", Node: node, Text: text, Fields: map[string]string{key: value}}
		line := r.Append(nil, false)
		for i, c := range line[:len(line)-1] {
			if c < ' ' || c == 0x7f {
				t.Fatalf("byte %#x at %d of %q", c, i, line)
			}
		}
	})
}

// TestHandler runs slog's own suite. What it says of the time of a record
// without one does not hold here: every record of a store has a time.
func TestHandler(t *testing.T) {
	var s *Store
	slogtest.Run(t, func(*testing.T) slog.Handler {
		s = New(Options{})
		return s.Handler("shop")
	}, func(t *testing.T) map[string]any {
		r := s.Query(Filter{})[0]
		m := map[string]any{slog.LevelKey: r.Level, slog.MessageKey: r.Text}
		if !strings.HasSuffix(t.Name(), "/zero-time") {
			m[slog.TimeKey] = r.Time
		}
		for name, value := range r.Fields {
			nest(m, strings.Split(name, "."), value)
		}
		return m
	})
}

func nest(m map[string]any, path []string, value any) {
	if len(path) == 1 {
		m[path[0]] = value
		return
	}
	inner, ok := m[path[0]].(map[string]any)
	if !ok {
		inner = map[string]any{}
		m[path[0]] = inner
	}
	nest(inner, path[1:], value)
}

func TestHandlerNamesNodeAndMessage(t *testing.T) {
	s := New(Options{})
	log := slog.New(s.Handler("shop"))
	log.With("node", "a/b").Log(t.Context(), slog.LevelWarn+1, "slow", "message", "01J", "took", 3*time.Second)
	log.Log(t.Context(), slog.LevelDebug-4, "detail")
	want := []Record{
		{Level: "warn", Service: "shop", Node: "a/b", Message: "01J", Text: "slow", Fields: map[string]string{"took": "3s"}},
		{Level: "debug", Service: "shop", Text: "detail", Fields: map[string]string{}},
	}
	got := s.Query(Filter{})
	for i := range got {
		got[i].Time = time.Time{}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestConcurrent(t *testing.T) {
	s := New(Options{Writer: &bytes.Buffer{}})
	ctx, cancel := context.WithCancel(t.Context())
	var follow, add sync.WaitGroup
	for range 3 {
		follow.Go(func() { _ = s.Follow(ctx, Filter{}, func(Record) error { return nil }) })
	}
	for range 4 {
		add.Go(func() {
			for range 200 {
				s.Add(Record{Level: "info", Text: "x", Fields: map[string]string{"a": "b"}})
				s.Query(Filter{Limit: 3})
			}
		})
	}
	add.Wait()
	cancel()
	follow.Wait()
	if n := len(s.Query(Filter{})); n != 800 {
		t.Errorf("%d records, want 800", n)
	}
}

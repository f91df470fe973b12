package logs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/testdata/property"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
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
	if s.weight > bytesMax || len(s.Query(Filter{})) != bytesMax/(1<<20)-1 {
		t.Errorf("%d bytes in %d records are kept; at most %d bytes may be", s.weight, len(s.Query(Filter{})), bytesMax)
	}
}

// TestShares: a source that floods the store and whoever looks on takes nothing
// from the others, and what is left out is counted.
func TestShares(t *testing.T) {
	var out bytes.Buffer
	s := New(Options{Writer: &out, Level: slog.LevelInfo})
	s.Add(Record{Time: noon, Level: "info", Node: "quiet", Text: "first"})
	s.Add(Record{Time: noon, Level: "error", Node: "flood", Host: true, Text: "the host's about it"})
	flood := strings.Repeat("x", 1000)
	const lines = 100_000
	for i := range lines {
		at := noon.Add(time.Duration(i) * time.Microsecond)
		s.Add(Record{Time: at, Level: "info", Node: "flood", Text: flood})
		if i%1000 == 0 {
			s.Add(Record{Time: at, Level: "info", Node: "quiet", Text: "again"})
		}
	}
	s.Add(Record{Time: noon.Add(time.Minute), Level: "info", Node: "flood", Text: "last"})
	if n := len(s.Query(Filter{Node: "quiet"})); n != 1+lines/1000 {
		t.Errorf("%d records of the quiet one are kept, want all %d", n, 1+lines/1000)
	}
	if n := strings.Count(out.String(), " quiet  "); n != 1+lines/1000 {
		t.Errorf("%d lines of the quiet one were written, want all %d", n, 1+lines/1000)
	}
	if list := s.Query(Filter{Limit: 1}); texts(list) != "last" {
		t.Errorf("the newest is %q", texts(list))
	}
	if !strings.Contains(texts(s.Query(Filter{Node: "flood", Level: "error"})), "the host's about it") {
		t.Error("what the host says of a node is gone for what the node says")
	}
	shown, left, told := strings.Count(out.String(), flood), 0, 0
	for _, m := range regexp.MustCompile(`WARN  \[flood\]  log lines left out here.* lines=(\d+)`).FindAllStringSubmatch(out.String(), -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		left, told = left+n, told+1
	}
	if most := liveRate/liveSources*(liveBurst+1)/1000 + 1; shown == 0 || shown > most || shown+left != lines || told > 3 {
		t.Errorf("%d lines of the flood were written, at most %d may be, and %d were left out, as was told %d times", shown, most, left, told)
	}
	if s.weight > bytesMax || s.Dropped() == 0 {
		t.Errorf("%d bytes are kept, %d records are gone", s.weight, s.Dropped())
	}
}

// TestSharesOfMany holds the store's sums against those of a plain list, for any
// sources and sizes.
func TestSharesOfMany(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		s := New(Options{})
		sizes := rapid.SliceOfN(rapid.IntRange(0, 1<<20), 1, 200).Draw(t, "sizes")
		added := map[string]int{}
		for i, size := range sizes {
			node := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "node")
			s.Add(Record{Time: noon, Level: "info", Node: node, Text: fmt.Sprint(i, " ", strings.Repeat("x", size))})
			added[node]++
		}
		sum, records, previous := 0, s.Query(Filter{}), -1
		held := map[string]int{}
		for _, r := range records {
			held[r.Node]++
			sum += (&kept{Record: r}).weight()
			var i int
			if _, err := fmt.Sscan(r.Text, &i); err != nil || i <= previous {
				t.Fatalf("record %d comes after %d: %v", i, previous, err)
			}
			previous = i
		}
		if sum != s.weight || sum > bytesMax || uint64(len(sizes)-len(records)) != s.Dropped() {
			t.Fatalf("%d bytes are kept, the store says %d; %d of %d records, and %d gone", sum, s.weight, len(records), len(sizes), s.Dropped())
		}
		lost := 0
		for node := range added {
			if held[node] < added[node] {
				lost++
			}
		}
		if (lost > 0) != (s.Dropped() > 0) || len(s.largest) != len(s.queues) {
			t.Fatalf("%d sources have lost some, %d records are gone", lost, s.Dropped())
		}
	})
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
		{name: "the host's of a node", r: Record{Level: "info", Host: true, Node: "shop/price", Text: "given up"}, want: `12:00:00.000 INFO  [shop/price]  given up`},
		{name: "a line break", r: Record{Level: "info", Node: "n", Text: "a\n12:00:00.000 ERROR  b\r"}, want: `12:00:00.000 INFO  n  a\n12:00:00.000 ERROR  b\r`},
		{name: "ways to break a line", r: Record{Level: "info", Text: "\v\f\u0085\u2028\u2029"}, want: `12:00:00.000 INFO  \v\f\u0085\u2028\u2029`},
		{name: "a terminal's codes", r: Record{Level: "info", Text: "\x1b[2J\u009b2J\x7f\x00"}, want: `12:00:00.000 INFO  \x1b[2J\u009b2J\x7f\x00`},
		{name: "text that runs backwards", r: Record{Level: "info", Text: "a\u202eb\u2066c\ufeff"}, want: `12:00:00.000 INFO  a\u202eb\u2066c\ufeff`},
		{name: "no UTF-8", r: Record{Level: "info", Text: "a\xffb"}, want: "12:00:00.000 INFO  a\ufffdb"},
		{name: "fields", r: Record{Level: "info", Text: "t", Fields: map[string]string{"a\n": "\n\x1b", "b": `say "hi"`, "c": "", "d": "x=y"}},
			want: `12:00:00.000 INFO  t a\n=\n\x1b b="say \"hi\"" c="" d="x=y"`},
		{name: "node and message", r: Record{Level: "info", Node: "n\n", Message: "m\x1b", Text: "t"}, want: `12:00:00.000 INFO  n\n  t m\x1b`},
		{name: "colours", color: true, r: Record{Level: "error", Node: "n", Text: "t"}, want: "\x1b[2m12:00:00.000\x1b[0m \x1b[31mERROR\x1b[0m \x1b[36mn\x1b[0m  t"},
		{name: "lines of a field, on a terminal", color: true, r: Record{Level: "info", Text: "t", Fields: map[string]string{"reason": "E: no\n  at\x1b a\n", "code": "e"}},
			want: "\x1b[2m12:00:00.000\x1b[0m \x1b[mINFO \x1b[0m t code=e\n  | reason: E: no\n  |   at\\x1b a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.r.Time = noon
			if diff := cmp.Diff(c.want+"\n", string(c.r.Append(nil, c.color))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// shown is a line as a person reads it: when, how grave, of whom, the rest.
var shown = regexp.MustCompile(`^(\d\d:\d\d:\d\d\.\d{3}) (DEBUG|INFO |WARN |ERROR)(?: (\S+) )? (.*)\n$`)

// nasty makes texts of what breaks lines, moves cursors and looks like a record.
func nasty() *rapid.Generator[string] {
	part := rapid.OneOf(
		rapid.String(),
		rapid.SampledFrom([]string{
			"\n", "\r\n", "\r", "\v", "\f", "\b", "\x00", "\x7f", "\u0085", "\u2028", "\u2029", "\u009b2J", "\x1b[2J\x1b[H", "\x1b]0;title\a",
			"\u202e", "\u2066", "\u2069", "\ufeff", "\U000e0001", "\xff", "\xc2", "\xe2\x80", " ", "=", "\"", "\\n", "\t",
			"12:00:00.000 ERROR [pay]  message was given up on code=trap 01JBZ5V6XQ7N8M2K4D3C1B0A9Z", "12:00:00.000 INFO  ready",
		}),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)
	return rapid.Map(rapid.SliceOfN(part, 0, 6), func(parts []string) string { return strings.Join(parts, "") })
}

// TestNoLineIsFaked: whatever an actor or a client writes, its record is one
// line, which says when, how grave and of whom it is, and holds nothing that a
// terminal obeys.
func TestNoLineIsFaked(t *testing.T) {
	time.Local = time.UTC
	property.Check(t, func(t *rapid.T) {
		r := Record{
			Time: noon, Level: rapid.SampledFrom([]string{"debug", "info", "warn", "error"}).Draw(t, "level"), Host: rapid.Bool().Draw(t, "host"),
			Node: rapid.SampledFrom([]string{"", "price", "checkout/price"}).Draw(t, "node"), Text: nasty().Draw(t, "text"), Message: nasty().Draw(t, "message"),
			Fields: rapid.MapOfN(nasty(), nasty(), 0, 3).Draw(t, "fields"),
		}
		line := string(r.Append(nil, false))
		fields := shown.FindStringSubmatch(line)
		node := r.Node
		if r.Host && node != "" {
			node = "[" + node + "]"
		}
		if fields == nil || fields[1] != "12:00:00.000" || strings.TrimSpace(fields[2]) != strings.ToUpper(r.Level) || node != "" && fields[3] != node {
			t.Fatalf("%q is not read as the record it is: %q", line, fields)
		}
		unspoilt(t, line[:len(line)-1])
		for i, part := range strings.Split(strings.TrimSuffix(string(r.Append(nil, true)), "\n"), "\n") {
			if i > 0 {
				if unspoilt(t, part); !strings.HasPrefix(part, barred) {
					t.Fatalf("%q, on a terminal, begins like a line of its own", part)
				}
			}
		}
		for i, part := range strings.Split(Lines(r.Text, "    "), "\n") {
			if unspoilt(t, part); i > 0 && !strings.HasPrefix(part, "    ") {
				t.Fatalf("%q begins like a line of its own", part)
			}
		}
	})
}

func unspoilt(t *rapid.T, line string) {
	if i := strings.IndexFunc(line, disturbs); i >= 0 || !utf8.ValidString(line) {
		t.Fatalf("%q has something at %d that a terminal obeys, or is no UTF-8", line, i)
	}
}

// TestJSON: JSON stays the value it is, and holds nothing that a terminal obeys.
func TestJSON(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		var plain bytes.Buffer
		e := json.NewEncoder(&plain)
		e.SetEscapeHTML(false)
		value := map[string]any{"text": nasty().Draw(t, "text"), nasty().Draw(t, "key"): []any{1.5, nil, nasty().Draw(t, "more")}}
		if err := e.Encode(value); err != nil {
			t.Fatal(err)
		}
		escaped := JSON(plain.Bytes())
		unspoilt(t, strings.TrimSuffix(string(escaped), "\n"))
		var want, got any
		if err := json.Unmarshal(plain.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(escaped, &got); err != nil {
			t.Fatalf("%v: %s", err, escaped)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
	if got := string(JSON([]byte("{\n  \"a\": \"\u009b\U000e0001\xff\"\n}\n"))); got != "{\n  \"a\": \"\\u009b\\udb40\\udc01\\ufffd\"\n}\n" {
		t.Errorf("%q", got)
	}
}

// TestHandler runs slog's own suite. What it says of the time of a record
// without one does not hold here: every record of a store has a time.
func TestHandler(t *testing.T) {
	var s *Store
	slogtest.Run(t, func(*testing.T) slog.Handler {
		s = New(Options{})
		return s.Handler("main", "shop")
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
	log := slog.New(s.Handler("main", "shop"))
	log.With("node", "a/b").Log(t.Context(), slog.LevelWarn+1, "slow", "message", "01J", "took", 3*time.Second)
	log.Log(t.Context(), slog.LevelDebug-4, "detail")
	want := []Record{
		{Level: "warn", Namespace: "main", Service: "shop", Host: true, Node: "a/b", Message: "01J", Text: "slow", Fields: map[string]string{"took": "3s"}},
		{Level: "debug", Namespace: "main", Service: "shop", Host: true, Text: "detail", Fields: map[string]string{}},
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

// TestServicesApart: who looks at one service of a host sees nothing of another one, be it
// of the same name in another namespace.
func TestServicesApart(t *testing.T) {
	s := New(Options{})
	for _, of := range [][2]string{{"main", "shop"}, {"other", "shop"}, {"main", "audit"}, {"", "host"}} {
		slog.New(s.Handler(of[0], of[1])).Info(strings.Join(of[:], "/"), "node", "price")
		s.Add(Record{Namespace: of[0], Service: of[1], Node: "price", Text: strings.Join(of[:], "/")})
	}
	f := Filter{Namespace: "main", Service: "shop"}
	ctx, cancel := context.WithCancel(t.Context())
	for _, r := range s.Query(f) {
		if r.Text != "main/shop" {
			t.Errorf("a line of %s", r.Text)
		}
	}
	n := 0
	if err := s.Follow(ctx, f, func(r Record) error {
		if n++; r.Text != "main/shop" {
			t.Errorf("a line of %s is followed", r.Text)
		}
		switch n {
		case 2: // those there were
			s.Add(Record{Namespace: "other", Service: "shop", Text: "other/shop"})
			s.Add(Record{Namespace: "main", Service: "shop", Text: "main/shop"})
		case 3:
			cancel()
		}
		return nil
	}); err != nil || n != 3 {
		t.Errorf("%d lines, %v", n, err)
	}
	if all := s.Query(Filter{}); len(all) != 10 {
		t.Errorf("%d lines in all", len(all))
	}
	if err := json.Unmarshal([]byte(`{"Namespace":"other","Service":"shop","namespace":"other","service":"shop"}`), &f); err != nil || f.Namespace != "main" {
		t.Errorf("whoever asks can say %+v, %v", f, err)
	}
}

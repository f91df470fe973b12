package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/nats"
	"github.com/grow-platform/grow/runtime/pace"
)

// run runs what a world has handled on another guest.
func (w *world) run(t *testing.T, g guest, change func(*Options)) *Report {
	t.Helper()
	asked := w.shop.asked
	o := Options{Journal: w.journal, Node: "facts", Record: &Record{}, Workers: 4}
	o.New = w.actor(g, o.Record.Broker(w.broker), o.Record.Seed)
	defer o.New.Close()
	if change != nil {
		change(&o)
	}
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if w.shop.asked != asked {
		t.Fatalf("the world outside was asked %d times", w.shop.asked-asked)
	}
	return r
}

// TestSame: what is run again on what it ran on comes out exactly as it did:
// state, clocks, random bytes and answers are those of then.
func TestSame(t *testing.T) {
	w := handled(t, openMem(t), 300)
	for _, c := range []struct {
		name string
		of   Select
		want int
	}{
		{"all", Select{}, 300},
		{"last", Select{Last: 20}, 20},
		{"sample", Select{Last: 20, Sample: true}, 20},
		{"one", Select{ID: w.ids[7]}, 1},
		{"key", Select{Key: new("k1")}, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			done := 0
			r := w.run(t, facts(plain, nothing), func(o *Options) { o.Select, o.Progress = c.of, func(n, _ int) { done = n } })
			if r.Ran != c.want || r.Equal != c.want || len(r.Groups) > 0 || done != c.want || r.New.Fuel != r.Recorded {
				t.Fatalf("%+v, progress %d", r, done)
			}
		})
	}
}

// TestBranch: the one message that a rewrite gets wrong is shown, and differences
// that are masked are none.
func TestBranch(t *testing.T) {
	w := handled(t, openMem(t), 300)
	wrong := facts(plain, func(n int) string {
		if n == 50 {
			return `,"vip":true`
		}
		return ""
	})
	r := w.run(t, wrong, func(o *Options) { o.Select.Key = new("k2") })
	if r.Ran != 100 || r.Equal != 99 || len(r.Groups) != 1 {
		t.Fatalf("%+v", r)
	}
	g := r.Groups[0]
	if g.Name != "output.out.data.vip" || g.Messages != 1 || g.Example.ID != w.ids[49*3+2] || g.Example.Data != `{"key":"k2"}` || g.Example.Differences[0].Is != "true" {
		t.Fatalf("%+v", g)
	}
	if r.Refused(nil)[0] != g.Name || r.Refused([]string{g.Name}) != nil {
		t.Fatal("accepted is not what was named")
	}
	if r = w.run(t, wrong, func(o *Options) { o.Mask.Ignore = []string{"data.vip"} }); r.Equal != 300 {
		t.Fatalf("%+v", r)
	}
}

// TestRequest: a request that was not made then is answered by nobody, and is
// told with the nearest that was.
func TestRequest(t *testing.T) {
	w := handled(t, openMem(t), 3)
	r := w.run(t, facts(func(int) string { return "y" }, nothing), nil)
	if r.Equal != 0 || len(r.Groups) != 2 {
		t.Fatalf("%+v", r)
	}
	d := r.Groups[1].Example.Differences[0]
	if d.Name != "request.shop.price.get" || d.Was != "request 4 is the nearest recorded" || d.Is != "price.get y" {
		t.Fatalf("%+v", d)
	}
}

// TestWith: an answer may be another one, and one that nothing asks for is told.
func TestWith(t *testing.T) {
	w := handled(t, openMem(t), 3)
	r := w.run(t, facts(plain, nothing), func(o *Options) {
		o.With = []Override{{Use: "shop", Answer: capability.Answer{Data: []byte("99")}}, {Use: "shopp"}}
		o.Each = func(c *Comparison) {
			if !slices.Equal(c.Now.Ungiven, []int{1}) {
				t.Errorf("%s: %v were given to nobody", c.ID, c.Now.Ungiven)
			}
		}
	})
	if len(r.Groups) != 1 || r.Groups[0].Name != "output.out.data.price" || r.Groups[0].Example.Differences[0].Is != "99" {
		t.Fatalf("%+v", r)
	}
}

// TestListen: what is asked of grants is told with what it was answered then, and that a
// secret was asked for, but not what it is.
func TestListen(t *testing.T) {
	w := handled(t, openMem(t), 3)
	w.broker = capability.Of(map[string]capability.Capability{"shop": w.shop, "vault": vault{}}, 1000)
	secretive := func(h engine.Host, m *abi.Message) (string, error) {
		data, err := facts(plain, nothing)(h, m)
		ask(h, "", "type", "secret.get", "use", "vault", "name", "KEY")
		return data, err
	}
	var all []*Comparison
	r := w.run(t, secretive, func(o *Options) { o.Listen, o.Each = true, func(c *Comparison) { all = append(all, c) } })
	if r.Equal != 3 || len(all) != 3 {
		t.Fatalf("%+v", r)
	}
	for _, c := range all {
		n, _ := c.answerTo(4, "shop", "price.get")
		want := []Heard{
			{Call: 4, Use: "shop", Operation: "price.get", Data: []byte("x"), Answer: n},
			{Call: 5, Use: "vault", Operation: "secret.get", Attrs: []string{"name", "KEY"}, Secret: true},
		}
		if diff := cmp.Diff(want, c.Now.Heard, cmpopts.EquateEmpty()); diff != "" || len(n.Data) == 0 {
			t.Errorf("%s: %s", c.ID, diff)
		}
	}
	if r = w.run(t, facts(func(int) string { return "y" }, nothing), func(o *Options) { o.Listen = true }); r.Equal != 0 {
		t.Errorf("another request is answered as if it were that of the record: %+v", r)
	}
}

// vault is a capability whose answers are secret.
type vault struct{}

func (vault) Operations() map[string]capability.Effect {
	return map[string]capability.Effect{"secret.get": capability.Hides}
}
func (vault) Close() error { return nil }
func (vault) Do(context.Context, *capability.Request) capability.Answer {
	return capability.Answer{Data: []byte("sesame")}
}

// TestTail: what is handled from then on is run, each message once, from the state that
// was there before, and is told round by round.
func TestTail(t *testing.T) {
	w := handled(t, openMem(t), 30)
	o := Options{Journal: w.journal, Node: "facts", Record: &Record{}, Workers: 2}
	wrong := facts(plain, func(n int) string {
		if n == 15 {
			return `,"vip":true`
		}
		return ""
	})
	o.New = w.actor(wrong, o.Record.Broker(w.broker), o.Record.Seed)
	tail, err := NewTail(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct{ more, ran, equal int }{{0, 0, 0}, {12, 12, 12}, {0, 12, 12}, {6, 18, 15}} {
		w.handle(t, want.more)
		if err := tail.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r := tail.Report(); r.Ran != want.ran || r.Equal != want.equal || r.Selected != want.ran || r.Node != "facts" {
			t.Fatalf("after %d more: %+v", want.more, r)
		}
	}
	if g := tail.Report().Groups; len(g) != 1 || g[0].Messages != 3 || g[0].Example.ID != w.ids[42] {
		t.Errorf("%+v", g)
	}
	<-o.New.Close()
}

// TestTrimmed: where the journal does not go back to its begin, a message is run
// once its state is known for certain, and never on a guess.
func TestTrimmed(t *testing.T) {
	w := handled(t, openMem(t), 300)
	_, last, err := w.journal.Bounds(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.journal.Trim(context.Background(), last-30); err != nil {
		t.Fatal(err)
	}
	for _, state := range []map[string]capability.Value{nil, {"n": {Data: []byte("100"), Revision: 100}}} {
		r := w.run(t, facts(plain, nothing), func(o *Options) {
			if state != nil {
				o.State = func(context.Context, string) (map[string]capability.Value, error) { return state, nil }
			}
		})
		// the first of each key is the first that tells what its state is
		if state != nil && (r.Skipped != 3 || r.Equal != r.Selected-3 || r.Equal == 0) || state == nil && r.Skipped != r.Selected {
			t.Fatalf("%+v", r)
		}
	}
}

// TestEnds: nothing to run, and a caller that wants no more.
func TestEnds(t *testing.T) {
	w := handled(t, openMem(t), 3)
	o := Options{Journal: w.journal, Node: "facts", Record: &Record{}, Select: Select{ID: "none"}}
	o.New = w.actor(facts(plain, nothing), o.Record.Broker(w.broker), o.Record.Seed)
	defer o.New.Close()
	if _, err := Run(context.Background(), o); !errors.Is(err, ErrNone) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	o.Select.ID = ""
	if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// TestBuried: what a dead letter may do now, and what differs.
func TestBuried(t *testing.T) {
	for _, c := range []struct {
		then, now Outcome
		want      string
	}{
		{Outcome{What: "failed", Code: "trap"}, Outcome{What: "handled"}, ""},
		{Outcome{What: "failed", Code: "trap"}, Outcome{What: "failed", Code: "exit"}, ""},
		{Outcome{What: "failed", Code: "trap"}, Outcome{What: "refused", Code: "full"}, "outcome.refused.full"},
		{Outcome{What: "refused", Code: "full"}, Outcome{What: "refused", Code: "full"}, ""},
		{Outcome{What: "refused", Code: "full"}, Outcome{What: "refused", Code: "empty"}, "outcome.refused.empty"},
		{Outcome{What: "refused", Code: "full"}, Outcome{What: "handled"}, "outcome.handled"},
	} {
		got := ""
		for _, d := range buried(&c.then, &c.now, nil) {
			got = d.Name
		}
		if got != c.want {
			t.Errorf("%+v and now %+v: %q, want %q", c.then, c.now, got, c.want)
		}
	}
}

// TestMask: what data differs in, and what a mask lets differ.
func TestMask(t *testing.T) {
	for _, c := range []struct {
		was, is string
		mask    Mask
		want    string
	}{
		{`{"a":1}`, `{"a":1.0}`, Mask{}, ""},
		{`{"a":1, "b":[1]}`, `{"b":[1],"a":1}`, Mask{}, ""},
		{`{"a":[{"b":1},{"b":2}]}`, `{"a":[{"b":1},{"b":3}]}`, Mask{}, "output.t.data.a.*.b"},
		{`{"a":[{"b":1},{"b":2}]}`, `{"a":[{"b":1},{"b":3}]}`, Mask{Ignore: []string{"data.a.*.b"}}, ""},
		{`{"a":{"b":1}}`, `{"a":2}`, Mask{Ignore: []string{"data.a"}}, ""},
		{`{"a":100}`, `{"a":100.001}`, Mask{Near: map[string]float64{"data.a": 1e-4}}, ""},
		{`{"a":100}`, `{"a":101}`, Mask{Near: map[string]float64{"data.a": 1e-4}}, "output.t.data.a"},
		{`{"a":1e999999999}`, `{"a":1e999999998}`, Mask{}, "output.t.data.a"},
		{`{"a":null}`, `{}`, Mask{}, "output.t.data.a"},
		{`text`, `texts`, Mask{}, "output.t.data"},
	} {
		then := &Outcome{What: "handled", Outputs: []Output{{Type: "t", Data: []byte(c.was)}}}
		now := &Outcome{What: "handled", Outputs: []Output{{Type: "t", Data: []byte(c.is)}}}
		var names []string
		for _, d := range c.mask.differences(then, now, nil) {
			names = append(names, d.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%s and %s: %q, want %q", c.was, c.is, got, c.want)
		}
	}
}

// TestOrder: outputs in another order differ, unless they may.
func TestOrder(t *testing.T) {
	then := &Outcome{What: "handled", Outputs: []Output{{Type: "a", Data: []byte("1")}, {Type: "b", Data: []byte("1")}, {Type: "b", Data: []byte("2")}}}
	now := &Outcome{What: "handled", Outputs: []Output{{Type: "b", Data: []byte("2")}, {Type: "a", Data: []byte("1")}, {Type: "b", Data: []byte("1")}}}
	if d := (&Mask{Unordered: true}).differences(then, now, nil); len(d) > 0 {
		t.Errorf("%+v", d)
	}
	if d := (&Mask{}).differences(then, now, nil); len(d) != 2 || d[0].Name != "output.b.data" {
		t.Errorf("%+v", d)
	}
	now.Outputs = []Output{then.Outputs[1], then.Outputs[0], then.Outputs[2]}
	if d := (&Mask{}).differences(then, now, nil); len(d) != 1 || d[0].Name != "outputs.order" || d[0].Is != "b a b" {
		t.Errorf("%+v", d)
	}
}

// TestEmbedded: the same from a journal on disk, after a restart.
func TestEmbedded(t *testing.T) {
	dir := t.TempDir()
	open := func() (*nats.Store, journal.Journal) {
		store, err := nats.Open(t.Context(), nats.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		j, err := store.Open(t.Context(), journal.Name{Namespace: "main", Service: "test"})
		if err != nil {
			t.Fatal(err)
		}
		return store, j
	}
	store, j := open()
	w := handled(t, j, 30)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	store, w.journal = open()
	if r := w.run(t, facts(plain, nothing), nil); r.Ran != 30 || r.Equal != 30 {
		t.Errorf("%+v", r)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestOld: both revisions are run where both are given, and what does not repeat
// on the old one either is told apart.
func TestOld(t *testing.T) {
	w := handled(t, openMem(t), 30)
	var old *actor.Actor
	never := facts(plain, func(int) string { return fmt.Sprintf(`,"never":%d`, time.Now().UnixNano()) })
	r := w.run(t, facts(plain, nothing), func(o *Options) {
		o.OldRecord, o.Aside = &Record{}, pace.NewAside(&pace.Pacer{Processors: 2})
		old = w.actor(never, o.OldRecord.Broker(w.broker), o.OldRecord.Seed)
		o.Old = old
	})
	<-old.Close()
	if r.Equal != 30 || r.Unsteady != 30 || r.Old == nil || r.Old.Fuel != r.Recorded {
		t.Errorf("%+v", r)
	}
}

// BenchmarkRun is what running a message again takes besides its handling: reading
// it, its state, and comparing. The guest does next to nothing.
func BenchmarkRun(b *testing.B) {
	const messages = 10_000
	w := handled(b, openMem(b), messages)
	for b.Loop() {
		o := Options{Journal: w.journal, Node: "facts", Record: &Record{}}
		o.New = w.actor(facts(plain, nothing), o.Record.Broker(w.broker), o.Record.Seed)
		r, err := Run(b.Context(), o)
		if err != nil || r.Equal != messages {
			b.Fatalf("%+v, %v", r, err)
		}
		<-o.New.Close()
	}
	b.ReportMetric(float64(messages*b.N)/b.Elapsed().Seconds(), "messages/s")
}

// TestHide: nothing hidden is shown of what differs, wherever it stands, and not the
// beginning of it either where a text is cut.
func TestHide(t *testing.T) {
	const secret = "s3cr3t-token"
	hide := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(secret), []byte("***")) }
	cut := strings.Repeat("x", shownMax-4) + secret
	handled := func(data, attr, state string) *Outcome {
		return &Outcome{
			What: "handled", Outputs: []Output{{Type: "t", Data: []byte(data), Attrs: map[string]string{"x.a": attr}}},
			State: []capability.Change{{Name: "s", Data: []byte(state)}},
		}
	}
	for name, c := range map[string]struct{ then, now *Outcome }{
		"text":      {handled(cut, "", ""), handled("", "", "")},
		"a field":   {handled(`{"a":"`+cut+`"}`, "", ""), handled(`{"a":"`+cut+`2"}`, "", "")},
		"a name":    {handled(`{"`+secret+`":1}`, "", ""), handled(`{"`+secret+`":2}`, "", "")},
		"attribute": {handled("", secret, ""), handled("", secret+"2", "")},
		"state":     {handled("", "", cut), handled("", "", cut+"2")},
		"an error":  {handled("", "", ""), &Outcome{What: "failed", Code: secret, Text: cut}},
	} {
		list := (&Mask{}).differences(c.then, c.now, hide)
		if len(list) == 0 {
			t.Errorf("%s: nothing differs", name)
		}
		for _, d := range list {
			if text := fmt.Sprint(d); strings.Contains(text, secret[:4]) {
				t.Errorf("%s: %.100s…%s", name, text, text[max(0, len(text)-60):])
			}
		}
	}
	for _, d := range buried(&Outcome{What: "refused", Code: secret}, &Outcome{What: "refused", Code: "2", Text: cut}, hide) {
		if text := fmt.Sprint(d); strings.Contains(text, secret[:4]) {
			t.Error(text[max(0, len(text)-60):])
		}
	}
	tally := &tally{options: &Options{Hide: hide}}
	tally.add(&Comparison{
		Case: &Case{ID: "1", Key: secret, Message: abi.NewMessage([]byte(cut), abi.Type, "t")},
		Now:  &Outcome{}, Differences: []Difference{{Name: "n"}},
	})
	if e := tally.told().Groups[0].Example; e.Key != "***" || strings.Contains(e.Data, secret[:4]) {
		t.Errorf("example of the key %s: %s", e.Key, e.Data[max(0, len(e.Data)-60):])
	}
}

// TestStatesMax: what the keys of the messages keep is bounded, as it is when it is asked
// for and as it is followed.
func TestStatesMax(t *testing.T) {
	w := handled(t, openMem(t), 300)
	run := func(most, kept int) error {
		o := Options{Journal: w.journal, Node: "facts", Record: &Record{}, states: most}
		o.State = func(context.Context, string) (map[string]capability.Value, error) {
			return map[string]capability.Value{"other": {Data: make([]byte, kept), Revision: 1}}, nil
		}
		o.New = w.actor(facts(plain, nothing), o.Record.Broker(w.broker), o.Record.Seed)
		defer o.New.Close()
		_, err := Run(t.Context(), o)
		return err
	}
	if err := run(50, 0); !errors.Is(err, ErrStates) {
		t.Errorf("followed: %v", err)
	}
	if err := run(1000, 1e6); err != nil {
		t.Errorf("nobody asks what is kept now where the journal tells all: %v", err)
	}
	if err := w.journal.Trim(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	if err := run(2e6, 1e6); !errors.Is(err, ErrStates) {
		t.Errorf("asked for: %v", err)
	}
	if err := run(4e6, 1e6); err != nil {
		t.Error(err)
	}
}

// TestSeed: a message that had drawn nothing draws what it would have drawn then.
func TestSeed(t *testing.T) {
	live := func(id string) (seed [32]byte) {
		copy(seed[:], "live "+id)
		return seed
	}
	r := &Record{Live: live}
	if got := r.Seed(r.begin(&sheet{of: &Case{ID: "m", Dead: true}})); got != live("m") {
		t.Errorf("%q", got)
	}
	drawn := bytes.Repeat([]byte{7}, 32)
	if got := r.Seed(r.begin(&sheet{of: &Case{ID: "m", Seed: drawn}})); got != [32]byte(drawn) {
		t.Errorf("%q", got)
	}
}

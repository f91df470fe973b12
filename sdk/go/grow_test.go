//go:build !wasip1

package grow_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	grow "github.com/grow-platform/grow/sdk/go"
	"github.com/grow-platform/grow/sdk/go/growtest"
)

type config struct {
	Currency string `json:"currency"`
}

type order struct {
	ID    string  `json:"id"`
	Total float64 `json:"total"`
}

func init() {
	grow.Init(start)
	grow.On("order.placed", placed)
	grow.OnMessage("hook.*", hook)
	grow.OnMessage("hook.deep.*", func(ctx *grow.Context, _ grow.Message) error { return ctx.Send("deep", 1) })
	grow.OnMessage("hook.exact", func(ctx *grow.Context, _ grow.Message) error { return ctx.Send("exact", 1) })
	grow.OnMessage("all.*", func(ctx *grow.Context, m grow.Message) error {
		f := cases[strings.TrimPrefix(m.Type(), "all.")]
		if f == nil {
			return grow.Refusef("unknown", "nothing for %s", m.Type())
		}
		return f(ctx)
	})
}

func start(ctx *grow.Context, c config) error {
	if c.Currency == "none" {
		return errors.New("no currency")
	}
	if ctx.Send("order.priced", 1) == nil {
		return errors.New("sent without a message")
	}
	ctx.Log.Info("started", "currency", c.Currency)
	return nil
}

func placed(ctx *grow.Context, o order) error {
	if o.Total <= 0 {
		if err := errors.Join(ctx.Send("order.priced", o), ctx.State.Set("", 0)); err != nil {
			return err
		}
		return fmt.Errorf("look at order: %w", grow.Refuse("order.empty", "an order needs a total"))
	}
	var c config
	var seen int
	if err := ctx.Config(&c); err != nil {
		return err
	}
	if _, err := ctx.State.Get("", &seen); err != nil {
		return err
	}
	if err := ctx.State.Set("", seen+1); err != nil {
		return err
	}
	return ctx.Send("order.priced", o, grow.Status(201), grow.Header("Location", "/orders/1?a=1&b=2"),
		grow.Delay(1500*time.Microsecond), grow.Attr("currency", c.Currency))
}

func hook(ctx *grow.Context, m grow.Message) error {
	return ctx.SendRaw("hook.seen", "text/plain", m.Data(), grow.Attr("event", m.Header("X-Event")))
}

// cases are handlers by the last part of their type.
var cases = map[string]func(*grow.Context) error{
	"later":  func(*grow.Context) error { return grow.Later("closed", 1500*time.Microsecond) },
	"soon":   func(*grow.Context) error { return fmt.Errorf("ask: %w", grow.Later("closed", 0)) },
	"error":  func(*grow.Context) error { return errors.New("no idea") },
	"panic":  func(ctx *grow.Context) error { panic("at " + ctx.Message().ID()) },
	"twice":  func(ctx *grow.Context) error { return ctx.Send("x", 1, grow.Attr("a", "1"), grow.Attr("a", "2")) },
	"long":   func(ctx *grow.Context) error { return ctx.Send("x", 1, grow.Attr("a", strings.Repeat("v", 5000))) },
	"type":   func(ctx *grow.Context) error { return ctx.Send("", 1) },
	"encode": func(ctx *grow.Context) error { return ctx.Send("x", func() {}) },
	"many": func(ctx *grow.Context) error {
		for {
			if err := ctx.Send("x", 1); err != nil {
				return err
			}
		}
	},
	"html": func(ctx *grow.Context) error { return ctx.Send("x", "<a&b>") },
	"nested": func(ctx *grow.Context) error {
		return errors.Join(ctx.Send("outer", sender{ctx}), ctx.State.Set("s", sender{ctx}))
	},
	"fetch": func(ctx *grow.Context) error {
		_, err := ctx.Do(grow.Request{Op: "http.fetch", Use: "down"})
		return fmt.Errorf("fetch: %w", err)
	},
	"denied": func(ctx *grow.Context) error {
		_, err := ctx.Do(grow.Request{Op: "http.fetch", Use: "none"})
		return err
	},
	"secret": func(ctx *grow.Context) error {
		secret, err := ctx.Secret("token", "TAX")
		return errors.Join(err, ctx.Send("x", secret))
	},
	"time":  now,
	"names": names,
	"large": large,
	"calls": calls,
	"log":   logs,
}

// sender sends while it is encoded.
type sender struct{ ctx *grow.Context }

func (s sender) MarshalJSON() ([]byte, error) {
	s.ctx.Log.Info("encoding")
	return []byte(`"sender"`), s.ctx.Send("inner", 1)
}

func now(ctx *grow.Context) error {
	real, err := ctx.RealTime()
	if err != nil {
		return err
	}
	return ctx.Send("x", []any{real, ctx.Now().IsZero(), ctx.Rand().Uint64() == ctx.Rand().Uint64()})
}

func names(ctx *grow.Context) error {
	s := &ctx.State
	for i := range 250 {
		if err := s.Set(fmt.Sprintf("n.%03d", i), i); err != nil {
			return err
		}
	}
	if err := errors.Join(s.Set("other", 1), s.Delete("n.000"), s.Write("raw", []byte(" [1, 2] "))); err != nil {
		return err
	}
	raw, err := s.Read("raw")
	if err != nil {
		return err
	}
	found, err := s.Get("n.000", new(int))
	if err != nil {
		return err
	}
	listed, err := s.List("n.")
	if err != nil {
		return err
	}
	page, err := s.Page("n.", "n.010", 2)
	if err != nil {
		return err
	}
	return ctx.Send("x", []any{len(listed), slices.IsSorted(listed), page, found, string(raw.Data), raw.Revision})
}

func large(ctx *grow.Context) error {
	if err := ctx.State.Set("large", strings.Repeat("v", 100_000)); err != nil {
		return err
	}
	var v string
	_, err := ctx.State.Get("large", &v)
	return errors.Join(err, ctx.Send("x", len(v)))
}

func calls(ctx *grow.Context) error {
	answers, err := ctx.Call(
		grow.Request{Op: "http.fetch", Use: "tax", Attrs: map[string]string{"path": "/rate"}, Data: []byte("body")},
		grow.Request{Op: "http.fetch", Use: "down"},
		grow.Request{Op: "time.now"},
	)
	if err != nil {
		return err
	}
	var text []string
	for _, a := range answers {
		text = append(text, fmt.Sprintf("%s %s %v", a.Data, a.Attr("status"), a.Err))
	}
	for _, bad := range [][]grow.Request{
		nil, make([]grow.Request, 33), {{}}, {{Op: "x", Attrs: map[string]string{"type": "y"}}},
		{{Op: "x", Attrs: map[string]string{"": "y"}}}, {{Op: "x", Use: "\xff"}},
	} {
		if _, err := ctx.Call(bad...); err == nil {
			return fmt.Errorf("%v was called", bad)
		}
	}
	return ctx.Send("x", text)
}

func logs(ctx *grow.Context) error {
	log := ctx.Log.With("a", 1).WithGroup("g").With("b", "two")
	log.Warn("text", "c", 3*time.Second, slog.Group("h", "d", nil), "b", "last")
	ctx.Log.Debug("\xff", "bad\xff", "\xff", "long", strings.Repeat("ü", 4000))
	return nil
}

func host() *growtest.Host {
	h := growtest.New(growtest.Options{
		Config: config{"EUR"},
		Now:    time.Unix(1_800_000_000, 5),
		Double: func(r growtest.Request) growtest.Answer {
			switch r.Op + " " + r.Use {
			case "http.fetch tax":
				return growtest.Answer{Attrs: map[string]string{"status": "200"}, Data: append([]byte(r.Attrs["path"]), r.Data...)}
			case "secret.get token":
				return growtest.Answer{Data: []byte(r.Attrs["name"])}
			case "http.fetch down":
				return growtest.Answer{Code: "unavailable", Data: []byte("no line"), Retry: true}
			}
			return growtest.Answer{Code: "denied", Data: []byte("no grant")}
		},
	})
	h.Key("c-9")
	return h
}

func TestTypedHandlerSendsAndCounts(t *testing.T) {
	h := host()
	for _, count := range []string{"1", "2"} {
		got := h.Send("order.placed", json.RawMessage(`{"id": "o-1", "total": 7.5, "more": 1}`))
		if got.Outcome != growtest.Handled || len(got.Outputs) != 1 {
			t.Fatalf("%+v", got)
		}
		out := got.Outputs[0]
		want := map[string]string{"delay": "2", "http.header.location": "/orders/1?a=1&b=2", "http.status": "201", "x.currency": "EUR"}
		if out.Type != "order.priced" || !reflect.DeepEqual(out.Attrs, want) {
			t.Errorf("sent %s with %v", out.Type, out.Attrs)
		}
		var o order
		if err := out.Decode(&o); err != nil || o != (order{"o-1", 7.5}) {
			t.Errorf("sent %+v, %v", o, err)
		}
		if s := h.State(); !reflect.DeepEqual(s, map[string]string{"": count}) {
			t.Errorf("state %v, want %s", s, count)
		}
	}
	h.Key("c-10")
	if s := h.State(); len(s) != 0 {
		t.Errorf("another key has state %v", s)
	}
}

func TestRefusalDropsOutputsAndState(t *testing.T) {
	h := host()
	h.SetState("", 41)
	got := h.Send("order.placed", order{ID: "o-2"})
	if got.Outcome != growtest.Refused || got.Code != "order.empty" || got.Text != "an order needs a total" || got.Outputs != nil {
		t.Errorf("%+v", got)
	}
	if s := h.State()[""]; s != "41" {
		t.Errorf("state is %s", s)
	}
}

func TestPatterns(t *testing.T) {
	h := host()
	for typ, want := range map[string]string{"hook.a": "hook.seen", "hook.deep.a": "deep", "hook.exact": "exact", "hook.deep": "hook.seen"} {
		if got := h.Send(typ, "x"); len(got.Outputs) != 1 || got.Outputs[0].Type != want {
			t.Errorf("%s: %+v", typ, got)
		}
	}
	if got := h.Send("hook", "x"); got.Outcome != growtest.Failed || got.Text != "no handler for messages of type hook" {
		t.Errorf("%+v", got)
	}
	for _, pattern := range []string{"", "a*", "*.a", "**", "hook.exact", "hook.*"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("pattern %q was taken", pattern)
				}
			}()
			grow.OnMessage(pattern, hook)
		}()
	}
}

func TestRawMessage(t *testing.T) {
	got := host().Send("hook.a", []byte("\xff\x00"), "http.header.x-event", "push")
	want := growtest.Output{Type: "hook.seen", Attrs: map[string]string{"datacontenttype": "text/plain", "x.event": "push"}, Data: []byte("\xff\x00")}
	if len(got.Outputs) != 1 || !reflect.DeepEqual(got.Outputs[0], want) {
		t.Errorf("%+v", got)
	}
}

func TestOutcomes(t *testing.T) {
	h := host()
	for _, c := range []struct {
		typ     string
		outcome growtest.Outcome
		code    string
		text    string // the beginning
		after   time.Duration
	}{
		{"all.later", growtest.Later, "later", "closed", 2 * time.Millisecond},
		{"all.soon", growtest.Later, "later", "closed", 0},
		{"all.fetch", growtest.Later, "unavailable", "fetch: http.fetch: unavailable: no line", 0},
		{"all.denied", growtest.Failed, "", "http.fetch: denied: no grant", 0},
		{"all.error", growtest.Failed, "", "no idea", 0},
		{"all.panic", growtest.Failed, "", "panic: at test.", 0},
		{"all.twice", growtest.Failed, "", `send x: attribute "x.a": attribute name occurs twice`, 0},
		{"all.long", growtest.Failed, "", `send x: attribute "x.a": attribute exceeds a limit`, 0},
		{"all.type", growtest.Failed, "", "send : the type is empty", 0},
		{"all.encode", growtest.Failed, "", "send x: json: unsupported type", 0},
		{"all.many", growtest.Failed, "", "send x: 1000 messages", 0},
		{"all.other", growtest.Refused, "unknown", "nothing for all.other", 0},
		{"order.placed", growtest.Refused, "data.decode", "decode order.placed as grow_test.order: json: cannot", 0},
	} {
		got := h.Send(c.typ, "x")
		if got.Outcome != c.outcome || got.Code != c.code || !strings.HasPrefix(got.Text, c.text) || got.After != c.after {
			t.Errorf("%s: %+v", c.typ, got)
		}
		failed := slices.ContainsFunc(got.Logs, func(l growtest.Log) bool { return l.Level == "error" })
		if failed != (c.outcome == growtest.Failed) {
			t.Errorf("%s: logged %+v", c.typ, got.Logs)
		}
	}
	if got := h.Send("all.panic", 1); !strings.Contains(got.Logs[0].Text, "grow_test.go:") {
		t.Errorf("a panic is logged without its place: %s", got.Logs[0].Text)
	}
}

func TestOutputs(t *testing.T) {
	h := host()
	for _, c := range []struct{ typ, want string }{
		{"all.html", `x "<a&b>"`},
		{"all.secret", `x "TAX"`},
		{"all.nested", `inner 1, outer "sender", inner 1`},
		{"all.time", `x ["2027-01-15T08:00:00.000000005Z",false,false]`},
		{"all.names", `x [249,true,["n.011","n.012"],false," [1, 2] ",1]`},
		{"all.large", `x 100000`},
		{"all.calls", `x ["/ratebody 200 <nil>","no line  http.fetch: unavailable: no line","  <nil>"]`},
	} {
		got := h.Send(c.typ, "x")
		var sent []string
		for _, o := range got.Outputs {
			sent = append(sent, o.Type+" "+string(o.Data))
		}
		if s := strings.Join(sent, ", "); s != c.want {
			t.Errorf("%s: sent %s, want %s; %+v", c.typ, s, c.want, got)
		}
	}
}

func TestLog(t *testing.T) {
	got := host().Send("all.log", 1).Logs
	want := []growtest.Log{
		{Level: "warn", Text: "text", Fields: map[string]string{"a": "1", "g.b": "last", "g.c": "3s", "g.h.d": "<nil>"}},
		{Level: "debug", Text: "\uFFFD", Fields: map[string]string{"bad\uFFFD": "\uFFFD", "long": strings.Repeat("ü", 2048)}},
	}
	want[1].Text = "\xff" // text is data, and data is bytes
	if !reflect.DeepEqual(got, want) {
		t.Errorf("logged %+v", got)
	}
}

func TestInit(t *testing.T) {
	h := growtest.New(growtest.Options{Config: config{"none"}})
	if h.Err() == nil || h.Send("hook.a", 1).Outcome != growtest.Failed {
		t.Errorf("started with an error of %v", h.Err())
	}
	if err := host().Err(); err != nil {
		t.Error(err)
	}
}

func TestMessageAttributes(t *testing.T) {
	var got []string
	cases["attributes"] = func(ctx *grow.Context) error {
		m := ctx.Message()
		got = []string{m.ID(), m.Source(), m.Key(), m.Correlation(), m.Causation(), m.TraceParent(), m.ContentType(),
			m.Time().String(), fmt.Sprint(m.Attempt()), m.Method(), m.Path(), m.Header("X-A"), m.Param("id"), m.Query("q"), m.Attr("none")}
		for name := range m.All() {
			got = append(got, name)
			break
		}
		return nil
	}
	host().Send("all.attributes", 1, "id", "m.1", "attempt", "3", "traceparent", "t", "http.method", "GET", "http.path", "/a",
		"http.header.x-a", "h", "http.param.id", "p", "http.query.q", "", "time", "2025-03-01T12:30:45.123456789Z", "datacontenttype", "text/plain")
	want := []string{"m.1", "test", "c-9", "test", "test", "t", "text/plain", "2025-03-01 12:30:45.123456789 +0000 UTC", "3",
		"GET", "/a", "h", "p", "", "", "type"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

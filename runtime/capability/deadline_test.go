package capability

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestDeadline holds a deadline, and contexts made of it, to what context.WithDeadline does.
func TestDeadline(t *testing.T) {
	type key struct{}
	for _, c := range []struct {
		name  string
		given func(context.Context) context.Context // what a capability waits for
	}{
		{"itself", func(ctx context.Context) context.Context { return ctx }},
		{"a context made of it", func(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, "its") }},
		{"one that is cancelled apart", func(ctx context.Context) context.Context {
			ctx, cancel := context.WithCancel(ctx)
			t.Cleanup(cancel)
			return ctx
		}},
	} {
		for _, way := range []struct {
			name string
			end  func(d *deadline, cancel context.CancelFunc)
			want error
		}{
			{"time", func(*deadline, context.CancelFunc) { time.Sleep(time.Second) }, context.DeadlineExceeded},
			{"the message", func(_ *deadline, cancel context.CancelFunc) { cancel() }, context.Canceled},
			{"the answer", func(d *deadline, _ context.CancelFunc) { d.end() }, context.Canceled},
		} {
			for _, asked := range []bool{false, true} { // for its end, before that comes
				t.Run(c.name+", ended by "+way.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "the message's"))
						defer cancel()
						d := &deadline{message: &scope{parent, time.Now()}, after: time.Second}
						defer d.end()
						if at, ok := d.Deadline(); !ok || at != d.at() {
							t.Errorf("deadline %v", at)
						}
						ctx := parent
						if asked {
							ctx = c.given(d)
							if ctx.Err() != nil {
								t.Errorf("before its end: %v", ctx.Err())
							}
						}
						way.end(d, cancel)
						if !asked {
							if !errors.Is(d.Err(), way.want) {
								t.Errorf("when nobody waited: %v, want %v", d.Err(), way.want)
							}
							ctx = c.given(d)
						}
						<-ctx.Done()
						if !errors.Is(ctx.Err(), way.want) || !errors.Is(d.Err(), way.want) || !errors.Is(context.Cause(ctx), way.want) {
							t.Errorf("%v, %v and cause %v; want %v", ctx.Err(), d.Err(), context.Cause(ctx), way.want)
						}
						if ctx.Value(key{}) == nil {
							t.Error("the message's values are gone")
						}
					})
				})
			}
		}
	}
}

// TestDeadlineOfMessage: that of the message holds when it is sooner.
func TestDeadlineOfMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		d := &deadline{message: &scope{parent, time.Now()}, after: time.Minute}
		defer d.end()
		sooner, _ := parent.Deadline()
		if at, ok := d.Deadline(); !ok || at != sooner {
			t.Errorf("deadline %v, want %v", at, sooner)
		}
		begin := time.Now()
		<-d.Done()
		if took := time.Since(begin); took != time.Second {
			t.Errorf("it ended after %v", took)
		}
	})
}

// finding is a capability that answers with what its context holds.
type finding struct{}

func (finding) Operations() map[string]Effect { return map[string]Effect{"find": Reads} }

func (finding) Do(ctx context.Context, _ *Request) Answer {
	return Answer{Data: []byte(ctx.Value(finding{}).(string))}
}

func (finding) Close() error { return nil }

// TestDeadlineOfEachMessage: what one message asks for ends with that message, and not with
// the one before.
func TestDeadlineOfEachMessage(t *testing.T) {
	b, l := Of(map[string]Capability{"it": finding{}}, 10), ledger(t)
	for _, message := range []string{"first", "second"} {
		l.Reset()
		l.Context = context.WithValue(t.Context(), finding{}, message)
		for range 2 {
			if got := ask(t, b, l, []string{"", "type", "find", "use", "it"}); got[0] != "ok "+message {
				t.Errorf("of the %s message: %q", message, got)
			}
		}
	}
}

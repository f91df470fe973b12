package capability

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// preparing notes what it is called for, and prepares only once the journal is waited for.
type preparing struct {
	called []string
	meet   chan struct{} // Prepare and Effect wait for each other
	fault  bool          // Prepare panics
}

func (*preparing) Operations() map[string]Effect {
	return map[string]Effect{"p.read": Reads, "p.write": Changes}
}

func (p *preparing) Prepare(ctx context.Context, r *Request) any {
	if _, ok := ctx.Deadline(); !ok {
		return "no deadline"
	}
	p.meet <- struct{}{} // taken by Effect
	p.called = append(p.called, "prepare "+r.Stable)
	if p.fault {
		panic("at fault")
	}
	return "prepared " + string(r.Data)
}

func (p *preparing) Do(_ context.Context, r *Request) Answer {
	p.called = append(p.called, fmt.Sprintf("do %s %v", r.Stable, r.Prepared))
	return Answer{}
}

func (*preparing) Close() error { return nil }

// TestPrepare: what changes something is prepared while the journal takes what was told, and
// done after that.
func TestPrepare(t *testing.T) {
	write, read := []string{"1", "type", "p.write", "use", "p"}, []string{"2", "type", "p.read", "use", "p"}
	refused := errors.New("not kept")
	for _, c := range []struct {
		name     string
		fault    bool
		kept     error
		requests [][]string
		want     []string
	}{
		{name: "a change", requests: [][]string{write}, want: []string{"prepare m1/1", "kept", "do m1/1 prepared 1"}},
		{name: "a fault", fault: true, requests: [][]string{write}, want: []string{"prepare m1/1", "kept", "do m1/1 <nil>"}},
		{name: "not kept", kept: refused, requests: [][]string{write}, want: []string{"prepare m1/1", "kept"}},
		{name: "a read", requests: [][]string{read}, want: []string{"do m1/1 <nil>"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &preparing{meet: make(chan struct{}), fault: c.fault}
			b, l := Of(map[string]Capability{"p": p}, 10), ledger(t)
			kept := false
			l.Effect = func() error {
				<-p.meet
				kept = true
				return c.kept
			}
			ask(t, b, l, c.requests...)
			if kept {
				at := slices.IndexFunc(p.called, func(s string) bool { return s[:2] == "do" })
				if at < 0 {
					at = len(p.called)
				}
				p.called = slices.Insert(p.called, at, "kept")
			}
			if !slices.Equal(p.called, c.want) {
				t.Errorf("%q, want %q", p.called, c.want)
			}
		})
	}
}

// TestPrepareAgain: an answer that is given again is prepared for by nobody, nor is a request
// that nothing has to be kept for; what one request was prepared with is not the next one's.
func TestPrepareAgain(t *testing.T) {
	p := &preparing{meet: make(chan struct{})}
	b, l := Of(map[string]Capability{"p": p}, 10), ledger(t)
	l.Effect = func() error { <-p.meet; return nil }
	write := []string{"1", "type", "p.write", "use", "p"}
	ask(t, b, l, write)
	l.Again, p.called = slices.Clone(l.Recorded()), nil
	l.Reset()
	ask(t, b, l, write)
	l.Effect = nil
	ask(t, b, l, write)
	if want := []string{"do m1/2 <nil>"}; !slices.Equal(p.called, want) {
		t.Errorf("%q, want %q", p.called, want)
	}
}

// endless prepares until it is told to end.
type endless struct{ preparing }

func (e *endless) Prepare(ctx context.Context, _ *Request) any {
	<-ctx.Done()
	return nil
}

// TestPrepareLong: nobody waits much longer for what is prepared than for the journal.
func TestPrepareLong(t *testing.T) {
	for _, kept := range []error{nil, errors.New("not kept")} {
		synctest.Test(t, func(t *testing.T) {
			e := &endless{}
			b, l := Of(map[string]Capability{"p": e}, 10), ledger(t)
			begin, done := time.Now(), 0
			l.Effect = func() error {
				time.Sleep(time.Second)
				return kept
			}
			ask(t, b, l, []string{"1", "type", "p.write", "use", "p"})
			took := time.Since(begin)
			if done = len(e.called); kept == nil && (done != 1 || took != time.Second+prepareGrace) || kept != nil && (done != 0 || took != time.Second) {
				t.Errorf("kept %v: %d done after %v", kept, done, took)
			}
		})
	}
}

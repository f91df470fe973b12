package capability

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs"
)

// requests is a frame of so many requests, of which the first has so many bytes
// of data.
func requests(count, data int) []byte {
	b := abi.AppendCount(nil, count)
	for range count {
		b = abi.AppendAttr(abi.AppendAttrCount(b, 1), abi.Type, "config.get")
		b = abi.AppendData(b, make([]byte, data))
		data = 0
	}
	return b
}

// TestRequestBounds: what ends a message follows the bound of requests in a call, of
// bytes in a call, and of bytes of answers, each at two values.
func TestRequestBounds(t *testing.T) {
	head := len(requests(1, 0))
	for _, limit := range []int{100, 700} {
		for name, c := range map[string]struct {
			set  func(b *bounds)
			make func(n int) []byte
			want error
		}{
			"requests in a call": {func(b *bounds) { b.perCall = limit }, func(n int) []byte { return requests(n, 0) }, abi.ErrCount},
			"bytes of a call":    {func(b *bounds) { b.request = limit }, func(n int) []byte { return requests(1, n-head) }, abi.ErrLimit},
		} {
			for n, want := range map[int]error{limit: nil, limit + 1: c.want} {
				b := open(t, 10_000)
				c.set(&b.most)
				if _, err := b.Serve(ledger(t), c.make(n)); !errors.Is(err, want) {
					t.Errorf("%s: %d where %d may be: %v, want %v", name, n, limit, err, want)
				}
			}
		}
		b, l := open(t, 10_000), ledger(t)
		b.LimitAnswers(int64(limit))
		var err error
		had := 0
		for err == nil {
			had = l.bytes
			_, err = b.Serve(l, requests(1, 0))
		}
		if each := had / l.calls; !errors.Is(err, ErrTooMany) || had > limit || had+each <= limit {
			t.Errorf("answers: %v after %d bytes where %d may be", err, had, limit)
		}
	}
}

// TestStateBounds: what is refused to a guest follows the bound of a name, of a
// value, and of all values of a key, each at two values.
func TestStateBounds(t *testing.T) {
	value := func(n int) string { return strings.Repeat("1", n) }
	for _, limit := range []int{10, 200} {
		for name, c := range map[string]struct {
			most bounds
			set  func(s *State, n int) error
			full bool
		}{
			"name": {bounds{name: limit, value: 1 << 10, state: 1 << 20}, func(s *State, n int) error {
				_, err := s.Set(strings.Repeat("a", n), []byte("1"))
				return err
			}, false},
			"value": {bounds{name: 10, value: limit, state: 1 << 20}, func(s *State, n int) error {
				_, err := s.Set("a", []byte(value(n)))
				return err
			}, false},
			"state": {bounds{name: 10, value: 1 << 10, state: 2 * (1 + limit + valueBytes)}, func(s *State, n int) error {
				if _, err := s.Set("a", []byte(value(limit))); err != nil {
					return err
				}
				_, err := s.Set("b", []byte(value(n)))
				return err
			}, true},
		} {
			for n, refused := range map[int]bool{limit: false, limit + 1: true} {
				s := &State{most: &c.most}
				s.Reset([]specs.State{{Pattern: "*"}}, nil, 0)
				err := c.set(s, n)
				if (err != nil) != refused || errors.Is(err, ErrFull) != (refused && c.full) {
					t.Errorf("%s of %d where %d may be: %v", name, n, limit, err)
				}
				if err != nil && !strings.Contains(err.Error(), fmt.Sprint(max(limit, c.most.state*btoi(c.full)))) {
					t.Errorf("%s: the error does not say the bound: %v", name, err)
				}
			}
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestRequestTime: a request that nobody answers ends when its time does, at two values.
func TestRequestTime(t *testing.T) {
	for _, limit := range []time.Duration{time.Second, 90 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			b := Of(map[string]Capability{"x": silent{}}, 10)
			b.most.time = limit
			l := ledger(t)
			l.Allow = func() time.Duration { return time.Hour }
			begin := time.Now()
			got := ask(t, b, l, []string{"", "type", "wait", "use", "x"})
			if took := time.Since(begin); took != limit || got[0] != "failed timeout" {
				t.Errorf("%q after %v, want %v", got, took, limit)
			}
		})
	}
}

// silent is a capability that never answers.
type silent struct{}

func (silent) Operations() map[string]Effect { return nil }
func (silent) Close() error                  { return nil }
func (silent) Do(ctx context.Context, _ *Request) Answer {
	<-ctx.Done()
	return Fail(Unavailable, "nobody is there")
}

package shard

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/specs"
)

// bounded is a shard of one actor whose bounds are others.
func bounded(t *testing.T, set func(*bounds), g guest) *bench {
	t.Helper()
	b := &bench{clock: newManual(), journal: openFaulty(t, func(uint64) (f mem.Fault) { return f })}
	s, err := Open(context.Background(), Options{Namespace: "main", Service: "test", Journal: b.journal, Clock: b.clock, Lanes: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	set(&s.most)
	b.Shard = s
	serve(t, s, project(def("a", func(a *specs.Actor) { a.Scale.Max = 1; a.State = []specs.State{{}} })), map[string]guest{"a": g})
	return b
}

// TestRequestBounds: what is not accepted follows the bounds of data and attributes, each
// at two values.
func TestRequestBounds(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(b *bounds, n int)
		make func(r *Request, n int)
	}{
		"data": {func(b *bounds, n int) { b.data = n }, func(r *Request, n int) { r.Data = make([]byte, n) }},
		"attributes": {func(b *bounds, n int) { b.attrs = n }, func(r *Request, n int) {
			for k := range n - ownAttrs {
				r.Attrs = append(r.Attrs, "x."+strings.Repeat("a", k+1), "")
			}
		}},
		"name":  {func(b *bounds, n int) { b.name = n }, func(r *Request, n int) { r.Attrs = []string{strings.Repeat("a", n), ""} }},
		"value": {func(b *bounds, n int) { b.value = n }, func(r *Request, n int) { r.Attrs = []string{"x.a", strings.Repeat("a", n)} }},
	} {
		for _, limit := range []int{12, 50} {
			b := bounded(t, func(b *bounds) { c.set(b, limit) }, func(engine.Host, *abi.Message) ([]sent, error) { return nil, nil })
			for n, want := range map[int]error{limit: nil, limit + 1: ErrTooLarge} {
				r := &Request{To: "a", Type: "in", AnyReply: true}
				c.make(r, n)
				f, err := b.Accept(t.Context(), r)
				if !errors.Is(err, want) {
					t.Errorf("%s of %d where %d may be: %v, want %v", name, n, limit, err, want)
				}
				if err == nil {
					<-f.Done()
				}
			}
		}
	}
}

// TestMailboxBytes: how much may wait at a node follows the bound of bytes, at two values.
func TestMailboxBytes(t *testing.T) {
	for _, limit := range []int64{5_000, 40_000} {
		gate, entered := make(chan struct{}), make(chan struct{}, 1000)
		b := bounded(t, func(b *bounds) { b.mailbox = limit }, func(h engine.Host, _ *abi.Message) ([]sent, error) {
			if err := h.Sleep(1); err != nil { // from here on the lane goes on without it
				return nil, err
			}
			entered <- struct{}{}
			<-gate
			return nil, nil
		})
		request := &Request{To: "a", Type: "in", AnyReply: true, Data: make([]byte, 1000)}
		flows := []*Flow{b.accept(t, request)}
		<-entered
		n := b.nodes["a"]
		await(t, "an empty mailbox", func() bool { return n.bytes.Load() == 0 })
		flows = append(flows, b.accept(t, request))
		each := n.bytes.Load()
		for {
			f, err := b.Accept(t.Context(), request)
			if errors.Is(err, ErrFull) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			flows = append(flows, f)
		}
		if had := n.bytes.Load(); had < limit || had >= limit+each || had != each*int64(len(flows)-1) {
			t.Errorf("%d bytes wait, of %d messages of %d, where %d may", had, len(flows)-1, each, limit)
		}
		close(gate)
		for _, f := range flows {
			<-f.Done()
		}
	}
}

package http

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
)

// talk is a message of an actor that asks a grant.
type talk struct {
	*testing.T
	broker *capability.Broker
	ledger *capability.Ledger
}

func converse(t *testing.T, s *httptest.Server, params map[string]any) *talk {
	t.Helper()
	b := capability.Of(map[string]capability.Capability{"g": open(t, s, params)}, 1_000_000)
	k := &talk{t, b, &capability.Ledger{Context: t.Context(), ID: "m1"}}
	t.Cleanup(k.ledger.End)
	return k
}

// do makes a request.
func (k *talk) do(op, data string, attrs ...string) *abi.Message {
	k.Helper()
	attrs = append([]string{abi.Type, op, "use", "g"}, attrs...)
	b := abi.AppendAttrCount(abi.AppendCount(nil, 1), len(attrs)/2)
	for i := 0; i < len(attrs); i += 2 {
		b = abi.AppendAttr(b, attrs[i], attrs[i+1])
	}
	frame, err := k.broker.Serve(k.ledger, abi.AppendData(b, []byte(data)))
	if err != nil {
		k.Fatal(err)
	}
	m, err := abi.ParseMessage(bytes.Clone(frame))
	if err != nil {
		k.Fatal(err)
	}
	return m
}

// get is an attribute of an answer, "" when there is none.
func get(m *abi.Message, name string) string {
	v, _ := m.Attr(name)
	return v
}

// ok makes a request that succeeds.
func (k *talk) ok(op, data string, attrs ...string) *abi.Message {
	k.Helper()
	m := k.do(op, data, attrs...)
	if m.Type() == abi.TypeError {
		k.Fatalf("%s %q: %s: %s", op, attrs, get(m, abi.Code), m.Data())
	}
	return m
}

// no makes a request that fails by a code.
func (k *talk) no(code, op, data string, attrs ...string) {
	k.Helper()
	if m := k.do(op, data, attrs...); get(m, abi.Code) != code {
		k.Errorf("%s %q: %q %q, want %s", op, attrs, get(m, abi.Code), m.Data(), code)
	}
}

// rest reads a stream to its end.
func (k *talk) rest(handle string, attrs ...string) string {
	k.Helper()
	var all strings.Builder
	for {
		m := k.ok(capability.StreamRead, "", append([]string{"handle", handle}, attrs...)...)
		all.Write(m.Data())
		if get(m, "end") == "yes" {
			return all.String()
		}
	}
}

// TestStreamAnswer: an answer is read as it comes, while the other side has not ended it.
func TestStreamAnswer(t *testing.T) {
	next := make(chan struct{}, 1)
	k := converse(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 4 {
			if _, ok := <-next; !ok {
				return
			}
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
		}
	}), nil)
	next <- struct{}{}
	m := k.ok(capability.StreamOpen, "", "of", Fetch, "path", "/a")
	if get(m, "status") != "200" || get(m, "header.content-type") != "text/event-stream" || get(m, "handle") != "1" {
		t.Fatalf("open: %v", m)
	}
	for i, want := range []string{"data: 0\n\n", "data: 1\n\n", "data: 2\n\n"} {
		if i > 0 {
			next <- struct{}{}
		}
		if got := k.ok(capability.StreamRead, "", "handle", "1"); string(got.Data()) != want || get(got, "status") != "" {
			t.Errorf("%q, want %q", got.Data(), want)
		}
	}
	k.no(capability.Timeout, capability.StreamRead, "", "handle", "1", "timeout", "1")
	close(next)
	if got := k.rest("1"); got != "" {
		t.Errorf("after the last event: %q", got)
	}
	k.no(capability.NotFound, capability.StreamRead, "", "handle", "1")
	k.ok(capability.StreamClose, "", "handle", "1")
}

// TestStreamBody: a body is sent in pieces, each when it is written, and answered meanwhile.
func TestStreamBody(t *testing.T) {
	k := converse(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		w.Header().Set("X-Key", r.Header.Get("Idempotency-Key"))
		buf := make([]byte, 10)
		for {
			n, err := r.Body.Read(buf)
			fmt.Fprintf(w, "[%s]", buf[:n])
			w.(http.Flusher).Flush()
			if err != nil {
				return
			}
		}
	}), map[string]any{"methods": []any{"POST"}})
	m := k.ok(capability.StreamOpen, "first", "of", Fetch, "path", "/a", "method", "POST", "body", "stream")
	if get(m, "status") != "" {
		t.Error("there is an answer before the body")
	}
	h := get(m, "handle")
	if m = k.ok(capability.StreamRead, "", "handle", h); string(m.Data()) != "[first]" || get(m, "header.x-key") != "m1/1" || get(m, "status") != "200" {
		t.Errorf("%v", m)
	}
	k.ok(capability.StreamWrite, "second", "handle", h)
	if got := k.ok(capability.StreamRead, "", "handle", h); string(got.Data()) != "[second]" {
		t.Errorf("%q", got.Data())
	}
	k.ok(capability.StreamWrite, "", "handle", h, "end", "yes")
	k.no(capability.Invalid, capability.StreamWrite, "x", "handle", h)
	if got := k.rest(h); got != "[]" {
		t.Errorf("%q", got)
	}
}

// TestStreamHeldBack: what the actor does not read is not taken from the other side, beyond
// what is read ahead, and what it does read is whole.
func TestStreamHeldBack(t *testing.T) {
	const size = 12 << 20
	sent := make(chan int, 1)
	k := converse(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := 0
		for piece := bytes.Repeat([]byte("0123456789abcdef"), 1<<10); n < size; {
			some, err := w.Write(piece)
			if n += some; err != nil {
				break
			}
		}
		sent <- n
	}), nil)
	k.ok(capability.StreamOpen, "", "of", Fetch, "path", "/a")
	k.ok(capability.StreamRead, "", "handle", "1", "max", "10")
	k.ok(capability.StreamClose, "", "handle", "1") // while it is being sent
	if n := <-sent; n >= size {
		t.Errorf("all %d bytes were taken of which 10 were read", n)
	}
	h := get(k.ok(capability.StreamOpen, "", "of", Fetch, "path", "/a"), "handle")
	if got := k.rest(h, "max", "500000", "linger", "1000"); got != strings.Repeat("0123456789abcdef", size/16) {
		t.Errorf("%d bytes of %d", len(got), size)
	}
}

// TestStreamEnds: a stream ends with its message, wherever it is; the other side notices.
func TestStreamEnds(t *testing.T) {
	came, gone := make(chan string, 100), make(chan string, 100)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		came <- r.URL.Path
		defer func() { gone <- r.URL.Path }()
		switch r.URL.Path {
		case "/body":
			_, _ = io.Copy(io.Discard, r.Body)
		case "/answer":
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		default:
			<-r.Context().Done()
		}
	})
	k := converse(t, s, map[string]any{"methods": []any{"POST", "GET"}, "retries": 0})
	k.ok(capability.StreamOpen, "x", "of", Fetch, "path", "/body", "method", "POST", "body", "stream")
	k.ok(capability.StreamOpen, "", "of", Fetch, "path", "/answer")
	if a, b := <-came, <-came; a == b {
		t.Errorf("%s came twice", a)
	}
	for timeout := 50; len(came) == 0; timeout *= 2 { // so long that it is there before it is given up
		k.no(capability.Timeout, capability.StreamOpen, "", "of", Fetch, "path", "/head", "timeout", strconv.Itoa(timeout))
	}
	if got := <-gone; got != "/head" {
		t.Errorf("%s ended first", got)
	}
	k.ledger.End()
	next := func() (path string) {
		for path = <-gone; path == "/head"; path = <-gone {
		}
		return path
	}
	if a, b := next(), next(); a == b {
		t.Errorf("%s ended twice", a)
	}
	k.no(capability.NotFound, capability.StreamRead, "", "handle", "2")
}

// TestStreamRefused: what is wrong with a stream is said, and the others go on.
func TestStreamRefused(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "part")
		case "/early":
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		case "/many":
			_, _ = w.Write(make([]byte, 3000))
		default:
			_, _ = io.Copy(io.Discard, r.Body)
		}
	})
	k := converse(t, s, map[string]any{"methods": []any{"POST", "GET"}, "paths": []any{"/cut", "/early", "/many", "/in"}, "stream": 2000, "retries": 0})
	k.no(capability.Denied, capability.StreamOpen, "", "of", Fetch, "path", "/out")
	k.no(capability.Invalid, capability.StreamOpen, "", "of", Call, "path", "/in")
	k.no(capability.Invalid, capability.StreamOpen, "", "path", "/in")
	k.no(capability.Invalid, capability.StreamOpen, "", "of", Fetch, "path", "/in", "body", "whole")
	begin := func(path string, attrs ...string) string {
		return get(k.ok(capability.StreamOpen, "", append([]string{"of", Fetch, "path", path}, attrs...)...), "handle")
	}
	h := begin("/cut")
	k.no(capability.Invalid, capability.StreamRead, "", "handle", h, "max", "0")
	k.no(capability.Invalid, capability.StreamRead, "", "handle", h, "linger", "10000")
	k.no(capability.Invalid, capability.StreamWrite, "x", "handle", h)
	if got := k.ok(capability.StreamRead, "", "handle", h, "linger", "1000"); string(got.Data()) != "part" || get(got, "end") != "" {
		t.Errorf("%q", got.Data())
	}
	k.no(capability.Unavailable, capability.StreamRead, "", "handle", h)
	k.no(capability.NotFound, capability.StreamRead, "", "handle", h)

	h = begin("/many")
	if got := k.ok(capability.StreamRead, "", "handle", h, "linger", "1000"); len(got.Data()) != 2000 {
		t.Errorf("%d bytes where 2000 may be", len(got.Data()))
	}
	k.no(capability.Limit, capability.StreamRead, "", "handle", h)

	h = begin("/in", "method", "POST", "body", "stream")
	k.ok(capability.StreamWrite, strings.Repeat("x", 2000), "handle", h)
	m := k.do(capability.StreamWrite, "x", "handle", h)
	for get(m, abi.Code) == "" { // the connection has taken it before it was counted
		m = k.do(capability.StreamWrite, "x", "handle", h)
	}
	if get(m, abi.Code) != capability.Limit {
		t.Errorf("a body of more than 2000 bytes: %s: %s", get(m, abi.Code), m.Data())
	}

	for range capability.StreamsMax {
		m = k.do(capability.StreamOpen, "", "of", Fetch, "path", "/in", "method", "POST", "body", "stream")
	}
	if get(m, abi.Code) != capability.Limit {
		t.Errorf("one more stream than there may be: %v", m)
	}
}

// TestStreamEarly: who writes a body is told that the other side has answered and wants no more.
func TestStreamEarly(t *testing.T) {
	k := converse(t, serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusRequestEntityTooLarge) }), map[string]any{"methods": []any{"POST"}})
	h := get(k.ok(capability.StreamOpen, "", "of", Fetch, "path", "/a", "method", "POST", "body", "stream"), "handle")
	for get(k.ok(capability.StreamWrite, strings.Repeat("x", 100_000), "handle", h), "end") != "yes" { // what is on its way is taken
	}
	if got := k.ok(capability.StreamRead, "", "handle", h); get(got, "status") != "413" {
		t.Errorf("%v", got)
	}
}

// TestStreamSecret: a secret that an answer says back is masked, though it comes in pieces.
func TestStreamSecret(t *testing.T) {
	secret := "secret-of-TOKEN"
	texts := []string{"a" + secret + "b", "secret-of", secret + secret, "s" + secret[:14], secret[:7] + secret, "se-secret-of-TOKE-" + secret}
	k := converse(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		for _, c := range []byte(r.Header.Get("X-Text")) {
			_, _ = w.Write([]byte{c})
			w.(http.Flusher).Flush()
		}
	}), map[string]any{"headers": map[string]any{"X-Token": "${TOKEN}"}})
	for _, text := range texts {
		h := get(k.ok(capability.StreamOpen, "", "of", Fetch, "path", "/a", "header.x-text", text), "handle")
		if got, want := k.rest(h), strings.ReplaceAll(text, secret, "[secret]"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestStreamAgain: when a message is handled again, its streams are begun anew, with the
// key that they had, for those of the attempt before are gone; when it is only run again to
// look at it, what was read is told again.
func TestStreamAgain(t *testing.T) {
	var keys []string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
		_, _ = io.WriteString(w, "text")
	})
	k := converse(t, s, map[string]any{"methods": []any{"POST"}})
	run := func() string {
		h := get(k.ok(capability.StreamOpen, "", "of", Fetch, "path", "/a", "method", "POST"), "handle")
		return k.rest(h)
	}
	first := run()
	record := k.ledger.Recorded()
	k.ledger.End()
	k.ledger = &capability.Ledger{Context: t.Context(), ID: "m1", Again: record}
	if again := run(); again != first || len(keys) != 2 || keys[0] != keys[1] {
		t.Errorf("%q and %q, by keys %q", first, again, keys)
	}
	k.ledger.End()
	k.ledger = &capability.Ledger{Context: t.Context(), ID: "m1", Again: record}
	k.broker = k.broker.Fork(func(context.Context, string, *capability.Request) capability.Answer {
		return capability.Fail(capability.Unavailable, "the record has no answer")
	}, nil)
	if again := run(); again != first || len(keys) != 2 {
		t.Errorf("%q and %q, by keys %q", first, again, keys)
	}
}

// TestStreamGivesBack: an answer that is asked for again gives its connection to the next attempt,
// which may have no other.
func TestStreamGivesBack(t *testing.T) {
	var asked atomic.Int32
	k := converse(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write(make([]byte, 300<<10)) // the client goes away
			return
		}
		fmt.Fprint(w, "there")
	}), map[string]any{"connections": 1, "retries": 1})
	m := k.ok(capability.StreamOpen, "", "of", Fetch, "path", "/a", "timeout", "30000")
	if got := k.rest(get(m, "handle")); get(m, "status") != "200" || got != "there" || asked.Load() != 2 {
		t.Errorf("status %s after %d requests: %q", get(m, "status"), asked.Load(), got)
	}
}

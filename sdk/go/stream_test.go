//go:build !wasip1

package grow_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	grow "github.com/grow-platform/grow/sdk/go"
	"github.com/grow-platform/grow/sdk/go/growtest"
)

// askStream is what the handler of stream.ask does.
var askStream func(*grow.Context) error

func init() {
	grow.OnMessage("stream.ask", func(ctx *grow.Context, _ grow.Message) error { return askStream(ctx) })
}

// streamed runs f, whose requests double answers.
func streamed(t *testing.T, double func(growtest.Request) growtest.Answer, f func(*grow.Context) error) {
	t.Helper()
	askStream = f
	h := growtest.New(growtest.Options{Config: config{"EUR"}, Double: double})
	if got := h.Send("stream.ask", 1); got.Outcome != growtest.Handled {
		t.Errorf("%+v", got)
	}
}

// TestStream: a body is written and an answer is read, in pieces of any size.
func TestStream(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789"), 100_000)
	double := func(r growtest.Request) growtest.Answer {
		want := map[string]string{"path": "/a", "method": "POST", "header.x-a": "b", "timeout": "2000"}
		if r.Op != "http.fetch" || r.Use != "api" || !maps.Equal(r.Attrs, want) {
			t.Errorf("%+v", r)
		}
		return growtest.Answer{Attrs: map[string]string{"status": "201", "header.etag": "e"}, Data: r.Data}
	}
	streamed(t, double, func(ctx *grow.Context) error {
		s, err := ctx.HTTPStream("api", grow.HTTPRequest{Method: "POST", Where: "/a", Header: map[string]string{"X-A": "b"}, Write: true, Body: large[:10], Timeout: 2e9})
		if err != nil {
			return err
		}
		n, err := s.Write(large[10:])
		if n != len(large)-10 || err != nil {
			return fmt.Errorf("wrote %d: %w", n, err)
		}
		if err := s.CloseWrite(); err != nil {
			return err
		}
		status, err := s.Status()
		if status != 201 || err != nil || s.Header("etag") != "e" {
			return fmt.Errorf("status %d, etag %q: %w", status, s.Header("etag"), err)
		}
		got, err := io.ReadAll(s)
		if err != nil || !bytes.Equal(got, large) {
			return fmt.Errorf("%d bytes of %d: %w", len(got), len(large), err)
		}
		return s.Close()
	})
}

// TestStreamFails: an answer that fails is an error of what asks for it.
func TestStreamFails(t *testing.T) {
	down := func(growtest.Request) growtest.Answer {
		return growtest.Answer{Code: "unavailable", Data: []byte("no line")}
	}
	streamed(t, down, func(ctx *grow.Context) error {
		var failed *grow.CallError
		if _, err := ctx.HTTPStream("api", grow.HTTPRequest{Where: "https://a.example"}); !errors.As(err, &failed) || failed.Code != "unavailable" {
			return fmt.Errorf("open: %w", err)
		}
		s, err := ctx.HTTPStream("api", grow.HTTPRequest{Where: "/a", Write: true})
		if err != nil {
			return err
		}
		if err := s.CloseWrite(); err != nil {
			return err
		}
		if _, err := s.Status(); !errors.As(err, &failed) {
			return fmt.Errorf("status: %w", err)
		}
		if _, err := io.ReadAll(s); !errors.As(err, &failed) {
			return fmt.Errorf("read: %w", err)
		}
		return nil
	})
}

// TestEvents: server-sent events are told apart as the HTML standard says.
func TestEvents(t *testing.T) {
	for text, want := range map[string]string{
		"data: a\n\ndata: b\n\n":                        "message:a: message:b:",
		"data: a\r\n\r\ndata: b\r\rdata: c\n\n":         "message:a: message:b: message:c:",
		"\ufeffdata:a\n:comment\ndata:  b\n\n":          "message:a\n b:",
		"event: add\nid: 7\ndata: x\n\ndata\n\n":        "add:x:7 message::7",
		"event: none\n\nretry: 10\ndata: y\n\ndata: no": "message:y:",
		"": "",
	} {
		double := func(growtest.Request) growtest.Answer {
			return growtest.Answer{Attrs: map[string]string{"status": "200"}, Data: []byte(text)}
		}
		streamed(t, double, func(ctx *grow.Context) error {
			s, err := ctx.HTTPStream("api", grow.HTTPRequest{Where: "/events"})
			if err != nil {
				return err
			}
			var got []string
			for e, err := range s.Events() {
				if err != nil {
					return err
				}
				got = append(got, e.Type+":"+e.Data+":"+e.ID)
			}
			if all := strings.Join(got, " "); all != want {
				return fmt.Errorf("%q: %q, want %q", text, all, want)
			}
			return nil
		})
	}
}

// TestCallStream: an operation of a document is asked for, and its answer read in pieces.
func TestCallStream(t *testing.T) {
	double := func(r growtest.Request) growtest.Answer {
		if r.Op != "http.call" || !maps.Equal(r.Attrs, map[string]string{"operation": "watch"}) || string(r.Data) != `{"body":1,"params":{"id":"a"}}` {
			t.Errorf("%+v", r)
		}
		return growtest.Answer{Attrs: map[string]string{"status": "200"}, Data: []byte("data: 1\n\n")}
	}
	streamed(t, double, func(ctx *grow.Context) error {
		s, err := ctx.HTTPCallStream("api", grow.Operation{ID: "watch", Params: map[string]string{"id": "a"}, Body: 1})
		if err != nil {
			return err
		}
		for e, err := range s.Events() {
			if err != nil || e.Data != "1" {
				return fmt.Errorf("%+v: %w", e, err)
			}
		}
		if status, err := s.Status(); status != 200 || err != nil {
			return fmt.Errorf("status %d: %w", status, err)
		}
		return s.Close()
	})
}

// TestAskStream: operations of other kinds are asked for as streams, and have no status.
func TestAskStream(t *testing.T) {
	var asked []string
	double := func(r growtest.Request) growtest.Answer {
		asked = append(asked, fmt.Sprintf("%s %s %v %s", r.Op, r.Use, r.Attrs, r.Data))
		return growtest.Answer{Data: []byte("one\ntwo")}
	}
	streamed(t, double, func(ctx *grow.Context) error {
		watch, err := ctx.AskStream("sky", "weather.watch", map[string]string{"city": "Bonn"})
		if err != nil {
			return err
		}
		record, err := ctx.AskWriteStream("sky", "weather.record")
		if err != nil {
			return err
		}
		if _, err := record.Write([]byte("rain")); err != nil {
			return err
		}
		if err := record.CloseWrite(); err != nil {
			return err
		}
		for _, s := range []*grow.Stream{watch, record} {
			status, err := s.Status()
			if err != nil || status != 0 {
				return fmt.Errorf("status %d: %w", status, err)
			}
			if got, err := io.ReadAll(s); err != nil || string(got) != "one\ntwo" {
				return fmt.Errorf("read %q: %w", got, err)
			}
		}
		if _, err := ctx.AskStream("sky", "weather.watch", func() {}); err == nil {
			return errors.New("a function became JSON")
		}
		return nil
	})
	if want := []string{`weather.watch sky map[] {"city":"Bonn"}`, "weather.record sky map[] rain"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q", asked)
	}
}

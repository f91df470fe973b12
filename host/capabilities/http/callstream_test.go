package http

import (
	"io"
	"net/http"
	"path"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
)

// watchServer answers by a stream, or not as the document says.
func watchServer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-From", r.Header.Get("Accept"))
	media := "text/event-stream"
	text := "data: 1\n\ndata: " + r.Header.Get("X-Token") + "\n\n"
	switch path.Base(r.URL.Path) {
	case "html":
		media = "text/html"
	case "headless":
		w.Header().Del("X-From")
	case "whole":
		media, text = "application/json", `{"price": 2}`
	case "liar":
		media, text = "application/json", `{"price": "dear"}`
	case "large":
		media, text = "application/json", `{"price": 2, "more": "`+strings.Repeat("x", 2000)+`"}`
	case "gone":
		w.Header().Set("Content-Type", media)
		w.WriteHeader(http.StatusGone)
		return
	case "created":
		w.WriteHeader(http.StatusCreated)
		return
	}
	w.Header().Set("Content-Type", media)
	_, _ = io.WriteString(w, text)
}

// TestCallStream: an operation's answer is read in pieces, once what was asked for, and all
// of the answer but its body, are as the document says; JSON is held against it, too.
func TestCallStream(t *testing.T) {
	s := serve(t, watchServer)
	c, err := described(t, s.URL, map[string]any{"headers": map[string]any{"X-Token": "${TOKEN}"}, "answer": 1000})
	if err != nil {
		t.Fatal(err)
	}
	b := capability.Of(map[string]capability.Capability{"g": c}, 1000)
	begin := func(id string, attrs ...string) (*talk, *abi.Message) {
		k := &talk{t, b, &capability.Ledger{Context: t.Context(), ID: "m1"}}
		return k, k.do(capability.StreamOpen, `{"params": {"id": "`+id+`"}}`, attrs...)
	}
	for _, d := range []struct{ operation, id, code, says string }{
		{"watchItem", "pen", "", "data: 1\n\ndata: [secret]\n\n"},
		{"watch_item", "whole", "", `{"price": 2}`},
		{"watchItem", "gone", "", ""},
		{"watchItem", "liar", capability.Invalid, "watchItem: answer/price: value must be a number (status 200)"},
		{"watchItem", "html", capability.Invalid, "watchItem: answer: is text/html, which the document does not list (status 200)"},
		{"watchItem", "headless", capability.Invalid, "watchItem: answer: has no header X-From (status 200)"},
		{"watchItem", "created", capability.Invalid, "watchItem: answer: has a status that the document does not list (status 201)"},
		{"watchItem", "large", capability.Limit, "watchItem: the body of the answer has more than 1000 bytes"},
		{"watchItem", "a/b", capability.Invalid, "is a part of a path"},
		{"dropAll", "x", capability.Denied, "no operation"},
	} {
		k, m := begin(d.id, "of", Call, "operation", d.operation)
		text := string(m.Data())
		if m.Type() != abi.TypeError {
			if from := get(m, "header.x-from"); get(m, "status") == "" || from != "text/event-stream, application/json" {
				t.Errorf("%s: status %q, accepts %q", d.id, get(m, "status"), from)
			}
			text = k.rest(get(m, "handle"))
		}
		k.ledger.End()
		if code := get(m, abi.Code); code != d.code || !strings.Contains(text, d.says) {
			t.Errorf("%s %s: %s %s", d.operation, d.id, code, text)
		}
	}
	k, m := begin("pen", "of", Fetch, "path", "/v1/items")
	if get(m, abi.Code) != capability.Invalid {
		t.Errorf("a request that the document does not have: %s", m.Data())
	}
	k.ledger.End()
	k, m = begin("pen", "of", Call, "operation", "watchItem", "body", "stream")
	k.no(capability.Invalid, capability.StreamRead, "", "handle", get(m, "handle"))
	k.ledger.End()
	j, ok := c.(capability.Judge)
	if !ok {
		t.Fatal("what it changes is not judged")
	}
	for operation, want := range map[string]capability.Effect{"watchItem": capability.Reads, "addItem": capability.Changes} {
		r := &capability.Request{Operation: capability.StreamOpen, Attr: func(name string) (string, bool) {
			return map[string]string{"operation": operation, "of": Call}[name], true
		}}
		if got := j.Effect(r); got != want {
			t.Errorf("%s: %v", operation, got)
		}
	}
}

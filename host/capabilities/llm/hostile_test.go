package llm

import (
	"compress/gzip"
	"context"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/runtime/bucket"
)

const hello = `{"choices": [{"finish_reason": "stop", "message": {"content": "hello"}}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}`

const hi = `{"messages": [{"role": "user", "text": "hi"}], "tools": [{"name": "a", "parameters": {}}]}`

// served opens a grant of a server that answers as it likes.
func served(t *testing.T, more map[string]any, answer http.HandlerFunc) *opened {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return open(t, "openai+http://:"+secretKey+"@"+strings.TrimPrefix(s.URL, "http://"), &bucket.Memory{}, more)
}

// TestHostile: whatever a provider answers, an actor is told by a code, and without the key.
func TestHostile(t *testing.T) {
	says := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	status := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "the key is "+secretKey, n) }
	}
	call := func(name, arguments string) string {
		return `{"choices": [{"message": {"tool_calls": [{"id": "i", "function": {"name": "` + name + `", "arguments": ` + strconv.Quote(arguments) + `}}]}}]}`
	}
	const nonsense = "unavailable: llm server default gave an answer that cannot be read"
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"empty":             {says(""), nonsense},
		"no JSON":           {says("<html>"), nonsense},
		"no choice":         {says(`{"choices": []}`), nonsense},
		"unknown tool":      {says(call("b", "{}")), nonsense},
		"list of arguments": {says(call("a", "[]")), nonsense},
		"broken arguments":  {says(call("a", "{")), nonsense},
		"null arguments":    {says(call("a", "null")), nonsense},
		"two arguments":     {says(call("a", "{}{}")), nonsense},
		"says the key":      {says(strings.Replace(hello, "hello", secretKey, 1)), `{"model":"small","text":"[secret]","stop":"end","usage":{"input":1,"output":1}}`},
		"escapes the key":   {says(strings.Replace(hello, "hello", `\u0068`+secretKey[1:], 1)), `{"model":"small","text":"[secret]","stop":"end","usage":{"input":1,"output":1}}`},
		"key in arguments":  {says(call("a", `{"k":"\u0068`+secretKey[1:]+`"}`)), `{"model":"small","text":"","calls":[{"id":"i","name":"a","arguments":{"k":"[secret]"}}],"stop":"tools","usage":{"input":0,"output":0}}`},
		"odd usage":         {says(strings.Replace(hello, `"completion_tokens": 1`, `"completion_tokens": -9`, 1)), `{"model":"small","text":"hello","stop":"end","usage":{"input":0,"output":0}}`},
		"long answer":       {says(strings.Replace(hello, "hello", strings.Repeat("x", 9000), 1)), "limit: the answer has"},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for _, err := w.Write(make([]byte, 1<<16)); err == nil; _, err = w.Write(make([]byte, 1<<16)) {
				continue
			}
		}, "limit: llm server default answers more than 4194304 bytes"},
		"bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write(make([]byte, 64<<20))
			_ = z.Close()
		}, "limit: llm server default answers more than 4194304 bytes"},
		"headers": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 1<<20))
		}, "limit: llm server default answers more than 65536 bytes of headers"},
		"broken off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, hello)
		}, "unavailable: llm server default broke off its answer"},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "unavailable: llm server default does not answer"},
		"moved": {func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, "unavailable (again: false): llm server default sends the host elsewhere, where it does not go (307)"},
		"wrong key":  {status(401), "unavailable (again: false): llm server default does not let the host in (401): see the key in its secret"},
		"no model":   {status(404), "not_found: llm server default has no such model"},
		"refused":    {status(400), "invalid: llm server default does not take the request (400)"},
		"too large":  {status(413), "limit: llm server default takes no request of that size (413)"},
		"at fault":   {status(500), "unavailable: llm server default is at fault (500)"},
		"overloaded": {status(529), "unavailable: llm server default is busy (529)"},
	} {
		t.Run(name, func(t *testing.T) {
			o := served(t, map[string]any{"answer": 8000, "retries": 0}, c.answer)
			if got := ask(t, o, ChatOperation, "m1/1", hi); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestSlow: a provider that does not come to an end is given up on in time, and what it may
// have used stays counted; what was refused is given back.
func TestSlow(t *testing.T) {
	var after atomic.Bool
	ctx, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	o := served(t, map[string]any{"daily": 200, "tokens": 1000}, func(w http.ResponseWriter, q *http.Request) {
		if after.Load() {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		giveUp() // what it may use is taken, and it has been asked
		<-q.Context().Done()
	})
	if got := askIn(ctx, t, o, ChatOperation, "m1/1", hi); got != "timeout: llm server default did not answer in time" {
		t.Error(got)
	}
	if got := ask(t, o, ChatOperation, "m2/1", hi); !strings.HasPrefix(got, "limit: the actor today has used 130 tokens") {
		t.Error(got)
	}
	o.budget.daily = 300
	after.Store(true)
	for range 3 {
		if got := ask(t, o, ChatOperation, "m3/1", hi); !strings.HasPrefix(got, "invalid: ") {
			t.Error(got)
		}
	}
}

// TestRetries: a busy provider is asked again, by the same key, and not sooner than it says.
func TestRetries(t *testing.T) {
	for _, c := range []struct {
		status int
		after  string
		want   string
		asked  int32
	}{
		{429, "", "{", 3},
		{503, "0", "{", 3},
		{529, "", "{", 3},
		{429, "3600", "unavailable: llm server default is busy (429)", 1},
		{503, "Mon, 02 Jan 2106 15:04:05 GMT", "unavailable: llm server default is at fault (503)", 1},
	} {
		var asked atomic.Int32
		keys := make(chan string, 8)
		o := served(t, nil, func(w http.ResponseWriter, q *http.Request) {
			keys <- q.Header.Get("Idempotency-Key")
			if asked.Add(1) < 3 {
				w.Header().Set("Retry-After", c.after)
				w.WriteHeader(c.status)
				return
			}
			_, _ = io.WriteString(w, hello)
		})
		if got := ask(t, o, ChatOperation, "m1/1", hi); !strings.HasPrefix(got, c.want) || asked.Load() != c.asked {
			t.Errorf("%d %s: %s after %d requests, want %s after %d", c.status, c.after, got, asked.Load(), c.want, c.asked)
		}
		close(keys)
		first := <-keys
		for k := range keys {
			if k != first || k == "" {
				t.Errorf("keys %q and %q", first, k)
			}
		}
	}
}

// TestTLS: only who has a certificate that is trusted is told the key.
func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, hello) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	plain := httptest.NewServer(nil)
	t.Cleanup(plain.Close)
	at := func(url string) string {
		return "openai://:" + secretKey + "@" + strings.TrimPrefix(strings.TrimPrefix(url, "https://"), "http://")
	}
	for url, want := range map[string]string{
		at(s.URL) + "?ca=" + file: `{"model":"small","text":"hello"`,
		at(s.URL):                 "unavailable (again: false): llm server default has a certificate that is not trusted",
		at(plain.URL):             "unavailable (again: false): llm server default does not speak TLS at its port",
	} {
		if got := ask(t, open(t, url, &bucket.Memory{}, nil), ChatOperation, "m1/1", hi); !strings.HasPrefix(got, want) {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

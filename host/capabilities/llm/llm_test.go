package llm

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// open opens a grant of the model small; more are further parameters.
func open(t *testing.T, url string, buckets bucket.Store, more map[string]any) *opened {
	t.Helper()
	params := map[string]any{"models": []any{"small"}, "output": 100}
	for name, v := range more {
		params[name] = v
	}
	c, err := kind{}.Open(t.Context(), specs.Grant{Name: "helper", Params: params}, capability.Environment{
		Namespace: "main", Service: "shop", Node: "n", Secret: func(name string) (string, bool) { return url, name == "GROW_LLM_DEFAULT" }, Buckets: buckets,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*opened)
}

// ask asks and gives the answer, or what went wrong.
func ask(t *testing.T, o *opened, operation, stable, data string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return askIn(ctx, t, o, operation, stable, data)
}

// askIn is ask in a context.
func askIn(ctx context.Context, t *testing.T, o *opened, operation, stable, data string) string {
	t.Helper()
	a := o.Do(ctx, &capability.Request{Operation: operation, Data: []byte(data), Stable: stable})
	if strings.Contains(a.Text+string(a.Data), secretKey) {
		t.Errorf("the key is in %s %s", a.Text, a.Data)
	}
	switch {
	case a.Code != "" && a.Retry != (a.Code == capability.Timeout || a.Code == capability.Unavailable):
		return fmt.Sprintf("%s (again: %v): %s", a.Code, a.Retry, a.Text)
	case a.Code != "":
		return a.Code + ": " + a.Text
	}
	return string(a.Data)
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		change map[string]any
		says   string // "": fine
	}{
		{nil, ""},
		{map[string]any{"server": "house", "tokens": 1, "daily": 1, "output": 1, "size": 1, "answer": 1, "retries": 0, "connections": 1}, ""},
		{map[string]any{"models": []any{}}, "models"},
		{map[string]any{"models": []any{"a b"}}, "models"},
		{map[string]any{"server": "https://h"}, "server"},
		{map[string]any{"tokens": 0}, "tokens"},
		{map[string]any{"daily": -1}, "daily"},
		{map[string]any{"answer": 1 << 20}, "answer"},
		{map[string]any{"key": "k"}, "key"},
	} {
		params := map[string]any{"models": []any{"a"}}
		for name, v := range c.change {
			params[name] = v
		}
		err := capability.CheckGrant(specs.Grant{Kind: "llm", Params: params})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.change, err, c.says)
		}
	}
}

// TestOpen: what a host cannot give is an error at start that says no secret.
func TestOpen(t *testing.T) {
	const wrong = "the secret GROW_LLM_DEFAULT is not the address of one"
	for url, says := range map[string]string{
		"":                               "say in the secret GROW_LLM_DEFAULT where it is",
		"https://:hidden@h":              wrong,
		"openai://:hidden@":              wrong,
		"openai://hidden@h":              wrong,
		"openai://:hidden@h:port":        wrong,
		"openai://:hidden@h#x":           wrong,
		"openai+http://:hidden@h":        "would send its key without encryption",
		"openai://:hidden@h?insecure=1":  "has an option that is not ca=FILE",
		"openai://:hidden@h?ca=/no/file": "holds no certificate",
	} {
		_, err := kind{}.Open(t.Context(), specs.Grant{Params: map[string]any{"models": []any{"a"}}}, capability.Environment{
			Namespace: "main", Service: "shop", Secret: func(string) (string, bool) { return url, url != "" },
		})
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "/no/file") {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

// TestAddress: what is left out of an address is what the provider usually has.
func TestAddress(t *testing.T) {
	for url, want := range map[string]string{
		"openai://:k@api.openai.com":     "https://api.openai.com/v1",
		"openai://:k@h:8443/other/v2/":   "https://h:8443/other/v2",
		"openai+http://h:8080":           "http://h:8080/v1",
		"anthropic://:k@api.example.com": "https://api.example.com/v1",
		"ollama+http://localhost":        "http://localhost:11434",
		"ollama+http://[::1]":            "http://[::1]:11434",
		"ollama://h:1/base":              "https://h:1/base",
	} {
		s, err := serverOf("x", func(string) (string, bool) { return url, true })
		if err != nil || s.base.String() != want {
			t.Errorf("%s: %v, %v, want %s", url, s, err, want)
		}
	}
}

// TestChat: an actor says and is told the same, whichever provider is asked.
func TestChat(t *testing.T) {
	const tools = `"tools": [{"name": "weather", "description": "of a city", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}]`
	for scheme, id := range map[string]string{"openai": "id-1", "anthropic": "id-1", "ollama": "call_1_0"} {
		t.Run(scheme, func(t *testing.T) {
			p := begin(t)
			o := open(t, p.url(scheme), &bucket.Memory{}, nil)
			for i, c := range []struct{ request, want string }{
				{`{"system": "be kind", "messages": [{"role": "user", "text": "hi"}, {"role": "assistant", "text": "yes?"}, {"role": "user", "text": "go"}], "temperature": 0.5, "max_tokens": 7}`,
					`{"model":"small","text":"hello","stop":"end","usage":{"input":10,"output":2}}`},
				{`{"messages": [{"role": "user", "text": "hi"}], ` + tools + `}`,
					`{"model":"small","text":"","calls":[{"id":"` + id + `","name":"weather","arguments":{"city":"Bonn"}}],"stop":"tools","usage":{"input":11,"output":4}}`},
				{`{"messages": [{"role": "user", "text": "hi"}, {"role": "assistant", "calls": [{"id": "` + id + `", "name": "weather", "arguments": {"city": "Bonn"}}]},
					{"role": "tool", "id": "` + id + `", "text": "rain"}], ` + tools + `}`,
					`{"model":"small","text":"hello","stop":"end","usage":{"input":10,"output":2}}`},
				{`{"messages": [{"role": "user", "text": "hi"}], "schema": {"type": "object"}}`,
					`{"model":"small","text":"{\"ok\":true}","stop":"end","usage":{"input":10,"output":2}}`},
			} {
				if got := ask(t, o, ChatOperation, fmt.Sprintf("m%d/1", i), c.request); got != c.want {
					t.Errorf("%s: %s", c.request, got)
				}
			}
			if first := p.taken()[0]; !strings.Contains(first, "be kind") || !strings.Contains(first, `:0.5`) || !strings.Contains(first, `:7`) || !strings.Contains(first, "yes?") {
				t.Error(first)
			}
		})
	}
}

// TestEmbed: vectors come in the order of their texts.
func TestEmbed(t *testing.T) {
	const request, want = `{"texts": ["a", "b"]}`, `{"model":"small","vectors":[[0.5,1],[0.25,2]],"usage":{"input":5,"output":0}}`
	for scheme, want := range map[string]string{"openai": want, "ollama": want, "anthropic": "invalid: an Anthropic server has no embeddings"} {
		p := begin(t)
		if got := ask(t, open(t, p.url(scheme), &bucket.Memory{}, nil), EmbedOperation, "m1/1", request); got != want {
			t.Errorf("%s: %s", scheme, got)
		}
	}
}

// TestRefused: what the grant does not allow, or makes no sense, is not asked.
func TestRefused(t *testing.T) {
	p := begin(t)
	o := open(t, p.url("openai"), &bucket.Memory{}, nil)
	user := func(rest string) string { return `{"messages": [{"role": "user", "text": "x"}]` + rest + `}` }
	tool := `{"name": "a", "parameters": {}}`
	for request, want := range map[string]string{
		`{"messages": []}`:                                "invalid: the chat has no messages",
		`{"prompt": "x"}`:                                 "invalid: the request cannot be read",
		user("") + "x":                                    "invalid: the request cannot be read",
		user(`, "model": "large"`):                        "denied: the grant does not allow the model",
		user(`, "max_tokens": 101`):                       "limit: max_tokens is 101, the grant allows 100",
		user(`, "max_tokens": -1`):                        "invalid: max_tokens",
		user(`, "temperature": 3`):                        "invalid: temperature",
		user(`, "schema": [1]`):                           "invalid: schema",
		user(`, "tools": [{"name": "a"}]`):                "invalid: tool a: parameters",
		user(`, "tools": [` + tool + `, ` + tool + `]`):   "invalid: a tool has the name",
		user(`, "tools": [{"name": "a b"}]`):              "invalid: a tool has the name",
		`{"messages": [{"role": "system", "text": "x"}]}`: "invalid: message 0 has the role",
		`{"messages": [{"role": "assistant"}]}`:           "invalid: message 0: the assistant says nothing",
		`{"messages": [{"role": "tool", "id": "x"}]}`:     "invalid: message 0: no call before it",
		`{"messages": [{"role": "user", "id": "x"}]}`:     "invalid: message 0: calls are of an assistant",
		`{"messages": [{"role": "assistant", "calls": [{"id": "x", "name": "a", "arguments": 1}]}]}`: "invalid: message 0: a call has",
		`{"messages": [` + strings.Repeat(`{"role": "user"}, `, MessagesMax) + `{"role": "user"}]}`:  "limit: the chat has 1001 messages",
		user(`, "tools": [` + strings.Repeat(tool+`, `, ToolsMax) + tool + `]`):                      "limit: the chat has 129 tools",
	} {
		if got := ask(t, o, ChatOperation, "m1/1", request); !strings.HasPrefix(got, want) {
			t.Errorf("%.120s: %s, want %s", request, got, want)
		}
	}
	for request, want := range map[string]string{
		`{"texts": []}`:                  "invalid: texts",
		`{"texts": [""]}`:                "invalid: texts",
		`{"texts": ["a"], "model": "x"}`: "denied: ",
		`{"texts": [` + strings.Repeat(`"a", `, TextsMax) + `"a"]}`: "limit: there are 1001 texts",
	} {
		if got := ask(t, o, EmbedOperation, "m1/1", request); !strings.HasPrefix(got, want) {
			t.Errorf("%.120s: %s, want %s", request, got, want)
		}
	}
	if n := len(p.taken()); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

// TestOnce: an answer that is known to a bucket is given again by another host, and paid once.
func TestOnce(t *testing.T) {
	p := begin(t)
	buckets := &bucket.Memory{}
	const request = `{"messages": [{"role": "user", "text": "hi"}]}`
	first := ask(t, open(t, p.url("openai"), buckets, nil), ChatOperation, "m1/1", request)
	other := open(t, p.url("openai"), buckets, nil)
	if got := ask(t, other, ChatOperation, "m1/1", request); got != first || len(p.taken()) != 1 {
		t.Errorf("%s, and %d requests", got, len(p.taken()))
	}
	ask(t, other, ChatOperation, "m1/2", request)
	if len(p.taken()) != 2 || p.keys[0] == p.keys[1] || p.keys[0] == "" {
		t.Errorf("another request of the message: %d requests, %q", len(p.taken()), p.keys)
	}
}

// TestBudget: tokens are counted by message and by day, over a restart.
func TestBudget(t *testing.T) {
	p := begin(t)
	buckets := &bucket.Memory{}
	const request = `{"messages": [{"role": "user", "text": "hi"}], "max_tokens": 10}` // may use 31 tokens, uses 12
	limits := map[string]any{"tokens": 60, "daily": 70}
	now := time.Date(2026, 11, 29, 23, 0, 0, 0, time.UTC)
	start := func() *opened {
		o := open(t, p.url("openai"), buckets, limits)
		o.budget.now = func() time.Time { return now }
		return o
	}
	o := start()
	for i, c := range []struct{ stable, want string }{
		{"m1/1", "{"}, {"m1/2", "{"},
		{"m1/3", "{"}, {"m1/4", "limit: the message has used 36 tokens and the request may use 31 more: the grant allows 60"},
		{"m2/1", "{"}, {"m2/2", "limit: the actor today has used 48 tokens"}, {"m3/1", "limit: the actor today"},
	} {
		if i == 4 {
			o = start()
		}
		if got := ask(t, o, ChatOperation, c.stable, request); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s, want %s", c.stable, got, c.want)
		}
	}
	now = now.Add(2 * time.Hour)
	if got := ask(t, o, ChatOperation, "m2/3", request); !strings.HasPrefix(got, "{") {
		t.Errorf("the next day: %s", got)
	}
}

// FuzzReply: no answer of a provider breaks what reads it.
func FuzzReply(f *testing.F) {
	f.Add([]byte(`{"choices": [{"message": {"content": "x"}}]}`))
	f.Add([]byte(`{"content": [{"type": "tool_use", "input": {}}], "stop_reason": "x"}`))
	f.Add([]byte(`{"message": {"tool_calls": [{"function": {"name": "a", "arguments": {"x": 1e999}}}]}, "done": true}`))
	f.Add([]byte(`{"data": [{"index": 0, "embedding": [1]}], "embeddings": [[1], []]}`))
	c := &Chat{Model: "m", Tools: []Tool{{Name: "a"}}}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, w := range []wire{openAI{}, anthropic{}, ollama{}} {
			if r, err := w.reply(data, c); err == nil && r.finish(c) == nil {
				if b, err := encode(r); err != nil || !json.Valid(b) {
					t.Errorf("%v: %s", err, b)
				}
			}
			if v, err := w.vectors(data); err == nil && v.check(len(v.Vectors)) == nil {
				if _, err := encode(v); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

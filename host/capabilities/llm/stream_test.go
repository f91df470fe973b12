package llm

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
)

// streamOf asks for a chat as a stream and reads it to its end; what went wrong is the last line.
func streamOf(t *testing.T, o *opened, stable, data string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, body := o.Stream(ctx, &capability.Request{Operation: ChatOperation, Data: []byte(data), Stable: stable}, nil)
	text := func(a capability.Answer) string {
		return strings.TrimSuffix(fmt.Sprintf("%s (again: %v): %s", a.Code, a.Retry, a.Text), ": ")
	}
	if body == nil {
		return text(a)
	}
	read, err := io.ReadAll(body)
	if closed := body.Close(); closed != nil {
		t.Error(closed)
	}
	got := string(read)
	if f, ok := err.(*capability.Failure); ok { //nolint:errorlint // as it is returned
		got += text(f.Answer)
	} else if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(got, secretKey) {
		t.Errorf("the key is in %s", got)
	}
	return got
}

// streamed opens a grant of a provider that answers a stream.
func streamed(t *testing.T, scheme, media string, events []string, more map[string]any) (o *opened, asked *atomic.Int32) {
	t.Helper()
	asked = &atomic.Int32{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asked.Add(1)
		body, err := io.ReadAll(q.Body)
		if err != nil || !strings.Contains(string(body), `"stream":true`) {
			http.Error(w, "no stream is asked for", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", media)
		for _, e := range events {
			_, _ = io.WriteString(w, e)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	t.Cleanup(s.Close)
	return open(t, scheme+"+http://:"+secretKey+"@"+strings.TrimPrefix(s.URL, "http://"), &bucket.Memory{}, more), asked
}

const (
	sse     = "text/event-stream; charset=utf-8"
	ndjson  = "application/x-ndjson"
	askTool = `{"messages": [{"role": "user", "text": "hi"}], "tools": [{"name": "weather", "parameters": {}}]}`
)

func openAIEvents(deltas ...string) (events []string) {
	for _, d := range deltas {
		events = append(events, `data: {"choices": [`+d+`], "usage": null}`+"\n\n")
	}
	return append(events, `data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}}`+"\n\n", "data: [DONE]\n\n")
}

// TestStream: what providers stream comes in pieces, with the whole reply at the end.
func TestStream(t *testing.T) {
	const end = `"stop":"end","usage":{"input":9,"output":4}}` + "\n"
	anthropic := func(blocks string, stop string) []string {
		return []string{
			"event: message_start\ndata: {\"type\": \"message_start\", \"message\": {\"usage\": {\"input_tokens\": 6, \"cache_read_input_tokens\": 3, \"output_tokens\": 1}}}\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\n",
			blocks, "data: {\"type\": \"message_delta\", \"delta\": {\"stop_reason\": \"" + stop + "\"}, \"usage\": {\"output_tokens\": 4}}\n\n", "data: {\"type\": \"message_stop\"}\n\n",
		}
	}
	block := func(e string) string { return "data: {\"type\": \"content_block_" + e + "}\n\n" }
	for name, c := range map[string]struct {
		scheme, media string
		events        []string
		data, want    string
	}{
		"openai": {
			"openai", sse, openAIEvents(`{"delta": {"role": "assistant", "content": ""}}`, `{"delta": {"content": "hel"}, "message": null}`, `{"delta": {"content": "lo"}}`, `{"delta": {}, "finish_reason": "stop"}`), hi,
			`{"text":"hel"}` + "\n" + `{"text":"lo"}` + "\n" + `{"model":"small","text":"hello",` + end,
		},
		"openai calls": {
			"openai", sse, openAIEvents(`{"delta": {"tool_calls": [{"index": 0, "id": "i", "function": {"name": "weather", "arguments": ""}}]}}`,
				`{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{\"city\""}}]}}`, `{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": ": \"Bonn\"}"}}]}}`,
				`{"delta": {"tool_calls": [{"index": 0, "id": "j", "function": {"name": "weather", "arguments": "{}"}}]}}`, `{"delta": {}, "finish_reason": "tool_calls"}`), askTool,
			`{"model":"small","text":"","calls":[{"id":"i","name":"weather","arguments":{"city":"Bonn"}},{"id":"j","name":"weather","arguments":{}}],"stop":"tools","usage":{"input":9,"output":4}}` + "\n",
		},
		"openai, whole all the same": {
			"openai", "application/json", []string{strings.Replace(hello, `"prompt_tokens": 1, "completion_tokens": 1`, `"prompt_tokens": 9, "completion_tokens": 4`, 1)}, hi,
			`{"text":"hello"}` + "\n" + `{"model":"small","text":"hello",` + end,
		},
		"openai, without its last event": {
			"openai", sse, []string{`data:{"choices": [{"delta": {"content": "hi"}, "finish_reason": "length"}]}` + "\r\n\r\n"}, hi,
			`{"text":"hi"}` + "\n" + `{"model":"small","text":"hi","stop":"length","usage":{"input":0,"output":0}}` + "\n",
		},
		"anthropic": {
			"anthropic", sse, anthropic(block(`start", "index": 0, "content_block": {"type": "text", "text": ""}`)+block(`delta", "index": 0, "delta": {"type": "text_delta", "text": "hel"}`)+
				block(`delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}`)+block(`stop", "index": 0`), "end_turn"), hi,
			`{"text":"hel"}` + "\n" + `{"text":"lo"}` + "\n" + `{"model":"small","text":"hello",` + end,
		},
		"anthropic calls": {
			"anthropic", sse, anthropic(block(`start", "index": 0, "content_block": {"type": "tool_use", "id": "i", "name": "weather", "input": {}}`)+block(`delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{\"city\":"}`)+
				block(`delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": " \"Bonn\"}"}`), "tool_use"), askTool,
			`{"model":"small","text":"","calls":[{"id":"i","name":"weather","arguments":{"city":"Bonn"}}],"stop":"tools","usage":{"input":9,"output":4}}` + "\n",
		},
		"anthropic by a schema": {
			"anthropic", sse, anthropic(block(`start", "index": 0, "content_block": {"type": "tool_use", "id": "i", "name": "answer", "input": {}}`)+block(`delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": "{\"ok\": true}"}`), "tool_use"),
			`{"messages": [{"role": "user", "text": "hi"}], "schema": {}}`, `{"text":"{\"ok\":true}"}` + "\n" + `{"model":"small","text":"{\"ok\":true}",` + end,
		},
		"ollama": {
			"ollama", ndjson, []string{`{"message": {"content": "hel"}, "done": false}` + "\n", `{"message": {"content": "lo"}, "done": false}` + "\n", `{"message": {"content": ""}, "done": true, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 4}` + "\n"}, hi,
			`{"text":"hel"}` + "\n" + `{"text":"lo"}` + "\n" + `{"model":"small","text":"hello",` + end,
		},
		"ollama calls": {
			"ollama", ndjson, []string{`{"message": {"content": "", "tool_calls": [{"function": {"name": "weather", "arguments": {}}}]}, "done": false}` + "\n", `{"done": true, "prompt_eval_count": 9, "eval_count": 4}` + "\n"}, askTool,
			`{"model":"small","text":"","calls":[{"id":"call_1_0","name":"weather","arguments":{}}],"stop":"tools","usage":{"input":9,"output":4}}` + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := streamed(t, c.scheme, c.media, c.events, nil)
			if got := streamOf(t, o, "m1/1", c.data); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

// TestStreamHostile: whatever a provider streams, an actor is told by a code, and without the
// key, wherever that is cut apart.
func TestStreamHostile(t *testing.T) {
	key := func(cut int) string {
		return fmt.Sprintf(`data: {"choices": [{"delta": {"content": "is %s"}}]}`+"\n\n"+`data: {"choices": [{"delta": {"content": "%s."}, "finish_reason": "stop"}]}`+"\n\n", secretKey[:cut], secretKey[cut:])
	}
	for name, c := range map[string]struct {
		scheme, events, want string
	}{
		"key in two":               {"openai", key(5), `{"text":"is "}` + "\n" + `{"text":"[secret]."}` + "\n" + `{"model":"small","text":"is [secret].","stop":"end","usage":{"input":0,"output":0}}` + "\n"},
		"key in one":               {"openai", key(0), `{"text":"is "}` + "\n" + `{"text":"[secret]."}` + "\n" + `{"model":"small","text":"is [secret].","stop":"end","usage":{"input":0,"output":0}}` + "\n"},
		"begins like a key":        {"openai", strings.ReplaceAll(key(6), secretKey[6:], "n"), `{"text":"is "}` + "\n" + `{"text":"` + secretKey[:6] + `n."}` + "\n" + `{"model":"small","text":"is ` + secretKey[:6] + `n.","stop":"end","usage":{"input":0,"output":0}}` + "\n"},
		"breaks off":               {"openai", `data: {"choices": [{"delta": {"content": "hel"}}]}` + "\n\n", `{"text":"hel"}` + "\n" + "unavailable (again: true): llm server default broke off its answer"},
		"nothing":                  {"ollama", "", "unavailable (again: true): llm server default broke off its answer"},
		"no JSON":                  {"ollama", "{]\n", "unavailable (again: true): llm server default gave an answer that cannot be read"},
		"an error":                 {"openai", `data: {"error": {"message": "` + secretKey + `"}}` + "\n\n", "unavailable (again: true): llm server default broke off its answer"},
		"anthropic's error":        {"anthropic", `data: {"type": "error", "error": {"type": "overloaded_error"}}` + "\n\n", "unavailable (again: true): llm server default broke off its answer"},
		"ollama's error":           {"ollama", `{"error": "no"}` + "\n", "unavailable (again: true): llm server default broke off its answer"},
		"blocks in disorder":       {"anthropic", `data: {"type": "content_block_delta", "index": 3, "delta": {"text": "x"}}` + "\n\n", "unavailable (again: true): llm server default gave an answer that cannot be read"},
		"whole under a false name": {"openai", strings.ReplaceAll(hello, "\n", ""), "unavailable (again: true): llm server default gave an answer that cannot be read"},
		"unknown tool":             {"ollama", `{"message": {"tool_calls": [{"function": {"name": "b", "arguments": {}}}]}, "done": true}` + "\n", "unavailable (again: true): llm server default gave an answer that cannot be read"},
		"long line":                {"ollama", `{"message": {"content": "` + strings.Repeat("x", lineMax) + `"}}` + "\n", "limit (again: false): llm server default answers more than 4194304 bytes"},
		"endless":                  {"openai", strings.Repeat(": "+strings.Repeat("x", 1000)+"\n", 5000), "limit (again: false): llm server default answers more than 4194304 bytes"},
		"too long":                 {"ollama", `{"message": {"content": "` + strings.Repeat("x", 9000) + `"}, "done": true}` + "\n", "limit (again: false): the answer has more than 8000 bytes, which the grant allows"},
	} {
		t.Run(name, func(t *testing.T) {
			o, _ := streamed(t, c.scheme, sse, []string{c.events}, map[string]any{"answer": 8000, "retries": 0})
			if got := streamOf(t, o, "m1/1", hi); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
	status := served(t, map[string]any{"retries": 0}, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secretKey, http.StatusUnauthorized) })
	if got := streamOf(t, status, "m1/1", hi); !strings.HasPrefix(got, "unavailable (again: false): llm server default does not let the host in (401)") {
		t.Error(got)
	}
}

// TestStreamPaid: a stream is paid as a chat is; what came is given again, whichever way it is
// asked for; and what ends early stays counted as what it might have used.
func TestStreamPaid(t *testing.T) {
	events := openAIEvents(`{"delta": {"content": "hello"}, "finish_reason": "stop"}`)
	o, asked := streamed(t, "openai", sse, events, map[string]any{"daily": 250, "tokens": 1000, "connections": 1})
	first := streamOf(t, o, "m1/1", hi)
	if again := streamOf(t, o, "m1/1", hi); again != first || asked.Load() != 1 {
		t.Errorf("again %s after %s, asked %d times", again, first, asked.Load())
	}
	if got := ask(t, o, ChatOperation, "m1/1", hi); !strings.HasSuffix(first, got+"\n") || asked.Load() != 1 {
		t.Errorf("as a whole %s, asked %d times", got, asked.Load())
	}
	a, body := o.Stream(t.Context(), &capability.Request{Operation: ChatOperation, Data: []byte(hi), Stable: "m2/1"}, nil)
	if a.Code != "" {
		t.Fatal(a)
	}
	if err := body.Close(); err != nil { // nobody reads it
		t.Error(err)
	}
	const used = 13 + 130 // of the first, in all, and of the second at most
	if got := streamOf(t, o, "m3/1", hi); !strings.HasPrefix(got, fmt.Sprintf("limit (again: false): the actor today has used %d tokens", used)) {
		t.Error(got)
	}
	if got := streamOf(t, o, "m3/1", strings.Repeat(" ", 1<<19)); !strings.HasPrefix(got, "limit") {
		t.Error(got)
	}
	for _, r := range []*capability.Request{{Operation: EmbedOperation, Data: []byte(`{"texts": ["a"]}`)}, {Operation: ChatOperation, Data: []byte(hi)}} {
		if a, body := o.Stream(t.Context(), r, strings.NewReader("")); a.Code != capability.Invalid || body != nil {
			t.Errorf("%+v", a)
		}
	}
}

// TestStreamBare: a provider that does not know how to be asked for what is used is asked without.
func TestStreamBare(t *testing.T) {
	var bodies []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			t.Error(err)
		}
		if bodies = append(bodies, string(body)); strings.Contains(string(body), "stream_options") {
			http.Error(w, "extra_forbidden", http.StatusUnprocessableEntity)
			return
		}
		w.Header().Set("Content-Type", sse)
		_, _ = io.WriteString(w, `data: {"choices": [{"delta": {"content": "hello"}, "finish_reason": "stop"}]}`+"\n\ndata: [DONE]\n\n")
	}))
	defer s.Close()
	o := open(t, "openai+http://:"+secretKey+"@"+strings.TrimPrefix(s.URL, "http://"), &bucket.Memory{}, nil)
	if got := streamOf(t, o, "m1/1", hi); !strings.HasPrefix(got, `{"text":"hello"}`) || len(bodies) != 2 {
		t.Errorf("got %s, asked %d times", got, len(bodies))
	}
}

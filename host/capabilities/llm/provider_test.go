package llm

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secretKey is the key that providers of tests want.
const secretKey = "hidden-key-1234"

// Bodies that providers take, in full: a field that is not here is refused.
type (
	wantOpenAI struct {
		Model          string           `json:"model"`
		Messages       []map[string]any `json:"messages"`
		Tools          []map[string]any `json:"tools"`
		ResponseFormat map[string]any   `json:"response_format"`
		MaxTokens      int              `json:"max_tokens"`
		Temperature    float64          `json:"temperature"`
	}
	wantAnthropic struct {
		Model       string             `json:"model"`
		System      string             `json:"system"`
		Messages    []anthropicMessage `json:"messages"`
		Tools       []anthropicTool    `json:"tools"`
		ToolChoice  map[string]string  `json:"tool_choice"`
		MaxTokens   int                `json:"max_tokens"`
		Temperature float64            `json:"temperature"`
	}
	wantOllama struct {
		Model    string           `json:"model"`
		Messages []map[string]any `json:"messages"`
		Tools    []map[string]any `json:"tools"`
		Format   map[string]any   `json:"format"`
		Stream   *bool            `json:"stream"`
		Options  struct {
			NumPredict  int     `json:"num_predict"`
			Temperature float64 `json:"temperature"`
		} `json:"options"`
	}
	wantEmbed struct {
		Model    string   `json:"model"`
		Input    []string `json:"input"`
		Encoding string   `json:"encoding_format"`
	}
)

// provider is one of a test. It speaks all three wire formats, and is strict.
type provider struct {
	*httptest.Server
	mu     sync.Mutex // guards bodies and keys
	bodies []string   // that were taken
	keys   []string   // Idempotency-Key of each
}

// begin starts a provider.
func begin(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

// url is what the host's secret says of the provider.
func (p *provider) url(scheme string) string {
	return scheme + "+http://:" + secretKey + "@" + strings.TrimPrefix(p.URL, "http://")
}

// taken are the requests so far.
func (p *provider) taken() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.bodies)
}

// strict reads a body of which every field is known, and those named are there.
func strict(body []byte, into any, needed ...string) error {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	var all map[string]any
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	for _, name := range needed {
		if _, ok := all[name]; !ok {
			return fmt.Errorf("%s is missing", name)
		}
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (p *provider) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil || q.Method != http.MethodPost || q.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "no request", http.StatusBadRequest)
		return
	}
	anthropic := q.URL.Path == "/v1/messages"
	if anthropic && (q.Header.Get("X-Api-Key") != secretKey || q.Header.Get("Anthropic-Version") == "" || q.Header.Get("Authorization") != "") ||
		!anthropic && q.Header.Get("Authorization") != "Bearer "+secretKey {
		http.Error(w, "wrong key "+q.Header.Get("Authorization"), http.StatusUnauthorized)
		return
	}
	if strings.Contains(string(body), "slow") {
		<-q.Context().Done()
		return
	}
	reply, err := p.answer(q.URL.Path, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	p.bodies, p.keys = append(p.bodies, string(body)), append(p.keys, q.Header.Get("Idempotency-Key"))
	p.mu.Unlock()
	_, _ = io.WriteString(w, reply)
}

// answer calls the tool when there is one that was not used, gives an object when there is
// a schema, and says hello otherwise.
func (p *provider) answer(path string, body []byte) (string, error) {
	switch path {
	case "/v1/chat/completions":
		var b wantOpenAI
		if err := strict(body, &b, "model", "messages", "max_tokens"); err != nil {
			return "", err
		}
		switch last := b.Messages[len(b.Messages)-1]; {
		case len(b.Tools) > 0 && last["role"] == "user":
			return `{"id": "c", "object": "chat.completion", "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": null, "tool_calls": [
				{"id": "id-1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\": \"Bonn\"}"}}]}}], "usage": {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15}}`, nil
		case last["role"] == "tool" && last["tool_call_id"] != "id-1":
			return "", fmt.Errorf("no call is answered by %v", last)
		}
		text := `"hello"`
		if b.ResponseFormat != nil {
			text = `"{\"ok\":true}"`
		}
		return `{"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": ` + text + `}}], "usage": {"prompt_tokens": 10, "completion_tokens": 2}}`, nil
	case "/v1/messages":
		var b wantAnthropic
		if err := strict(body, &b, "model", "messages", "max_tokens"); err != nil {
			return "", err
		}
		last := b.Messages[len(b.Messages)-1].Content[0]
		switch {
		case b.ToolChoice != nil:
			return `{"content": [{"type": "tool_use", "id": "t", "name": "answer", "input": {"ok": true}}], "stop_reason": "tool_use", "usage": {"input_tokens": 10, "output_tokens": 2}}`, nil
		case len(b.Tools) > 0 && last.Type == "text":
			return `{"content": [{"type": "text", "text": ""}, {"type": "tool_use", "id": "id-1", "name": "weather", "input": {"city": "Bonn"}}], "stop_reason": "tool_use", "usage": {"input_tokens": 8, "cache_read_input_tokens": 3, "output_tokens": 4}}`, nil
		case last.Type == "tool_result" && last.ToolUseID != "id-1":
			return "", fmt.Errorf("no call is answered by %v", last)
		}
		return `{"content": [{"type": "text", "text": "hello"}], "stop_reason": "end_turn", "usage": {"input_tokens": 10, "output_tokens": 2}}`, nil
	case "/api/chat":
		var b wantOllama
		if err := strict(body, &b, "model", "messages", "stream", "options"); err != nil || *b.Stream {
			return "", fmt.Errorf("stream: %w", err)
		}
		switch last := b.Messages[len(b.Messages)-1]; {
		case len(b.Tools) > 0 && last["role"] == "user":
			return `{"message": {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Bonn"}}}]}, "done": true, "done_reason": "stop", "prompt_eval_count": 11, "eval_count": 4}`, nil
		case last["role"] == "tool" && last["tool_name"] != "weather":
			return "", fmt.Errorf("no call is answered by %v", last)
		}
		text := `"hello"`
		if b.Format != nil {
			text = `"{\"ok\":true}"`
		}
		return `{"message": {"role": "assistant", "content": ` + text + `}, "done": true, "done_reason": "stop", "prompt_eval_count": 10, "eval_count": 2}`, nil
	case "/v1/embeddings":
		var b wantEmbed
		if err := strict(body, &b, "model", "input", "encoding_format"); err != nil {
			return "", err
		}
		return `{"data": [{"index": 1, "embedding": [0.25, 2]}, {"index": 0, "embedding": [0.5, 1]}], "usage": {"prompt_tokens": 5, "total_tokens": 5}}`, nil
	case "/api/embed":
		var b wantEmbed
		if err := strict(body, &b, "model", "input"); err != nil || b.Encoding != "" {
			return "", fmt.Errorf("encoding: %w", err)
		}
		return `{"embeddings": [[0.5, 1], [0.25, 2]], "prompt_eval_count": 5}`, nil
	}
	return "", fmt.Errorf("there is no %s", path)
}

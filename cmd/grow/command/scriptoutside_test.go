package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/grow-platform/grow/testdata/postbox"
	"github.com/rogpeppe/go-internal/testscript"
)

// models is a server of language models as a script has it. It speaks as OpenAI, Anthropic and
// Ollama do; what is before that in a path is how it behaves.
type models struct {
	mu   sync.Mutex      // guards seen
	seen map[string]bool // bodies that a busy one has refused once
}

func startModels(ts *testscript.TestScript, _ bool, _ []string) {
	s := httptest.NewServer(&models{seen: map[string]bool{}})
	ts.Defer(s.Close)
	ts.Setenv("MODELS", strings.TrimPrefix(s.URL, "http://"))
}

// ServeHTTP implements http.Handler.
func (m *models) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	mode, _, _ := strings.Cut(strings.TrimPrefix(q.URL.Path, "/"), "/")
	switch mode {
	case "slow":
		<-q.Context().Done()
		return
	case "endless":
		for err == nil {
			_, err = w.Write(make([]byte, 1<<16))
		}
		return
	case "lying":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"choices": [{"message": {"tool_calls": [{"id": "i", "function": {"name": "rm", "arguments": "{}"}}]}}]}`)
		return
	case "busy":
		m.mu.Lock()
		known := m.seen[string(body)]
		m.seen[string(body)] = true
		m.mu.Unlock()
		if !known {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
	}
	if key := q.Header.Get("Authorization") + q.Header.Get("X-Api-Key"); key != "Bearer hidden-model-key" && key != "hidden-model-key" {
		http.Error(w, "no key is "+key, http.StatusUnauthorized)
		return
	}
	var asked struct {
		Stream bool  `json:"stream"`
		Tools  []any `json:"tools"`
	}
	if err := json.Unmarshal(body, &asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	call := len(asked.Tools) > 0 && !strings.Contains(string(body), "rain in Bonn")
	for path, answer := range modelAnswers {
		if strings.HasSuffix(q.URL.Path, path) {
			answer(w, call, asked.Stream)
			return
		}
	}
	http.NotFound(w, q)
}

// modelAnswers are by the ends of paths: a call of the tool, or a text; as a stream, in two pieces.
var modelAnswers = map[string]func(w io.Writer, call, stream bool){
	"/chat/completions": func(w io.Writer, call, stream bool) {
		const usage = `"usage": {"prompt_tokens": 20, "completion_tokens": 5}`
		switch {
		case call:
			_, _ = io.WriteString(w, `{"choices": [{"finish_reason": "tool_calls", "message": {"content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Bonn\"}"}}]}}], `+usage+`}`)
		case stream:
			_, _ = io.WriteString(w, "data: {\"choices\": [{\"delta\": {\"content\": \"an \"}}]}\n\ndata: {\"choices\": [{\"delta\": {\"content\": \"umbrella\"}, \"finish_reason\": \"stop\"}]}\n\ndata: {\"choices\": [], "+usage+"}\n\ndata: [DONE]\n\n")
		default:
			_, _ = io.WriteString(w, `{"choices": [{"finish_reason": "stop", "message": {"content": "an umbrella"}}], `+usage+`}`)
		}
	},
	"/messages": func(w io.Writer, call, stream bool) {
		const usage = `"usage": {"input_tokens": 20, "output_tokens": 5}`
		switch {
		case call:
			_, _ = io.WriteString(w, `{"content": [{"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Bonn"}}], "stop_reason": "tool_use", `+usage+`}`)
		case stream:
			for _, e := range []string{
				`message_start", "message": {` + usage + `}`, `content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}`, `content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "an "}`,
				`content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "umbrella"}`, `content_block_stop", "index": 0`, `message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}`, `message_stop"`,
			} {
				name, _, _ := strings.Cut(e, `"`)
				_, _ = fmt.Fprintf(w, "event: %s\ndata: {\"type\": \"%s}\n\n", name, e)
			}
		default:
			_, _ = io.WriteString(w, `{"content": [{"type": "text", "text": "an umbrella"}], "stop_reason": "end_turn", `+usage+`}`)
		}
	},
	"/api/chat": func(w io.Writer, call, stream bool) {
		const end = `"done": true, "done_reason": "stop", "prompt_eval_count": 20, "eval_count": 5}` + "\n"
		switch {
		case call:
			_, _ = io.WriteString(w, `{"message": {"content": "", "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Bonn"}}}]}, `+end)
		case stream:
			_, _ = io.WriteString(w, `{"message": {"content": "an "}, "done": false}`+"\n"+`{"message": {"content": "umbrella"}, "done": false}`+"\n"+`{"message": {"content": ""}, `+end)
		default:
			_, _ = io.WriteString(w, `{"message": {"content": "an umbrella"}, `+end)
		}
	},
	"/embeddings": func(w io.Writer, _, _ bool) {
		_, _ = io.WriteString(w, `{"data": [{"index": 0, "embedding": [0.5]}, {"index": 1, "embedding": [1]}], "usage": {"prompt_tokens": 4}}`)
	},
	"/api/embed": func(w io.Writer, _, _ bool) {
		_, _ = io.WriteString(w, `{"embeddings": [[0.5], [1]], "prompt_eval_count": 4}`)
	},
}

// boxes is the key of a script's mail servers.
type boxes struct{}

// posts has the mail server of a script.
type posts struct{ box *postbox.Box }

// startMailbox starts a mail server that ends with t. It refuses never@ for good, and each
// later@ once.
func startMailbox(t *testing.T) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, _ bool, _ []string) {
		var mu sync.Mutex
		refused := map[string]bool{}
		box := postbox.Start(t, postbox.Options{Refuse: func(to string) error {
			mu.Lock()
			defer mu.Unlock()
			name, _, _ := strings.Cut(to, "@")
			switch {
			case name == "never":
				return &smtp.SMTPError{Code: 550, Message: "no such mailbox " + postbox.Password}
			case strings.HasPrefix(name, "later") && !refused[to]:
				refused[to] = true
				return &smtp.SMTPError{Code: 451, Message: "come again " + postbox.Password}
			}
			return nil
		}})
		plain := postbox.Start(t, postbox.Options{Plain: true})
		ts.Value(boxes{}).(*posts).box = box
		for name, value := range map[string]string{
			"SMTP": box.URL("smtp"), "SMTP_IMPLICIT": box.URL("smtps"), "SMTP_PLAIN": plain.URL("smtp"), "SMTP_UNTRUSTED": strings.Split(box.URL("smtp"), "?")[0],
			"SMTP_DOWN": "smtp://a:hidden@127.0.0.1:1", "SMTP_WRONG": strings.Replace(box.URL("smtp"), postbox.Password, "hidden-wrong", 1),
		} {
			ts.Setenv(name, value)
		}
	}
}

// mails prints the mails that have come: who each is to, and its subject.
func mails(ts *testscript.TestScript, _ bool, _ []string) {
	box := ts.Value(boxes{}).(*posts).box
	if box == nil {
		ts.Check(errors.New("there is no mail server: mailbox"))
	}
	for _, m := range box.All() {
		subject := ""
		for line := range strings.SplitSeq(m.Data, "\r\n") {
			if text, ok := strings.CutPrefix(line, "Subject: "); ok {
				subject = text
			}
		}
		_, err := fmt.Fprintln(ts.Stdout(), strings.Join(m.To, " "), subject)
		ts.Check(err)
	}
}

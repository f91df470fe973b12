package llm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// ollama speaks as https://github.com/ollama/ollama/blob/main/docs/api.md says.
type ollama struct{}

func (ollama) defaults() (base, port string) { return "", "11434" }

func (ollama) authorize(h http.Header, key string) { openAI{}.authorize(h, key) }

// ollamaChat is the body of a chat.
type ollamaChat struct {
	Model    string          `json:"model"`
	Messages []ollamaMessage `json:"messages"`
	Tools    []openAITool    `json:"tools,omitempty"`
	Format   json.RawMessage `json:"format,omitempty"`
	Stream   bool            `json:"stream"`
	Options  ollamaOptions   `json:"options"`
}

type ollamaOptions struct {
	NumPredict  int      `json:"num_predict"`
	Temperature *float64 `json:"temperature,omitempty"`
}

type ollamaMessage struct {
	Role      string       `json:"role"`
	Content   string       `json:"content"`
	ToolCalls []ollamaCall `json:"tool_calls,omitempty"`
	ToolName  string       `json:"tool_name,omitempty"`
}

// ollamaCall has no id: what a tool answers goes with its name, in the order of the calls.
type ollamaCall struct {
	Function struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"function"`
}

func (ollama) chat(c *Chat, stream bool) (string, any, error) {
	body := &ollamaChat{Model: c.Model, Tools: openAITools(c), Format: c.Schema, Stream: stream, Options: ollamaOptions{c.MaxTokens, c.Temperature}}
	if c.System != "" {
		body.Messages = append(body.Messages, ollamaMessage{Role: "system", Content: c.System})
	}
	names := map[string]string{} // of tools, by the id of the call
	for _, m := range c.Messages {
		out := ollamaMessage{Role: m.Role, Content: m.Text, ToolName: names[m.ID]}
		for _, call := range m.Calls {
			names[call.ID] = call.Name
			var one ollamaCall
			one.Function.Name, one.Function.Arguments = call.Name, call.Arguments
			out.ToolCalls = append(out.ToolCalls, one)
		}
		body.Messages = append(body.Messages, out)
	}
	return "/api/chat", body, nil
}

// ollamaReply is the answer to a chat, or a part of it.
type ollamaReply struct {
	Message    *ollamaMessage `json:"message"`
	Done       bool           `json:"done"`
	DoneReason string         `json:"done_reason"`
	Prompt     int64          `json:"prompt_eval_count"`
	Output     int64          `json:"eval_count"`
}

func (ollama) reply(data []byte, c *Chat) (*Reply, error) {
	var a ollamaReply
	if err := json.Unmarshal(data, &a); err != nil || a.Message == nil || !a.Done {
		return nil, errNonsense
	}
	return a.reply(c), nil
}

func (a *ollamaReply) reply(c *Chat) *Reply {
	r := &Reply{Text: a.Message.Content, Stop: StopEnd, Usage: Usage{a.Prompt, a.Output}}
	if a.DoneReason == "length" {
		r.Stop = StopLength
	}
	for i, call := range a.Message.ToolCalls {
		r.Calls = append(r.Calls, Call{fmt.Sprintf("call_%d_%d", len(c.Messages), i), call.Function.Name, call.Function.Arguments})
	}
	return r
}

func (ollama) gather(c *Chat) gatherer { return &ollamaGathered{chat: c} }

// ollamaGathered puts together the lines of a stream.
type ollamaGathered struct {
	last  ollamaReply
	chat  *Chat
	text  strings.Builder
	calls []ollamaCall
}

func (g *ollamaGathered) piece(data []byte) (text string, done bool, err error) {
	var p struct {
		ollamaReply
		Error string `json:"error"`
	}
	if json.Unmarshal(data, &p) != nil {
		return "", false, errNonsense
	}
	if p.Error != "" {
		return "", false, brokeOff()
	}
	if p.Message != nil {
		text = p.Message.Content
		g.text.WriteString(text)
		if g.calls = append(g.calls, p.Message.ToolCalls...); len(g.calls) > ToolsMax {
			return "", false, errNonsense
		}
	}
	g.last = p.ollamaReply
	return text, p.Done, nil
}

func (g *ollamaGathered) reply() (*Reply, error) {
	if !g.last.Done {
		return nil, brokeOff()
	}
	g.last.Message = &ollamaMessage{Content: g.text.String(), ToolCalls: g.calls}
	return g.last.reply(g.chat), nil
}

func (ollama) embed(e *Embed) (string, any, error) {
	return "/api/embed", map[string]any{"model": e.Model, "input": e.Texts}, nil
}

func (ollama) vectors(data []byte) (*Vectors, error) {
	var a struct {
		Embeddings [][]float32 `json:"embeddings"`
		Prompt     int64       `json:"prompt_eval_count"`
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, errNonsense
	}
	return &Vectors{Vectors: a.Embeddings, Usage: Usage{Input: a.Prompt}}, nil
}

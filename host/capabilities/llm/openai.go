package llm

import (
	"encoding/json"
	"net/http"
	"strings"
)

// openAI speaks as https://platform.openai.com/docs/api-reference/chat does, which many
// other providers and servers take.
type openAI struct {
	own bool // it is OpenAI itself, which has another name for max_tokens
}

func (openAI) defaults() (base, port string) { return "/v1", "" }

func (openAI) authorize(h http.Header, key string) {
	if key != "" {
		h.Set("Authorization", "Bearer "+key)
	}
}

// Types of tools and formats.
const (
	typeFunction   = "function"
	typeJSONSchema = "json_schema"
)

// openAIChat is the body of a chat.
type openAIChat struct {
	Model               string          `json:"model"`
	Messages            []openAIMessage `json:"messages"`
	Tools               []openAITool    `json:"tools,omitempty"`
	ResponseFormat      *openAIFormat   `json:"response_format,omitempty"`
	MaxTokens           int             `json:"max_tokens,omitempty"`
	MaxCompletionTokens int             `json:"max_completion_tokens,omitempty"`
	Temperature         *float64        `json:"temperature,omitempty"`
	Stream              bool            `json:"stream,omitempty"`
	StreamOptions       *openAIStream   `json:"stream_options,omitempty"`
}

// openAIStream has the last event of a stream say what was used.
type openAIStream struct {
	IncludeUsage bool `json:"include_usage"`
}

type openAIMessage struct {
	Role       string       `json:"role,omitempty"`
	Content    *string      `json:"content"`
	ToolCalls  []openAICall `json:"tool_calls,omitempty"`
	ToolCallID string       `json:"tool_call_id,omitempty"`
	Refusal    string       `json:"refusal,omitempty"` // of an answer
}

type openAICall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"` // JSON
	} `json:"function"`
}

// openAITool is a tool as OpenAI and Ollama take it.
type openAITool struct {
	Type     string `json:"type"`
	Function Tool   `json:"function"`
}

// openAITools are those of a chat.
func openAITools(c *Chat) (list []openAITool) {
	for _, t := range c.Tools {
		list = append(list, openAITool{typeFunction, t})
	}
	return list
}

type openAIFormat struct {
	Type       string `json:"type"`
	JSONSchema struct {
		Name   string          `json:"name"`
		Schema json.RawMessage `json:"schema"`
	} `json:"json_schema"`
}

func (o openAI) chat(c *Chat, stream bool) (string, any, error) {
	body := &openAIChat{Model: c.Model, Temperature: c.Temperature, Tools: openAITools(c), Stream: stream}
	if stream {
		body.StreamOptions = &openAIStream{IncludeUsage: true}
	}
	if o.own {
		body.MaxCompletionTokens = c.MaxTokens
	} else {
		body.MaxTokens = c.MaxTokens
	}
	if c.Schema != nil {
		body.ResponseFormat = &openAIFormat{Type: typeJSONSchema}
		body.ResponseFormat.JSONSchema.Name, body.ResponseFormat.JSONSchema.Schema = "answer", c.Schema
	}
	if c.System != "" {
		body.Messages = append(body.Messages, openAIMessage{Role: "system", Content: &c.System})
	}
	for i := range c.Messages {
		m := &c.Messages[i]
		out := openAIMessage{Role: m.Role, Content: &m.Text, ToolCallID: m.ID}
		if m.Text == "" && len(m.Calls) > 0 {
			out.Content = nil
		}
		for _, call := range m.Calls {
			one := openAICall{ID: call.ID, Type: typeFunction}
			one.Function.Name, one.Function.Arguments = call.Name, string(call.Arguments)
			out.ToolCalls = append(out.ToolCalls, one)
		}
		body.Messages = append(body.Messages, out)
	}
	return "/chat/completions", body, nil
}

// openAIUsage counts tokens.
type openAIUsage struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
}

// openAIChoice is what a model answers.
type openAIChoice struct {
	Message      openAIMessage `json:"message"`
	FinishReason string        `json:"finish_reason"`
}

func (openAI) reply(data []byte, _ *Chat) (*Reply, error) {
	var a struct {
		Choices []openAIChoice `json:"choices"`
		Usage   openAIUsage    `json:"usage"`
	}
	if err := json.Unmarshal(data, &a); err != nil || len(a.Choices) == 0 {
		return nil, errNonsense
	}
	return a.Choices[0].reply(a.Usage), nil
}

func (first *openAIChoice) reply(used openAIUsage) *Reply {
	r := &Reply{Stop: StopEnd, Usage: Usage{used.Prompt, used.Completion}}
	if first.Message.Content != nil {
		r.Text = *first.Message.Content
	}
	switch {
	case first.FinishReason == "length":
		r.Stop = StopLength
	case first.FinishReason == "content_filter" || first.Message.Refusal != "":
		r.Stop = StopRefused
		if r.Text == "" {
			r.Text = first.Message.Refusal
		}
	}
	for _, call := range first.Message.ToolCalls {
		r.Calls = append(r.Calls, Call{call.ID, call.Function.Name, json.RawMessage(call.Function.Arguments)})
	}
	return r
}

func (openAI) gather(*Chat) gatherer { return &openAIGathered{at: map[int]int{}} }

// openAIGathered puts together the events of a stream.
type openAIGathered struct {
	openAIChoice
	text  strings.Builder
	used  openAIUsage
	at    map[int]int // where a call lies, by the index that its events have
	ended bool        // the provider has said why it ends
}

func (g *openAIGathered) piece(data []byte) (text string, done bool, err error) {
	if string(data) == "[DONE]" {
		return "", true, nil
	}
	var p struct {
		Choices []struct {
			Delta struct {
				openAIMessage
				ToolCalls []struct {
					Index int `json:"index"`
					openAICall
				} `json:"tool_calls"`
			} `json:"delta"`
			Message      json.RawMessage `json:"message"`
			FinishReason string          `json:"finish_reason"`
		} `json:"choices"`
		Usage openAIUsage     `json:"usage"`
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(data, &p) != nil {
		return "", false, errNonsense
	}
	if len(p.Error) > 0 && string(p.Error) != "null" {
		return "", false, brokeOff()
	}
	if p.Usage != (openAIUsage{}) {
		g.used = p.Usage
	}
	if len(p.Choices) == 0 {
		return "", false, nil
	}
	first := &p.Choices[0]
	if len(first.Message) > 0 && string(first.Message) != "null" {
		return "", false, errNonsense // it is no part of a reply, but a whole one
	}
	for i := range first.Delta.ToolCalls {
		if err := g.call(first.Delta.ToolCalls[i].Index, &first.Delta.ToolCalls[i].openAICall); err != nil {
			return "", false, err
		}
	}
	g.Message.Refusal += first.Delta.Refusal
	if first.FinishReason != "" {
		g.FinishReason, g.ended = first.FinishReason, true
	}
	if first.Delta.Content != nil {
		text = *first.Delta.Content
		g.text.WriteString(text)
	}
	return text, false, nil
}

// call adds a part of a call. Some providers give all calls one index, each with its id.
func (g *openAIGathered) call(index int, part *openAICall) error {
	calls := &g.Message.ToolCalls
	at, ok := g.at[index]
	if !ok || part.ID != "" && (*calls)[at].ID != "" && part.ID != (*calls)[at].ID {
		if at = len(*calls); at >= ToolsMax {
			return errNonsense
		}
		g.at[index] = at
		*calls = append(*calls, openAICall{})
	}
	have := &(*calls)[at]
	if part.ID != "" {
		have.ID = part.ID
	}
	have.Function.Name += part.Function.Name
	have.Function.Arguments += part.Function.Arguments
	return nil
}

func (g *openAIGathered) reply() (*Reply, error) {
	if !g.ended {
		return nil, brokeOff()
	}
	text := g.text.String()
	g.Message.Content = &text
	return g.openAIChoice.reply(g.used), nil
}

func (openAI) embed(e *Embed) (string, any, error) {
	return "/embeddings", map[string]any{"model": e.Model, "input": e.Texts, "encoding_format": "float"}, nil
}

func (openAI) vectors(data []byte) (*Vectors, error) {
	var a struct {
		Data []struct {
			Index     int       `json:"index"`
			Embedding []float32 `json:"embedding"`
		} `json:"data"`
		Usage openAIUsage `json:"usage"`
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, errNonsense
	}
	v := &Vectors{Vectors: make([][]float32, len(a.Data)), Usage: Usage{Input: a.Usage.Prompt}}
	for _, d := range a.Data {
		if d.Index < 0 || d.Index >= len(a.Data) || v.Vectors[d.Index] != nil {
			return nil, errNonsense
		}
		v.Vectors[d.Index] = d.Embedding
	}
	return v, nil
}

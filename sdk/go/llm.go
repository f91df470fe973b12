package grow

import "encoding/json"

// Chat is what a language model is asked.
type Chat struct {
	Model       string          `json:"model,omitempty"` // "": the grant's first
	System      string          `json:"system,omitempty"`
	Messages    []ChatMessage   `json:"messages"`
	Tools       []Tool          `json:"tools,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"`      // JSON Schema of an object: the answer's text is one
	MaxTokens   int             `json:"max_tokens,omitempty"`  // of the answer; 0: as many as the grant allows
	Temperature *float64        `json:"temperature,omitempty"` // 0 to 2; nil: the provider's own
}

// ChatMessage is one message of a chat.
type ChatMessage struct {
	Role  string     `json:"role"` // user, assistant or tool
	Text  string     `json:"text,omitempty"`
	Calls []ToolCall `json:"calls,omitempty"` // of an assistant
	ID    string     `json:"id,omitempty"`    // of the call that a tool answers
}

// Tool is what a model may ask the actor to do.
type Tool struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters"` // JSON Schema of an object
}

// ToolCall is a model's wish to have a tool used.
type ToolCall struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"` // an object
}

// ChatReply is what a model answered.
type ChatReply struct {
	Model string     `json:"model"`
	Text  string     `json:"text"`
	Calls []ToolCall `json:"calls"` // each to be answered by a message of role tool, after Message
	Stop  string     `json:"stop"`  // end, tools, length or refused
	Usage TokenUsage `json:"usage"`
}

// TokenUsage counts tokens; it is zero when the provider does not say.
type TokenUsage struct {
	Input  int64 `json:"input"`
	Output int64 `json:"output"`
}

// Message is the answer as a message of the chat that goes on.
func (r ChatReply) Message() ChatMessage {
	return ChatMessage{Role: "assistant", Text: r.Text, Calls: r.Calls}
}

// LLM is a language model with a grant of the actor. An answer is paid once for the message,
// however often that is tried; when the grant's tokens are used up, requests fail with limit.
type LLM struct {
	c   *Context
	use string
}

// LLM is the language model that the grant use covers.
func (c *Context) LLM(use string) LLM { return LLM{c, use} }

// Chat asks a model.
func (l LLM) Chat(chat Chat) (ChatReply, error) {
	var r ChatReply
	err := l.ask("llm.chat", chat, &r)
	return r, err
}

// Embed gives a vector for each text, by the model of that name; "": the grant's first.
func (l LLM) Embed(model string, texts ...string) ([][]float32, error) {
	var r struct {
		Vectors [][]float32 `json:"vectors"`
	}
	err := l.ask("llm.embed", struct {
		Model string   `json:"model,omitempty"`
		Texts []string `json:"texts"`
	}{model, texts}, &r)
	return r.Vectors, err
}

// ask makes a request and decodes its answer.
func (l LLM) ask(op string, body, into any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	a, err := l.c.Do(Request{Op: op, Use: l.use, Data: data})
	if err != nil {
		return err
	}
	return a.Decode(into)
}

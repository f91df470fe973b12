package llm

import (
	"encoding/json"
	"net/http"

	"github.com/grow-platform/grow/runtime/capability"
)

// anthropic speaks as https://docs.anthropic.com/en/api/messages does.
type anthropic struct{}

// anthropicVersion is that of the API.
const anthropicVersion = "2023-06-01"

func (anthropic) defaults() (base, port string) { return "/v1", "" }

func (anthropic) authorize(h http.Header, key string) {
	h.Set("Anthropic-Version", anthropicVersion)
	if key != "" {
		h.Set("X-Api-Key", key)
	}
}

// answerTool is the tool by whose use a model answers with an object of a schema.
const answerTool = "answer"

// anthropicChat is the body of a chat.
type anthropicChat struct {
	Model       string             `json:"model"`
	System      string             `json:"system,omitempty"`
	Messages    []anthropicMessage `json:"messages"`
	Tools       []anthropicTool    `json:"tools,omitempty"`
	ToolChoice  *anthropicChoice   `json:"tool_choice,omitempty"`
	MaxTokens   int                `json:"max_tokens"`
	Temperature *float64           `json:"temperature,omitempty"`
	Stream      bool               `json:"stream,omitempty"`
}

type anthropicMessage struct {
	Role    string           `json:"role"`
	Content []anthropicBlock `json:"content"`
}

// anthropicBlock is a part of a message: a text, a call, or the answer to one.
type anthropicBlock struct {
	Type      string          `json:"type"`
	Text      string          `json:"text,omitempty"`
	ID        string          `json:"id,omitempty"`
	Name      string          `json:"name,omitempty"`
	Input     json.RawMessage `json:"input,omitempty"`
	ToolUseID string          `json:"tool_use_id,omitempty"`
	Content   string          `json:"content,omitempty"`
}

type anthropicTool struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	InputSchema json.RawMessage `json:"input_schema"`
}

type anthropicChoice struct {
	Type string `json:"type"`
	Name string `json:"name"`
}

func (anthropic) chat(c *Chat, stream bool) (string, any, error) {
	body := &anthropicChat{Model: c.Model, System: c.System, MaxTokens: c.MaxTokens, Temperature: c.Temperature, Stream: stream}
	for _, t := range c.Tools {
		body.Tools = append(body.Tools, anthropicTool{t.Name, t.Description, t.Parameters})
	}
	if c.Schema != nil {
		if len(c.Tools) > 0 {
			return "", nil, refuse(capability.Invalid, "an Anthropic server takes a schema or tools, not both")
		}
		body.Tools = []anthropicTool{{Name: answerTool, InputSchema: c.Schema}}
		body.ToolChoice = &anthropicChoice{"tool", answerTool}
	}
	for i := range c.Messages {
		role, blocks := anthropicBlocks(&c.Messages[i])
		// What several tools answer is one message of the user.
		if n := len(body.Messages); n > 0 && body.Messages[n-1].Role == role {
			body.Messages[n-1].Content = append(body.Messages[n-1].Content, blocks...)
			continue
		}
		body.Messages = append(body.Messages, anthropicMessage{role, blocks})
	}
	return "/messages", body, nil
}

// anthropicBlocks are the parts of a message, and who says it.
func anthropicBlocks(m *Message) (role string, list []anthropicBlock) {
	if m.Role == roleTool {
		return roleUser, []anthropicBlock{{Type: "tool_result", ToolUseID: m.ID, Content: m.Text}}
	}
	if m.Text != "" || len(m.Calls) == 0 {
		list = append(list, anthropicBlock{Type: "text", Text: m.Text})
	}
	for _, call := range m.Calls {
		list = append(list, anthropicBlock{Type: "tool_use", ID: call.ID, Name: call.Name, Input: call.Arguments})
	}
	return m.Role, list
}

// anthropicReply is the answer to a chat.
type anthropicReply struct {
	Content    []anthropicBlock `json:"content"`
	StopReason string           `json:"stop_reason"`
	Usage      struct {
		Input  int64 `json:"input_tokens"`
		Write  int64 `json:"cache_creation_input_tokens"`
		Read   int64 `json:"cache_read_input_tokens"`
		Output int64 `json:"output_tokens"`
	} `json:"usage"`
}

func (anthropic) reply(data []byte, c *Chat) (*Reply, error) {
	var a anthropicReply
	if err := json.Unmarshal(data, &a); err != nil || a.StopReason == "" {
		return nil, errNonsense
	}
	return a.reply(c)
}

func (a *anthropicReply) reply(c *Chat) (*Reply, error) {
	r := &Reply{Stop: StopEnd, Usage: Usage{a.Usage.Input + a.Usage.Write + a.Usage.Read, a.Usage.Output}}
	switch a.StopReason {
	case "max_tokens", "model_context_window_exceeded":
		r.Stop = StopLength
	case "refusal":
		r.Stop = StopRefused
	}
	for _, b := range a.Content {
		switch {
		case b.Type == "text":
			r.Text += b.Text
		case b.Type == "tool_use" && c.Schema != nil && b.Name == answerTool:
			text, err := plain(b.Input)
			if err != nil {
				return nil, errNonsense
			}
			r.Text = string(text)
		case b.Type == "tool_use":
			r.Calls = append(r.Calls, Call{b.ID, b.Name, b.Input})
		}
	}
	return r, nil
}

func (anthropic) gather(c *Chat) gatherer { return &anthropicGathered{chat: c} }

// anthropicGathered puts together the events of a stream, as
// https://docs.anthropic.com/en/docs/build-with-claude/streaming has them.
type anthropicGathered struct {
	anthropicReply
	chat  *Chat
	texts [][]byte // of the blocks: a text, or the JSON of a call
}

func (g *anthropicGathered) piece(data []byte) (text string, done bool, err error) {
	var e struct {
		Type    string `json:"type"`
		Message struct {
			Usage json.RawMessage `json:"usage"`
		} `json:"message"`
		Index int            `json:"index"`
		Block anthropicBlock `json:"content_block"`
		Delta struct {
			Text       string `json:"text"`
			JSON       string `json:"partial_json"`
			StopReason string `json:"stop_reason"`
		} `json:"delta"`
		Usage json.RawMessage `json:"usage"`
	}
	if json.Unmarshal(data, &e) != nil {
		return "", false, errNonsense
	}
	switch e.Type {
	case "message_start":
		return "", false, g.count(e.Message.Usage)
	case "content_block_start":
		if e.Index != len(g.Content) || e.Index > 2*ToolsMax {
			return "", false, errNonsense
		}
		text = e.Block.Text
		g.Content, g.texts = append(g.Content, e.Block), append(g.texts, []byte(text))
	case "content_block_delta":
		if e.Index < 0 || e.Index >= len(g.Content) {
			return "", false, errNonsense
		}
		text = e.Delta.Text
		g.texts[e.Index] = append(g.texts[e.Index], text+e.Delta.JSON...)
	case "message_delta":
		g.StopReason = e.Delta.StopReason
		return "", false, g.count(e.Usage)
	case "message_stop":
		return "", true, nil
	case "error":
		return "", false, brokeOff()
	}
	return text, false, nil
}

// count takes what an event says that was used: all of it up to there.
func (g *anthropicGathered) count(used json.RawMessage) error {
	if len(used) > 0 && json.Unmarshal(used, &g.Usage) != nil {
		return errNonsense
	}
	return nil
}

func (g *anthropicGathered) reply() (*Reply, error) {
	if g.StopReason == "" {
		return nil, brokeOff()
	}
	for i := range g.Content {
		b, text := &g.Content[i], string(g.texts[i])
		if b.Type != "tool_use" {
			b.Text = text
		} else if text != "" { // a call without arguments has an empty object from the begin
			b.Input = json.RawMessage(text)
		}
	}
	return g.anthropicReply.reply(g.chat)
}

func (anthropic) embed(*Embed) (string, any, error) {
	return "", nil, refuse(capability.Invalid, "an Anthropic server has no embeddings")
}

func (anthropic) vectors([]byte) (*Vectors, error) { return nil, errNonsense }

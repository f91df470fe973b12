package llm

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"slices"

	"github.com/grow-platform/grow/runtime/capability"
)

// Limits of one request.
const (
	MessagesMax = 1000 // of a chat
	ToolsMax    = 128  // of a chat, and calls of an answer
	TextsMax    = 1000 // of an embedding
)

// Roles of messages.
const (
	roleUser      = "user"
	roleAssistant = "assistant"
	roleTool      = "tool"
)

// Chat is what llm.chat takes, as JSON.
type Chat struct {
	Model       string          `json:"model,omitempty"` // "": the grant's first
	System      string          `json:"system,omitempty"`
	Messages    []Message       `json:"messages"`
	Tools       []Tool          `json:"tools,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"`      // JSON Schema of an object: the answer's text is one
	MaxTokens   int             `json:"max_tokens,omitempty"`  // of the answer; 0: as many as the grant allows
	Temperature *float64        `json:"temperature,omitempty"` // 0 to 2; nil: the provider's own
}

// Message is one of a chat.
type Message struct {
	Role  string `json:"role"` // user; assistant, as a Reply has it; tool, the answer to a call
	Text  string `json:"text,omitempty"`
	Calls []Call `json:"calls,omitempty"` // of an assistant
	ID    string `json:"id,omitempty"`    // of the call that a tool answers
}

// Tool is what a model may ask the actor to do.
type Tool struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters"` // JSON Schema of an object
}

// Call is a model's wish to have a tool used.
type Call struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"` // an object
}

// Reasons why an answer ends.
const (
	StopEnd     = "end"     // it is complete
	StopTools   = "tools"   // calls wait for answers
	StopLength  = "length"  // it is as long as it may be
	StopRefused = "refused" // the provider does not want to answer
)

// Reply is what llm.chat answers, as JSON.
type Reply struct {
	Model string `json:"model"` // that was asked
	Text  string `json:"text"`
	Calls []Call `json:"calls,omitempty"`
	Stop  string `json:"stop"`
	Usage Usage  `json:"usage"`
}

// Usage counts tokens; it is zero when the provider does not say.
type Usage struct {
	Input  int64 `json:"input"`
	Output int64 `json:"output"`
}

// usedMax is how many tokens of one answer are believed.
const usedMax = 1 << 40

// known reports whether a provider said what was used, in numbers that can be.
func (u Usage) known() bool {
	return u.Input > 0 && u.Input <= usedMax && u.Output >= 0 && u.Output <= usedMax
}

// Embed is what llm.embed takes, as JSON.
type Embed struct {
	Model string   `json:"model,omitempty"` // "": the grant's first
	Texts []string `json:"texts"`
}

// Vectors is what llm.embed answers, as JSON: one for each text, in their order.
type Vectors struct {
	Model   string      `json:"model"`
	Vectors [][]float32 `json:"vectors"`
	Usage   Usage       `json:"usage"`
}

// toolNamed is what all providers take as the name of a tool.
var toolNamed = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// model is the one that is asked.
func (g *grant) model(name string) (string, error) {
	if name == "" {
		return g.Models[0], nil
	}
	if !slices.Contains(g.Models, name) {
		return "", refuse(capability.Denied, "the grant does not allow the model %.200q", name)
	}
	return name, nil
}

// check holds a chat against the grant, and fills in what it leaves out.
func (c *Chat) check(g *grant) (err error) {
	if c.Model, err = g.model(c.Model); err != nil {
		return err
	}
	if c.MaxTokens == 0 {
		c.MaxTokens = g.Output
	}
	switch {
	case len(c.Messages) == 0:
		return refuse(capability.Invalid, "the chat has no messages")
	case len(c.Messages) > MessagesMax:
		return refuse(capability.Limit, "the chat has %d messages, %d are allowed", len(c.Messages), MessagesMax)
	case len(c.Tools) > ToolsMax:
		return refuse(capability.Limit, "the chat has %d tools, %d are allowed", len(c.Tools), ToolsMax)
	case c.MaxTokens < 0:
		return refuse(capability.Invalid, "max_tokens is %d: it is 1 or more", c.MaxTokens)
	case c.MaxTokens > g.Output:
		return refuse(capability.Limit, "max_tokens is %d, the grant allows %d", c.MaxTokens, g.Output)
	case c.Temperature != nil && (*c.Temperature < 0 || *c.Temperature > 2):
		return refuse(capability.Invalid, "temperature is %v: it is from 0 to 2", *c.Temperature)
	case c.Schema != nil && !isObject(c.Schema):
		return refuse(capability.Invalid, "schema is not a JSON Schema: it is an object")
	}
	for i, t := range c.Tools {
		if !toolNamed.MatchString(t.Name) || slices.ContainsFunc(c.Tools[:i], func(o Tool) bool { return o.Name == t.Name }) {
			return refuse(capability.Invalid, "a tool has the name %.80q: it is one of its own, of letters, digits, _ and -, 64 at most", t.Name)
		}
		if !isObject(t.Parameters) {
			return refuse(capability.Invalid, "tool %s: parameters is not a JSON Schema: it is an object", t.Name)
		}
	}
	return c.checkMessages()
}

// checkMessages holds what messages say against who says it.
func (c *Chat) checkMessages() error {
	asked := map[string]bool{}
	for i, m := range c.Messages {
		switch {
		case m.Role != roleAssistant && len(m.Calls) > 0, m.Role != roleTool && m.ID != "":
			return refuse(capability.Invalid, "message %d: calls are of an assistant, and an id is of a tool", i)
		case m.Role == roleUser, m.Role == roleAssistant && (m.Text != "" || len(m.Calls) > 0):
		case m.Role == roleAssistant:
			return refuse(capability.Invalid, "message %d: the assistant says nothing and calls nothing", i)
		case m.Role == roleTool && !asked[m.ID]:
			return refuse(capability.Invalid, "message %d: no call before it has the id %.80q", i, m.ID)
		case m.Role != roleTool:
			return refuse(capability.Invalid, "message %d has the role %.80q: it is user, assistant or tool", i, m.Role)
		}
		for _, call := range m.Calls {
			if call.ID == "" || !toolNamed.MatchString(call.Name) || !isObject(call.Arguments) {
				return refuse(capability.Invalid, "message %d: a call has an id, the name of a tool, and an object of arguments", i)
			}
			asked[call.ID] = true
		}
	}
	return nil
}

// check holds an embedding against the grant.
func (e *Embed) check(g *grant) (err error) {
	if e.Model, err = g.model(e.Model); err != nil {
		return err
	}
	switch {
	case len(e.Texts) == 0 || slices.Contains(e.Texts, ""):
		return refuse(capability.Invalid, "texts are one or more, and none is empty")
	case len(e.Texts) > TextsMax:
		return refuse(capability.Limit, "there are %d texts, %d are allowed", len(e.Texts), TextsMax)
	}
	return nil
}

// finish holds an answer against the chat that it is for.
func (r *Reply) finish(c *Chat) error {
	r.Model = c.Model
	if !r.Usage.known() {
		r.Usage = Usage{}
	}
	if len(r.Calls) > ToolsMax {
		return errNonsense
	}
	for i := range r.Calls {
		call := &r.Calls[i]
		known := slices.ContainsFunc(c.Tools, func(t Tool) bool { return t.Name == call.Name })
		if call.ID == "" || !known {
			return errNonsense
		}
		var err error
		if call.Arguments, err = plain(call.Arguments); err != nil {
			return errNonsense
		}
	}
	if len(r.Calls) > 0 && r.Stop == StopEnd {
		r.Stop = StopTools
	}
	return nil
}

// check holds vectors against how many there should be.
func (v *Vectors) check(texts int) error {
	if len(v.Vectors) != texts {
		return errNonsense
	}
	if !v.Usage.known() {
		v.Usage = Usage{}
	}
	for _, one := range v.Vectors {
		if len(one) == 0 || len(one) != len(v.Vectors[0]) {
			return errNonsense
		}
	}
	return nil
}

// isObject reports whether JSON is an object.
func isObject(b json.RawMessage) bool { return len(b) > 0 && bytes.TrimLeft(b, " \t\r\n")[0] == '{' }

// plain is an object without needless escapes; numbers stay as they are written.
func plain(b json.RawMessage) (json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF || v == nil {
		return nil, errNonsense
	}
	return encode(v)
}

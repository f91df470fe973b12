package grow

import (
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strconv"
	"time"
)

// Chat is what a language model is asked.
type Chat struct {
	Model       string          `json:"model,omitempty"` // "": the grant's first
	System      string          `json:"system,omitempty"`
	Messages    []ChatMessage   `json:"messages"`
	Tools       []Tool          `json:"tools,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"`      // JSON Schema of an object: the answer's text is one
	MaxTokens   int             `json:"max_tokens,omitempty"`  // of the answer; 0: as many as the grant allows
	Temperature *float64        `json:"temperature,omitempty"` // 0 to 2; nil: the provider's own
	Timeout     time.Duration   `json:"-"`                     // until the answer is there, or a stream begins; 0: as long as the message may take
}

// request is a request with the attributes of a chat.
func (c *Chat) request(r Request) Request {
	if c.Timeout > 0 {
		if r.Attrs == nil {
			r.Attrs = map[string]string{}
		}
		r.Attrs["timeout"] = strconv.FormatInt(max(1, c.Timeout.Milliseconds()), 10)
	}
	return r
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
	err := l.ask(chat.request(Request{Op: "llm.chat"}), chat, &r)
	return r, err
}

// ChatStream is the answer to a chat, as it comes. It ends with Close, and with the message;
// what is not read may have been paid all the same.
type ChatStream struct {
	stream *Stream
	reply  *ChatReply // nil: it is not there yet
	said   bool       // a piece of its text was
}

// Stream asks a model, and returns as soon as it begins to answer.
func (l LLM) Stream(chat Chat) (*ChatStream, error) {
	data, err := json.Marshal(chat)
	if err != nil {
		return nil, err
	}
	s, err := l.c.askStream(l.use, data, chat.request(Request{Attrs: map[string]string{"of": "llm.chat"}}).Attrs)
	if err != nil {
		return nil, err
	}
	s.linger = strconv.Itoa(eventLinger)
	return &ChatStream{stream: s}, nil
}

// Text is the text of the answer, in pieces. They come as soon as they are there, those of a
// tenth of a second together. An error ends them.
func (s *ChatStream) Text() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for s.reply == nil {
			text, err := s.next()
			if err != nil {
				yield("", err)
				return
			}
			if text != "" && !yield(text, nil) {
				return
			}
		}
	}
}

// Reply is the whole answer. It waits until that is there.
func (s *ChatStream) Reply() (ChatReply, error) {
	for s.reply == nil {
		if _, err := s.next(); err != nil {
			return ChatReply{}, err
		}
	}
	return *s.reply, nil
}

// Close ends the stream, wherever it is.
func (s *ChatStream) Close() error { return s.stream.Close() }

// next reads a line: a piece of the text, or, as the last, the reply.
func (s *ChatStream) next() (text string, err error) {
	line, err := s.stream.line()
	if errors.Is(err, io.EOF) && len(s.stream.rest) > 0 { // the last one need not end
		line, err = string(s.stream.rest), nil
		s.stream.rest = nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil || line == "" {
		return "", err
	}
	var told ChatReply
	if err := json.Unmarshal([]byte(line), &told); err != nil {
		return "", err
	}
	if text = told.Text; told.Stop != "" {
		s.reply = &told
		if s.said {
			text = ""
		}
	}
	s.said = s.said || text != ""
	return text, nil
}

// Embed gives a vector for each text, by the model of that name; "": the grant's first.
func (l LLM) Embed(model string, texts ...string) ([][]float32, error) {
	var r struct {
		Vectors [][]float32 `json:"vectors"`
	}
	err := l.ask(Request{Op: "llm.embed"}, struct {
		Model string   `json:"model,omitempty"`
		Texts []string `json:"texts"`
	}{model, texts}, &r)
	return r.Vectors, err
}

// ask makes a request and decodes its answer.
func (l LLM) ask(r Request, body, into any) (err error) {
	r.Use = l.use
	if r.Data, err = json.Marshal(body); err != nil {
		return err
	}
	a, err := l.c.Do(r)
	if err != nil {
		return err
	}
	return a.Decode(into)
}

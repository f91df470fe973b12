//go:build !wasip1

package grow_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	grow "github.com/grow-platform/grow/sdk/go"
	"github.com/grow-platform/grow/sdk/go/growtest"
)

func init() {
	grow.OnMessage("llm.ask", func(ctx *grow.Context, _ grow.Message) error {
		model := ctx.LLM("helper")
		chat := grow.Chat{Messages: []grow.ChatMessage{{Role: "user", Text: "hi"}}, Tools: []grow.Tool{{Name: "weather", Parameters: json.RawMessage(`{}`)}}, Timeout: 1}
		r, err := model.Chat(chat)
		if err != nil {
			return err
		}
		chat.Messages = append(chat.Messages, r.Message(), grow.ChatMessage{Role: "tool", ID: r.Calls[0].ID, Text: "rain"})
		if r, err = model.Chat(chat); err != nil || r.Text != "yes" || r.Usage != (grow.TokenUsage{Input: 3, Output: 2}) {
			return grow.Refuse("wrong", r.Text)
		}
		v, err := model.Embed("", "a")
		if err == nil && (len(v) != 1 || !slices.Equal(v[0], []float32{0.5, 1})) {
			return grow.Refuse("wrong", "vectors")
		}
		return err
	})
}

// TestLLM: what is asked for by a chat with a tool and by an embedding, and what is made of the answers.
func TestLLM(t *testing.T) {
	var asked []string
	answers := []string{
		`{"model": "m", "text": "", "calls": [{"id": "c1", "name": "weather", "arguments": {"city": "Bonn"}}], "stop": "tools", "usage": {"input": 1, "output": 1}}`,
		`{"model": "m", "text": "yes", "stop": "end", "usage": {"input": 3, "output": 2}}`, `{"model": "m", "vectors": [[0.5, 1]], "usage": {"input": 1, "output": 0}}`,
	}
	h := growtest.New(growtest.Options{Config: config{"EUR"}, Double: func(r growtest.Request) growtest.Answer {
		asked = append(asked, strings.TrimSpace(r.Op+" "+r.Use+" "+string(r.Data)+" "+r.Attrs["timeout"]))
		if len(asked) > len(answers) {
			return growtest.Answer{Code: "unavailable", Retry: true}
		}
		return growtest.Answer{Data: []byte(answers[len(asked)-1])}
	}})
	if got := h.Send("llm.ask", 0); got.Outcome != growtest.Handled {
		t.Errorf("%+v", got)
	}
	const tools = `"tools":[{"name":"weather","parameters":{}}]`
	if want := []string{
		`llm.chat helper {"messages":[{"role":"user","text":"hi"}],` + tools + `} 1`,
		`llm.chat helper {"messages":[{"role":"user","text":"hi"},{"role":"assistant","calls":[{"id":"c1","name":"weather","arguments":{"city":"Bonn"}}]},{"role":"tool","text":"rain","id":"c1"}],` + tools + `} 1`,
		`llm.embed helper {"texts":["a"]}`,
	}; !slices.Equal(asked, want) {
		t.Errorf("%q", asked)
	}
	if got := h.Send("llm.ask", 0); got.Outcome != growtest.Later {
		t.Errorf("%+v", got)
	}
}

// TestChatStream: what a chat answers comes in pieces; a double may answer as a chat does.
func TestChatStream(t *testing.T) {
	const reply = `{"model": "m", "text": "hello", "stop": "end", "usage": {"input": 3, "output": 2}}`
	for answer, want := range map[string][]string{
		`{"text": "hel"}` + "\n" + `{"text": "lo"}` + "\n" + reply + "\n": {"hel", "lo"},
		reply:                    {"hello"},
		`{"text": "hel"}` + "\n": nil, // and no more
		"":                       nil,
	} {
		double := func(r growtest.Request) growtest.Answer {
			if r.Op != "llm.chat" || r.Use != "helper" || r.Attrs["timeout"] != "2000" || string(r.Data) != `{"messages":[{"role":"user","text":"hi"}]}` {
				t.Errorf("%+v", r)
			}
			return growtest.Answer{Data: []byte(answer)}
		}
		streamed(t, double, func(ctx *grow.Context) error {
			s, err := ctx.LLM("helper").Stream(grow.Chat{Messages: []grow.ChatMessage{{Role: "user", Text: "hi"}}, Timeout: 2e9})
			if err != nil {
				return err
			}
			var got []string
			for text, err := range s.Text() {
				if err != nil && (want != nil || !errors.Is(err, io.ErrUnexpectedEOF)) {
					return err
				}
				if err == nil {
					got = append(got, text)
				}
			}
			r, err := s.Reply()
			if want == nil && errors.Is(err, io.ErrUnexpectedEOF) {
				return nil
			}
			if err != nil || !slices.Equal(got, want) || r.Text != "hello" || r.Stop != "end" || r.Usage != (grow.TokenUsage{Input: 3, Output: 2}) {
				return fmt.Errorf("%q, %+v: %w", got, r, err)
			}
			return s.Close()
		})
	}
}

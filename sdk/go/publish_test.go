//go:build !wasip1

package grow_test

import (
	"maps"
	"testing"

	grow "github.com/grow-platform/grow/sdk/go"
	"github.com/grow-platform/grow/sdk/go/growtest"
)

func init() {
	grow.OnMessage("publish.ask", func(ctx *grow.Context, m grow.Message) error {
		var subject string
		if err := m.Decode(&subject); err != nil {
			return err
		}
		got, err := ctx.Publish("erp", grow.Publication{Subject: subject, Data: []byte("x"), Headers: map[string]string{"X-A": "b"}})
		if want := (grow.Published{Stream: "ERP", Sequence: 7, Duplicate: true}); err == nil && got != want {
			return grow.Refuse("wrong", got.Stream)
		}
		return err
	})
}

// TestPublish: what is asked for when a message is published, and what is made of the answer.
func TestPublish(t *testing.T) {
	var asked growtest.Request
	h := growtest.New(growtest.Options{Config: config{"EUR"}, Double: func(r growtest.Request) growtest.Answer {
		asked = r
		if r.Attrs["subject"] == "away" {
			return growtest.Answer{Code: "unavailable", Retry: true}
		}
		return growtest.Answer{Attrs: map[string]string{"stream": "ERP", "sequence": "7", "duplicate": "true"}}
	}})
	if got := h.Send("publish.ask", "erp.new"); got.Outcome != growtest.Handled {
		t.Errorf("%+v", got)
	}
	want := map[string]string{"subject": "erp.new", "header.x-a": "b"}
	if asked.Op != "publish" || asked.Use != "erp" || string(asked.Data) != "x" || !maps.Equal(asked.Attrs, want) {
		t.Errorf("%+v", asked)
	}
	if got := h.Send("publish.ask", "away"); got.Outcome != growtest.Later {
		t.Errorf("%+v", got)
	}
}

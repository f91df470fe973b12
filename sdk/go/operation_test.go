//go:build !wasip1

package grow_test

import (
	"maps"
	"testing"

	grow "github.com/grow-platform/grow/sdk/go"
	"github.com/grow-platform/grow/sdk/go/growtest"
)

func init() {
	grow.OnMessage("operation.ask", func(ctx *grow.Context, m grow.Message) error {
		var o grow.Operation
		if err := m.Decode(&o); err != nil {
			return err
		}
		got, err := ctx.HTTPCall("tax", o)
		if err != nil {
			return err
		}
		var into struct{ Rate float64 }
		if err := got.Decode(&into); err != nil || got.Status != 200 || got.Header("etag") != "e" || into.Rate != 0.19 {
			return grow.Refuse("wrong", string(got.Data))
		}
		return nil
	})
}

// TestOperation: what is asked for of an API with a document, and what is made of the answer.
func TestOperation(t *testing.T) {
	var asked growtest.Request
	h := growtest.New(growtest.Options{Config: config{"EUR"}, Double: func(r growtest.Request) growtest.Answer {
		asked = r
		if r.Attrs["operation"] == "wrong" {
			return growtest.Answer{Code: "invalid"}
		}
		return growtest.Answer{Attrs: map[string]string{"status": "200", "header.etag": "e"}, Data: []byte(`{"rate": 0.19}`)}
	}})
	for want, o := range map[string]grow.Operation{
		`{"params":{"country":"DE"}}`:     {ID: "getRate", Params: map[string]any{"country": "DE"}},
		`{"body":{"rate":1},"params":{}}`: {ID: "getRate", Body: map[string]any{"rate": 1}},
	} {
		if got := h.Send("operation.ask", o); got.Outcome != growtest.Handled {
			t.Errorf("%+v", got)
		}
		if asked.Op != "http.call" || asked.Use != "tax" || string(asked.Data) != want || !maps.Equal(asked.Attrs, map[string]string{"operation": "getRate"}) {
			t.Errorf("%+v %s", asked, asked.Data)
		}
	}
	if got := h.Send("operation.ask", grow.Operation{ID: "wrong"}); got.Outcome == growtest.Handled {
		t.Errorf("%+v", got)
	}
}

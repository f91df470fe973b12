//go:build !wasip1

package grow_test

import (
	"testing"

	grow "github.com/grow-platform/grow/sdk/go"
	"github.com/grow-platform/grow/sdk/go/growtest"
)

func init() {
	grow.OnMessage("geo.ask", func(ctx *grow.Context, m grow.Message) error {
		var found struct{ Lat float64 }
		if err := ctx.Ask("geo", "geo.lookup", map[string]string{"name": "Bonn"}, &found); err != nil {
			return err
		}
		if found.Lat != 50.7 {
			return grow.Refuse("wrong", "another place")
		}
		return ctx.Ask("geo", "geo.forget", nil, nil)
	})
}

// TestAsk: what a service is asked for, and what is made of its answers.
func TestAsk(t *testing.T) {
	for answer, want := range map[string]growtest.Outcome{`{"lat": 50.7}`: growtest.Handled, `{`: growtest.Failed, "": growtest.Later} {
		var asked []growtest.Request
		h := growtest.New(growtest.Options{Config: config{"EUR"}, Double: func(r growtest.Request) growtest.Answer {
			asked = append(asked, r)
			if answer == "" {
				return growtest.Answer{Code: "unavailable", Retry: true}
			}
			return growtest.Answer{Data: []byte(answer)}
		}})
		if got := h.Send("geo.ask", ""); got.Outcome != want {
			t.Errorf("%s: %+v", answer, got)
		}
		if r := asked[0]; r.Op != "geo.lookup" || r.Use != "geo" || string(r.Data) != `{"name":"Bonn"}` {
			t.Errorf("%+v", r)
		}
	}
}

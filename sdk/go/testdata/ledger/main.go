// Ledger is the actor that testdata/wat/README.md describes, written with the SDK.
package main

import (
	"encoding/json"

	grow "github.com/grow-platform/grow/sdk/go"
)

type ledger struct {
	Entries []json.RawMessage `json:"entries"`
}

type posted struct {
	Config json.RawMessage `json:"config"`
	Entry  json.RawMessage `json:"entry"`
}

var config json.RawMessage

func init() {
	grow.Init(func(_ *grow.Context, c json.RawMessage) error {
		config = c
		return nil
	})
	grow.On("ledger.post", post)
	grow.OnMessage("ledger.show", show)
	grow.OnMessage("ledger.close", func(*grow.Context, grow.Message) error {
		return grow.Refuse("ledger.closed", "a ledger is never closed")
	})
	grow.OnMessage("*", func(*grow.Context, grow.Message) error {
		return grow.Refuse("ledger.unknown", "no such request to a ledger")
	})
}

func post(ctx *grow.Context, entry json.RawMessage) error {
	var l ledger
	if _, err := ctx.State.Get("", &l); err != nil {
		return err
	}
	l.Entries = append(l.Entries, entry)
	if err := ctx.State.Set("", l); err != nil {
		return err
	}
	ctx.Log.Info("posted", "account", ctx.Message().Key())
	return ctx.Send("ledger.posted", posted{config, entry})
}

func show(ctx *grow.Context, _ grow.Message) error {
	l := ledger{Entries: []json.RawMessage{}}
	if _, err := ctx.State.Get("", &l); err != nil {
		return err
	}
	return ctx.Send("ledger.shown", l)
}

func main() {}

package main

import (
	_ "embed"

	grow "github.com/grow-platform/grow/sdk/go"
)

//go:embed greeting.txt
var greeting string

type hello struct {
	Name string `json:"name"`
}

func init() {
	grow.On("hello", func(ctx *grow.Context, h hello) error {
		return ctx.Send("greeting", greeting+h.Name)
	})
}

func main() {}

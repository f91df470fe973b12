package main

import (
	"example.com/lib"
	grow "github.com/grow-platform/grow/sdk/go"
)

func init() {
	grow.On("order", func(ctx *grow.Context, n float64) error { return ctx.Send("due", lib.Due(n)) })
}

func main() {}

package main

import (
	"example.com/shop/price"
	grow "github.com/grow-platform/grow/sdk/go"
)

func init() {
	grow.On("order", func(ctx *grow.Context, n float64) error { return ctx.Send("due", price.Due(n)) })
}

func main() {}

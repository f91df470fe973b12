// Command grow-weather is grow with the kind weather.
package main

import (
	_ "example.com/weather"
	"github.com/grow-platform/grow/cmd/grow/command"
)

func main() { command.Main() }

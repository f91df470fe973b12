// Command grow makes, runs and looks after services of message-passing actors. All of it
// is package command, so that a binary with further kinds of capabilities can be made.
package main

import "github.com/grow-platform/grow/cmd/grow/command"

func main() { command.Main() }

package main

import "context"

func (v *visit) repl(context.Context, string) error { return usage("none yet") }

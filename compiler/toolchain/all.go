package toolchain

import "context"

// All looks for the tools of every language, for grow doctor: Go's first, then
// Rust's. It starts them to ask for their versions, each at most AskTimeout long.
func All(ctx context.Context) []Finding {
	_, found := FindGo(ctx, "")
	_, rust := FindRust(ctx, "")
	return append([]Finding{found}, rust...)
}

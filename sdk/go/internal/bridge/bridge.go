// Package bridge joins the SDK to its host: to the imports and exports of the
// ABI when it runs as WebAssembly, to package growtest when it runs natively.
package bridge

// Handle and Start are what the exports grow_handle and grow_init run. Package
// grow sets them; they are variables so that growtest reaches them without
// package grow exporting them to actors.
var (
	// Handle handles the message in frame. The answer is valid until the next
	// call; a non-nil error means that the message failed and says why.
	Handle func(frame []byte) (answer []byte, err error)
	// Start takes the grow.init message.
	Start func(frame []byte) error
)

// Package toolchain finds the compilers that a machine has, tells what is
// missing and which command gets it, and runs them.
package toolchain

// Finding is what was found out about one tool.
type Finding struct {
	Name    string `json:"name"`              // "go", "rustc", "rust target wasm32-unknown-unknown"
	Version string `json:"version,omitempty"` // as the tool gives it: "1.26.8"
	Path    string `json:"path,omitempty"`    // of the program, or of the folder that holds what was looked for
	OK      bool   `json:"ok"`                // good enough to build with
	Problem string `json:"problem,omitempty"` // what is wrong, when not OK
	Fix     string `json:"fix,omitempty"`     // the command, or the advice, that mends it
}

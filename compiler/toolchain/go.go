package toolchain

import (
	"context"
	"go/version"
	"os/exec"
	"strings"
)

// GoMin is the oldest Go that builds actors: the first one whose
// //go:wasmexport and -buildmode=c-shared work for wasip1.
const GoMin = "go1.24"

const goFix = "install Go 1.24 or newer and put its bin folder into PATH (https://go.dev/doc/install)"

// Go is a Go toolchain that is good enough.
type Go struct {
	Path    string // of the go command
	Version string // "go1.26.8"
	Root    string // GOROOT
}

// FindGo asks the go command in PATH, as it would run in the folder dir.
func FindGo(ctx context.Context, dir string) (Go, Finding) {
	f := Finding{Name: "go"}
	path, err := exec.LookPath("go")
	if err != nil {
		f.Problem, f.Fix = "not found in PATH", goFix
		return Go{}, f
	}
	f.Path = path
	said, err := Ask(ctx, Command{Path: path, Args: []string{"env", "GOVERSION", "GOROOT"}, Dir: dir})
	if err != nil {
		f.Problem, f.Fix = err.Error(), goFix
		return Go{}, f
	}
	release, root, _ := strings.Cut(said, "\n")
	// A development version ("devel go1.27-abc") is as new as it says it is.
	release = strings.TrimPrefix(release, "devel ")
	f.Version = strings.TrimPrefix(release, "go")
	if clean, _, _ := strings.Cut(release, "-"); version.Compare(clean, GoMin) < 0 {
		f.Problem, f.Fix = "older than 1.24, which is needed to export functions to Wasm", goFix
		return Go{}, f
	}
	f.OK = true
	return Go{Path: path, Version: release, Root: strings.TrimSpace(root)}, f
}

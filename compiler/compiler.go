// Package compiler turns the sources of an actor into a Wasm module. It holds
// the contract; each language is a package below it that registers itself:
//
//	import _ "github.com/grow-platform/grow/compiler/rust"
//
//	c, ok := compiler.For("rust")
//	result, err := c.Build(ctx, compiler.Source{…})
//
// A build is incremental: a digest over sources, SDK, options and toolchain is
// kept beside the module, and while it stays the same no tool is started. What
// the tools themselves keep (crates, objects, a standard library) goes to the
// user's cache, never into the service's folder.
package compiler

import (
	"context"
	"sort"
	"sync"
	"time"

	"github.com/grow-platform/grow/compiler/toolchain"
)

// Source says what to build.
type Source struct {
	Dir      string // absolute path of the service's folder; diagnostics are relative to it
	Actor    string // name of the actor
	Language string // as in actor.yaml: go, rust, python, wasm
	Path     string // absolute path of the source folder, or of the .wasm file
	Out      string // absolute path of the module to write; its folder is made when missing
	Debug    bool   // keep names, lines and types for the debugger
	// In is what types of messages the actor takes by its definition; nil: that is not
	// known. Languages whose sources say so are held against it.
	In []string
	// Progress takes what the tools say while they work, one line at a time
	// without its line break, and what the build does before them. It is called
	// from one goroutine at a time and must not block for long. nil: nobody asks.
	Progress func(line string)
}

// Say gives line to Progress when somebody asks for it.
func (s Source) Say(line string) {
	if s.Progress != nil {
		s.Progress(line)
	}
}

// Result is a module that was built, or found to be up to date.
type Result struct {
	Module string        // path of the module: Source.Out
	Digest string        // of the module: "sha256:" and 64 hex digits
	Cached bool          // nothing had changed and no tool was started
	Took   time.Duration // from call to return, waiting for other builds included
	Log    string        // what the tools printed, warnings for instance; at most LogMax bytes
}

// Compiler builds the modules of one language. It is safe for concurrent use,
// by several processes too: builds that share a folder of the cache wait for
// each other.
type Compiler interface {
	// Language is the name by which actor.yaml asks for this compiler.
	Language() string
	// Build makes the module of s. It ends with ctx, and the tools it started
	// end with it. Its errors are of type *[Error].
	Build(ctx context.Context, s Source) (Result, error)
	// Check looks for the tools that Build needs, for grow doctor. It changes
	// nothing and fetches nothing.
	Check(ctx context.Context) []toolchain.Finding
}

// Fetcher is what compilers implement that fetch packages with a tool of the
// user's, which not all actors need.
type Fetcher interface {
	// CheckFetch looks for the tool, and says whether the actors with these source
	// folders need it. Like Check it changes nothing.
	CheckFetch(ctx context.Context, sources []string) (found toolchain.Finding, needed bool)
}

var registry struct {
	sync.RWMutex
	compilers map[string]Compiler
}

// Register makes c known by its language. The language packages call it from
// init; a second compiler for a language is a mistake of the program and panics.
func Register(c Compiler) {
	registry.Lock()
	defer registry.Unlock()
	if registry.compilers == nil {
		registry.compilers = map[string]Compiler{}
	}
	if _, taken := registry.compilers[c.Language()]; taken {
		panic("compiler: register " + c.Language() + ": registered already")
	}
	registry.compilers[c.Language()] = c
}

// For returns the compiler of a language, and whether this program has one.
func For(language string) (Compiler, bool) {
	registry.RLock()
	defer registry.RUnlock()
	c, ok := registry.compilers[language]
	return c, ok
}

// Languages returns the names of all languages that For knows, in order.
func Languages() []string {
	registry.RLock()
	defer registry.RUnlock()
	names := make([]string, 0, len(registry.compilers))
	for name := range registry.compilers {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

package admission

import (
	"errors"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm"
)

// Next says what to do about a module that is refused.
func Next(e *engine.Error) string {
	var of *wasm.Error
	if !errors.As(e, &of) {
		return nexts[e.Code]
	}
	if next, ok := without[of.Proposal]; ok {
		return next
	}
	if of.Code == wasm.CodeLimit {
		return "make it smaller: optimize it for size, split what is generated; docs/modules.md has the limits"
	}
	return nexts[e.Code]
}

var nexts = map[string]string{
	engine.CodeInvalid: "compile it for wasm32, as a core module; grow build does",
	engine.CodeExport:  "build it with an SDK of grow, or see the actor ABI: abi/README.md",
	engine.CodeImport:  "what an actor needs of the world it asks for by `uses:` and the SDK",
	engine.CodeVersion: "build it with the SDK of this version of grow",
	engine.CodeLimit:   "raise `limits: {memory: …}` in the actor's definition, or make the module smaller",
	engine.CodeFeature: "compile it for core WebAssembly 2.0, without that proposal",
	engine.CodeCompile: "make the module smaller: build it optimized, without debug information, and split functions of thousands of lines",
	engine.CodeRuntime: "build it again with this version of grow: a module is built for one runtime of its language",
	engine.CodeInit:    "the actor's log says why: it was given the config of its node",
}

// without are the ways to compile without a proposal.
var without = map[string]string{
	wasm.ProposalThreads:          "compile it for one thread: without -pthread and with -mno-atomics; for Rust, -C target-feature=-atomics",
	wasm.ProposalTailCall:         "compile it without: -mno-tail-call; for Rust, -C target-feature=-tail-call",
	wasm.ProposalExceptions:       "compile it without exceptions: -fno-exceptions, no setjmp; for Rust, panic = \"abort\"",
	wasm.ProposalLegacyExceptions: "compile it without exceptions: -fno-exceptions, no setjmp; for Rust, panic = \"abort\"",
	wasm.ProposalTypedReferences:  "compile it to linear memory, without typed references",
	wasm.ProposalGC:               "compile it to linear memory: the garbage collection of Wasm is not there, that of the language's own runtime may be",
	wasm.ProposalMemory64:         "compile it for wasm32 instead of wasm64",
	wasm.ProposalMultiMemory:      "link it into one memory",
	wasm.ProposalExtendedConst:    "compile it without: -mno-extended-const; for Rust, -C target-feature=-extended-const",
	wasm.ProposalRelaxedSIMD:      "compile it without: -mno-relaxed-simd; for Rust, -C target-feature=-relaxed-simd. Other SIMD is accepted",
	wasm.ProposalPageSizes:        "link it with pages of 64 KiB",
	wasm.ProposalWideArithmetic:   "compile it without: -mno-wide-arithmetic; for Rust, -C target-feature=-wide-arithmetic",
}

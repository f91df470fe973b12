package wasm

import "fmt"

// The proposals that grow does not accept and can tell.
const (
	threads        = "threads"
	tailCall       = "tail-call"
	exceptions     = "exception-handling"
	legacyEH       = "exception-handling in its legacy form"
	typedRefs      = "typed function references"
	gc             = "garbage collection"
	memory64       = "memory64"
	multiMemory    = "multi-memory"
	extendedConst  = "extended constant expressions"
	relaxedSIMD    = "relaxed SIMD"
	pageSizes      = "custom page sizes"
	stackSwitching = "stack switching"
	wideArithmetic = "wide arithmetic"
	stringRefs     = "reference-typed strings"
	memoryControl  = "memory control"
	halfPrecision  = "half precision"
	sharedAll      = "shared-everything threads"
)

// feature fails because of something that belongs to a proposal.
func (c *cursor) feature(at int, format, proposal string, args ...any) {
	c.fail(CodeFeature, at, "%s belongs to the proposal %s, which grow does not accept", fmt.Sprintf(format, args...), proposal)
}

// stranger is an instruction or a type of a proposal.
type stranger struct{ name, proposal string }

// strangers are the instructions of one byte that proposals bring.
var strangers = map[Op]stranger{
	0x06: {"try", legacyEH}, 0x07: {"catch", legacyEH}, 0x09: {"rethrow", legacyEH},
	0x18: {"delegate", legacyEH}, 0x19: {"catch_all", legacyEH},
	0x08: {"throw", exceptions}, 0x0a: {"throw_ref", exceptions}, 0x1f: {"try_table", exceptions},
	0x12: {"return_call", tailCall}, 0x13: {"return_call_indirect", tailCall},
	0x14: {"call_ref", typedRefs}, 0x15: {"return_call_ref", typedRefs},
	0xd4: {"ref.as_non_null", typedRefs}, 0xd5: {"br_on_null", typedRefs}, 0xd6: {"br_on_non_null", typedRefs},
	0xd3: {"ref.eq", gc},
	0xe0: {"cont.new", stackSwitching}, 0xe1: {"cont.bind", stackSwitching}, 0xe2: {"suspend", stackSwitching},
	0xe3: {"resume", stackSwitching}, 0xe4: {"resume_throw", stackSwitching},
	0xe5: {"resume_throw_ref", stackSwitching}, 0xe6: {"switch", stackSwitching},
	0xfc12: {"memory.discard", memoryControl},
	0xfc13: {"i64.add128", wideArithmetic}, 0xfc14: {"i64.sub128", wideArithmetic},
	0xfc15: {"i64.mul_wide_s", wideArithmetic}, 0xfc16: {"i64.mul_wide_u", wideArithmetic},
}

// foreign refuses an instruction that core 2.0 does not have.
func (c *cursor) foreign(in *Instr) {
	if c.err != nil {
		return
	}
	if s, ok := strangers[in.Op]; ok {
		c.feature(in.At, "the instruction %s", s.proposal, s.name)
		return
	}
	switch in.Op {
	case prefixGC:
		n := c.u32()
		proposal := gc
		if n >= 0x80 {
			proposal = stringRefs
		}
		c.feature(in.At, "the instruction %#x %d", proposal, prefixGC, n)
	case prefixThreads:
		n := c.u32()
		proposal := threads
		if n > 0x4e {
			proposal = sharedAll
		}
		c.feature(in.At, "the instruction %#x %d", proposal, prefixThreads, n)
	case prefixVector:
		proposal := relaxedSIMD
		if in.Index >= 0x120 {
			proposal = halfPrecision
		}
		c.feature(in.At, "the instruction %#x %d", proposal, prefixVector, in.Index)
	default:
		c.unknown(in)
	}
}

func (c *cursor) unknown(in *Instr) {
	switch {
	case in.Op == prefixMisc:
		c.invalid(in.At, "there is no instruction %#x %d", prefixMisc, in.Index)
	case in.Op > 0xff:
		c.invalid(in.At, "there is no instruction %#x %d", uint32(in.Op>>8), byte(in.Op))
	default:
		c.invalid(in.At, "there is no instruction %#x", uint32(in.Op))
	}
}

// strangeTypes are the types that proposals bring, by their byte.
var strangeTypes = map[byte]stranger{
	0x64: {"a reference that is never null", typedRefs}, 0x63: {"a reference to a type", typedRefs},
	0x6e: {"anyref", gc}, 0x6d: {"eqref", gc}, 0x6c: {"i31ref", gc}, 0x6b: {"structref", gc}, 0x6a: {"arrayref", gc},
	0x71: {"nullref", gc}, 0x72: {"nullexternref", gc}, 0x73: {"nullfuncref", gc},
	0x69: {"exnref", exceptions}, 0x74: {"nullexnref", exceptions},
	0x68: {"contref", stackSwitching}, 0x75: {"nullcontref", stackSwitching},
	0x67: {"stringref", stringRefs}, 0x65: {"a shared type", sharedAll},
}

// strangeForms are what proposals define in the type section besides functions.
var strangeForms = map[byte]stranger{
	0x5f: {"a structure type", gc}, 0x5e: {"an array type", gc}, 0x50: {"a type with subtypes", gc},
	0x4f: {"a final type with subtypes", gc}, 0x4e: {"a group of recursive types", gc},
	0x5d: {"a continuation type", stackSwitching}, 0x65: {"a shared type", sharedAll},
}

package wasm

import "fmt"

// The proposals that grow does not accept and can tell, for Proposal of [Error].
const (
	ProposalThreads          = "threads"
	ProposalTailCall         = "tail-call"
	ProposalExceptions       = "exception-handling"
	ProposalLegacyExceptions = "exception-handling in its legacy form"
	ProposalTypedReferences  = "typed function references"
	ProposalGC               = "garbage collection"
	ProposalMemory64         = "memory64"
	ProposalMultiMemory      = "multi-memory"
	ProposalExtendedConst    = "extended constant expressions"
	ProposalRelaxedSIMD      = "relaxed SIMD"
	ProposalPageSizes        = "custom page sizes"
	ProposalStackSwitching   = "stack switching"
	ProposalWideArithmetic   = "wide arithmetic"
	ProposalStringReferences = "reference-typed strings"
	ProposalMemoryControl    = "memory control"
	ProposalHalfPrecision    = "half precision"
	ProposalSharedEverything = "shared-everything threads"
)

// feature fails because of something that belongs to a proposal.
func (c *cursor) feature(at int, format, proposal string, args ...any) {
	if c.err == nil {
		c.fail(CodeFeature, at, "%s belongs to the proposal %s, which grow does not accept", fmt.Sprintf(format, args...), proposal)
		c.err.Proposal = proposal
	}
}

// stranger is an instruction or a type of a proposal.
type stranger struct{ name, proposal string }

// strangers are the instructions of one byte that proposals bring.
var strangers = map[Op]stranger{
	0x06: {"try", ProposalLegacyExceptions}, 0x07: {"catch", ProposalLegacyExceptions}, 0x09: {"rethrow", ProposalLegacyExceptions},
	0x18: {"delegate", ProposalLegacyExceptions}, 0x19: {"catch_all", ProposalLegacyExceptions},
	0x08: {"throw", ProposalExceptions}, 0x0a: {"throw_ref", ProposalExceptions}, 0x1f: {"try_table", ProposalExceptions},
	0x12: {"return_call", ProposalTailCall}, 0x13: {"return_call_indirect", ProposalTailCall},
	0x14: {"call_ref", ProposalTypedReferences}, 0x15: {"return_call_ref", ProposalTypedReferences},
	0xd4: {"ref.as_non_null", ProposalTypedReferences}, 0xd5: {"br_on_null", ProposalTypedReferences}, 0xd6: {"br_on_non_null", ProposalTypedReferences},
	0xd3: {"ref.eq", ProposalGC},
	0xe0: {"cont.new", ProposalStackSwitching}, 0xe1: {"cont.bind", ProposalStackSwitching}, 0xe2: {"suspend", ProposalStackSwitching},
	0xe3: {"resume", ProposalStackSwitching}, 0xe4: {"resume_throw", ProposalStackSwitching},
	0xe5: {"resume_throw_ref", ProposalStackSwitching}, 0xe6: {"switch", ProposalStackSwitching},
	0xfc12: {"memory.discard", ProposalMemoryControl},
	0xfc13: {"i64.add128", ProposalWideArithmetic}, 0xfc14: {"i64.sub128", ProposalWideArithmetic},
	0xfc15: {"i64.mul_wide_s", ProposalWideArithmetic}, 0xfc16: {"i64.mul_wide_u", ProposalWideArithmetic},
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
		proposal := ProposalGC
		if n >= 0x80 {
			proposal = ProposalStringReferences
		}
		c.feature(in.At, "the instruction %#x %d", proposal, prefixGC, n)
	case prefixThreads:
		n := c.u32()
		proposal := ProposalThreads
		if n > 0x4e {
			proposal = ProposalSharedEverything
		}
		c.feature(in.At, "the instruction %#x %d", proposal, prefixThreads, n)
	case prefixVector:
		proposal := ProposalRelaxedSIMD
		if in.Index >= 0x120 {
			proposal = ProposalHalfPrecision
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
	0x64: {"a reference that is never null", ProposalTypedReferences}, 0x63: {"a reference to a type", ProposalTypedReferences},
	0x6e: {"anyref", ProposalGC}, 0x6d: {"eqref", ProposalGC}, 0x6c: {"i31ref", ProposalGC}, 0x6b: {"structref", ProposalGC}, 0x6a: {"arrayref", ProposalGC},
	0x71: {"nullref", ProposalGC}, 0x72: {"nullexternref", ProposalGC}, 0x73: {"nullfuncref", ProposalGC},
	0x69: {"exnref", ProposalExceptions}, 0x74: {"nullexnref", ProposalExceptions},
	0x68: {"contref", ProposalStackSwitching}, 0x75: {"nullcontref", ProposalStackSwitching},
	0x67: {"stringref", ProposalStringReferences}, 0x65: {"a shared type", ProposalSharedEverything},
}

// strangeForms are what proposals define in the type section besides functions.
var strangeForms = map[byte]stranger{
	0x5f: {"a structure type", ProposalGC}, 0x5e: {"an array type", ProposalGC}, 0x50: {"a type with subtypes", ProposalGC},
	0x4f: {"a final type with subtypes", ProposalGC}, 0x4e: {"a group of recursive types", ProposalGC},
	0x5d: {"a continuation type", ProposalStackSwitching}, 0x65: {"a shared type", ProposalSharedEverything},
}

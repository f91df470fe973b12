package dap

import (
	"context"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/go-dap"

	"github.com/grow-platform/grow/runtime/debug"
)

// Limits of what is asked for at once.
const (
	memoryMax       = 1 << 20 // bytes
	instructionsMax = 10_000
)

// address reads a reference to memory, and what is added to it.
func address(reference string, offset int) (uint64, error) {
	number, _, _ := strings.Cut(reference, "@")
	n, err := strconv.ParseUint(number, 0, 64)
	if err != nil {
		return 0, fault(codeArguments, "memoryReference %q: want a number, as in 0x1000", excerpt(reference))
	}
	at := n + uint64(offset)
	if offset < 0 && at > n || offset > 0 && at < n {
		return 0, fault(codeArguments, "memoryReference %s with offset %d lies outside memory", excerpt(reference), offset)
	}
	return at, nil
}

// memoryOf is the thread whose memory a reference is of: the one it was shown of, or, of a
// number alone, the only one that stands still.
func (s *server) memoryOf(reference string) (thread int, err error) {
	if _, of, ok := strings.Cut(reference, "@"); ok {
		if thread, err = strconv.Atoi(of); err != nil {
			return 0, fault(codeArguments, "memoryReference %q: want one that was shown, or a number", excerpt(reference))
		}
		return thread, nil
	}
	frame, err := s.inFrame(0)
	return frame.thread, err
}

func (s *server) readMemory(ctx context.Context, a dap.ReadMemoryArguments) (dap.ResponseMessage, error) {
	at, err := address(a.MemoryReference, a.Offset)
	if err != nil {
		return nil, err
	}
	if a.Count < 0 || a.Count > memoryMax {
		return nil, fault(codeLimit, "readMemory: count %d: up to %d bytes are read at once", a.Count, memoryMax)
	}
	thread, err := s.memoryOf(a.MemoryReference)
	if err != nil {
		return nil, err
	}
	answer := &dap.ReadMemoryResponse{}
	err = s.session.With(ctx, thread, func(h debug.Halt) error {
		p, err := h.Memory(at, a.Count)
		answer.Body = dap.ReadMemoryResponseBody{
			Address: fmt.Sprintf("%#x", at), Data: base64.StdEncoding.EncodeToString(p), UnreadableBytes: a.Count - len(p),
		}
		return err
	})
	return answer, err
}

func (s *server) writeMemory(ctx context.Context, a dap.WriteMemoryArguments) (dap.ResponseMessage, error) {
	at, err := address(a.MemoryReference, a.Offset)
	if err != nil {
		return nil, err
	}
	p, err := base64.StdEncoding.DecodeString(a.Data)
	if err != nil {
		return nil, fault(codeArguments, "writeMemory: data is not in base64: %v", err)
	}
	if len(p) > memoryMax {
		return nil, fault(codeLimit, "writeMemory: %d bytes: up to %d are written at once", len(p), memoryMax)
	}
	thread, err := s.memoryOf(a.MemoryReference)
	if err != nil {
		return nil, err
	}
	answer := &dap.WriteMemoryResponse{}
	answer.Body.BytesWritten = len(p)
	return answer, s.session.With(ctx, thread, func(h debug.Halt) error { return h.WriteMemory(at, p) })
}

// none is an instruction where there is none.
var none = dap.DisassembledInstruction{Address: "0x0", Instruction: "(none)"}

func (s *server) disassemble(ctx context.Context, a dap.DisassembleArguments) (dap.ResponseMessage, error) {
	if a.InstructionCount < 0 || a.InstructionCount > instructionsMax || a.InstructionOffset < -instructionsMax || a.InstructionOffset > instructionsMax {
		return nil, fault(codeLimit, "disassemble: up to %d instructions are shown at once", instructionsMax)
	}
	if a.Offset != 0 {
		return nil, fault(codeUnsupported, "disassemble: offset counts bytes; instructions are found by instructionOffset")
	}
	at, ok := s.handles.findPlace(a.MemoryReference)
	if !ok {
		return nil, fault(codeUnknown, "disassemble: memoryReference %q is where no frame is: take a frame's instructionPointerReference", excerpt(a.MemoryReference))
	}
	answer := &dap.DisassembleResponse{}
	list := make([]dap.DisassembledInstruction, 0, a.InstructionCount)
	err := s.session.With(ctx, at.thread, func(h debug.Halt) error {
		got, err := h.Instructions(at.frame, a.InstructionOffset, a.InstructionCount)
		for _, i := range got {
			shown := dap.DisassembledInstruction{Address: fmt.Sprintf("%#x", i.Address), Instruction: i.Text}
			if i.Text == "" {
				shown = none
			}
			if i.File != "" {
				shown.Location, shown.Line = s.source(i.File), s.handles.line(i.Line)
			}
			list = append(list, shown)
		}
		return err
	})
	for len(list) < a.InstructionCount { // as many as were asked for, the protocol says
		list = append(list, none)
	}
	answer.Body.Instructions = list
	return answer, err
}

package dap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-dap"

	"github.com/grow-platform/grow/runtime/debug"
)

// onWrite is the only access that data breakpoints stop at.
const onWrite dap.DataBreakpointAccessType = "write"

// onStack is what the name of a data breakpoint ends with where its memory is a function's.
var onStack = map[bool]string{true: "s"}

// dataInfo says what a data breakpoint on a variable is to be called; nil: it can have
// none, and why.
func (s *server) dataInfo(ctx context.Context, a dap.DataBreakpointInfoArguments) (dap.ResponseMessage, error) {
	answer := &dap.DataBreakpointInfoResponse{}
	v, thread, err := s.named(ctx, a)
	switch {
	case err != nil:
		return nil, err
	case v.Memory == 0 || v.Bytes < 1:
		answer.Body.Description = a.Name + " does not lie in memory"
	case v.Bytes > debug.DataBytesMax:
		answer.Body.Description = fmt.Sprintf("%s has %d bytes: up to %d are watched; choose a part of it", a.Name, v.Bytes, debug.DataBytesMax)
	default:
		answer.Body.DataId, answer.Body.Description = fmt.Sprintf("%#x/%d@%d%s", v.Memory, v.Bytes, thread, onStack[v.Stack]), fmt.Sprintf("%s, %d bytes at %#x", a.Name, v.Bytes, v.Memory)
		answer.Body.AccessTypes = []dap.DataBreakpointAccessType{onWrite}
	}
	return answer, nil
}

// named is a variable by its name, or the value of an expression, and the thread that it
// was looked at in.
func (s *server) named(ctx context.Context, a dap.DataBreakpointInfoArguments) (v debug.Variable, thread int, err error) {
	if a.VariablesReference == 0 {
		at, err := s.inFrame(a.FrameId)
		if err != nil {
			return v, 0, err
		}
		err = s.session.With(ctx, at.thread, func(h debug.Halt) (err error) {
			v, err = h.Evaluate(at.frame, a.Name)
			return err
		})
		return v, at.thread, err
	}
	of, err := s.handles.findVariable(a.VariablesReference)
	if err != nil {
		return v, 0, err
	}
	err = s.session.With(ctx, of.thread, func(h debug.Halt) error {
		all, err := h.Children(of.reference, 0, 0)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(child debug.Variable) bool { return child.Name == a.Name })
		if i < 0 {
			return fmt.Errorf("variable %s: %w", excerpt(a.Name), debug.ErrUnknown)
		}
		v = all[i]
		return nil
	})
	return v, of.thread, err
}

func (s *server) setData(a dap.SetDataBreakpointsArguments) (dap.ResponseMessage, error) {
	answer := &dap.SetDataBreakpointsResponse{}
	answer.Body.Breakpoints = []dap.Breakpoint{}
	list := make([]debug.DataBreakpoint, len(a.Breakpoints))
	for i, b := range a.Breakpoints {
		x := &list[i]
		x.Stack = strings.HasSuffix(b.DataId, onStack[true])
		x.When = debug.When{Condition: b.Condition, Hit: b.HitCondition}
		if _, err := fmt.Sscanf(b.DataId, "%v/%d@%d", &x.Address, &x.Bytes, &x.Thread); err != nil || b.AccessType != "" && b.AccessType != onWrite {
			return nil, fault(codeArguments, "setDataBreakpoints: %q, access %q: take what dataBreakpointInfo says", excerpt(b.DataId), excerpt(string(b.AccessType)))
		}
	}
	for _, b := range s.session.SetData(list) {
		answer.Body.Breakpoints = append(answer.Body.Breakpoints, s.breakpoint(b, 0))
	}
	return answer, nil
}

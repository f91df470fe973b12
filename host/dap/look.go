package dap

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/go-dap"

	"github.com/grow-platform/grow/runtime/debug"
)

// framesMax is how many frames are listed at once.
const framesMax = 1000

func (s *server) stackTrace(ctx context.Context, a dap.StackTraceArguments) (dap.ResponseMessage, error) {
	answer := &dap.StackTraceResponse{}
	answer.Body.StackFrames = []dap.StackFrame{}
	if a.StartFrame < 0 || a.Levels < 0 {
		return nil, fault(codeArguments, "stackTrace: startFrame and levels are not negative")
	}
	levels := a.Levels
	if levels == 0 || levels > framesMax {
		levels = framesMax
	}
	err := s.session.With(ctx, a.ThreadId, func(h debug.Halt) error {
		answer.Body.TotalFrames = h.Depth()
		frames, err := h.Frames(a.StartFrame, levels)
		if err != nil {
			return err
		}
		for i, f := range frames {
			shown, err := s.stackFrame(frameHandle{a.ThreadId, a.StartFrame + i}, f)
			if err != nil {
				return err
			}
			answer.Body.StackFrames = append(answer.Body.StackFrames, shown)
		}
		return nil
	})
	return answer, err
}

func (s *server) stackFrame(at frameHandle, f debug.Frame) (dap.StackFrame, error) {
	place := ""
	if f.Address != 0 {
		place = fmt.Sprintf("%#x", f.Address)
	}
	id, err := s.handles.frame(at, place)
	if err != nil {
		return dap.StackFrame{}, err
	}
	out := dap.StackFrame{Id: id, Name: f.Function, InstructionPointerReference: place}
	if f.File != "" {
		out.Source, out.Line, out.Column = s.source(f.File), s.handles.line(f.Line), s.handles.column(f.Column)
	}
	if f.Inlined {
		out.Name += " (inlined)"
	}
	if !f.Own {
		out.PresentationHint = "subtle"
	}
	return out, nil
}

func (s *server) scopes(ctx context.Context, a dap.ScopesArguments) (dap.ResponseMessage, error) {
	answer := &dap.ScopesResponse{}
	answer.Body.Scopes = []dap.Scope{}
	at, err := s.handles.findFrame(a.FrameId)
	if err != nil {
		return nil, err
	}
	err = s.session.With(ctx, at.thread, func(h debug.Halt) error {
		list, err := h.Scopes(at.frame)
		if err != nil {
			return err
		}
		for i, v := range list {
			id, err := s.handles.variable(at, v)
			if err != nil {
				return err
			}
			scope := dap.Scope{Name: v.Name, VariablesReference: id, NamedVariables: v.Named, IndexedVariables: v.Indexed, Expensive: v.Lazy}
			if i == 0 {
				scope.PresentationHint = "locals"
			}
			answer.Body.Scopes = append(answer.Body.Scopes, scope)
		}
		return nil
	})
	return answer, err
}

func (s *server) variables(ctx context.Context, a dap.VariablesArguments) (dap.ResponseMessage, error) {
	answer := &dap.VariablesResponse{}
	answer.Body.Variables = []dap.Variable{}
	of, err := s.handles.findVariable(a.VariablesReference)
	if err != nil {
		return nil, err
	}
	start, count := a.Start, a.Count
	if start < 0 || count < 0 {
		return nil, fault(codeArguments, "variables: start and count are not negative")
	}
	// Where both are known, those with names come first.
	switch {
	case a.Filter == "named" && of.indexed > 0:
		if start >= of.named {
			return answer, nil
		}
		if count == 0 || count > of.named-start {
			count = of.named - start
		}
	case a.Filter == "indexed" && of.named+of.indexed > 0:
		if of.indexed == 0 {
			return answer, nil
		}
		start += of.named
	}
	if count == 0 || count > debug.ChildrenMax {
		count = debug.ChildrenMax
	}
	err = s.session.With(ctx, of.thread, func(h debug.Halt) error {
		list, err := h.Children(of.reference, start, count)
		if err != nil {
			return err
		}
		for _, v := range list {
			shown, err := s.variable(of.frameHandle, v)
			if err != nil {
				return err
			}
			answer.Body.Variables = append(answer.Body.Variables, shown)
		}
		return nil
	})
	return answer, err
}

// variable shows a variable.
func (s *server) variable(at frameHandle, v debug.Variable) (dap.Variable, error) {
	id, err := s.handles.variable(at, v)
	out := dap.Variable{
		Name: v.Name, Type: v.Type, Value: value(v), EvaluateName: v.Path,
		VariablesReference: id, NamedVariables: v.Named, IndexedVariables: v.Indexed,
		MemoryReference: memoryReference(at.thread, v),
	}
	if v.Fault != "" {
		out.PresentationHint = &dap.VariablePresentationHint{Attributes: []string{"readOnly"}}
	} else if v.Lazy && id != 0 {
		out.PresentationHint = &dap.VariablePresentationHint{Lazy: true}
	}
	return out, err
}

func value(v debug.Variable) string {
	if v.Fault != "" {
		return "<" + v.Fault + ">"
	}
	return v.Value
}

func (s *server) setVariable(ctx context.Context, a dap.SetVariableArguments) (dap.ResponseMessage, error) {
	answer := &dap.SetVariableResponse{}
	of, err := s.handles.findVariable(a.VariablesReference)
	if err != nil {
		return nil, err
	}
	err = s.session.With(ctx, of.thread, func(h debug.Halt) error {
		v, err := h.Set(of.frame, of.reference, a.Name, a.Value)
		if err != nil {
			return err
		}
		b := &answer.Body
		b.Value, b.Type, b.NamedVariables, b.IndexedVariables = value(v), v.Type, v.Named, v.Indexed
		b.VariablesReference, err = s.handles.variable(of.frameHandle, v)
		return err
	})
	return answer, err
}

// inFrame is the frame that a client means: the one it names, or, at a prompt with
// none, the innermost of the only thread that stands still.
func (s *server) inFrame(id int) (frameHandle, error) {
	if id != 0 {
		return s.handles.findFrame(id)
	}
	found := 0
	for _, t := range s.session.Threads() {
		if t.Stopped {
			if found != 0 {
				return frameHandle{}, fault(codeArguments, "several threads stand still: choose a frame of one")
			}
			found = t.ID
		}
	}
	if found == 0 {
		return frameHandle{}, fault(codeRunning, "nothing stands still: pause a thread, or wait for a breakpoint, to evaluate")
	}
	return frameHandle{thread: found}, nil
}

func (s *server) evaluate(ctx context.Context, a dap.EvaluateArguments) (dap.ResponseMessage, error) {
	answer := &dap.EvaluateResponse{}
	if a.Context == "hover" { // a look changes nothing
		if !debug.IsPath(a.Expression) {
			return nil, fault(codeUnsupported, "only variables and their parts are shown under the pointer")
		}
	}
	if len(a.Expression) > debug.ConditionMax {
		return nil, fault(codeLimit, "the expression is longer than %d bytes", debug.ConditionMax)
	}
	at, err := s.inFrame(a.FrameId)
	if err != nil {
		return nil, err
	}
	err = s.session.With(ctx, at.thread, func(h debug.Halt) error {
		v, err := h.Evaluate(at.frame, a.Expression)
		if err != nil {
			return err
		}
		b := &answer.Body
		b.Result, b.Type, b.NamedVariables, b.IndexedVariables, b.MemoryReference = value(v), v.Type, v.Named, v.Indexed, memoryReference(at.thread, v)
		b.VariablesReference, err = s.handles.variable(at, v)
		return err
	})
	return answer, err
}

// setExpression sets what a path names: a variable, or a part of one.
func (s *server) setExpression(ctx context.Context, a dap.SetExpressionArguments) (dap.ResponseMessage, error) {
	answer := &dap.SetExpressionResponse{}
	at, err := s.inFrame(a.FrameId)
	if err != nil {
		return nil, err
	}
	err = s.session.With(ctx, at.thread, func(h debug.Halt) error {
		of, name, err := owner(h, at.frame, strings.TrimSpace(a.Expression))
		if err != nil {
			return err
		}
		v, err := h.Set(at.frame, of, name, a.Value)
		if err != nil {
			return err
		}
		b := &answer.Body
		b.Value, b.Type, b.NamedVariables, b.IndexedVariables = value(v), v.Type, v.Named, v.Indexed
		b.VariablesReference, err = s.handles.variable(at, v)
		return err
	})
	return answer, err
}

// owner finds of what a path names a part, and which: by the paths that the variables
// of its scopes have, and those of the parts of what it begins with.
func owner(h debug.Halt, frame int, expression string) (debug.Reference, string, error) {
	scopes, err := h.Scopes(frame)
	if err != nil {
		return 0, "", err
	}
	var among []debug.Reference
	for _, scope := range scopes {
		among = append(among, scope.Children)
	}
	if cut := strings.LastIndexAny(expression, ".["); cut > 0 {
		v, err := h.Evaluate(frame, expression[:cut])
		if err != nil {
			return 0, "", err
		}
		among = []debug.Reference{v.Children}
	}
	for _, r := range among {
		if r == 0 {
			continue
		}
		for start := 0; start < partsMax; start += debug.ChildrenMax {
			parts, err := h.Children(r, start, debug.ChildrenMax)
			if err != nil {
				return 0, "", err
			}
			for _, v := range parts {
				if v.Path == expression || v.Path != "" && quotes.Replace(v.Path) == quotes.Replace(expression) {
					return r, v.Name, nil
				}
			}
			if len(parts) < debug.ChildrenMax {
				break
			}
		}
	}
	return 0, "", fault(codeUnknown, "%s: names no variable, nor a part of one", excerpt(expression))
}

// quotes makes paths the same that are, whichever quotes the keys of a map stand in.
var quotes = strings.NewReplacer(`"`, `'`)

// partsMax is how many parts of a variable are looked through for one that is set.
const partsMax = 20 * debug.ChildrenMax

// completionsMax is how many names are offered.
const completionsMax = 200

// completions offers the variables in a frame whose names begin as what is before the
// cursor does.
func (s *server) completions(ctx context.Context, a dap.CompletionsArguments) (dap.ResponseMessage, error) {
	answer := &dap.CompletionsResponse{}
	answer.Body.Targets = []dap.CompletionItem{}
	at, err := s.inFrame(a.FrameId)
	if err != nil {
		return answer, nil //nolint:nilerr // nothing stands still: there is nothing to offer
	}
	before := []rune(a.Text)
	if column := a.Column - s.handles.column(0); column >= 0 && column < len(before) {
		before = before[:column]
	}
	prefix := string(before)
	prefix = prefix[1+strings.LastIndexAny(prefix, " \t()+-*/<>=!&|,:{"):]
	base, part := "", prefix
	if cut := strings.LastIndexByte(prefix, '.'); cut > 0 {
		base, part = prefix[:cut], prefix[cut+1:]
	}
	err = s.session.With(ctx, at.thread, func(h debug.Halt) error {
		var among []debug.Variable
		var err error
		if base == "" {
			among, err = h.Scopes(at.frame)
		} else if debug.IsPath(base) {
			var v debug.Variable
			v, err = h.Evaluate(at.frame, base)
			among = []debug.Variable{v}
		}
		if err != nil {
			return nil // what is not there has no parts to offer
		}
		for _, of := range among {
			if of.Children == 0 {
				continue
			}
			parts, err := h.Children(of.Children, 0, debug.ChildrenMax)
			if err != nil {
				return err
			}
			for _, v := range parts {
				if strings.HasPrefix(v.Name, part) && len(answer.Body.Targets) < completionsMax {
					answer.Body.Targets = append(answer.Body.Targets, dap.CompletionItem{Label: v.Name, Type: "variable", Length: len([]rune(part)), Start: s.handles.column(1 + len(before) - len([]rune(part)))})
				}
			}
		}
		return nil
	})
	return answer, err
}

func (s *server) exceptionInfo(a dap.ExceptionInfoArguments) (dap.ResponseMessage, error) {
	by, ok := s.handles.findRaised(a.ThreadId)
	if !ok {
		return nil, fault(codeUnknown, "thread %d was not stopped by an exception", a.ThreadId)
	}
	answer := &dap.ExceptionInfoResponse{}
	kind, _, _ := strings.Cut(by.text, ":")
	answer.Body.ExceptionId, answer.Body.Description, answer.Body.BreakMode = kind, by.text, by.mode
	return answer, nil
}

package dap

import (
	"fmt"
	"strings"

	"github.com/google/go-dap"

	"github.com/grow-platform/grow/runtime/debug"
)

func (s *server) setBreakpoints(a dap.SetBreakpointsArguments) (dap.ResponseMessage, error) {
	answer := &dap.SetBreakpointsResponse{}
	answer.Body.Breakpoints = []dap.Breakpoint{}
	lines := a.Breakpoints
	if lines == nil {
		for _, line := range a.Lines {
			lines = append(lines, dap.SourceBreakpoint{Line: line})
		}
	}
	list := make([]debug.Breakpoint, len(lines))
	for i, b := range lines {
		list[i] = debug.Breakpoint{Line: s.handles.fromLine(b.Line), When: debug.When{Condition: b.Condition, Hit: b.HitCondition, Log: b.LogMessage}}
	}
	file, err := s.file(&a.Source)
	if err != nil { // not refused: editors set the breakpoints of all files they have open
		for _, b := range lines {
			answer.Body.Breakpoints = append(answer.Body.Breakpoints, dap.Breakpoint{Line: b.Line, Message: err.Error()})
		}
		return answer, nil
	}
	for i, b := range s.session.SetBreakpoints(file, list) {
		answer.Body.Breakpoints = append(answer.Body.Breakpoints, s.breakpoint(b, list[i].Line))
	}
	return answer, nil
}

// breakpoint shows what became of one that was to lie on a line; 0: in a function.
func (s *server) breakpoint(b debug.Bound, line int) dap.Breakpoint {
	out := dap.Breakpoint{Id: b.ID, Verified: b.Err == nil}
	if b.Position.File != "" {
		out.Source, out.Line = s.source(b.File), s.handles.line(b.Line)
	}
	switch {
	case b.Err != nil:
		out.Message = b.Err.Error()
	case line != 0 && line != b.Line:
		out.Message = "there is no code on that line: the breakpoint is on the next that has some"
	}
	return out
}

func (s *server) setFunctions(a dap.SetFunctionBreakpointsArguments) (dap.ResponseMessage, error) {
	answer := &dap.SetFunctionBreakpointsResponse{}
	answer.Body.Breakpoints = []dap.Breakpoint{}
	list := make([]debug.FunctionBreakpoint, len(a.Breakpoints))
	for i, b := range a.Breakpoints {
		list[i] = debug.FunctionBreakpoint{Name: b.Name, When: debug.When{Condition: b.Condition, Hit: b.HitCondition}}
	}
	for _, b := range s.session.SetFunctions(list) {
		answer.Body.Breakpoints = append(answer.Body.Breakpoints, s.breakpoint(b, 0))
	}
	return answer, nil
}

func (s *server) setInstructions(a dap.SetInstructionBreakpointsArguments) (dap.ResponseMessage, error) {
	answer := &dap.SetInstructionBreakpointsResponse{}
	answer.Body.Breakpoints = []dap.Breakpoint{}
	list := make([]debug.InstructionBreakpoint, len(a.Breakpoints))
	for i, b := range a.Breakpoints {
		at, err := address(b.InstructionReference, b.Offset)
		if err != nil {
			return nil, err
		}
		list[i] = debug.InstructionBreakpoint{Address: at, When: debug.When{Condition: b.Condition, Hit: b.HitCondition}}
	}
	bound, at := s.session.SetInstructions(list)
	for i, b := range bound {
		shown := s.breakpoint(b, 0)
		if b.Err == nil {
			shown.InstructionReference = fmt.Sprintf("%#x", at[i])
		}
		if b.Err == nil && at[i] != list[i].Address {
			shown.Message = "nobody can be stopped at that instruction: the breakpoint is on the next of the function that one can be at"
		}
		answer.Body.Breakpoints = append(answer.Body.Breakpoints, shown)
	}
	return answer, nil
}

// setExceptions sets what stops a guest besides places: exceptions, outputs, requests.
// Those that attach's arguments name stay.
func (s *server) setExceptions(a dap.SetExceptionBreakpointsArguments) (dap.ResponseMessage, error) {
	options := a.FilterOptions
	for _, filter := range a.Filters {
		options = append(options, dap.ExceptionFilterOptions{FilterId: filter})
	}
	answer := &dap.SetExceptionBreakpointsResponse{}
	var raised, uncaught bool
	outputs, requests := s.config.Outputs, s.config.Requests
	for _, o := range options {
		b := dap.Breakpoint{Verified: true}
		switch o.FilterId {
		case filterRaised:
			raised = true
		case filterUncaught:
			uncaught = true
		case filterOutput:
			outputs = append(outputs[:len(outputs):len(outputs)], names(o.Condition)...)
		case filterRequest:
			requests = append(requests[:len(requests):len(requests)], names(o.Condition)...)
		default:
			b = dap.Breakpoint{Message: "no such filter: " + excerpt(o.FilterId)}
		}
		answer.Body.Breakpoints = append(answer.Body.Breakpoints, b)
	}
	s.session.SetExceptions(raised, uncaught)
	s.session.SetEvents(outputs, requests)
	return answer, nil
}

// names reads a list of names, with commas or blanks between; of none: all.
func names(list string) []string {
	got := strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' || r == ';' })
	if len(got) == 0 {
		return []string{"*"}
	}
	return got
}

// locationsMax is how many lines are looked through for where breakpoints can be.
const locationsMax = 1000

func (s *server) locations(a *dap.BreakpointLocationsArguments) (dap.ResponseMessage, error) {
	answer := &dap.BreakpointLocationsResponse{}
	answer.Body.Breakpoints = []dap.BreakpointLocation{}
	if a == nil {
		return nil, fault(codeArguments, "breakpointLocations: no source and line are given")
	}
	file, err := s.file(&a.Source)
	if err != nil {
		return answer, nil //nolint:nilerr // no breakpoint can be in another program's file
	}
	first := s.handles.fromLine(a.Line)
	last := first
	if a.EndLine != 0 {
		last = s.handles.fromLine(a.EndLine)
	}
	for line := first; line <= min(last, first+locationsMax); line++ {
		if at, err := s.session.Program().Bind(file, line); err == nil && at.Line == line {
			answer.Body.Breakpoints = append(answer.Body.Breakpoints, dap.BreakpointLocation{Line: s.handles.line(line)})
		}
	}
	return answer, nil
}

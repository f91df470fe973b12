package dap

import (
	"context"

	"github.com/google/go-dap"

	"github.com/grow-platform/grow/runtime/debug"
)

// answer carries out a request.
func (s *server) answer(ctx context.Context, m dap.Message) (dap.ResponseMessage, error) {
	switch r := m.(type) {
	case *dap.InitializeRequest:
		return s.initialize(r)
	case *dap.AttachRequest:
		return &dap.AttachResponse{}, s.attach(ctx, "attach", r.Arguments)
	case *dap.LaunchRequest:
		return &dap.LaunchResponse{}, s.attach(ctx, "launch", r.Arguments)
	case *dap.ConfigurationDoneRequest:
		return s.configurationDone()
	case *dap.TerminateRequest:
		s.session.End("terminated by its client")
		s.leave() // before the answer: who attaches next finds nobody
		return &dap.TerminateResponse{}, nil
	case *dap.DisconnectRequest:
		s.phase = ended
		s.leave()
		return &dap.DisconnectResponse{}, nil
	case *dap.SetBreakpointsRequest:
		return s.setBreakpoints(r.Arguments)
	case *dap.SetFunctionBreakpointsRequest:
		return s.setFunctions(r.Arguments)
	case *dap.SetDataBreakpointsRequest:
		return s.setData(r.Arguments)
	case *dap.SetInstructionBreakpointsRequest:
		return s.setInstructions(r.Arguments)
	case *dap.SetExceptionBreakpointsRequest:
		return s.setExceptions(r.Arguments)
	case *dap.BreakpointLocationsRequest:
		return s.locations(r.Arguments)
	case *dap.SourceRequest:
		return s.text(r.Arguments)
	case *dap.LoadedSourcesRequest:
		return s.loaded(), nil
	}
	return s.run(ctx, m)
}

// run carries out requests that let threads go on, and those that stop them.
func (s *server) run(ctx context.Context, m dap.Message) (dap.ResponseMessage, error) {
	switch r := m.(type) {
	case *dap.ThreadsRequest:
		return s.threads(), nil
	case *dap.ContinueRequest:
		return &dap.ContinueResponse{}, s.resume(r.Arguments.ThreadId, debug.Continue)
	case *dap.NextRequest:
		return &dap.NextResponse{}, s.resume(r.Arguments.ThreadId, debug.Over)
	case *dap.StepInRequest:
		return &dap.StepInResponse{}, s.resume(r.Arguments.ThreadId, debug.In)
	case *dap.StepOutRequest:
		return &dap.StepOutResponse{}, s.resume(r.Arguments.ThreadId, debug.Out)
	case *dap.PauseRequest:
		return &dap.PauseResponse{}, s.pause(r.Arguments.ThreadId)
	case *dap.GotoRequest, *dap.GotoTargetsRequest:
		return nil, fault(codeUnsupported, "goto: a guest's code cannot be entered at another place; to run to a line, set a breakpoint there and continue")
	case *dap.StepBackRequest, *dap.ReverseContinueRequest, *dap.RestartFrameRequest, *dap.RestartRequest:
		return nil, fault(codeUnsupported, "a guest does not go back; to run a recorded message again from its start, debug it by its id")
	}
	return s.look(ctx, m)
}

// look carries out requests that look at a thread which stands still.
func (s *server) look(ctx context.Context, m dap.Message) (dap.ResponseMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, AskMax)
	defer cancel()
	switch r := m.(type) {
	case *dap.StackTraceRequest:
		return s.stackTrace(ctx, r.Arguments)
	case *dap.ScopesRequest:
		return s.scopes(ctx, r.Arguments)
	case *dap.VariablesRequest:
		return s.variables(ctx, r.Arguments)
	case *dap.SetVariableRequest:
		return s.setVariable(ctx, r.Arguments)
	case *dap.SetExpressionRequest:
		return s.setExpression(ctx, r.Arguments)
	case *dap.DataBreakpointInfoRequest:
		return s.dataInfo(ctx, r.Arguments)
	case *dap.EvaluateRequest:
		return s.evaluate(ctx, r.Arguments)
	case *dap.CompletionsRequest:
		return s.completions(ctx, r.Arguments)
	case *dap.ExceptionInfoRequest:
		return s.exceptionInfo(r.Arguments)
	case *dap.ReadMemoryRequest:
		return s.readMemory(ctx, r.Arguments)
	case *dap.WriteMemoryRequest:
		return s.writeMemory(ctx, r.Arguments)
	case *dap.DisassembleRequest:
		return s.disassemble(ctx, r.Arguments)
	}
	return nil, fault(codeUnsupported, "grow's debugger has no request %q", m.(dap.RequestMessage).GetRequest().Command)
}

// Idle is the thread that a client is shown while nothing is handled: pausing it stops
// the next message.
const Idle = 1<<31 - 1

func (s *server) threads() dap.ResponseMessage {
	t := &dap.ThreadsResponse{}
	for _, thread := range s.session.Threads() {
		t.Body.Threads = append(t.Body.Threads, dap.Thread{Id: thread.ID, Name: thread.Name})
	}
	if len(t.Body.Threads) == 0 {
		t.Body.Threads = []dap.Thread{{Id: Idle, Name: "waits for a message"}}
	}
	return t
}

func (s *server) resume(thread int, how debug.Step) error {
	if thread == Idle {
		return debug.ErrThread
	}
	for _, t := range s.session.Threads() {
		if t.ID == thread && t.Stopped {
			s.handles.drop(thread)
		}
	}
	return s.session.Resume(thread, how)
}

func (s *server) pause(thread int) error {
	if thread == Idle {
		thread = 0
	}
	return s.session.Pause(thread)
}

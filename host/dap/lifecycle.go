package dap

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/google/go-dap"

	"github.com/grow-platform/grow/runtime/debug"
)

// config is what the arguments of attach and launch say to this server; Options.Attach
// reads others.
type config struct {
	// StopOnEntry stops the next message at the first statement of the actor's own code.
	StopOnEntry bool `json:"stopOnEntry"`
	// Sources is the client's folder that relative names of sources are in; "": the
	// client is given the sources that are embedded.
	Sources string `json:"sources"`
	// Folders are such folders by actor, for a client that does not say which it is of: a
	// message says by itself whose it was.
	Folders map[string]string `json:"folders"`
	// Outputs and Requests stop on outputs of a type, on operations of capabilities.
	Outputs  []string `json:"outputs"`
	Requests []string `json:"requests"`
}

// order refuses a request that comes too early or twice.
func (s *server) order(command string) error {
	needs := attached
	switch command {
	case "initialize":
		if s.phase != fresh {
			return fault(codeOrder, "initialize was sent before")
		}
		return nil
	case "attach", "launch":
		if s.phase >= attached {
			return fault(codeOrder, "%s: something is debugged here already; another session wants another connection", command)
		}
		needs = greeted
	case "disconnect":
		return nil
	case "configurationDone":
		if s.phase == configured {
			return fault(codeOrder, "configurationDone was sent before")
		}
	}
	switch {
	case s.phase == fresh:
		return fault(codeOrder, "%s: initialize comes first", command)
	case s.phase < needs:
		return fault(codeOrder, "%s: attach or launch comes first, then the event initialized", command)
	}
	return nil
}

// Filters of exceptions, which stand for outputs and requests too.
const (
	filterRaised   = "raised"
	filterUncaught = "uncaught"
	filterOutput   = "output"
	filterRequest  = "request"
)

func (s *server) initialize(r *dap.InitializeRequest) (dap.ResponseMessage, error) {
	if p := r.Arguments.PathFormat; p != "" && p != "path" {
		return nil, fault(codeUnsupported, "initialize: pathFormat %q: grow's debugger knows \"path\"", excerpt(p))
	}
	s.handles.base(r.Arguments.LinesStartAt1, r.Arguments.ColumnsStartAt1)
	s.phase = greeted
	return &dap.InitializeResponse{Body: dap.Capabilities{
		SupportsConfigurationDoneRequest:   true,
		SupportsFunctionBreakpoints:        true,
		SupportsConditionalBreakpoints:     true,
		SupportsHitConditionalBreakpoints:  true,
		SupportsLogPoints:                  true,
		SupportsBreakpointLocationsRequest: true,
		SupportsExceptionFilterOptions:     true,
		SupportsExceptionInfoRequest:       true,
		SupportsEvaluateForHovers:          true,
		SupportsCompletionsRequest:         true,
		SupportsSetVariable:                true,
		SupportsSetExpression:              true,
		SupportsDelayedStackTraceLoading:   true,
		SupportsLoadedSourcesRequest:       true,
		SupportsReadMemoryRequest:          true,
		SupportsWriteMemoryRequest:         true,
		SupportsDisassembleRequest:         true,
		SupportsInstructionBreakpoints:     true,
		SupportsDataBreakpoints:            true,
		SupportsTerminateRequest:           true,
		SupportsCancelRequest:              true,
		ExceptionBreakpointFilters: []dap.ExceptionBreakpointsFilter{
			{Filter: filterUncaught, Label: "Uncaught exceptions and traps", Default: true},
			{Filter: filterRaised, Label: "Raised exceptions"},
			{Filter: filterOutput, Label: "Outputs", SupportsCondition: true, ConditionDescription: "types, as in order.placed, order.refused; none: all"},
			{Filter: filterRequest, Label: "Capability requests", SupportsCondition: true, ConditionDescription: "operations, as in http.get; none: all"},
		},
	}}, nil
}

// attach opens what a client wants to debug.
func (s *server) attach(ctx context.Context, how string, arguments json.RawMessage) error {
	args := map[string]any{}
	if len(arguments) > 0 {
		if err := json.Unmarshal(arguments, &args); err != nil {
			return fault(codeArguments, "%s: its arguments are to be an object: %v", how, err)
		}
		if err := json.Unmarshal(arguments, &s.config); err != nil {
			return fault(codeArguments, "%s: %v", how, err)
		}
	}
	if args == nil {
		args = map[string]any{}
	}
	args["request"] = how
	session, target, err := s.options.Attach(ctx, args)
	if err != nil {
		var f *Fault
		if errors.As(err, &f) {
			return f
		}
		return fault(codeAttach, "%v", err)
	}
	s.session, s.target, s.phase = session, target, attached
	if named, ok := target.(Named); ok && s.config.Sources == "" {
		s.config.Sources = s.config.Folders[named.Actor()]
	}
	s.session.SetEvents(s.config.Outputs, s.config.Requests)
	s.work.Go(func() { s.forward(session) })
	return nil
}

// after does what follows the answer to a request.
func (s *server) after(ctx context.Context, m dap.Message) {
	switch m.(type) {
	case *dap.AttachRequest, *dap.LaunchRequest:
		for _, note := range s.session.Program().Notes() {
			s.say("console", note)
		}
		s.send(&dap.InitializedEvent{Event: event("initialized")})
	case *dap.ConfigurationDoneRequest:
		if starter, ok := s.target.(Starter); ok {
			if err := starter.Start(); err != nil {
				s.session.End("could not be started: " + err.Error())
			}
		}
	}
}

func (s *server) configurationDone() (dap.ResponseMessage, error) {
	s.phase = configured
	if s.config.StopOnEntry {
		if err := s.session.Pause(0); err != nil {
			return nil, err
		}
	}
	return &dap.ConfigurationDoneResponse{}, nil
}

// forward tells a client what a session has to say, until that has ended.
func (s *server) forward(session *debug.Session) {
	for {
		select {
		case e := <-session.Events():
			s.tell(e)
			continue
		default:
		}
		select {
		case e := <-session.Events():
			s.tell(e)
		case <-session.Done():
			for {
				select {
				case e := <-session.Events():
					s.tell(e)
					continue
				default:
				}
				s.send(&dap.TerminatedEvent{Event: event("terminated")})
				return
			}
		}
	}
}

// tell hands on one event.
func (s *server) tell(e debug.Event) {
	switch e.Kind {
	case debug.Stopped:
		description := "Paused on " + string(e.Reason)
		if e.Reason == debug.ReasonOutput || e.Reason == debug.ReasonRequest || e.Reason == debug.ReasonException {
			mode := dap.ExceptionBreakMode("always")
			if e.Uncaught {
				mode = "unhandled"
			}
			s.handles.raise(e.Thread, raised{e.Text, mode})
		}
		s.send(&dap.StoppedEvent{Event: event("stopped"), Body: dap.StoppedEventBody{
			Reason: string(e.Reason), Description: description, ThreadId: e.Thread, Text: e.Text, HitBreakpointIds: e.Breakpoints,
		}})
	case debug.Continued:
		s.handles.drop(e.Thread)
		s.say("important", e.Text)
		s.send(&dap.ContinuedEvent{Event: event("continued"), Body: dap.ContinuedEventBody{ThreadId: e.Thread}})
	case debug.Started, debug.Ended:
		reason := "started"
		if e.Kind == debug.Ended {
			reason = "exited"
		}
		s.send(&dap.ThreadEvent{Event: event("thread"), Body: dap.ThreadEventBody{Reason: reason, ThreadId: e.Thread}})
	case debug.Output:
		o := &dap.OutputEvent{Event: event("output"), Body: dap.OutputEventBody{Category: "console", Output: e.Text + "\n"}}
		if e.Position.File != "" {
			o.Body.Source, o.Body.Line = s.source(e.Position.File), s.handles.line(e.Position.Line)
		}
		s.send(o)
	case debug.Terminated:
		if e.Text != "" {
			s.say("important", e.Text)
		}
	}
}

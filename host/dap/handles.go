package dap

import (
	"fmt"
	"slices"
	"sync"

	"github.com/google/go-dap"

	"github.com/grow-platform/grow/runtime/debug"
)

// handles are the numbers by which a client names frames and variables, and how it
// counts. Numbers are not used twice. They are safe for concurrent use.
type handles struct {
	mu              sync.Mutex
	last            int
	frames          map[int]frameHandle
	variables       map[int]variableHandle
	places          map[string]frameHandle // frames by their address
	raised          map[int]raised         // what threads were stopped by
	unlisted        []string               // files that the program does not list, and frames are in
	lines0, column0 bool                   // the client counts from 0
}

// frameHandle is a frame of a thread that stands still.
type frameHandle struct{ thread, frame int }

// variableHandle is a variable with parts.
type variableHandle struct {
	frameHandle
	reference      debug.Reference
	named, indexed int
}

func (h *handles) init() {
	h.frames, h.variables = map[int]frameHandle{}, map[int]variableHandle{}
	h.places, h.raised = map[string]frameHandle{}, map[int]raised{}
}

// base sets how the client counts lines and columns. It is called before others.
func (h *handles) base(lines1, columns1 bool) { h.lines0, h.column0 = !lines1, !columns1 }

// line is a line as the client counts; fromLine the other way.
func (h *handles) line(n int) int {
	if h.lines0 && n > 0 {
		return n - 1
	}
	return n
}

func (h *handles) fromLine(n int) int {
	if h.lines0 {
		return n + 1
	}
	return n
}

// column is a column as the client counts: its first where none is known.
func (h *handles) column(n int) int {
	n = max(n, 1)
	if h.column0 {
		return n - 1
	}
	return n
}

// frame numbers a frame.
func (h *handles) frame(f frameHandle, place string) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id, err := h.number()
	if err != nil {
		return 0, err
	}
	h.frames[id] = f
	if place != "" {
		h.places[place] = f
	}
	return id, nil
}

// variable numbers what parts a variable has; 0: none.
func (h *handles) variable(f frameHandle, v debug.Variable) (int, error) {
	if v.Children == 0 {
		return 0, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	id, err := h.number()
	if err != nil {
		return 0, err
	}
	h.variables[id] = variableHandle{f, v.Children, v.Named, v.Indexed}
	return id, nil
}

func (h *handles) number() (int, error) {
	if len(h.frames)+len(h.variables) >= HandlesMax {
		return 0, fault(codeLimit, "%d frames and variables have been shown: go on with a thread to see others", HandlesMax)
	}
	h.last++
	return h.last, nil
}

func (h *handles) findFrame(id int) (frameHandle, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, ok := h.frames[id]
	if !ok {
		return f, fault(codeUnknown, "frame %d is not there: its thread has gone on", id)
	}
	return f, nil
}

func (h *handles) findVariable(id int) (variableHandle, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v, ok := h.variables[id]
	if !ok {
		return v, fault(codeUnknown, "variable %d is not there: its thread has gone on", id)
	}
	return v, nil
}

func (h *handles) findPlace(place string) (frameHandle, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, ok := h.places[place]
	return f, ok
}

// unlistedMax is how many files are told apart that a program does not list.
const unlistedMax = 1000

// unlist numbers a file that the program does not list, from 0; -1: there are too many.
func (h *handles) unlist(file string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := slices.Index(h.unlisted, file)
	if n < 0 && len(h.unlisted) < unlistedMax {
		n, h.unlisted = len(h.unlisted), append(h.unlisted, file)
	}
	return n
}

func (h *handles) findUnlisted(n int) (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n < 0 || n >= len(h.unlisted) {
		return "", false
	}
	return h.unlisted[n], true
}

// raised is what a thread was stopped by.
type raised struct {
	text string
	mode dap.ExceptionBreakMode
}

// raise keeps what a thread was stopped by, until it goes on.
func (h *handles) raise(thread int, by raised) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.raised[thread] = by
}

func (h *handles) findRaised(thread int) (raised, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	by, ok := h.raised[thread]
	return by, ok
}

// memoryReference is the reference of a variable's memory, which is its thread's; "": it has none.
// Instances of a module have the same addresses.
func memoryReference(thread int, v debug.Variable) string {
	if v.Memory == 0 {
		return ""
	}
	return fmt.Sprintf("%#x@%d", v.Memory, thread)
}

// drop forgets a thread's frames and variables: it goes on.
func (h *handles) drop(thread int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.raised, thread)
	for id, f := range h.frames {
		if f.thread == thread {
			delete(h.frames, id)
		}
	}
	for id, v := range h.variables {
		if v.thread == thread {
			delete(h.variables, id)
		}
	}
	for place, f := range h.places {
		if f.thread == thread {
			delete(h.places, place)
		}
	}
}

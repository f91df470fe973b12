package toy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"maps"
	"slices"
	"strconv"

	"github.com/grow-platform/grow/runtime/debug"
)

// halt is a guest that stands still.
type halt struct {
	guest *Guest
	cause debug.Cause
	text  string
	parts []part // by Reference - 1
}

// part is something with children: a list, a record, or a group of variables.
type part struct {
	value any
	path  string
	vars  *frame
}

func (h *halt) Cause() debug.Cause { return h.cause }

func (h *halt) Text() string { return h.text }

func (h *halt) Position() debug.Position {
	return h.guest.program.position(h.guest.program.code[h.frame(0).at])
}

func (h *halt) Depth() int { return len(h.guest.frames) }

// frame is the nth, innermost first.
func (h *halt) frame(n int) *frame { return h.guest.frames[len(h.guest.frames)-1-n] }

func (h *halt) has(frame int) error {
	if frame < 0 || frame >= h.Depth() {
		return fmt.Errorf("frame %d: %w", frame, debug.ErrUnknown)
	}
	return nil
}

func (h *halt) Frames(start, n int) ([]debug.Frame, error) {
	var list []debug.Frame
	for i := start; i < min(start+n, h.Depth()); i++ {
		f := h.frame(i)
		at := h.guest.program.position(h.guest.program.code[f.at])
		list = append(list, debug.Frame{Function: f.function.name, Position: at, Own: f.function.name != "library", Address: address(f.at)})
	}
	return list, nil
}

func (h *halt) Scopes(frame int) ([]debug.Variable, error) {
	if err := h.has(frame); err != nil {
		return nil, err
	}
	f := h.frame(frame)
	return []debug.Variable{
		{Name: "Locals", Children: h.reference(part{vars: f}), Named: len(f.names)},
		{Name: "Globals", Children: h.reference(part{value: h.guest.globals}), Named: len(h.guest.globals), Lazy: true},
	}, nil
}

func (h *halt) reference(p part) debug.Reference {
	h.parts = append(h.parts, p)
	return debug.Reference(len(h.parts))
}

func (h *halt) Children(r debug.Reference, start, n int) ([]debug.Variable, error) {
	if r < 1 || int(r) > len(h.parts) {
		return nil, fmt.Errorf("reference %d: %w", r, debug.ErrUnknown)
	}
	var list []debug.Variable
	switch p := h.parts[r-1]; v := p.value.(type) {
	case []any:
		for i := start; i < len(v) && (n == 0 || i < start+n) && len(list) < debug.ChildrenMax; i++ {
			list = append(list, h.variable(fmt.Sprintf("[%d]", i), v[i], fmt.Sprintf("%s[%d]", p.path, i)))
		}
		return list, nil
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			path := name
			if p.path != "" {
				path = p.path + "." + name
			}
			list = append(list, h.variable(name, v[name], path))
		}
	default:
		for _, name := range p.vars.names {
			list = append(list, h.variable(name, p.vars.vars[name], name))
		}
	}
	start = min(start, len(list))
	if n == 0 {
		n = len(list)
	}
	return list[start:min(start+n, len(list))], nil
}

func (h *halt) variable(name string, v any, path string) debug.Variable {
	text, _ := json.Marshal(v)
	if len(text) > debug.ValueMax {
		text = append(text[:debug.ValueMax], "..."...)
	}
	out := debug.Variable{Name: name, Value: string(text), Path: path}
	switch v := v.(type) {
	case []any:
		out.Type, out.Indexed, out.Children = "list", len(v), h.reference(part{value: v, path: path})
		out.Memory, out.Bytes = 0x100, 11
	case map[string]any:
		out.Type, out.Named, out.Children = "record", len(v), h.reference(part{value: v, path: path})
	case string:
		out.Type = "string"
	case nil:
		out.Value, out.Fault = "", debug.ErrOptimizedOut.Error()
	default:
		out.Type = fmt.Sprintf("%T", v)
	}
	return out
}

// evaluate is the value of an expression, with nothing reported.
func (h *halt) evaluate(frame int, expression string) (any, error) {
	if err := h.has(frame); err != nil {
		return nil, err
	}
	e, err := parser.ParseExpr(expression)
	if err != nil {
		return nil, fmt.Errorf("%s: not an expression", expression)
	}
	g := h.guest
	frames := slices.Clone(g.frames)
	g.quiet, g.budget = true, truthMax
	defer func() { g.quiet, g.budget, g.frames = false, 0, frames }()
	return g.eval(h.frame(frame), e)
}

func (h *halt) Evaluate(frame int, expression string) (debug.Variable, error) {
	v, err := h.evaluate(frame, expression)
	if err != nil {
		return debug.Variable{}, err
	}
	return h.variable(expression, v, expression), nil
}

func (h *halt) Truth(frame int, expression string) (bool, error) {
	v, err := h.evaluate(frame, expression)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("%s: is no condition but %v", expression, v)
	}
	return b, nil
}

func (h *halt) Set(frame int, r debug.Reference, name, value string) (debug.Variable, error) {
	v, err := h.evaluate(frame, value)
	if err != nil {
		return debug.Variable{}, err
	}
	if r < 1 || int(r) > len(h.parts) {
		return debug.Variable{}, debug.ErrUnknown
	}
	p := h.parts[r-1]
	switch of := p.value.(type) {
	case []any:
		var n int
		if _, err := fmt.Sscanf(name, "[%d]", &n); err != nil || n < 0 || n >= len(of) {
			return debug.Variable{}, debug.ErrUnknown
		}
		of[n] = v
	case map[string]any:
		of[name] = v
	default:
		if _, err := h.guest.name(p.vars, name); err != nil {
			return debug.Variable{}, debug.ErrUnknown
		}
		if err := h.guest.assign(p.vars, ast.NewIdent(name), v); err != nil {
			return debug.Variable{}, err
		}
	}
	return h.variable(name, v, name), nil
}

func (h *halt) Memory(at uint64, n int) ([]byte, error) {
	memory := h.guest.memory
	if at >= uint64(len(memory)) {
		return nil, nil
	}
	return bytes.Clone(memory[at:min(uint64(len(memory)), at+uint64(n))]), nil
}

func (h *halt) WriteMemory(at uint64, p []byte) error {
	if at+uint64(len(p)) > uint64(len(h.guest.memory)) {
		return fmt.Errorf("memory at %#x: %w", at, debug.ErrUnknown)
	}
	copy(h.guest.memory[at:], p)
	return nil
}

// address is where in its imagined module a statement is.
func address(at int) uint64 { return 0x40 + 4*uint64(at) }

func (h *halt) Instructions(frame, offset, n int) ([]debug.Instruction, error) {
	if err := h.has(frame); err != nil {
		return nil, err
	}
	var list []debug.Instruction
	code := h.guest.program.code
	for i := h.frame(frame).at + offset; i < len(code) && len(list) < n; i++ {
		if i >= 0 {
			list = append(list, debug.Instruction{Address: address(i), Text: code[i].kind + " " + strconv.Itoa(code[i].jump), Position: h.guest.program.position(code[i])})
		}
	}
	return list, nil
}

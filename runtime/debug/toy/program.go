// Package toy is a program to try debuggers on: an interpreter of a small
// language, whose guests report as those of real ones do. It has functions,
// recursion, loops, exceptions, records and lists, several statements on a line,
// outputs and requests, a memory and instructions.
//
//	func handle qty          # called with a message
//	  order = record{"qty": qty, "items": list{1, 2}}
//	  while order.qty > 0
//	    order.qty = less(order.qty, 1); note = "less"
//	  end
//	  emit order.done order
//	  ask http.get "/"
//	  try
//	    raise "none left"
//	  catch e
//	  end
//	  return order.qty
//	end
//
// Expressions are Go's: integers, strings, operators, selectors, indexes, calls.
package toy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"slices"
	"strings"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
)

// Program is a parsed source. It is not changed once it was made.
type Program struct {
	file   string
	source []byte
	funcs  map[string]*function
	code   []*statement
}

type function struct {
	name   string
	params []string
	first  int // its first statement
	end    int // its end
	line   int
}

// statement is one instruction of the machine.
type statement struct {
	kind         string // assign, value, while, if, try, catch, raise, return, emit, ask, end
	line, column int
	target, expr ast.Expr
	name         string // of a variable, an output, an operation
	jump         int    // where a block's end is, or, at an end, its beginning
	function     *function
	opens        string // at an end: what it ends
}

// Parse reads a source.
func Parse(file, source string) (*Program, error) {
	p := &Program{file: file, source: []byte(source), funcs: map[string]*function{}}
	r := reader{program: p}
	lines := bufio.NewScanner(strings.NewReader(source))
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		column := 1
		for part := range strings.SplitSeq(text, ";") {
			trimmed := strings.TrimLeft(part, " \t")
			if s := strings.TrimSpace(part); s != "" {
				if err := r.statement(s, n, column+len(part)-len(trimmed)); err != nil {
					return nil, fmt.Errorf("%s:%d: %w", file, n, err)
				}
			}
			column += len(part) + 1
		}
	}
	if len(r.open) > 0 {
		return nil, fmt.Errorf("%s: a block has no end", file)
	}
	return p, nil
}

type reader struct {
	program *Program
	open    []int // blocks, outermost first
	in      *function
}

func (r *reader) statement(text string, line, column int) error {
	p := r.program
	word, rest, _ := strings.Cut(text, " ")
	s := &statement{kind: word, line: line, column: column, function: r.in}
	at := len(p.code)
	var err error
	switch word {
	case "func":
		names := strings.Fields(rest)
		r.in = &function{name: names[0], params: names[1:], first: at, line: line}
		p.funcs[names[0]] = r.in
		return nil
	case "while", "if":
		r.open = append(r.open, at)
		s.expr, err = parser.ParseExpr(rest)
	case "try":
		r.open = append(r.open, at)
	case "catch":
		s.name = rest
		p.code[r.open[len(r.open)-1]].jump = at
		r.open[len(r.open)-1] = at
	case "raise", "return":
		s.expr, err = parser.ParseExpr(rest)
	case "emit", "ask":
		s.name, rest, _ = strings.Cut(rest, " ")
		s.expr, err = parser.ParseExpr(rest)
	case "end":
		if len(r.open) == 0 {
			s.opens, r.in.end = "func", at
			break
		}
		s.jump = r.open[len(r.open)-1]
		s.opens = p.code[s.jump].kind
		p.code[s.jump].jump = at
		r.open = r.open[:len(r.open)-1]
	default:
		left, right, assigned := strings.Cut(text, " = ")
		s.kind = "value"
		if assigned {
			s.kind = "assign"
			if s.target, err = parser.ParseExpr(left); err != nil {
				return err
			}
			left = right
		}
		s.expr, err = parser.ParseExpr(left)
	}
	p.code = append(p.code, s)
	return err
}

// Language implements [debug.Program].
func (p *Program) Language() string { return "toy" }

// Notes implements [debug.Program].
func (p *Program) Notes() []string { return []string{"a toy: nothing is optimised"} }

// Files implements [debug.Program].
func (p *Program) Files() []string { return []string{p.file} }

// Source implements [debug.Program].
func (p *Program) Source(file string) ([]byte, error) {
	if file != p.file {
		return nil, fmt.Errorf("%s: %w", file, debug.ErrUnknown)
	}
	return bytes.Clone(p.source), nil
}

// Bind implements [debug.Program].
func (p *Program) Bind(file string, line int) (debug.Position, error) {
	if file != p.file {
		return debug.Position{}, fmt.Errorf("%s: %w", file, debug.ErrUnknown)
	}
	for _, s := range p.code {
		if s.line >= line && s.function.line <= line {
			return debug.Position{File: file, Line: s.line}, nil
		}
	}
	return debug.Position{}, debug.ErrNoCode
}

// Function implements [debug.Program].
func (p *Program) Function(name string) ([]debug.Position, error) {
	f := p.funcs[name]
	if f == nil {
		return nil, fmt.Errorf("function %s: %w", name, debug.ErrUnknown)
	}
	return []debug.Position{p.position(p.code[f.first])}, nil
}

// Compile implements [debug.Program]: there is no module. See [Program.Guest].
func (p *Program) Compile(context.Context, engine.Engine, engine.Config, debug.Reporter) (engine.Module, error) {
	return nil, debug.ErrUnsupported
}

func (p *Program) position(s *statement) debug.Position {
	return debug.Position{File: p.file, Line: s.line, Column: s.column}
}

// Line is the number of the first line with a text on it.
func (p *Program) Line(text string) int {
	lines := strings.Split(string(p.source), "\n")
	return 1 + slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, text) })
}

package schema

import (
	"fmt"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/scanner"
	"cuelang.org/go/cue/token"
)

// CUE has no budget: 94 bytes can keep it busy for seconds. So what a user
// writes is held to a subset before it is evaluated: no loops, no conditions, no
// computed values, calls of the functions below only, and what references
// and unions could grow to is estimated and bounded.
const (
	nestMax   = 200    // brackets, labels or signs inside each other
	grownMax  = 20_000 // values, with those that references repeat
	unionsMax = 2_000  // alternatives of one value, unions multiplied by &
	chainMax  = 2_500  // values joined by &, | or a dot, one behind the other
	// PatternMax is the length of a regular expression, in bytes.
	PatternMax = 4 << 10
	numberMax  = 400 // digits of a number
)

// imports lists the packages that CUE files may import.
var imports = []string{"list", "math", "net", "regexp", "strings", "time"}

// calls lists the functions that narrow a type and compute nothing.
var calls = map[string]bool{
	"close": true, "matchN": true, "time.Time": true, "time.Format": true, "time.Duration": true,
	"strings.MinRunes": true, "strings.MaxRunes": true, "list.MinItems": true, "list.MaxItems": true,
	"list.UniqueItems": true, "math.MultipleOf": true, "net.IP": true, "net.IPv4": true, "net.URL": true,
}

// nested finds text that would take the parser or CUE too deep. Both call
// themselves for each level, so the text is looked through before.
func nested(src []byte) *Fault {
	var s scanner.Scanner
	file := token.NewFile("", -1, len(src))
	s.Init(file, src, func(token.Pos, string, []any) {}, 0)
	var n nesting
	for {
		pos, tok, lit := s.Scan()
		at := posOf(pos)
		if tok == token.EOF {
			return nil
		}
		if tok == token.INTERPOLATION {
			f := refused(at, `a value inside of text, \(…)`)
			return &f
		}
		if message := n.next(tok, lit); message != "" {
			return &Fault{Pos: at, Code: "spec.limit", Message: message}
		}
	}
}

// nesting counts what stands inside of each other, and one behind the other.
type nesting struct {
	depth, signs, labels, chain int
	last                        token.Token
}

// next counts one token; it returns what is wrong when a limit is passed.
func (n *nesting) next(tok token.Token, lit string) string {
	switch tok {
	case token.LPAREN, token.LBRACK, token.LBRACE:
		n.depth++
	case token.RPAREN, token.RBRACK, token.RBRACE:
		n.depth, n.labels = max(n.depth-1, 0), 0
	}
	switch tok {
	case token.ADD, token.SUB, token.NOT, token.MUL, token.LSS, token.LEQ, token.GTR, token.GEQ, token.NEQ, token.MAT, token.NMAT, token.EQL:
		n.signs++
	default:
		n.signs = 0
	}
	switch tok {
	case token.COLON:
		n.labels++
	case token.IDENT, token.STRING, token.OPTION, token.NOT:
	default:
		n.labels = 0
	}
	switch tok {
	case token.AND, token.OR, token.PERIOD, token.LBRACK, token.LPAREN:
		n.chain++
	case token.COMMA, token.COLON, token.LBRACE, token.RBRACE:
		n.chain = 0
	}
	before := n.last
	n.last = tok
	switch {
	case n.depth > nestMax || n.signs > nestMax || n.labels > nestMax:
		return fmt.Sprintf("values are more than %d levels inside each other", nestMax)
	case n.chain > chainMax:
		return fmt.Sprintf("more than %d values are joined here, one behind the other", chainMax)
	case tok == token.STRING && len(lit) > PatternMax && (before == token.MAT || before == token.NMAT):
		return fmt.Sprintf("a pattern is longer than %d bytes", PatternMax)
	case (tok == token.INT || tok == token.FLOAT) && len(lit) > numberMax:
		return fmt.Sprintf("a number has more than %d digits", numberMax)
	}
	return ""
}

func refused(at Pos, what string) Fault {
	return Fault{Pos: at, Code: "spec.cue", Message: what + " cannot stand in a definition: it computes, and nothing would bound that",
		Hint: "write out what it gives"}
}

func posOf(p token.Pos) Pos { return Pos{p.Line(), p.Column()} }

// guard returns every use of CUE in f that is outside of the subset.
func guard(f *ast.File) []Fault {
	var faults []Fault
	add := func(p token.Pos, what string) { faults = append(faults, refused(posOf(p), what)) }
	ast.Walk(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			faults = append(faults, guardImport(n)...)
			return false
		case *ast.Comprehension:
			for _, clause := range n.Clauses {
				switch clause.(type) {
				case *ast.ForClause:
					add(n.Pos(), "a loop (for)")
				case *ast.IfClause:
					add(n.Pos(), "a condition (if)")
				default:
					continue
				}
				return false
			}
			add(n.Pos(), "this clause")
			return false
		case *ast.Interpolation:
			add(n.Pos(), `a value inside of text, \(…)`)
			return false
		case *ast.BinaryExpr:
			if n.Op != token.AND && n.Op != token.OR {
				f := refused(posOf(n.OpPos), "the operator "+n.Op.String())
				if isWord(n.X) && isWord(n.Y) {
					f.Hint = "text goes in quotes"
				}
				faults = append(faults, f)
				return false
			}
		case *ast.UnaryExpr:
			if n.Op == token.NOT {
				add(n.OpPos, "the operator !")
			}
		case *ast.SliceExpr:
			add(n.Pos(), "a part of a list")
			return false
		case *ast.IndexExpr:
			if _, ok := n.Index.(*ast.BasicLit); !ok {
				add(n.Pos(), "a computed index")
				return false
			}
		case *ast.CallExpr:
			if name := callName(n.Fun); !calls[name] {
				add(n.Pos(), "the function "+name)
				return false
			}
		}
		return true
	}, nil)
	return faults
}

// isWord reports whether x is a word, as in date-time, which was meant to be text.
func isWord(x ast.Expr) bool {
	_, ok := x.(*ast.Ident)
	return ok
}

func callName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		if name, _, err := ast.LabelName(x.Sel); err == nil {
			return callName(x.X) + "." + name
		}
	}
	return "…"
}

func guardImport(s *ast.ImportSpec) []Fault {
	path, err := strconv.Unquote(s.Path.Value)
	if err != nil {
		return nil // the parser says so
	}
	for _, ok := range imports {
		if path == ok {
			return nil
		}
	}
	return []Fault{{Pos: posOf(s.Path.Pos()), Code: "spec.cue", Message: fmt.Sprintf("the package %q cannot be imported", path),
		Hint: "these can: " + strings.Join(imports, ", ")}}
}

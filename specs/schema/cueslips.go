package schema

import (
	"bytes"
	"regexp"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/scanner"
	"cuelang.org/go/cue/token"
)

// cueSlips are lines that people write who know other languages, and what CUE
// has instead. They are looked for in the line that the parser stopped at.
var cueSlips = []struct {
	line    *regexp.Regexp // its first group is where the mistake begins
	message string
	hint    string
}{
	{regexp.MustCompile(`^\s*((?:export\s+)?(?:interface|type|struct|class|enum|message|record)\s+\w+)`), "types are not declared by a word", `write "order.placed": {…} for a message, and #Line: {…} for what several share`},
	{regexp.MustCompile(`^\s*(import)\b`), "imports stand at the top of the file, before the types", ""},
	{regexp.MustCompile(`^\s*(#\s)`), "a comment begins with // here", ""},
	{regexp.MustCompile(`(/\*)`), "a comment begins with // and ends with the line", ""},
	{regexp.MustCompile(`(\[\]\w+|\w+\[\]|(?i:array|list|seq)\s*[<\[(]\s*\w+)`), "this is no list here", "a list of text is written [...string]"},
	{regexp.MustCompile(`((?i:map|dict|record)\s*[<\[(]\s*\w+)`), "this is no map here", "a map of numbers is written {[string]: number}"},
	{regexp.MustCompile(`:.*?\b(enum|oneof|oneOf|in|literal|Literal)\s*[\[(]`), "values to choose from are not written like this", `write "gold" | "none"`},
	{regexp.MustCompile(`^\s*(?:"[^"]*"|\w+)\??\s+((?:required|optional)\b)`), "whether a field must be there is not said by a word", "id!: string must be there, id?: string may be left out"},
	{regexp.MustCompile(`:.*?\b(required|optional|nullable)\b`), "whether a field must be there is not said by a word", "id!: string must be there, id?: string may be left out"},
	{regexp.MustCompile(`^\s*(\w+(?:\.\w+)+)\s*:`), "a name with dots stands in quotes", `write "order.placed": {…}`},
	{regexp.MustCompile(`^\s*(-\s)`), "a list is not written with dashes", "a list of text is written [...string], constants [\"a\", \"b\"]"},
	{regexp.MustCompile(`:\s*(/.+/)`), "a pattern does not stand between slashes", `write =~"^o-"`},
	{regexp.MustCompile(`(;)`), "fields are not ended by ;", "a comma or a new line stands between them"},
	{regexp.MustCompile(`^\s*(\w+)\s+\w+\s*$`), "a name and its type are joined by a colon", "write id!: string"},
}

// slipped puts right what the parser says of a file, where the line tells what
// was meant. Mistakes that only follow from an earlier one are left out.
func slipped(data []byte, faults []Fault) []Fault {
	lines := bytes.Split(data, []byte("\n"))
	var kept []Fault
	for _, f := range faults {
		if n := len(kept); n > 0 && (f.Pos.Line <= kept[n-1].Pos.Line+2 || f.Pos.Line >= len(lines)-1) {
			continue
		}
		// The parser may stop at the first line that it cannot join to the one before.
		if strings.HasSuffix(f.Message, "is missing at the end") {
			f.open(data)
		}
		for _, back := range []int{0, 1} {
			if at := f.Pos.Line - back; at >= 1 && at <= len(lines) && f.slip(string(lines[at-1]), at) {
				break
			}
		}
		kept = append(kept, f)
	}
	return kept
}

// open moves a fault of a bracket that is missing at the end to the one that is not closed.
func (f *Fault) open(data []byte) {
	var s scanner.Scanner
	file := token.NewFile("", -1, len(data))
	s.Init(file, data, func(token.Pos, string, []any) {}, 0)
	var opened []Pos
	for {
		pos, tok, _ := s.Scan()
		switch tok {
		case token.LPAREN, token.LBRACK, token.LBRACE:
			opened = append(opened, posOf(pos))
			continue
		case token.RPAREN, token.RBRACK, token.RBRACE:
			opened = opened[:max(len(opened)-1, 0)]
			continue
		case token.EOF:
		default:
			continue
		}
		if len(opened) > 0 {
			f.Pos, f.Message = opened[len(opened)-1], "this bracket is not closed"
		}
		return
	}
}

func (f *Fault) slip(line string, number int) bool {
	for _, s := range cueSlips {
		if m := s.line.FindStringSubmatchIndex(line); m != nil {
			f.Pos, f.Message, f.Hint = Pos{number, len([]rune(line[:m[2]])) + 1}, s.message, s.hint
			return true
		}
	}
	return false
}

// foreign are names of types in other languages, and what is written here.
var foreign = map[string]string{
	"integer": "int", "long": "int", "short": "int", "bigint": "int", "Integer": "int", "i32": "int32", "i64": "int64", "u32": "uint32", "u64": "uint64",
	"boolean": "bool", "Boolean": "bool",
	"text": "string", "str": "string", "varchar": "string", "char": "string", "String": "string",
	"double": "number", "decimal": "number", "real": "number", "Number": "number", "numeric": "number",
	"any": "_ (any value)", "unknown": "_ (any value)", "Any": "_ (any value)",
	"object": "{...}, or the fields: {id!: string}", "dict": "{[string]: _}", "map": "{[string]: _}", "struct": "{id!: string}", "Object": "{...}",
	"array": "[...string]", "list": "[...string]", "List": "[...string]",
	"undefined": "nothing, and mark the field as optional: id?: string", "nil": "null", "None": "null", "none": "null",
	"True": "true", "False": "false", "yes": "true", "no": "false",
	"timestamp": `time.Time, with import "time" at the top`, "datetime": `time.Time, with import "time" at the top`, "date": `=~"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"`,
	"Date": `time.Time, with import "time" at the top`, "instant": `time.Time, with import "time" at the top`,
	"uuid": `=~"^[0-9a-f-]{36}$"`, "email": `=~"@"`, "url": `net.URL, with import "net" at the top`, "uri": `net.URL, with import "net" at the top`,
	"binary": "string, with base64 in it", "blob": "string, with base64 in it", "byte": "uint8",
}

// foreignSchemas finds JSON Schema that was written into a .cue file, where its words
// would be taken for fields of the message.
func foreignSchemas(f *ast.File) []Fault {
	var faults []Fault
	ast.Walk(f, func(n ast.Node) bool {
		s, ok := n.(*ast.StructLit)
		if !ok {
			return true
		}
		kind, properties := false, false
		for _, d := range s.Elts {
			field, ok := d.(*ast.Field)
			if !ok {
				continue
			}
			name, _, _ := ast.LabelName(field.Label)
			switch v := field.Value.(type) {
			case *ast.StructLit:
				properties = properties || name == "properties"
			case *ast.BasicLit:
				kind = kind || name == "type" && v.Kind == token.STRING && v.Value == `"object"`
			case *ast.Ident:
				kind = kind || name == "type" && v.Name == "object"
			}
		}
		if kind && properties {
			faults = append(faults, Fault{Pos: posOf(s.Pos()), Code: "spec.cue", Message: "is JSON Schema, and this file is CUE",
				Hint: "write the fields themselves, {id!: string, note?: string}, or save the schema as types/NAME.json"})
			return false
		}
		return true
	}, nil)
	return faults
}

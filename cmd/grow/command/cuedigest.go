package command

import (
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/parser"
	"github.com/grow-platform/grow/host/control"
)

// withDigestCUE is withDigest for a definition in CUE.
func withDigestCUE(path string, text []byte, digest string) ([]byte, error) {
	f, err := parser.ParseFile(path, text, parser.ParseComments)
	if err != nil {
		return nil, &control.Error{Code: codeSpecInvalid, Message: "read the definition: " + err.Error(), At: path}
	}
	code := ast.NewStruct(ast.NewIdent("language"), ast.NewString("wasm"), ast.NewIdent("digest"), ast.NewString("sha256:"+digest))
	for i, d := range f.Decls {
		field, ok := d.(*ast.Field)
		if !ok {
			continue
		}
		if name, _, err := ast.LabelName(field.Label); err == nil && name == "code" {
			f.Decls[i] = &ast.Field{Label: ast.NewIdent("code"), Value: code}
			return format.Node(f)
		}
	}
	f.Decls = append(f.Decls, &ast.Field{Label: ast.NewIdent("code"), Value: code})
	return format.Node(f)
}

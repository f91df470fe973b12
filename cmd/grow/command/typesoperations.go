package command

import (
	"fmt"
	"path/filepath"
	"regexp"

	"github.com/grow-platform/grow/compiler/messages"
	"github.com/grow-platform/grow/host/capabilities/http"
	"github.com/grow-platform/grow/host/capabilities/http/openapi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// operationsFileOf is the file of the operations that an actor's grants have from OpenAPI
// documents or by their kinds; one without data when they have none.
func operationsFileOf(dir string, service *specs.Service, a *specs.Actor, lang, folder string) (typesFile, error) {
	f := typesFile{Actor: a.Name, Language: lang, State: typesStale}
	apis, err := apisOf(service, a)
	if err != nil || len(apis) == 0 {
		return f, err
	}
	switch lang {
	case "python":
		f.place = filepath.Join(folder, "operations.py")
		f.data = messages.PythonOperations(a.Name, apis)
	case "go":
		f.place = filepath.Join(folder, "operations.go")
		f.data, err = messages.GoOperations(packageIn(folder), a.Name, apis)
	default:
		f.place = filepath.Join(folder, "operations.rs")
		f.data = messages.RustOperations(a.Name, apis)
	}
	if err != nil {
		return f, fmt.Errorf("operations of actor %s: %w", a.Name, err)
	}
	return f.beside(dir)
}

// apisOf are the grants of an actor that name OpenAPI documents, or whose kinds say what
// their operations take.
func apisOf(service *specs.Service, a *specs.Actor) ([]messages.API, error) {
	var apis []messages.API
	for _, g := range a.Uses {
		if d := capability.Described(g.Kind); d != nil && len(d.Operations) > 0 {
			apis = append(apis, kindAPI(g.Name, d))
		}
		if g.Kind != "http" {
			continue
		}
		list, err := http.Operations(g.Params, service.Dir)
		if err != nil {
			return nil, fmt.Errorf("operations of grant %s: %w", g.Name, err)
		}
		api := messages.API{Grant: g.Name}
		for _, o := range list {
			if op, ok := operationOf(o); ok {
				api.Operations = append(api.Operations, op)
			}
		}
		if len(api.Operations) > 0 {
			apis = append(apis, api)
		}
	}
	return apis, nil
}

// kindAPI are the operations that a kind describes, as a grant has them.
func kindAPI(grant string, d *capability.Description) messages.API {
	api := messages.API{Grant: grant, Asks: true}
	for _, o := range d.Operations {
		op := messages.Operation{ID: o.Name, Name: openapi.Name(o.Name), About: o.About, Stream: pieces[o.Stream]}
		op.Only = op.Stream != messages.NoPieces && o.Answer.Type == nil
		for _, f := range o.Request.Fields {
			op.Params = append(op.Params, messages.Param{Name: f.Name, Type: f.Type, Item: f.Item, Required: f.Needed})
		}
		api.Operations = append(api.Operations, op)
	}
	return api
}

// pieces are what kinds say of streams, as code is written of them.
var pieces = map[capability.Pieces]messages.Pieces{capability.AnswerPieces: messages.AnswerPieces, capability.BothPieces: messages.BothPieces}

// writable are the names of parameters that can stand in the tag of a field.
var writable = regexp.MustCompile(`^[A-Za-z0-9_.$:@\[\]-]+$`)

// operationOf is an operation as code names it; false when a name can be in none.
func operationOf(o *openapi.Operation) (messages.Operation, bool) {
	op := messages.Operation{ID: o.ID, Name: o.Name, About: o.Summary}
	for _, p := range o.Parameters {
		if !writable.MatchString(p.Name) {
			return op, false
		}
		op.Params = append(op.Params, messages.Param{Name: p.Name, Type: p.Type, Item: p.Item, Required: p.Required})
	}
	if o.InPieces() {
		op.Stream = messages.AnswerPieces
	}
	if o.Body != nil {
		op.Body = messages.Optional
		if o.Body.Required {
			op.Body = messages.Needed
		}
	}
	return op, true
}

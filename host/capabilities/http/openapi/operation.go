package openapi

import (
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"
)

// Operation is a request that a document describes.
type Operation struct {
	ID      string // operationId
	Name    string // that as a name in programs: get_rate
	Method  string
	Path    string // with {name} for its parameters
	Summary string // one line, may be ""
	// Parameters in the document's order, those of the path first.
	Parameters []*Parameter
	// Body is what a request carries; nil: nothing.
	Body *Body

	// Accept are the media types of answers, for the header of that name; "": any.
	Accept string
	// AcceptStream are those of answers that are read in pieces: first what is no JSON.
	AcceptStream string

	responses map[string]*response // by status: "200", "2XX", "default"
	check     checker
}

// Parameter is one of a path, a query or the headers.
type Parameter struct {
	Name     string // as requests name it: the document's, or IN.NAME when two have that
	In       string // path, query, header
	Type     string // of its JSON: string, integer, number, boolean, array, object; "": any
	Item     string // of an array's items, likewise
	Required bool
	About    string // one line, may be ""

	wire    string // its name in the request
	schema  *openapi3.Schema
	style   string
	explode bool
	json    bool // it goes as JSON
}

// Body is what a request carries.
type Body struct {
	Required bool
	Media    string // application/json
	schema   *openapi3.Schema
}

// response is what an answer of a status has.
type response struct {
	content map[string]*openapi3.Schema // by media type; a nil schema: anything
	headers []string                    // that it must have
}

// The ways that bodies are written.
const (
	mediaJSON = "application/json"
	mediaForm = "application/x-www-form-urlencoded"
	mediaAny  = "*/*"
)

// compile makes an operation of what a document says of it. Its error says what cannot
// be asked for.
func compile(method, path string, item *openapi3.PathItem, op *openapi3.Operation, check checker) (*Operation, error) {
	if strings.ContainsFunc(op.OperationID, unicode.IsControl) { // it stands in comments of generated code
		return nil, errors.New("its operationId has control characters")
	}
	if strings.ContainsAny(path, "?#") {
		return nil, errors.New("its path has a query or a fragment")
	}
	o := &Operation{ID: op.OperationID, Name: Name(op.OperationID), Method: method, Path: path, Summary: line(op.Summary), check: check}
	if o.Summary == "" {
		o.Summary = line(op.Description)
	}
	if err := o.parameters(slices.Concat(item.Parameters, op.Parameters)); err != nil {
		return nil, err
	}
	if op.RequestBody != nil && op.RequestBody.Value != nil {
		if err := o.body(op.RequestBody.Value); err != nil {
			return nil, err
		}
	}
	o.responses = map[string]*response{}
	for status, ref := range op.Responses.Map() {
		if ref.Value == nil {
			continue
		}
		r := &response{content: map[string]*openapi3.Schema{}}
		for media, c := range ref.Value.Content {
			r.content[mediaType(media)] = schemaOf(c)
		}
		for name, h := range ref.Value.Headers {
			if h.Value != nil && h.Value.Required {
				r.headers = append(r.headers, name)
			}
		}
		slices.Sort(r.headers)
		o.responses[strings.ToUpper(status)] = r
	}
	o.accept()
	return o, nil
}

// accept finds out what answers may be.
func (o *Operation) accept() {
	whole, pieces := map[string]bool{}, map[string]bool{}
	for _, r := range o.responses {
		for media := range r.content {
			if isJSONMedia(media) {
				whole[media] = true
			} else {
				pieces[media] = true
			}
		}
	}
	o.Accept = strings.Join(slices.Sorted(maps.Keys(whole)), ", ")
	o.AcceptStream = strings.Join(append(slices.Sorted(maps.Keys(pieces)), slices.Sorted(maps.Keys(whole))...), ", ")
}

// InPieces reports whether an answer of success may be other than JSON, and so be read in
// pieces as it comes.
func (o *Operation) InPieces() bool {
	listed, pieces := false, false
	for status, r := range o.responses {
		if status[0] == '2' {
			listed, pieces = true, pieces || r.inPieces()
		}
	}
	standard := o.responses["DEFAULT"]
	return pieces || !listed && standard != nil && standard.inPieces()
}

func (r *response) inPieces() bool {
	for media := range r.content {
		if !isJSONMedia(media) {
			return true
		}
	}
	return false
}

func schemaOf(m *openapi3.MediaType) *openapi3.Schema {
	if m == nil || m.Schema == nil {
		return nil
	}
	return m.Schema.Value
}

// parameters adds parameters; of those with one name and place the last counts.
func (o *Operation) parameters(list openapi3.Parameters) error {
	for _, ref := range list {
		p := ref.Value
		if p == nil || p.In == openapi3.ParameterInCookie && !p.Required || p.In == openapi3.ParameterInHeader && slices.Contains(ownHeaders, http.CanonicalHeaderKey(p.Name)) {
			continue
		}
		q, err := parameter(p)
		if err != nil {
			return fmt.Errorf("parameter %s: %w", p.Name, err)
		}
		o.Parameters = slices.DeleteFunc(o.Parameters, func(x *Parameter) bool { return x.In == q.In && x.wire == q.wire })
		o.Parameters = append(o.Parameters, q)
	}
	slices.SortStableFunc(o.Parameters, func(a, b *Parameter) int {
		return slices.Index(places, a.In) - slices.Index(places, b.In)
	})
	seen := map[string]bool{}
	for _, p := range o.Parameters {
		if seen[p.Name] {
			p.Name = p.In + "." + p.Name
		}
		seen[p.Name] = true
	}
	for _, m := range holes.FindAllStringSubmatch(o.Path, -1) {
		if !slices.ContainsFunc(o.Parameters, func(p *Parameter) bool { return p.In == openapi3.ParameterInPath && p.wire == m[1] }) {
			return fmt.Errorf("the path has {%s}, which is no parameter", m[1])
		}
	}
	return nil
}

// ownHeaders are those whose values are not a parameter's: OpenAPI says so of the first three,
// and the last is that of the request.
var ownHeaders = []string{"Accept", "Content-Type", "Authorization", "Idempotency-Key"}

// places are where parameters may be.
var places = []string{openapi3.ParameterInPath, openapi3.ParameterInQuery, openapi3.ParameterInHeader}

// holes are the parameters in a path.
var holes = regexp.MustCompile(`\{([^{}]*)\}`)

func parameter(p *openapi3.Parameter) (*Parameter, error) {
	if !slices.Contains(places, p.In) {
		return nil, fmt.Errorf("parameters in %s are not sent", p.In)
	}
	q := &Parameter{Name: p.Name, In: p.In, Required: p.Required || p.In == openapi3.ParameterInPath, About: line(p.Description), wire: p.Name}
	if p.Schema != nil {
		q.schema = p.Schema.Value
	}
	for media, c := range p.Content {
		if q.json = isJSONMedia(mediaType(media)); !q.json {
			return nil, fmt.Errorf("is written as %s", media)
		}
		q.schema = schemaOf(c)
	}
	method, err := p.SerializationMethod()
	if err != nil {
		return nil, short(err)
	}
	q.style, q.explode = method.Style, method.Explode
	if q.style == openapi3.SerializationMatrix || q.style == openapi3.SerializationLabel {
		return nil, fmt.Errorf("style %s is not written", q.style)
	}
	q.Type = typeOf(q.schema)
	if q.Type == openapi3.TypeArray && q.schema.Items != nil {
		q.Item = typeOf(q.schema.Items.Value)
	}
	return q, nil
}

// typeOf is the one type that values of a schema have, "" when there may be others.
func typeOf(s *openapi3.Schema) string {
	if s == nil || s.Type == nil || len(*s.Type) != 1 {
		return ""
	}
	return (*s.Type)[0]
}

// body picks the way that bodies are written: JSON, a form, or as it is.
func (o *Operation) body(b *openapi3.RequestBody) error {
	best, rank := "", 0
	for media := range b.Content {
		if r := rankOf(mediaType(media)); r > rank || r == rank && r > 0 && media < best {
			best, rank = media, r
		}
	}
	if rank == 0 {
		if !b.Required {
			return nil
		}
		return errors.New("its body is neither JSON, nor a form, nor a text")
	}
	o.Body = &Body{Required: b.Required, Media: mediaType(best), schema: schemaOf(b.Content[best])}
	if o.Body.Media == mediaAny {
		o.Body.Media = mediaJSON
	}
	return nil
}

func rankOf(media string) int {
	switch {
	case media == mediaJSON:
		return 5
	case isJSONMedia(media):
		return 4
	case media == mediaAny:
		return 3
	case media == mediaForm:
		return 2
	case strings.HasPrefix(media, "text/") && !strings.Contains(media, "*"):
		return 1
	}
	return 0
}

// mediaType is one without its parameters, in lower case.
func mediaType(text string) string {
	if m, _, err := mime.ParseMediaType(text); err == nil {
		return m
	}
	return strings.ToLower(strings.TrimSpace(text))
}

func isJSONMedia(media string) bool {
	return media == mediaJSON || strings.HasSuffix(media, "+json")
}

// response is what an answer of a status should have; nil: the document says nothing.
func (o *Operation) response(status int) *response {
	text := strconv.Itoa(status)
	for _, name := range []string{text, text[:1] + "XX", "DEFAULT"} {
		if r := o.responses[name]; r != nil {
			return r
		}
	}
	return nil
}

// aboutMax is how long a line about something is, in bytes.
const aboutMax = 200

// line is the first line of a text.
func line(text string) string {
	first, _, _ := strings.Cut(strings.ReplaceAll(strings.TrimSpace(text), "\r", "\n"), "\n")
	if first = strings.TrimSpace(first); len(first) > aboutMax {
		first = strings.ToValidUTF8(first[:aboutMax], "") + "…"
	}
	return first
}

// Name is an operationId as a name in programs: getRate and issues/create-comment are
// get_rate and issues_create_comment.
func Name(id string) string {
	var b strings.Builder
	runes := []rune(id)
	for i, r := range runes {
		switch {
		case r >= 'A' && r <= 'Z':
			begins := i > 0 && (unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1]) || i+1 < len(runes) && unicode.IsUpper(runes[i-1]) && unicode.IsLower(runes[i+1]))
			if begins {
				b.WriteByte('_')
			}
			b.WriteRune(unicode.ToLower(r))
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	name := strings.Trim(several.ReplaceAllString(b.String(), "_"), "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "op_" + name
	}
	return name
}

var several = regexp.MustCompile(`_+`)

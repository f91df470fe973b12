package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Request is what is sent for an operation.
type Request struct {
	Path   string // escaped, without the server's
	Query  string // escaped, without ?
	Header map[string]string
	Body   []byte
}

// asked is what a request for an operation says.
type asked struct {
	Params map[string]json.RawMessage `json:"params"`
	Body   json.RawMessage            `json:"body"`
}

// Request makes what is sent of {"params": {…}, "body": …}. Its error is an *[Error].
func (o *Operation) Request(input []byte) (*Request, error) {
	var in asked
	if len(input) > 0 {
		if _, err := decode(input); err != nil {
			return nil, &Error{"request", clip(err.Error())}
		}
		if err := json.Unmarshal(input, &in); err != nil {
			return nil, &Error{"request", "is not {\"params\": {…}, \"body\": …}"}
		}
	}
	r := &Request{Path: o.Path, Header: map[string]string{}}
	query := []string{}
	for _, p := range o.Parameters {
		raw, ok := in.Params[p.Name]
		if !ok || string(raw) == "null" && typeOf(p.schema) != "null" && !nullable(p.schema) {
			if p.Required {
				return nil, &Error{"params." + p.Name, "is needed"}
			}
			continue
		}
		v, err := decode(raw)
		if err != nil {
			return nil, &Error{"params." + p.Name, clip(err.Error())}
		}
		if err := o.check.value(p.schema, v, "params."+p.Name, false); err != nil {
			return nil, err
		}
		if err := p.put(r, &query, v); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(in.Params)) {
		if !slices.ContainsFunc(o.Parameters, func(p *Parameter) bool { return p.Name == name }) {
			return nil, &Error{clip("params." + name), "is no parameter of " + o.ID}
		}
	}
	r.Query = strings.Join(query, "&")
	return r, o.putBody(r, in.Body)
}

func nullable(s *openapi3.Schema) bool { return s != nil && s.PermitsNull() }

// put writes a parameter into a request.
func (p *Parameter) put(r *Request, query *[]string, v any) error {
	at := "params." + p.Name
	switch p.In {
	case openapi3.ParameterInPath:
		text, err := p.plain(v, at)
		if err != nil {
			return err
		}
		// What decodes to a slash or to dots is another path for some servers.
		if text == "" || text == "." || text == ".." || strings.ContainsAny(text, "/\\\x00%") {
			return &Error{at, "is a part of a path: it has at least one character, is neither . nor .., and holds no slash and no %"}
		}
		r.Path = strings.ReplaceAll(r.Path, "{"+p.wire+"}", url.PathEscape(text))
	case openapi3.ParameterInHeader:
		text, err := p.plain(v, at)
		if err != nil {
			return err
		}
		r.Header[strings.ToLower(p.wire)] = text
	default:
		pairs, err := p.pairs(v, at)
		if err != nil {
			return err
		}
		*query = append(*query, pairs...)
	}
	return nil
}

// plain is a value of style simple: lists with commas.
func (p *Parameter) plain(v any, at string) (string, error) {
	if p.json {
		return asJSON(v), nil
	}
	switch v := v.(type) {
	case []any:
		parts, err := scalars(v, at)
		return strings.Join(parts, ","), err
	case map[string]any:
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			text, err := scalar(v[name], at+"/"+name)
			if err != nil {
				return "", err
			}
			if between := ","; p.explode {
				parts = append(parts, name+"="+text)
			} else {
				parts = append(parts, name+between+text)
			}
		}
		return strings.Join(parts, ","), nil
	}
	return scalar(v, at)
}

// pairs are what a value is in a query.
func (p *Parameter) pairs(v any, at string) ([]string, error) {
	pair := func(name, text string) string { return url.QueryEscape(name) + "=" + url.QueryEscape(text) }
	if p.json {
		return []string{pair(p.wire, asJSON(v))}, nil
	}
	switch v := v.(type) {
	case []any:
		parts, err := scalars(v, at)
		if err != nil {
			return nil, err
		}
		if p.explode {
			for i := range parts {
				parts[i] = pair(p.wire, parts[i])
			}
			return parts, nil
		}
		between := map[string]string{openapi3.SerializationSpaceDelimited: " ", openapi3.SerializationPipeDelimited: "|"}[p.style]
		if between == "" {
			between = ","
		}
		return []string{pair(p.wire, strings.Join(parts, between))}, nil
	case map[string]any:
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			text, err := scalar(v[name], at+"/"+name)
			switch {
			case err != nil:
				return nil, err
			case p.style == openapi3.SerializationDeepObject:
				pairs = append(pairs, pair(p.wire+"["+name+"]", text))
			case p.explode:
				pairs = append(pairs, pair(name, text))
			default:
				pairs = append(pairs, name, text)
			}
		}
		if p.style != openapi3.SerializationDeepObject && !p.explode {
			return []string{pair(p.wire, strings.Join(pairs, ","))}, nil
		}
		return pairs, nil
	}
	text, err := scalar(v, at)
	return []string{pair(p.wire, text)}, err
}

func scalars(list []any, at string) ([]string, error) {
	parts := make([]string, len(list))
	for i, v := range list {
		text, err := scalar(v, fmt.Sprintf("%s/%d", at, i))
		if err != nil {
			return nil, err
		}
		parts[i] = text
	}
	return parts, nil
}

// scalar is a value as it is written outside of JSON.
func scalar(v any, at string) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case bool:
		return fmt.Sprint(v), nil
	case nil:
		return "", nil
	}
	return "", &Error{clip(at), "is a list or object within another, which has no spelling there"}
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "" // what was decoded can be encoded
	}
	return string(b)
}

// putBody writes the body.
func (o *Operation) putBody(r *Request, raw json.RawMessage) error {
	none := len(raw) == 0 || string(raw) == "null"
	switch {
	case o.Body == nil && none, o.Body != nil && none && !o.Body.Required:
		return nil
	case o.Body == nil:
		return &Error{"body", "is not among what " + o.ID + " takes"}
	case none && !nullable(o.Body.schema):
		return &Error{"body", "is needed"}
	}
	v, err := decode(raw)
	if err != nil {
		return &Error{"body", clip(err.Error())}
	}
	if err := o.check.value(o.Body.schema, v, "body", false); err != nil {
		return err
	}
	r.Header["content-type"] = o.Body.Media
	switch {
	case isJSONMedia(o.Body.Media):
		r.Body = raw
		return nil
	case o.Body.Media == mediaForm:
		fields, ok := v.(map[string]any)
		if !ok {
			return &Error{"body", "is a form: an object"}
		}
		var all []string
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			pairs, err := (&Parameter{wire: name, explode: true}).pairs(fields[name], "body/"+name)
			if err != nil {
				return err
			}
			all = append(all, pairs...)
		}
		r.Body = []byte(strings.Join(all, "&"))
		return nil
	}
	text, ok := v.(string)
	if !ok {
		return &Error{"body", "is a text"}
	}
	r.Body = []byte(text)
	return nil
}

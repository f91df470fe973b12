package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
	"github.com/labstack/echo/v4"
)

// reads reports whether the endpoint reads a request's body.
func (p *endpoint) reads() bool { return p.Body != specs.BodyNone || p.verify != nil }

// body reads the whole body into buffer.
func (p *endpoint) body(c echo.Context, buffer *[]byte) ([]byte, *problem) {
	r := c.Request()
	if !p.reads() {
		return nil, nil
	}
	if r.ContentLength > p.MaxBody {
		return nil, p.tooLarge()
	}
	if p.Body == specs.BodyJSON && !jsonType(r.Header.Get("Content-Type")) {
		return nil, newProblem(http.StatusUnsupportedMediaType, codeMediaType, "the body must be JSON: send Content-Type: application/json, not "+r.Header.Get("Content-Type"))
	}
	b := (*buffer)[:0]
	if n := int(r.ContentLength); n > cap(b) {
		b = make([]byte, 0, n)
	}
	limit := int(p.MaxBody)
	for {
		if len(b) == cap(b) && (r.ContentLength < 0 || len(b) < int(r.ContentLength)) {
			b = slices.Grow(b, max(512, len(b)))
		}
		if len(b) == cap(b) { // as long as was announced: only the end can follow
			var one [1]byte
			n, err := r.Body.Read(one[:])
			if n == 0 && err == nil {
				continue
			}
			*buffer = b
			return p.read(b, n, err)
		}
		n, err := r.Body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if len(b) > limit {
			return nil, p.tooLarge()
		}
		if err != nil {
			*buffer = b
			return p.read(b, 0, err)
		}
	}
}

// read judges how reading a body ended.
func (p *endpoint) read(b []byte, more int, err error) ([]byte, *problem) {
	switch {
	case more > 0:
		return nil, p.tooLarge()
	case errors.Is(err, io.EOF):
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, newProblem(http.StatusBadRequest, codeBody, fmt.Sprintf("the body was cut short after %d bytes", len(b)))
	default:
		return nil, newProblem(http.StatusBadRequest, codeBody, "the body could not be read")
	}
	if p.Body == specs.BodyJSON && len(b) == 0 {
		return nil, newProblem(http.StatusBadRequest, codeBody, "the body is empty; "+p.Send+" is expected as JSON")
	}
	return b, nil
}

func (p *endpoint) tooLarge() *problem {
	return newProblem(http.StatusRequestEntityTooLarge, codeTooLarge, fmt.Sprintf("the body is larger than %d bytes", p.MaxBody))
}

// message makes the data and the attributes of a request's message.
func (p *endpoint) message(c echo.Context, body []byte, m *shard.Request) (fault *problem) {
	var query url.Values
	if raw := c.Request().URL.RawQuery; raw != "" {
		var err error
		if query, err = url.ParseQuery(raw); err != nil {
			return newProblem(http.StatusBadRequest, codeQuery, "the query is malformed: "+err.Error())
		}
	}
	switch p.Body {
	case specs.BodyNone:
		if m.Data, fault = p.fromText(c, query); fault != nil {
			return fault
		}
	case specs.BodyJSON:
		err := p.kind.CheckPlaces(body, &m.Places)
		if p.kind.Any() { // which admits what is no JSON, too
			err = shape.WellFormed(body)
		}
		if err != nil {
			if !json.Valid(body) {
				return newProblem(http.StatusBadRequest, codeBody, "the body "+strings.Replace(err.Error(), "there is", "is JSON, but there is", 1))
			}
			return violation("the body is not "+article(p.Send), err)
		}
		m.Data = body
	default:
		m.Data = body
	}
	m.Attrs, fault = p.attributes(c, query)
	return fault
}

// article writes a type's name as a noun.
func article(name string) string { return "a valid " + name }

// fromText makes an object of path parameters and query by the type.
func (p *endpoint) fromText(c echo.Context, query url.Values) ([]byte, *problem) {
	names := make([]string, 0, len(p.Params)+len(query))
	names = append(names, p.Params...)
	for name := range query {
		if !slices.Contains(p.Params, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names[len(p.Params):]) // of an error the first is told, always the same
	data, err := p.kind.FromText(func(name string) ([]string, bool) {
		if slices.Contains(p.Params, name) {
			return []string{param(c, name)}, true
		}
		values, ok := query[name]
		return values, ok
	}, names)
	if err != nil {
		return nil, violation("the path and query do not make "+article(p.Send), err)
	}
	return data, nil
}

// param is a path parameter as it was meant. Echo takes it from the path as it
// was sent where that differs from the decoded one.
func param(c echo.Context, name string) string {
	value := c.Param(name)
	if c.Request().URL.RawPath == "" {
		return value
	}
	if meant, err := url.PathUnescape(value); err == nil {
		return meant
	}
	return value
}

// attributes are those of the message besides what the shard sets.
func (p *endpoint) attributes(c echo.Context, query url.Values) ([]string, *problem) {
	r := c.Request()
	attrs := make([]string, 0, 8+2*(len(p.Params)+len(query)+len(p.headers)))
	attrs = append(attrs, abi.HTTPMethod, r.Method, abi.HTTPPath, r.URL.Path)
	if trace := r.Header.Get("Traceparent"); validTrace(trace) { // else the shard begins one
		attrs = append(attrs, abi.TraceParent, trace)
	}
	if p.Body == specs.BodyRaw {
		if content := r.Header.Get("Content-Type"); content != "" {
			attrs = append(attrs, abi.ContentType, content)
		} else {
			attrs = append(attrs, abi.ContentType, "application/octet-stream")
		}
	}
	for _, name := range p.Params {
		attrs = append(attrs, abi.HTTPParamPrefix+name, param(c, name))
	}
	if len(query) > 0 {
		names := make([]string, 0, len(query))
		for name := range query {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			attrs = append(attrs, abi.HTTPQueryPrefix+name, query[name][0])
		}
	}
	for _, h := range p.headers {
		if values := r.Header[h.canonical]; len(values) > 0 {
			attrs = append(attrs, h.attribute, strings.Join(values, ", "))
		}
	}
	return attrs, tooMany(attrs)
}

// tooMany refuses what no message may carry, and what is not UTF-8.
func tooMany(attrs []string) *problem {
	const own = 10 // that the shard sets
	if len(attrs)/2+own > abi.AttrsMax {
		return newProblem(http.StatusRequestHeaderFieldsTooLarge, codeHeaders, fmt.Sprintf("the request has too many parameters; at most %d are allowed", abi.AttrsMax-own))
	}
	for i := 0; i < len(attrs); i += 2 {
		name, value := attrs[i], attrs[i+1]
		switch {
		case len(name) > abi.AttrNameMax || len(value) > abi.AttrValueMax:
			return newProblem(http.StatusRequestHeaderFieldsTooLarge, codeHeaders, fmt.Sprintf(
				"%.60s is too long; names may have %d bytes, values %d", name, abi.AttrNameMax, abi.AttrValueMax))
		case !utf8.ValidString(name) || !utf8.ValidString(value):
			return newProblem(http.StatusBadRequest, codeQuery, "a path parameter, query parameter or header is not UTF-8")
		}
	}
	return nil
}

// violation says which field is wrong.
func violation(detail string, err error) *problem {
	p := newProblem(http.StatusBadRequest, codeType, detail)
	var v *shape.Violation
	if errors.As(err, &v) {
		p.Detail += ": " + v.Error()
		p.Errors = []fieldError{{Path: v.Path, Message: v.Message}}
	} else {
		p.Detail += ": " + err.Error()
	}
	return p
}

// validTrace reports whether a trace context is one (W3C Trace Context, section 3.2).
func validTrace(s string) bool {
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || s[:2] == "ff" || len(s) > 55 && (s[:2] == "00" || s[55] != '-') {
		return false
	}
	for i := range 55 {
		if c := s[i]; i != 2 && i != 35 && i != 52 && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return strings.Trim(s[3:35], "0") != "" && strings.Trim(s[36:52], "0") != "" && len(s) <= 256
}

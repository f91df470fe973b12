package openapi

import (
	"net/http"
	"path"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Answer holds an answer against the document. Its error is an *[Error]. An answer of a
// status that the document does not list is held against nothing, but for those of
// success, which it has to list.
func (o *Operation) Answer(status int, header http.Header, body []byte) error {
	schema, whole, err := o.head(status, header)
	if err != nil || !whole {
		return err
	}
	v, err := decode(body)
	if err != nil {
		return &Error{"answer", clip(err.Error())}
	}
	return o.check.value(schema, v, "answer", true)
}

// Head holds what comes before an answer's body against the document, as Answer does. whole
// says that the body is held against it, too.
func (o *Operation) Head(status int, header http.Header) (whole bool, err error) {
	_, whole, err = o.head(status, header)
	return whole, err
}

func (o *Operation) head(status int, header http.Header) (schema *openapi3.Schema, whole bool, err error) {
	r := o.response(status)
	if r == nil {
		if status >= http.StatusOK && status < http.StatusMultipleChoices {
			return nil, false, &Error{"answer", "has a status that the document does not list"}
		}
		return nil, false, nil
	}
	for _, name := range r.headers {
		if header.Get(name) == "" {
			return nil, false, &Error{"answer", "has no header " + clip(name)}
		}
	}
	if len(r.content) == 0 || o.Method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified {
		return nil, false, nil
	}
	media := mediaType(header.Get("Content-Type"))
	schema, ok := r.content[media]
	for name, s := range r.content {
		if !ok && strings.Contains(name, "*") {
			if match, err := path.Match(name, media); err == nil && match {
				schema, ok = s, true
			}
		}
	}
	if !ok {
		return nil, false, &Error{"answer", "is " + clip(media) + ", which the document does not list"}
	}
	return schema, isJSONMedia(media), nil
}

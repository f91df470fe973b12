package openapi

import (
	"net/http"
	"path"
	"strings"
)

// Answer holds an answer against the document. Its error is an *[Error]. An answer of a
// status that the document does not list is held against nothing, but for those of
// success, which it has to list.
func (o *Operation) Answer(status int, header http.Header, body []byte) error {
	r := o.response(status)
	if r == nil {
		if status >= http.StatusOK && status < http.StatusMultipleChoices {
			return &Error{"answer", "has a status that the document does not list"}
		}
		return nil
	}
	for _, name := range r.headers {
		if header.Get(name) == "" {
			return &Error{"answer", "has no header " + clip(name)}
		}
	}
	if len(r.content) == 0 || o.Method == http.MethodHead || status == http.StatusNoContent || status == http.StatusNotModified {
		return nil
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
		return &Error{"answer", "is " + clip(media) + ", which the document does not list"}
	}
	if !isJSONMedia(media) {
		return nil
	}
	v, err := decode(body)
	if err != nil {
		return &Error{"answer", clip(err.Error())}
	}
	return o.check.value(schema, v, "answer", true)
}

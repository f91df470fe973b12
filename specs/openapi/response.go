package openapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/specs"
)

// problemName is that of the schema of errors. No type of a message has it: they
// begin with a lower-case letter.
const problemName = "Problem"

const problemSchema = `{"description":"What went wrong (RFC 9457).","type":"object","properties":{` +
	`"type":{"type":"string","format":"uri"},"title":{"type":"string"},"status":{"type":"integer"},"detail":{"type":"string"},` +
	`"code":{"description":"What it is, for programs, such as request.type.","type":"string"},` +
	`"reason":{"description":"The code that the actor gave.","type":"string"},` +
	`"id":{"description":"The id of the message.","type":"string"},` +
	`"errors":{"type":"array","items":{"type":"object","properties":{"path":{"type":"string"},"message":{"type":"string"}},"required":["path","message"]}},` +
	`"instance":{"type":"string"}},"required":["type","title","status","detail","code","instance"]}`

var messageID = map[string]header{"Grow-Message-Id": {Description: "The id of the message that the request became.", Schema: text}}

// responses are the replies by status, and what can go wrong.
func (w *writer) responses(e *specs.Endpoint) map[string]response {
	all := map[string]response{}
	byStatus := map[int][]string{}
	for name, status := range e.Reply {
		byStatus[status] = append(byStatus[status], name)
	}
	for status, names := range byStatus {
		slices.Sort(names)
		all[strconv.Itoa(status)] = w.reply(status, names)
	}
	switch {
	case e.Accepted:
		all["202"] = response{
			Description: "The message is kept, and handled from now on.", Headers: messageID,
			Content: map[string]media{"application/json": {json.RawMessage(`{"type":"object","properties":{"id":{"type":"string"}},"required":["id"]}`)}},
		}
	case len(e.Reply) == 0:
		all["204"] = response{Description: "All is done.", Headers: messageID}
	}
	for status, about := range problems(e) {
		key := strconv.Itoa(status)
		r, both := all[key]
		if !both {
			r.Description = about
		} else {
			r.Description += " Or: " + about
		}
		if r.Content == nil {
			r.Content = map[string]media{}
		}
		r.Content["application/problem+json"] = media{json.RawMessage(`{"$ref":"#/components/schemas/` + problemName + `"}`)}
		all[key] = r
	}
	return all
}

// reply is the response that messages of some types become.
func (w *writer) reply(status int, names []string) response {
	r := response{Description: strings.Join(names, " or ") + ".", Headers: messageID}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		return r
	}
	r.Content = map[string]media{}
	var refs []string
	for _, name := range names {
		if w.service.Types[name].Raw() {
			r.Content["*/*"] = media{}
		} else {
			refs = append(refs, string(w.ref(name)))
		}
	}
	switch len(refs) {
	case 0:
	case 1:
		r.Content["application/json"] = media{json.RawMessage(refs[0])}
	default:
		r.Content["application/json"] = media{json.RawMessage(`{"anyOf":[` + strings.Join(refs, ",") + "]}")}
	}
	return r
}

// problems are the errors that an endpoint may answer with.
func problems(e *specs.Endpoint) map[int]string {
	all := map[int]string{
		http.StatusBadRequest:                  "The request does not make a valid " + e.Send + ".",
		http.StatusRequestHeaderFieldsTooLarge: "Parameters or headers are too many or too long.",
		http.StatusServiceUnavailable:          "Nothing is accepted at the moment; Retry-After says when to try again.",
	}
	if e.Body != specs.BodyNone {
		all[http.StatusRequestEntityTooLarge] = "The body is larger than " + strconv.FormatInt(e.MaxBody, 10) + " bytes."
	}
	if e.Body == specs.BodyJSON {
		all[http.StatusUnsupportedMediaType] = "The body is not application/json."
	}
	if e.Webhook != nil {
		all[http.StatusUnauthorized] = "The signature is missing, forged or too old."
	}
	if e.Idempotency != "" {
		all[http.StatusUnprocessableEntity] = "The header " + e.Idempotency + " was used for another request."
	}
	if e.Accepted {
		return all
	}
	all[http.StatusUnprocessableEntity] = "An actor refused the message; reason is its code."
	all[http.StatusInternalServerError] = "The message could not be handled."
	all[http.StatusGatewayTimeout] = "There was no answer within " + e.Timeout.String() + "; the work goes on, and Location says where to look."
	if len(e.Reply) > 0 {
		all[http.StatusBadGateway] = "All was done, and nothing answered."
	}
	return all
}

package command

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// exampleURL is what examples in a service's documents call the service by.
const exampleURL = "http://127.0.0.1:8080"

// docMax is the size in bytes of the largest document that is searched for examples.
const docMax = 1 << 20

// try returns command lines that the service answers: the examples in its
// documents, or else one made up for each endpoint.
func try(s *specs.Service, base string) string {
	if lines := examples(s, base); lines != "" {
		return lines
	}
	var b strings.Builder
	for _, e := range s.Endpoints {
		fmt.Fprintf(&b, "  %s\n", curl(s, e, base))
	}
	return b.String()
}

// signers are the names of the secrets that calls are signed with, in order.
func signers(s *specs.Service) []string {
	var names []string
	for _, e := range s.Endpoints {
		if e.Webhook != nil {
			names = append(names, e.Webhook.Secret)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// examples are the fenced blocks of shell in the service's documents that call
// it with curl, without those that call an endpoint which it has no more.
func examples(s *specs.Service, base string) string {
	var b strings.Builder
	for _, doc := range s.Docs {
		text, err := os.ReadFile(filepath.Join(s.Dir, doc))
		if err != nil || len(text) > docMax {
			continue // vet has said so
		}
		for block := range blocks(string(text)) {
			if !strings.Contains(block, "curl ") || !callsFit(s, block) {
				continue
			}
			for line := range strings.Lines(strings.ReplaceAll(block, exampleURL, base)) {
				b.WriteString("  " + line)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// exampleCall finds where the lines of an example call the service.
var exampleCall = regexp.MustCompile(regexp.QuoteMeta(exampleURL) + `([^\s"'?#\\;|&()<>]*)`)

// callsFit reports whether a service has an endpoint for each call of an example.
func callsFit(s *specs.Service, block string) bool {
	for _, call := range exampleCall.FindAllStringSubmatch(block, -1) {
		path := cmp.Or(call[1], "/")
		fits := func(e *specs.Endpoint) bool { return leads(e.Path, path) }
		if !strings.HasPrefix(path, "/.grow/") && !slices.ContainsFunc(s.Endpoints, fits) {
			return false
		}
	}
	return true
}

// leads reports whether a path leads to an endpoint with parameters in {}. What the shell puts
// in may be anything.
func leads(endpoint, path string) bool {
	want, have := strings.Split(endpoint, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return strings.Contains(path, "$")
	}
	for i, w := range want {
		if w != have[i] && !strings.HasPrefix(w, "{") && !strings.Contains(have[i], "$") {
			return false
		}
	}
	return true
}

// blocks yields the fenced blocks of sh in a Markdown text (CommonMark 4.5).
func blocks(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		var block strings.Builder
		inside := false
		for line := range strings.Lines(text) {
			switch mark := strings.TrimSpace(line); {
			case !inside && (mark == "```sh" || mark == "```bash"):
				inside = true
				block.Reset()
			case inside && mark == "```":
				inside = false
				if !yield(block.String()) {
					return
				}
			case inside:
				block.WriteString(line)
			}
		}
	}
}

// curl is a command line that calls an endpoint with a message made up of its type.
func curl(s *specs.Service, e *specs.Endpoint, base string) string {
	kind := s.Types[e.Send]
	path, query := e.Path, url.Values{}
	if e.Body == specs.BodyNone {
		path, query = fill(e, kind)
	} else {
		for _, p := range e.Params {
			path = strings.ReplaceAll(path, "{"+p+"}", p)
		}
	}
	target := base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	words := []string{"curl", "-s"}
	if e.Method != "GET" && (e.Method != "POST" || e.Body == specs.BodyNone) {
		words = append(words, "-X", e.Method)
	}
	words = append(words, quote(target))
	if e.Idempotency != "" {
		words = append(words, "-H", quote(e.Idempotency+": request-1"))
	}
	switch e.Body {
	case specs.BodyJSON:
		words = append(words, "-H", quote("content-type: application/json"), "-d", quote(string(kind.Sample())))
	case specs.BodyRaw:
		words = append(words, "-d", quote("hello"))
	}
	if e.Webhook != nil {
		return signed(e, words)
	}
	return strings.Join(words, " ")
}

// fill puts values into a path and, for what the type requires besides, a query.
func fill(e *specs.Endpoint, kind *shape.Type) (path string, query url.Values) {
	path, query = e.Path, url.Values{}
	sample := map[string]json.RawMessage{}
	_ = json.Unmarshal(kind.Sample(), &sample) // of a type that is no object nothing is known
	for _, p := range e.Params {
		value := p
		if raw, ok := sample[p]; ok && string(raw) != `""` {
			value = textOf(raw)
		}
		path = strings.ReplaceAll(path, "{"+p+"}", url.PathEscape(value))
	}
	for name, raw := range sample {
		if values := texts(kind, name, raw); len(values) > 0 && !slices.Contains(e.Params, name) {
			query[name] = values
		}
	}
	return path, query
}

// texts is a value as a query has it: a list is its items, one by one. A list without items
// cannot be said in a query: the field is left out, or has an item made up where it must be there.
func texts(kind *shape.Type, name string, raw json.RawMessage) []string {
	if raw[0] != '[' {
		return []string{textOf(raw)}
	}
	var all []string
	shape.Items(raw, func(item []byte) { all = append(all, textOf(item)) })
	if len(all) > 0 || !kind.Requires(name) {
		return all
	}
	if field, ok := kind.Field(name); ok {
		if item, ok := field.Elem(); ok && string(item.Sample()) != `""` {
			return []string{textOf(item.Sample())}
		}
	}
	return []string{name}
}

// textOf is what a text is; other JSON stands as it is.
func textOf(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return string(raw)
	}
	return s
}

// signed is a command line with the signature of its body.
func signed(e *specs.Endpoint, words []string) string {
	body := words[len(words)-1]
	secret := "$" + e.Webhook.Secret
	if e.Webhook.Scheme == "github" {
		sign := fmt.Sprintf(`"x-hub-signature-256: sha256=$(printf %%s %s | openssl dgst -sha256 -hmac "%s" -r | cut -d' ' -f1)"`, body, secret)
		return strings.Join(append(words, "-H", sign), " ")
	}
	sign := fmt.Sprintf(`"webhook-signature: v1,$(printf %%s "m1.$now."%s | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(printf %%s "${%s#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \n')" -binary | base64)"`,
		body, e.Webhook.Secret)
	return "now=$(date +%s); " + strings.Join(append(words, "-H", `"webhook-id: m1"`, "-H", `"webhook-timestamp: $now"`, "-H", sign), " ")
}

// quote makes one word of a shell of text.
func quote(text string) string {
	if text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:%=,") == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// Package http is the capability of kind http: requests to the hosts, methods and paths
// that a grant names, and to no address that is not public unless grant and host both
// say so.
//
//	uses:
//	  tax: {kind: http, hosts: [tax.example.com], methods: [GET], paths: [/v1]}
//
// Its operation http.fetch takes the attributes method (GET), url or path,
// header.<name>, and timeout in milliseconds, and the body as data. It answers with the
// body, and the attributes status and header.<name>; an answer of any status is one. It may
// be asked for as a stream, too: see package capability. Where the grant has a bucket, an
// answer that is too large becomes an object there, which the attributes blob, size, digest and
// revision of the answer name; and a request with the attribute blob sends that object.
//
// A grant with an OpenAPI document has the operation http.call in its place: the attribute
// operation and the data {"params": {…}, "body": …}. What is asked and what is answered is
// held against the document; of an answer that is read as a stream and is no JSON, all but
// the body.
package http

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/capabilities/grants"
	"github.com/grow-platform/grow/host/capabilities/http/openapi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/grow-platform/grow/specs"
)

// The operations: Call of a grant with an OpenAPI document, Fetch of one without.
const (
	Fetch = "http.fetch"
	Call  = "http.call"
)

func init() { capability.Register(kind{form}) }

type kind struct{ *grants.Form[grant] }

// grant is what grant.cue describes.
type grant struct {
	Hosts       []string          `json:"hosts"`
	OpenAPI     string            `json:"openapi"`
	Operations  []string          `json:"operations"`
	Server      string            `json:"server"`
	Methods     []string          `json:"methods"`
	Paths       []string          `json:"paths"`
	Schemes     []string          `json:"schemes"`
	Networks    []string          `json:"networks"`
	Headers     map[string]string `json:"headers"`
	Optional    bool              `json:"optional"`
	Redirects   int               `json:"redirects"`
	Retries     int               `json:"retries"`
	Connections int               `json:"connections"`
	Answer      int               `json:"answer"`
	Stream      int               `json:"stream"`
	Bucket      string            `json:"bucket"`
	Size        int               `json:"size"`
	Keep        string            `json:"keep"`

	networks []netip.Prefix // Networks
	keep     time.Duration  // Keep
}

//go:embed grant.cue
var definition string

var form = grants.New[grant]("http", definition, (*grant).complete)

// complete checks what CUE cannot, and completes a grant.
func (g *grant) complete() error {
	if err := g.whole(); err != nil {
		return err
	}
	for _, text := range g.Networks {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("http grant: networks: %q is no network, such as 10.1.0.0/16", text)
		}
		g.networks = append(g.networks, p.Masked())
	}
	var err error
	if g.keep, err = time.ParseDuration(g.Keep); err != nil || g.keep < KeepMin || g.keep > KeepMax {
		return fmt.Errorf("http grant: keep: %q is none of %.0fh to %.0fh", g.Keep, KeepMin.Hours(), KeepMax.Hours())
	}
	for _, h := range g.Hosts {
		if _, err := parseHost(h); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(g.Headers)) {
		if forbidden(name) {
			return fmt.Errorf("http grant: headers: %s is the host's to set", name)
		}
		if err := checkRefs(g.Headers[name]); err != nil {
			return fmt.Errorf("http grant: headers: %s: %w", name, err)
		}
	}
	return nil
}

// checkRefs says what is wrong with the secrets that a header names: what is none is not sent
// as it stands.
func checkRefs(text string) error {
	if i := slices.IndexFunc(SecretsIn(text), capability.HostSecret); i >= 0 {
		return fmt.Errorf("secret %s is the host's own, as all that begin with GROW_: name another", SecretsIn(text)[i])
	}
	rest := secretName.ReplaceAllString(text, " ")
	if i := strings.Index(rest, "${"); i >= 0 {
		return fmt.Errorf("%.40q names no secret: ${NAME} does, of letters, digits, '.', '-' and '_'", rest[i:])
	}
	return nil
}

// SecretsIn are the names of the secrets that a header of a grant names.
func SecretsIn(header string) (names []string) {
	for _, ref := range secretName.FindAllStringSubmatch(header, -1) {
		names = append(names, ref[1])
	}
	return names
}

// secretName is how a header of a grant names a secret.
var secretName = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_.-]*)\}`)

// Open implements capability.Kind: a secret or a network that the host does not give is
// an error at start.
func (kind) Open(ctx context.Context, g specs.Grant, env capability.Environment) (capability.Capability, error) {
	read, err := form.Read(g.Params)
	if err != nil {
		return nil, err
	}
	c := &client{grant: read, headers: map[string]string{}, fixed: map[string]bool{}}
	if c.hosts, err = read.hosts(); err != nil {
		return nil, err
	}
	if read.OpenAPI != "" {
		if err := c.describe(env.Documents); err != nil {
			return nil, err
		}
		if err := c.api.Prepare(ctx); err != nil {
			return nil, fmt.Errorf("http grant: openapi: %s: %w", c.OpenAPI, err)
		}
	}
	if err := c.sign(env.Secret); errors.As(err, new(*capability.SecretError)) && read.Optional {
		return capability.Absent([]string{Fetch, Call, capability.StreamOpen}, "%v", err), nil
	} else if err != nil {
		return nil, err
	}
	for _, n := range read.networks {
		if !slices.ContainsFunc(env.Networks, func(allowed netip.Prefix) bool { return covers(allowed, n) }) {
			return nil, fmt.Errorf("the host does not let anybody reach %s: start it with --allow-network %s", n, n)
		}
	}
	if err := c.openBucket(ctx, env); err != nil {
		return nil, err
	}
	c.transport = transport(read, nil)
	return c, nil
}

// sign makes the headers that every request has, with the secrets in them.
func (c *client) sign(secrets func(name string) (string, bool)) error {
	for name, text := range c.Headers {
		c.fixed[plain(name)] = true
		var missing error
		c.headers[strings.ToLower(name)] = secretName.ReplaceAllStringFunc(text, func(ref string) string {
			secret := secretName.FindStringSubmatch(ref)[1]
			value, ok := secrets(secret)
			if !ok {
				missing = &capability.SecretError{Name: secret}
			}
			c.masks = append(c.masks, value)
			return value
		})
		if missing != nil {
			return missing
		}
	}
	slices.SortFunc(c.masks, func(a, b string) int { return len(b) - len(a) })
	return nil
}

// client serves one grant.
type client struct {
	*grant
	hosts     []host
	headers   map[string]string // that every request has, by lower-case names
	fixed     map[string]bool   // those, by their plain names
	masks     []string          // secrets in those, the longest first
	transport *http.Transport
	api       *openapi.Document // what is asked for is in it; nil: anything may be
	base      *url.URL          // where its operations are
	bucket    object.Bucket     // has large bodies; nil: there are none
}

// Operations implements capability.Capability. A request by a method that reads changes
// nothing: see Effect.
func (c *client) Operations() map[string]capability.Effect {
	asked := Fetch
	if c.api != nil {
		asked = Call
	}
	return map[string]capability.Effect{
		asked: capability.Changes, capability.StreamOpen: capability.Changes, capability.StreamWrite: capability.Changes,
		capability.StreamRead: capability.Reads, capability.StreamClose: capability.Reads,
	}
}

// Effect implements capability.Judge.
func (c *client) Effect(r *capability.Request) capability.Effect {
	switch r.Operation {
	case capability.StreamRead, capability.StreamClose:
		return capability.Reads
	case capability.StreamWrite:
		return capability.Changes
	}
	method := methodOf(r)
	if c.api != nil {
		name, _ := r.Attr("operation")
		op, err := c.api.Find(name)
		if err != nil {
			return capability.Reads // it is refused
		}
		method = op.Method
	}
	if reads(method) {
		return capability.Reads
	}
	return capability.Changes
}

// Close implements capability.Capability.
func (c *client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

func methodOf(r *capability.Request) string {
	m, _ := r.Attr("method")
	if m == "" {
		return http.MethodGet
	}
	return m
}

// reads reports whether a method is safe (RFC 9110 section 9.2.1).
func reads(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

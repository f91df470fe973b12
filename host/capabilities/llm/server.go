package llm

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
)

// SecretPrefix and a server's name in capitals are the secret that says where it is: as
// openai://:KEY@HOST/v1, anthropic:// or ollama://, each with +http for a server without TLS.
const SecretPrefix = "GROW_LLM_"

// Limits of a connection.
const (
	dialTime   = 10 * time.Second
	headersMax = 64 << 10 // bytes of an answer's headers
	replyMax   = 4 << 20  // bytes of an answer as the provider gives it, decompressed
	keyMin     = 6        // bytes of a key that is masked: a shorter one occurs by chance
)

// wire is how a kind of provider is spoken to.
type wire interface {
	// defaults are where the provider is below its host, and its port; "": that of HTTP.
	defaults() (base, port string)
	authorize(h http.Header, key string)
	// chat is the request of a chat, whose answer is a stream or not.
	chat(c *Chat, stream bool) (path string, body any, err error)
	reply(data []byte, c *Chat) (*Reply, error)
	// gather puts together what a stream answers a chat.
	gather(c *Chat) gatherer
	embed(e *Embed) (path string, body any, err error)
	vectors(data []byte) (*Vectors, error)
}

// wires are by the scheme of a server's address.
func wires(scheme, host string) wire {
	switch scheme {
	case "openai":
		return openAI{own: host == "api.openai.com"}
	case "anthropic":
		return anthropic{}
	case "ollama":
		return ollama{}
	}
	return nil
}

// server is a provider as a secret describes it. It is safe for concurrent use.
type server struct {
	wire   wire
	base   url.URL
	key    string // "": it wants none
	client *http.Client
}

// serverOf is what the host knows by a name. No error says what is in the secret.
func serverOf(name string, secret func(string) (string, bool)) (*server, error) {
	from := SecretPrefix + strings.ToUpper(name)
	text, ok := secret(from)
	if !ok {
		return nil, &capability.SecretError{Name: from, Of: "llm server " + name}
	}
	wrong := func(what string) error { return fmt.Errorf("llm server %s: the secret %s %s", name, from, what) }
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		return nil, wrong("is not the address of one: openai://:KEY@HOST/v1, anthropic:// or ollama://")
	}
	scheme, clear := strings.CutSuffix(u.Scheme, "+http")
	s := &server{wire: wires(scheme, u.Hostname())}
	if s.wire == nil || u.Hostname() == "" || u.Fragment != "" || u.User.Username() != "" {
		return nil, wrong("is not the address of one: openai://:KEY@HOST/v1, anthropic:// or ollama://")
	}
	s.key, _ = u.User.Password()
	base, port := s.wire.defaults()
	s.base = url.URL{Scheme: "https", Host: u.Host, Path: strings.TrimSuffix(u.Path, "/")}
	if s.base.Path == "" {
		s.base.Path = base
	}
	if u.Port() == "" && port != "" {
		s.base.Host = net.JoinHostPort(u.Hostname(), port)
	}
	if clear {
		s.base.Scheme = "http"
		if s.key != "" && !loopback(u.Hostname()) {
			return nil, wrong("would send its key without encryption: leave out +http")
		}
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	for option, values := range u.Query() {
		if option != "ca" || len(values) != 1 {
			return nil, wrong("has an option that is not ca=FILE")
		}
		pem, err := os.ReadFile(values[0])
		if config.RootCAs = x509.NewCertPool(); err != nil || !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, wrong("names by ca a file that holds no certificate that can be read")
		}
	}
	s.client = &http.Client{
		Transport: &http.Transport{
			DialContext:     (&net.Dialer{Timeout: dialTime}).DialContext,
			TLSClientConfig: config, TLSHandshakeTimeout: dialTime, ForceAttemptHTTP2: true,
			MaxResponseHeaderBytes: headersMax, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 4,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s, nil
}

// loopback reports whether a host is this machine, whatever a resolver says.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// mask takes the key out of what the provider says.
func (s *server) mask(b []byte) []byte {
	if len(s.key) < keyMin {
		return b
	}
	return bytes.ReplaceAll(b, []byte(s.key), []byte("[secret]"))
}

// fault is an answer of the provider that is none, or a request that did not come about.
type fault struct {
	code, text string
	free       bool // nothing was used
	forGood    bool // trying again does not help
	busy       bool // it may be asked again at once
	after      time.Duration
}

// Error implements error.
func (f *fault) Error() string { return f.text }

// ask makes a request and reads the answer.
func (s *server) ask(ctx context.Context, path string, body []byte, retries int, once string) ([]byte, error) {
	resp, err := s.open(ctx, path, body, retries, once)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it is only read
	return whole(resp)
}

// open makes a request, and makes it again when the provider is busy or at fault, as long as
// ctx has time for that. The answer, whose body is to be closed, is one.
func (s *server) open(ctx context.Context, path string, body []byte, retries int, once string) (*http.Response, error) {
	for attempt := 0; ; attempt++ {
		resp, err := s.once(ctx, path, body, once)
		var f *fault
		if err == nil || !errors.As(err, &f) || !f.busy || attempt >= retries {
			return resp, err
		}
		wait := min(retryMost, retryFirst<<attempt)
		wait = wait/2 + rand.N(wait/2+1) //nolint:gosec // when others are asked again is no secret
		if !pause(ctx, max(wait, f.after)) {
			return nil, err
		}
	}
}

// Waits between attempts: the first, and the longest but for what the provider asks for.
const (
	retryFirst = 200 * time.Millisecond
	retryMost  = 5 * time.Second
)

// pause waits, and reports whether there is time for that.
func pause(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// once makes a request.
func (s *server) once(ctx context.Context, path string, body []byte, once string) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, &fault{code: capability.Unavailable, text: "has an address that cannot be asked", free: true, forGood: true}
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("Accept", "application/json, application/x-ndjson, text/event-stream")
	q.Header.Set("Idempotency-Key", once)
	s.wire.authorize(q.Header, s.key)
	resp, err := s.client.Do(q)
	if err != nil {
		return nil, unreached(err)
	}
	if f := meaning(resp); f != nil {
		_ = resp.Body.Close() // nobody wants it
		return nil, f
	}
	return resp, nil
}

// whole reads an answer to its end.
func whole(resp *http.Response) ([]byte, error) {
	reply, err := io.ReadAll(io.LimitReader(resp.Body, replyMax+1))
	if len(reply) > replyMax {
		return nil, tooMuch()
	}
	if err != nil {
		return nil, brokeOff()
	}
	return reply, nil
}

// tooMuch is an answer that is too large as the provider gives it.
func tooMuch() *fault {
	return &fault{code: capability.Limit, text: fmt.Sprintf("answers more than %d bytes", replyMax)}
}

// brokeOff is an answer that does not come to its end.
func brokeOff() *fault { return &fault{code: capability.Unavailable, text: "broke off its answer"} }

// unreached is a request that has no answer.
func unreached(err error) *fault {
	f := &fault{code: capability.Unavailable, text: "does not answer"}
	var certificate *tls.CertificateVerificationError
	var header tls.RecordHeaderError
	var dial *net.OpError
	switch {
	case errors.As(err, &certificate):
		f.text, f.free, f.forGood = "has a certificate that is not trusted", true, true
	case errors.As(err, &header), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		f.text, f.free, f.forGood = "does not speak TLS at its port: +http in its secret is for one that does not", true, true
	case strings.Contains(err.Error(), "server response headers exceeded"):
		f.code, f.text = capability.Limit, fmt.Sprintf("answers more than %d bytes of headers", headersMax)
	case errors.As(err, &dial) && dial.Op == "dial":
		f.free, f.busy = true, true
	}
	return f
}

// overloaded is the status by which Anthropic says that it has too much to do.
const overloaded = 529

// meaning is what an answer's status means to an actor; nil: it is an answer.
func meaning(resp *http.Response) *fault {
	n := resp.StatusCode
	f := &fault{code: capability.Unavailable, free: true}
	said := " (" + strconv.Itoa(n) + ")"
	switch {
	case n == http.StatusOK:
		return nil
	case n == http.StatusUnauthorized, n == http.StatusForbidden:
		f.text, f.forGood = "does not let the host in"+said+": see the key in its secret", true
	case n == http.StatusNotFound:
		f.code, f.text = capability.NotFound, "has no such model, or is not at the address in its secret"+said
	case n == http.StatusRequestEntityTooLarge:
		f.code, f.text = capability.Limit, "takes no request of that size"+said
	case n == http.StatusTooManyRequests, n == overloaded:
		f.text, f.busy = "is busy"+said, true
	case n >= http.StatusInternalServerError:
		f.text, f.busy = "is at fault"+said, true
	case n >= http.StatusBadRequest:
		f.code, f.text = capability.Invalid, "does not take the request"+said
	default:
		f.text, f.forGood = "sends the host elsewhere, where it does not go"+said, true
	}
	f.after = retryAfter(resp.Header.Get("Retry-After"))
	return f
}

// retryAfter is how long to wait as RFC 9110 section 10.2.3 writes it; 0: it does not say.
func retryAfter(text string) time.Duration {
	if n, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(n, 0), 3600)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

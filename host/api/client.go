package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/grow-platform/grow/host/audit"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/deploy"
	"github.com/grow-platform/grow/host/secrets"
	"github.com/grow-platform/grow/host/signing"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/host/token"
	"github.com/grow-platform/grow/host/upload"
	"github.com/grow-platform/grow/host/versions"
)

// Limits of what a client waits for.
const (
	callTime   = 30 * time.Second
	deployTime = 10 * time.Minute
	lifeTime   = 2 * time.Minute // for a service to start or to end
	moduleTime = 5 * time.Minute // for a module to arrive
	otherMax   = time.Minute     // for somebody else to send more of an object that is to be sent
	otherWait  = time.Second / 5 // until it is looked how much that is
	fileMax    = 32 << 20        // bytes of a file that is read
	idleMax    = 16              // connections that stay open for the next call: so many may call at once without dialling anew
)

// ClientOptions say how a host is reached.
type ClientOptions struct {
	URL   string // of its control API
	Token string
	CA    []byte // certificates that its own may be signed by, in PEM; nil: the system's
}

// Client speaks to the control API of a host. Its errors are *control.Error where a
// person can do something about them. It is safe for concurrent use.
type Client struct{ conn control.Conn }

// NewClient returns a client; nothing is sent yet. Tokens go over plain HTTP to this
// machine only.
func NewClient(o ClientOptions) (*Client, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, &control.Error{Code: control.CodeInvalid, Message: "a host is named by the address of its control API, such as http://127.0.0.1:8600", At: o.URL, Next: "it is printed when the host starts: grow serve"}
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, &control.Error{Code: control.CodeInvalid, Message: "a token is not sent to another machine over plain HTTP", At: o.URL, Next: "start the host with a certificate (grow serve --cert --key), and name it by https://"}
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = idleMax
	if o.CA != nil {
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(o.CA) {
			return nil, &control.Error{Code: control.CodeInvalid, Message: "there is no certificate in PEM in the file of the host's authority"}
		}
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	u.Path = ""
	first := t.Clone() // streams are of HTTP/1.1
	first.Protocols = new(http.Protocols)
	first.Protocols.SetHTTP1(true)
	through := func(t *http.Transport) *http.Client {
		return &http.Client{Transport: bearer{t, o.Token}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &Client{control.Conn{Base: u.String() + "/v1", HTTP: through(t), Upgrades: through(first)}}, nil
}

// NewLocal returns a client that goes a way on which no token is needed.
func NewLocal(way control.Conn) *Client { return &Client{way} }

func loopback(name string) bool {
	return name == "localhost" || name == "::1" || len(name) > 4 && name[:4] == "127."
}

// bearer adds a token to each request.
type bearer struct {
	*http.Transport
	token string
}

// RoundTrip implements http.RoundTripper.
func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.Transport.RoundTrip(r)
}

// Close ends the client's connections.
func (c *Client) Close() { c.conn.Close() }

// At is a service of a host.
func (c *Client) At(namespace, service string) *Remote {
	way := c.conn
	way.Base += "/namespaces/" + url.PathEscape(namespace) + "/services/" + url.PathEscape(service)
	return &Remote{Client: control.NewClient(way), conn: way}
}

// Services lists the services that the token may see.
func (c *Client) Services(ctx context.Context) (list []Service, err error) {
	return list, c.conn.Call(ctx, callTime, http.MethodGet, "/services", nil, &list)
}

// CreateService makes a service that has nothing in it yet.
func (r *Remote) CreateService(ctx context.Context, n NewService) (c Change, err error) {
	return c, r.conn.Call(ctx, callTime, http.MethodPut, "", n, &c)
}

// DeleteService ends the service, and forgets all of it; with plan it only counts.
func (r *Remote) DeleteService(ctx context.Context, plan bool) (n deploy.Removed, err error) {
	return n, r.conn.Call(ctx, lifeTime, http.MethodDelete, fmt.Sprintf("?plan=%v", plan), nil, &n)
}

// Govern puts an actor, or the whole service, into a mode, and returns the actors.
func (r *Remote) Govern(ctx context.Context, m Mode) (list []ActorStatus, err error) {
	return list, r.conn.Call(ctx, lifeTime, http.MethodPost, "/mode", m, &list)
}

// Actors lists the actors of the service.
func (r *Remote) Actors(ctx context.Context) (list []ActorStatus, err error) {
	return list, r.conn.Call(ctx, callTime, http.MethodGet, "/actors", nil, &list)
}

// Tokens lists the tokens of the host.
func (c *Client) Tokens(ctx context.Context) (list []token.Token, err error) {
	return list, c.conn.Call(ctx, callTime, http.MethodGet, "/tokens", nil, &list)
}

// CreateToken makes a token.
func (c *Client) CreateToken(ctx context.Context, n NewToken) (made MadeToken, err error) {
	return made, c.conn.Call(ctx, callTime, http.MethodPost, "/tokens", n, &made)
}

// RevokeToken revokes a token by its id.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.conn.Call(ctx, callTime, http.MethodDelete, "/tokens/"+url.PathEscape(id), nil, nil)
}

// SignKeys lists the keys that the host trusts.
func (c *Client) SignKeys(ctx context.Context) (list []signing.Key, err error) {
	return list, c.conn.Call(ctx, callTime, http.MethodGet, "/signkeys", nil, &list)
}

// TrustKey has the host trust a public key.
func (c *Client) TrustKey(ctx context.Context, k NewKey) (key signing.Key, err error) {
	return key, c.conn.Call(ctx, callTime, http.MethodPost, "/signkeys", k, &key)
}

// DistrustKey has the host trust a key no longer.
func (c *Client) DistrustKey(ctx context.Context, id string) error {
	return c.conn.Call(ctx, callTime, http.MethodDelete, "/signkeys/"+url.PathEscape(id), nil, nil)
}

// secretsAt is where the secrets of a namespace, or of a service, are; name is "" for all.
func secretsAt(at secrets.Place, name string) string {
	p := "/namespaces/" + url.PathEscape(at.Namespace) + "/secrets"
	if name != "" {
		p += "/" + url.PathEscape(name)
	}
	if at.Service != "" {
		p += "?service=" + url.QueryEscape(at.Service)
	}
	return p
}

// Secrets lists the sealed secrets of a namespace, those of one service and of all when
// at names one.
func (c *Client) Secrets(ctx context.Context, at secrets.Place) (list []Secret, err error) {
	return list, c.conn.Call(ctx, callTime, http.MethodGet, secretsAt(at, ""), nil, &list)
}

// HiddenSecrets lists what is kept to be masked and no service has, likewise.
func (c *Client) HiddenSecrets(ctx context.Context, at secrets.Place) (list []Secret, err error) {
	p := secretsAt(at, "")
	if at.Service == "" {
		p += "?hidden=true"
	} else {
		p += "&hidden=true"
	}
	return list, c.conn.Call(ctx, callTime, http.MethodGet, p, nil, &list)
}

// SecretActs lists who did what with the secrets of a place, the last first: with one of a name,
// or with all for "", at most so many.
func (c *Client) SecretActs(ctx context.Context, at secrets.Place, name string, limit int) (list []audit.Entry, err error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if at.Service != "" {
		q.Set("service", at.Service)
	}
	if name != "" {
		q.Set("name", name)
	}
	return list, c.conn.Call(ctx, callTime, http.MethodGet, "/namespaces/"+url.PathEscape(at.Namespace)+"/secretacts?"+q.Encode(), nil, &list)
}

// SetSecret gives a secret a value.
func (c *Client) SetSecret(ctx context.Context, at secrets.Place, name string, value []byte) (s Secret, err error) {
	return s, c.conn.Call(ctx, callTime, http.MethodPut, secretsAt(at, name), SecretValue{value}, &s)
}

// DeleteSecret deletes a secret; forget: with all values that it had, which are masked no
// longer.
func (c *Client) DeleteSecret(ctx context.Context, at secrets.Place, name string, forget bool) error {
	p := secretsAt(at, name)
	if forget && at.Service == "" {
		p += "?forget=true"
	} else if forget {
		p += "&forget=true"
	}
	return c.conn.Call(ctx, callTime, http.MethodDelete, p, nil, nil)
}

// Rekey has the host seal all secrets with a new key.
func (c *Client) Rekey(ctx context.Context) (r Rekeyed, err error) {
	return r, c.conn.Call(ctx, lifeTime, http.MethodPost, "/rekey", nil, &r)
}

// Object says how much of an object is on the host.
func (c *Client) Object(ctx context.Context, d store.Digest) (s upload.State, err error) {
	return s, c.conn.Call(ctx, callTime, http.MethodGet, "/objects/"+string(d), nil, &s)
}

// Upload puts an object on the host, in pieces, from where an earlier upload of it was
// cut on, and calls tell, unless it is nil, with how much is there.
func (c *Client) Upload(ctx context.Context, b []byte, tell func(done, all int64)) (store.Digest, error) {
	d := store.DigestOf(b)
	s, err := c.Object(ctx, d)
	for since := time.Now(); err == nil; {
		if tell != nil && !s.Done {
			tell(s.Offset, int64(len(b)))
		}
		if s.Done {
			return d, nil
		}
		if s.Offset > int64(len(b)) {
			return d, &control.Error{Code: control.CodeUnreachable, Message: "the host has more of the object than there is", At: string(d)}
		}
		had := s.Offset
		if s, err = c.piece(ctx, d, b, had); isConflict(err) && time.Since(since) < otherMax {
			s, err = c.otherUpload(ctx, d)
		}
		if s.Offset != had {
			since = time.Now()
		}
	}
	return d, err
}

// otherUpload is how far an object is that somebody else is sending, a moment later.
func (c *Client) otherUpload(ctx context.Context, d store.Digest) (upload.State, error) {
	select {
	case <-ctx.Done():
		return upload.State{}, ctx.Err()
	case <-time.After(otherWait):
		return c.Object(ctx, d)
	}
}

// isConflict: somebody else was quicker, or is at it.
func isConflict(err error) bool {
	var e *control.Error
	return errors.As(err, &e) && e.Code == control.CodeConflict
}

// piece sends what follows offset, as much as one request takes.
func (c *Client) piece(ctx context.Context, d store.Digest, b []byte, offset int64) (s upload.State, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	q := url.Values{"size": {strconv.Itoa(len(b))}, "offset": {strconv.FormatInt(offset, 10)}}
	part := b[offset:min(int64(len(b)), offset+pieceMax)]
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, c.conn.Base+"/objects/"+string(d)+"?"+q.Encode(), bytes.NewReader(part))
	if err != nil {
		return s, fmt.Errorf("make request: %w", err)
	}
	r.Header.Set("Content-Type", "application/octet-stream")
	answer, err := c.conn.Send(r)
	if err != nil {
		return s, err
	}
	return s, control.Decode(answer, &s)
}

// Remote is a service of a host: what can be asked of one that runs, its documents,
// revisions and deployments.
type Remote struct {
	*control.Client
	conn control.Conn
}

// Documents returns a change of the documents with its files; "" for the last one.
func (r *Remote) Documents(ctx context.Context, change string) (c Change, err error) {
	return c, r.conn.Call(ctx, callTime, http.MethodGet, "/documents?change="+url.QueryEscape(change), nil, &c)
}

// Revise makes other files the service's documents, or says which are missing.
func (r *Remote) Revise(ctx context.Context, v Revise) (done Revised, err error) {
	return done, r.conn.Call(ctx, callTime, http.MethodPut, "/documents", v, &done)
}

// Changes lists changes of the documents, or of the file at path; the last one first.
func (r *Remote) Changes(ctx context.Context, path string, limit int) (list []Change, err error) {
	q := url.Values{"path": {path}, "limit": {strconv.Itoa(limit)}}
	return list, r.conn.Call(ctx, callTime, http.MethodGet, "/changes?"+q.Encode(), nil, &list)
}

// ChangesBelow lists changes of the files in a folder, the last one first, with those files.
func (r *Remote) ChangesBelow(ctx context.Context, dir string, limit int) (list []Change, err error) {
	q := url.Values{"below": {dir}, "limit": {strconv.Itoa(limit)}}
	return list, r.conn.Call(ctx, callTime, http.MethodGet, "/changes?"+q.Encode(), nil, &list)
}

// File reads a file of a change; "" for the last one.
func (r *Remote) File(ctx context.Context, change, path string) ([]byte, error) {
	return r.file(ctx, "/file?"+url.Values{"path": {path}, "change": {change}}.Encode(), path)
}

func (r *Remote) file(ctx context.Context, at, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	answer, err := r.conn.Do(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(io.LimitReader(answer.Body, fileMax))
	if err == nil && answer.Header.Get("Grow-Digest") != string(store.DigestOf(b)) {
		err = errors.New("what arrived is not what the host has")
	}
	if err != nil {
		return nil, &control.Error{Code: control.CodeUnreachable, Message: "read file: " + err.Error(), At: path}
	}
	return b, nil
}

// Deploy checks what is asked for and makes it live, and calls tell, unless it is nil,
// with each check as it ends, or, when ended is false, how one stands. With an error the
// deployment is what came of it.
func (r *Remote) Deploy(ctx context.Context, q Request, tell func(k deploy.Check, ended bool)) (n deploy.Deployment, err error) {
	ctx, cancel := context.WithTimeout(ctx, deployTime+q.Shadow)
	defer cancel()
	answer, err := r.conn.Do(ctx, http.MethodPost, "/deployments", q)
	if err != nil {
		return n, err
	}
	ended := false
	err = control.Each(answer.Body, func(p Progress) error {
		if p.Check != nil && tell != nil {
			tell(*p.Check, true)
		}
		if p.Underway != nil && tell != nil {
			tell(*p.Underway, false)
		}
		if p.Deployment != nil {
			n, ended = *p.Deployment, true
		}
		if p.Fault != nil {
			return p.Fault
		}
		return nil
	})
	const silent = "the host did not tell how the deployment ended"
	var told *control.Error
	switch {
	case err == nil && !ended:
		err = &control.Error{Code: control.CodeUnreachable, Message: silent, Next: "look: grow history"}
	case err != nil && ctx.Err() == nil && !errors.As(err, &told): // the connection is lost
		err = &control.Error{Code: control.CodeUnreachable, Message: silent + ": " + err.Error(), Next: "look: grow history"}
	}
	return n, err
}

// Trial says how far the trial of a deployment has come.
func (r *Remote) Trial(ctx context.Context) (t Trial, err error) {
	return t, r.conn.Call(ctx, callTime, http.MethodGet, "/trial", nil, &t)
}

// Withdraw ends the trial of a deployment, and returns it.
func (r *Remote) Withdraw(ctx context.Context, w Withdrawal) (n deploy.Deployment, err error) {
	return n, r.conn.Call(ctx, lifeTime, http.MethodPost, "/trial/withdraw", w, &n)
}

// Deployments lists those before a number, 0 for the last ones.
func (r *Remote) Deployments(ctx context.Context, before, limit int) (list []deploy.Deployment, err error) {
	return list, r.conn.Call(ctx, callTime, http.MethodGet, fmt.Sprintf("/deployments?before=%d&limit=%d", before, limit), nil, &list)
}

// Difference tells what is different between two deployments, or revisions of an actor,
// by their names as versions.ParseName reads them.
func (r *Remote) Difference(ctx context.Context, old, new string, brief bool) (d versions.Difference, err error) {
	q := url.Values{"old": {old}, "new": {new}, "brief": {strconv.FormatBool(brief)}}
	return d, r.conn.Call(ctx, callTime, http.MethodGet, "/difference?"+q.Encode(), nil, &d)
}

// Deployment returns one by its number.
func (r *Remote) Deployment(ctx context.Context, number int) (n deploy.Deployment, err error) {
	return n, r.conn.Call(ctx, callTime, http.MethodGet, fmt.Sprintf("/deployments/%d", number), nil, &n)
}

// DeploymentFiles lists the files of a deployment.
func (r *Remote) DeploymentFiles(ctx context.Context, number int) (list []File, err error) {
	return list, r.conn.Call(ctx, callTime, http.MethodGet, fmt.Sprintf("/deployments/%d/documents", number), nil, &list)
}

// DeploymentFile reads a file of a deployment.
func (r *Remote) DeploymentFile(ctx context.Context, number int, path string) ([]byte, error) {
	return r.file(ctx, fmt.Sprintf("/deployments/%d/file?%s", number, url.Values{"path": {path}}.Encode()), path)
}

// Revisions lists those of an actor before a number, 0 for the last ones, the last one first.
func (r *Remote) Revisions(ctx context.Context, actor string, before, limit int) (list []deploy.Revision, err error) {
	return list, r.conn.Call(ctx, callTime, http.MethodGet, fmt.Sprintf("/actors/%s/revisions?before=%d&limit=%d", url.PathEscape(actor), before, limit), nil, &list)
}

// RevisionFile reads a file of a revision: of its actor's documents, or of the types.
func (r *Remote) RevisionFile(ctx context.Context, v *deploy.Revision, path string) ([]byte, error) {
	return r.file(ctx, fmt.Sprintf("/actors/%s/revisions/%d/file?%s", url.PathEscape(v.Actor), v.Number, url.Values{"path": {path}}.Encode()), path)
}

// Module copies the module of a revision to w. What w has got when it fails is no module:
// the host's bytes may be cut, or altered on the way.
func (r *Remote) Module(ctx context.Context, v deploy.Revision, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, moduleTime)
	defer cancel()
	answer, err := r.conn.Do(ctx, http.MethodGet, fmt.Sprintf("/actors/%s/revisions/%d/module", url.PathEscape(v.Actor), v.Number), nil)
	if err != nil {
		return err
	}
	body := store.Verify(answer.Body, store.Object{Digest: v.Artifact.Digest, Size: v.Artifact.Size})
	_, err = io.Copy(w, store.Bounded(body, fileMax))
	if err = errors.Join(err, body.Close()); err != nil {
		return fmt.Errorf("get the module of revision %d of %s: %w", v.Number, v.Actor, err)
	}
	return nil
}

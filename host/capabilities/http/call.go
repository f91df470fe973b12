package http

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/capabilities/http/openapi"
	"github.com/grow-platform/grow/runtime/capability"
)

// whole reports what a grant lacks, or has of the other sort.
func (g *grant) whole() error {
	switch {
	case g.OpenAPI == "" && len(g.Hosts) == 0:
		return errors.New("http grant: hosts: field is required but not present; an openapi document may stand in its place")
	case g.OpenAPI == "" && (len(g.Operations) > 0 || g.Server != ""):
		return errors.New("http grant: operations and server belong to a grant with an openapi document")
	case g.Server != "":
		if _, err := openapi.Server(g.Server); err != nil {
			return fmt.Errorf("http grant: server: %w", err)
		}
	}
	return nil
}

// hosts are the entries of Hosts.
func (g *grant) hosts() ([]host, error) {
	var all []host
	for _, text := range g.Hosts {
		h, err := parseHost(text)
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}

// CheckDocuments implements capability.DocumentsChecker: it reads the OpenAPI document.
func (kind) CheckDocuments(params map[string]any, documents string) error {
	g, err := form.Read(params)
	if err != nil || g.OpenAPI == "" {
		return err
	}
	c := &client{grant: g}
	if c.hosts, err = g.hosts(); err != nil {
		return err
	}
	return c.describe(documents)
}

// Print implements capability.Printer: it is another when the OpenAPI document is.
func (kind) Print(params map[string]any, documents string) string {
	g, err := form.Read(params)
	if err != nil || g.OpenAPI == "" {
		return ""
	}
	f, err := os.OpenInRoot(documents, g.OpenAPI)
	if err != nil {
		return ""
	}
	defer f.Close() // it was only read
	sum := sha256.New()
	if _, err := io.Copy(sum, io.LimitReader(f, openapi.DocumentMax+1)); err != nil {
		return ""
	}
	return hex.EncodeToString(sum.Sum(nil)[:6])
}

// Operations are those that a grant with an OpenAPI document lets an actor ask for; none
// without one.
func Operations(params map[string]any, documents string) ([]*openapi.Operation, error) {
	g, err := form.Read(params)
	if err != nil || g.OpenAPI == "" {
		return nil, err
	}
	c := &client{grant: g}
	if c.hosts, err = g.hosts(); err == nil {
		err = c.describe(documents)
	}
	if err != nil {
		return nil, err
	}
	return c.api.Operations, nil
}

// describe reads the grant's OpenAPI document, and holds it against the grant.
func (c *client) describe(documents string) error {
	if documents == "" {
		return errors.New("http grant: openapi: the host has no documents of the service")
	}
	wrong := func(err error) error { return fmt.Errorf("http grant: openapi: %w", err) }
	d, err := openapi.Load(documents, c.OpenAPI)
	if err != nil {
		return wrong(err)
	}
	servers := d.Servers
	if c.Server != "" {
		u, err := openapi.Server(c.Server)
		if err != nil {
			return wrong(err)
		}
		servers = []*url.URL{u}
	}
	if len(servers) == 0 {
		return wrong(fmt.Errorf("%s names no server; say where it is with server: https://…", c.OpenAPI))
	}
	c.base = servers[0]
	if len(c.Hosts) == 0 {
		h, err := parseHost(c.base.Host)
		if err != nil {
			return wrong(err)
		}
		c.hosts, servers = []host{h}, servers[:1]
	}
	for _, u := range servers {
		if err := c.allowHost(u); err != nil {
			return wrong(fmt.Errorf("server %s: %w", u, err))
		}
	}
	if err := c.choose(d); err != nil {
		return wrong(err)
	}
	c.api = d
	return nil
}

// choose keeps the operations of a document that the grant allows.
func (c *client) choose(d *openapi.Document) error {
	wanted := map[*openapi.Operation]bool{}
	for _, name := range c.grant.Operations {
		op, err := d.Find(name)
		if err != nil {
			return err
		}
		err = c.allow(op.Method, c.at(op.Path))
		if err != nil && (!strings.Contains(op.Path, "{") || !slices.Contains(c.Methods, op.Method)) {
			return fmt.Errorf("operation %s is %s %s: %w", name, op.Method, op.Path, err)
		}
		wanted[op] = true
	}
	d.Keep(func(op *openapi.Operation) bool {
		return wanted[op] || len(wanted) == 0 && slices.Contains(c.Methods, op.Method)
	})
	if len(d.Operations) == 0 {
		return fmt.Errorf("the document has no operation by %s that can be asked for", strings.Join(c.Methods, ", "))
	}
	return nil
}

// at is the URL of an escaped path below the server.
func (c *client) at(path string) *url.URL {
	u := *c.base
	if whole, err := url.Parse(c.base.String() + path); err == nil {
		u = *whole
	}
	return &u
}

// call asks for an operation of the document.
func (c *client) call(ctx context.Context, r *capability.Request) capability.Answer {
	op, q, refused := c.operation(r, false)
	if refused != nil {
		return *refused
	}
	a := c.fetch(ctx, q)
	if a.Code != "" {
		return a
	}
	status, header := parts(a)
	if err := op.Answer(status, header, a.Data); err != nil {
		return unfit(op, status, err, a.Took)
	}
	return a
}

// operation makes of a request for an operation of the document the one that goes to the
// server, whose answer is a stream or not; refused, unless it is nil, is what it fails with.
func (c *client) operation(r *capability.Request, stream bool) (op *openapi.Operation, q *capability.Request, refused *capability.Answer) {
	if _, ok := r.Attr("blob"); ok {
		a := capability.Fail(capability.Invalid, "the body of an operation is held against the document as a whole, and cannot be an object: a grant without a document sends one")
		return nil, nil, &a
	}
	name, _ := r.Attr("operation")
	op, err := c.api.Find(name)
	if err != nil {
		a := capability.Fail(capability.Denied, "%v among those that the grant allows", err)
		return nil, nil, &a
	}
	asked, err := op.Request(r.Data)
	if err != nil {
		a := capability.Fail(capability.Invalid, "%s: %v", op.ID, err)
		return nil, nil, &a
	}
	u := c.base.String() + asked.Path
	if asked.Query != "" {
		u += "?" + asked.Query
	}
	accept := op.Accept
	if stream {
		accept = op.AcceptStream
	}
	if accept != "" && asked.Header["accept"] == "" && !c.fixed["accept"] { // the grant knows better
		asked.Header["accept"] = accept
	}
	return op, &capability.Request{
		Operation: Fetch, Data: asked.Body, Stable: r.Stable, Each: headers(asked.Header),
		Attr: func(name string) (string, bool) {
			value, ok := map[string]string{"method": op.Method, "url": u}[name]
			return value, ok
		},
	}, nil
}

// unfit is the answer to a request whose answer is not as the document says.
func unfit(op *openapi.Operation, status int, err error, took time.Duration) capability.Answer {
	a := capability.Fail(capability.Invalid, "%s: %v (status %d)", op.ID, err, status)
	a.Took = took
	return a
}

// streamCall asks for an operation of the document whose answer is read in pieces. What is
// JSON has to be there to its end before it is held against the document: it is read first.
func (c *client) streamCall(ctx context.Context, r *capability.Request) (capability.Answer, io.ReadCloser) {
	op, q, refused := c.operation(r, true)
	if refused != nil {
		return *refused, nil
	}
	a, body := c.pieces(ctx, q, nil)
	if a.Code != "" {
		return a, nil
	}
	status, header := parts(a)
	whole, err := op.Head(status, header)
	if err == nil && !whole {
		return a, body
	}
	defer body.Close() //nolint:errcheck // it is only read
	if err != nil {
		return unfit(op, status, err, a.Took), nil
	}
	data, err := io.ReadAll(io.LimitReader(body, int64(c.Answer)+1))
	var f *capability.Failure
	switch {
	case errors.As(err, &f):
		return f.Answer, nil
	case err != nil:
		return capability.Fail(capability.Unavailable, "%s: %v", op.ID, err), nil
	case len(data) > c.Answer:
		return capability.Fail(capability.Limit, "%s: %v", op.ID, &largeError{"answer", c.Answer}), nil
	}
	if err := op.Answer(status, header, data); err != nil {
		return unfit(op, status, err, a.Took), nil
	}
	return a, io.NopCloser(bytes.NewReader(data))
}

// headers are the attributes of a request's headers, in order.
func headers(of map[string]string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, name := range slices.Sorted(maps.Keys(of)) {
			if !yield("header."+name, of[name]) {
				return
			}
		}
	}
}

// parts are the status and the headers of an answer.
func parts(a capability.Answer) (status int, header http.Header) {
	header = http.Header{}
	for i := 0; i+1 < len(a.Attrs); i += 2 {
		if name, ok := strings.CutPrefix(a.Attrs[i], "header."); ok {
			header.Set(name, a.Attrs[i+1])
		} else if a.Attrs[i] == "status" {
			status, _ = strconv.Atoi(a.Attrs[i+1]) // it was written as a number
		}
	}
	return status, header
}

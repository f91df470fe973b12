package http

import (
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
	name, _ := r.Attr("operation")
	op, err := c.api.Find(name)
	if err != nil {
		return capability.Fail(capability.Denied, "%v among those that the grant allows", err)
	}
	q, err := op.Request(r.Data)
	if err != nil {
		return capability.Fail(capability.Invalid, "%s: %v", op.ID, err)
	}
	u := c.base.String() + q.Path
	if q.Query != "" {
		u += "?" + q.Query
	}
	if op.Accept != "" && q.Header["accept"] == "" && !c.fixed["accept"] { // the grant knows better
		q.Header["accept"] = op.Accept
	}
	a := c.fetch(ctx, &capability.Request{
		Operation: Fetch, Data: q.Body, Stable: r.Stable, Each: headers(q.Header),
		Attr: func(name string) (string, bool) {
			value, ok := map[string]string{"method": op.Method, "url": u}[name]
			return value, ok
		},
	})
	if a.Code != "" {
		return a
	}
	status, header := parts(a)
	if err := op.Answer(status, header, a.Data); err != nil {
		failed := capability.Fail(capability.Invalid, "%s: %v (status %d)", op.ID, err, status)
		failed.Took = a.Took
		return failed
	}
	return a
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

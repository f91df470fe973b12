// Package openapi reads OpenAPI documents (versions 3.0 and 3.1) for grants of kind http:
// it makes requests of the operations that a document describes, and holds what is asked
// and what is answered against it.
package openapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

// Limits of documents.
const (
	DocumentMax   = 8 << 20 // bytes; some 40 times that is needed while one is read
	OperationsMax = 5000    // operations that are served
)

// Document is what is kept of one. It is safe for concurrent use.
type Document struct {
	// Servers are where the operations are, in the document's order; none when it says
	// nothing that stands for itself.
	Servers []*url.URL
	// Operations are those that can be asked for, in order of their names.
	Operations []*Operation

	byName map[string]*Operation // by name and by operationId
	left   map[string]string     // why operations cannot be asked for, by operationId
}

// reading has documents read one at a time, so that they do not add up.
var reading sync.Mutex

// Load reads the document at a path below a folder. Neither the path nor anything within
// the document leads out of that.
func Load(folder, path string) (*Document, error) {
	if !fs.ValidPath(path) || path == "." || strings.ContainsAny(path, "\\\x00:") {
		return nil, fmt.Errorf("%.80q is not a path below the service's folder", path)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open the service's folder: %w", err)
	}
	defer root.Close() // it was only read
	f, err := root.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s in the service's folder", path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read", path)
	}
	defer f.Close() // likewise
	data, err := io.ReadAll(io.LimitReader(f, DocumentMax+1))
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read", path)
	}
	d, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// Parse reads a document, in JSON or YAML.
func Parse(data []byte) (d *Document, err error) {
	reading.Lock()
	defer reading.Unlock()
	// The library is not meant for what was written to hurt it.
	defer func() {
		if fault := recover(); fault != nil {
			d, err = nil, errors.New("the document cannot be read")
		}
	}()
	if len(data) > DocumentMax {
		return nil, fmt.Errorf("the document has more than %d bytes", DocumentMax)
	}
	if !isJSON(data) {
		if err := checkAliases(data); err != nil {
			return nil, err
		}
	}
	loader := openapi3.NewLoader() // which follows references within the document only
	doc, err := loader.LoadFromData(data)
	var outside *openapi3.DisallowedExternalRefError
	if errors.As(err, &outside) {
		return nil, fmt.Errorf("%q leads out of the document; references within it are followed", outside.Ref)
	}
	if err != nil {
		return nil, fmt.Errorf("is no OpenAPI document: %w", short(err))
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.0.") && !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		return nil, fmt.Errorf("openapi: %.20q is not a version that is read: 3.0 and 3.1 are", doc.OpenAPI)
	}
	d = &Document{byName: map[string]*Operation{}, left: map[string]string{}}
	if d.Servers, err = servers(doc.Servers); err != nil {
		return nil, err
	}
	return d, d.add(doc)
}

func isJSON(data []byte) bool {
	return len(data) > 0 && strings.HasPrefix(strings.TrimLeft(string(data[:min(len(data), 100)]), " \t\r\n"), "{") && json.Valid(data)
}

// servers are those with a whole URL, with the defaults of its variables.
func servers(list openapi3.Servers) ([]*url.URL, error) {
	var all []*url.URL
	for i, s := range list {
		text := s.URL
		for name, v := range s.Variables {
			text = strings.ReplaceAll(text, "{"+name+"}", v.Default)
		}
		u, err := Server(text)
		if err != nil && strings.Contains(text, "://") {
			return nil, fmt.Errorf("servers[%d]: %w", i, err)
		}
		if err == nil {
			all = append(all, u)
		}
	}
	return all, nil
}

// Server reads the URL that a document's paths begin with.
func Server(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%.200q is not the URL of a server, such as https://api.example.com/v1", text)
	}
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), ""
	return u, nil
}

// add keeps the operations of a document.
func (d *Document) add(doc *openapi3.T) error {
	var check checker
	if doc.IsOpenAPI31OrLater() {
		check.modern = newModern(doc)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.OperationID == "" {
				continue
			}
			o, err := compile(method, path, item, op, check)
			if err != nil {
				d.left[op.OperationID] = err.Error()
				continue
			}
			d.Operations = append(d.Operations, o)
		}
	}
	if len(d.Operations) > OperationsMax {
		return fmt.Errorf("the document has %d operations, more than %d", len(d.Operations), OperationsMax)
	}
	slices.SortFunc(d.Operations, func(a, b *Operation) int { return strings.Compare(a.Name, b.Name) })
	for _, o := range d.Operations {
		for _, name := range slices.Compact([]string{o.Name, o.ID}) {
			if other := d.byName[name]; other != nil {
				return fmt.Errorf("the operations %q and %q have the same name %s", other.ID, o.ID, name)
			}
			d.byName[name] = o
		}
	}
	return nil
}

// Find returns the operation of that name or operationId. Its error says why there is
// none.
func (d *Document) Find(name string) (*Operation, error) {
	if o := d.byName[name]; o != nil {
		return o, nil
	}
	if why := d.left[name]; why != "" {
		return nil, fmt.Errorf("the operation %s cannot be asked for: %s", name, why)
	}
	return nil, fmt.Errorf("the document has no operation %.80q", name)
}

// Keep forgets all operations but some.
func (d *Document) Keep(keep func(*Operation) bool) {
	d.Operations = slices.DeleteFunc(d.Operations, func(o *Operation) bool {
		if keep(o) {
			return false
		}
		delete(d.byName, o.Name)
		delete(d.byName, o.ID)
		return true
	})
}

// Prepare makes ready what requests and answers of the operations are held against, so that none
// waits for it. It ends early with the context's error; between two schemas that is seen. It fails
// when the operations reach more than SchemasMax.
func (d *Document) Prepare(ctx context.Context) error {
	for _, o := range d.Operations {
		if o.check.modern == nil {
			continue
		}
		for _, p := range o.Parameters {
			if err := o.check.modern.prepare(ctx, p.schema, false); err != nil {
				return err
			}
		}
		if o.Body != nil {
			if err := o.check.modern.prepare(ctx, o.Body.schema, false); err != nil {
				return err
			}
		}
		for _, r := range o.responses {
			for _, schema := range r.content {
				if err := o.check.modern.prepare(ctx, schema, true); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// errLong is how much of a library's error is told.
const errLong = 300

// short is an error in one line.
func short(err error) error {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > errLong {
		text = strings.ToValidUTF8(text[:errLong], "") + "…"
	}
	return errors.New(text)
}

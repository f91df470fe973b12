package site

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/graph"
	"github.com/grow-platform/grow/specs/schema"
)

// index is the body of the first page.
type index struct {
	Service   *specs.Service
	Endpoints []endpoint
	Drawings  []drawing
	Workflows []entry
	Actors    []entry
	Types     []link
	Docs      []link
	Tests     []test
}

// entry is a thing with what it is for.
type entry struct {
	Link  link
	About string
}

type endpoint struct {
	Name    string
	Send    link
	To      link
	Replies []reply
	Terms   []string
	Curl    string
}

type reply struct {
	Status int
	Type   link
}

// drawing is one sheet of a graph.
type drawing struct {
	Title string
	SVG   template.HTML
	Notes []string
	List  string // of a sheet that is too large to be drawn
}

func (b *builder) index() index {
	s := b.service
	i := index{
		Service: s, Drawings: b.drawings(indexPage, graph.New(s, "")), Types: b.typeLinks(indexPage, slices.Sorted(maps.Keys(s.Types))),
		Tests: b.tests(indexPage, s.Tests),
	}
	for _, e := range s.Endpoints {
		i.Endpoints = append(i.Endpoints, b.endpoint(e))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Workflows)) {
		i.Workflows = append(i.Workflows, entry{link{Text: name, Href: href(indexPage, workflowPage(name))}, s.Workflows[name].About})
	}
	for _, name := range slices.Sorted(maps.Keys(s.Actors)) {
		i.Actors = append(i.Actors, entry{link{Text: name, Href: href(indexPage, actorPage(name))}, s.Actors[name].About})
	}
	for _, name := range slices.Sorted(maps.Keys(b.docs)) {
		i.Docs = append(i.Docs, link{Text: name, Href: href(indexPage, b.docs[name].page())})
	}
	return i
}

func (b *builder) endpoint(e *specs.Endpoint) endpoint {
	out := endpoint{Name: e.Name(), Send: b.typeLink(indexPage, e.Send), To: b.targetLink(indexPage, e.To), Terms: terms(e)}
	for _, r := range graph.Replies(e) {
		l := link{}
		if r.Type != "" {
			l = b.typeLink(indexPage, r.Type)
		}
		out.Replies = append(out.Replies, reply{r.Status, l})
	}
	if b.opts.Curl != nil {
		out.Curl = b.opts.Curl(e)
	}
	return out
}

// terms are what else a caller of an endpoint has to know.
func terms(e *specs.Endpoint) []string {
	var out []string
	switch e.Body {
	case specs.BodyJSON:
		out = append(out, "a JSON body")
	case specs.BodyRaw:
		out = append(out, "a body of any bytes")
	}
	if e.Webhook != nil {
		out = append(out, fmt.Sprintf("signed as %s webhooks are, with the secret %s", e.Webhook.Scheme, e.Webhook.Secret))
	}
	if len(e.Headers) > 0 {
		out = append(out, "headers read: "+strings.Join(e.Headers, ", "))
	}
	if e.Idempotency != "" {
		out = append(out, "answered once for each "+e.Idempotency)
	}
	if e.Timeout > 0 {
		out = append(out, "answered within "+schema.Duration(e.Timeout))
	}
	if e.Direct {
		out = append(out, "not kept: delivered directly")
	}
	return out
}

// pageColumns is how wide a drawing may be to be seen as a whole.
const pageColumns = 120

// drawings draws a graph for a page.
func (b *builder) drawings(from string, g *graph.Graph) []drawing {
	var out []drawing
	for _, s := range g.Sheets() {
		d := s.Draw(pageColumns)
		if d == nil {
			d = s.Draw(0)
		}
		if d == nil {
			out = append(out, drawing{Title: s.Title(), List: s.List(0)})
			continue
		}
		svg := d.SVG(s.Title(), func(n *graph.Node) string {
			switch n.Kind {
			case graph.Actor:
				return href(from, actorPage(n.Actor))
			case graph.Workflow:
				return href(from, workflowPage(n.Actor))
			case graph.Endpoint:
				return href(from, indexPage+"#Page-endpoints")
			}
			return ""
		})
		out = append(out, drawing{Title: s.Title(), SVG: template.HTML(svg), Notes: d.Notes}) // SVG escapes its texts
	}
	return out
}

// size writes a number of bytes: 32 MiB.
func size(n int64) string {
	for _, u := range []struct {
		name string
		unit int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.unit && n%u.unit == 0 {
			return strconv.FormatInt(n/u.unit, 10) + " " + u.name
		}
	}
	return strconv.FormatInt(n, 10) + " B"
}

// Package site renders a service as static pages: what it is for, its
// endpoints, who sends to whom, its actors and workflows with their documents
// and tests, and its types with samples.
//
// Pages need no JavaScript and nothing from elsewhere. The same service gives
// the same bytes. [Render] makes the pages, [Write] puts them into a folder.
package site

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs"
)

// Options says what the program knows of a service that its files do not say.
type Options struct {
	// Curl is a command line that calls an endpoint; nil: none is shown.
	Curl func(e *specs.Endpoint) string
}

// Pages are files by their path with slashes, relative to the site's folder.
type Pages map[string][]byte

// Names lists the paths in order.
func (p Pages) Names() []string { return slices.Sorted(maps.Keys(p)) }

//go:embed templates
var files embed.FS

var templates = template.Must(template.ParseFS(files, "templates/*.html"))

// Render makes the pages of a service. It reads the documents from the
// service's folder; what it cannot read is an error that names the file.
func Render(s *specs.Service, o Options) (Pages, error) {
	root, err := os.OpenRoot(s.Dir)
	if err != nil {
		return nil, fmt.Errorf("render site: %w", err)
	}
	defer root.Close()
	b := &builder{service: s, opts: o, root: root, pages: Pages{}, docs: map[string]*doc{}, of: map[string][]string{}}
	style, err := files.ReadFile("templates/style.css")
	if err != nil {
		return nil, fmt.Errorf("render site: %w", err)
	}
	b.pages["style.css"] = style
	if err := b.collect(); err != nil {
		return nil, fmt.Errorf("render site: %w", err)
	}
	b.indexTypes()
	if err := b.all(); err != nil {
		return nil, fmt.Errorf("render site: %w", err)
	}
	return b.pages, nil
}

// builder is the state of one Render.
type builder struct {
	service *specs.Service
	opts    Options
	root    *os.Root
	pages   Pages
	docs    map[string]*doc     // by path in the service's folder
	of      map[string][]string // by the path of a document: pages that it belongs to
	uses    map[string][]use    // of each type
	images  int                 // bytes of pictures
}

// link is text that leads somewhere.
type link struct {
	Text, Href string
	Here       bool // it leads to the page that it stands on
}

// page is what every page is made of.
type page struct {
	Service *specs.Service
	Path    string // of the page
	Title   string
	Root    string // the way from the page to the site's folder: "" or "../"
	Nav     []link
	Main    template.HTML
}

// The paths of pages.
const (
	indexPage = "index.html"
	typesPage = "types.html"
)

func actorPage(name string) string    { return "actors/" + name + ".html" }
func workflowPage(name string) string { return "workflows/" + name + ".html" }

func (b *builder) all() error {
	if err := b.write(indexPage, b.service.Name, "index", b.index()); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(b.service.Actors)) {
		body, err := b.actor(b.service.Actors[name])
		if err != nil {
			return err
		}
		if err := b.write(actorPage(name), name, "actor", body); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.service.Workflows)) {
		body, err := b.workflow(b.service.Workflows[name])
		if err != nil {
			return err
		}
		if err := b.write(workflowPage(name), name, "workflow", body); err != nil {
			return err
		}
	}
	if err := b.write(typesPage, "Types", "types", b.types()); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(b.docs)) {
		body, err := b.document(b.docs[name])
		if err != nil {
			return err
		}
		if err := b.write(b.docs[name].page(), path.Base(name), "doc", body); err != nil {
			return err
		}
	}
	return nil
}

// write fills a page.
func (b *builder) write(at, title, form string, body any) error {
	var main, whole bytes.Buffer
	if err := templates.ExecuteTemplate(&main, form, body); err != nil {
		return err
	}
	p := page{
		Service: b.service, Path: at, Title: title, Root: strings.Repeat("../", strings.Count(at, "/")),
		Main: template.HTML(main.Bytes()), // of the template above
	}
	p.Nav = b.nav(at)
	if err := templates.ExecuteTemplate(&whole, "layout", p); err != nil {
		return err
	}
	b.pages[at] = whole.Bytes()
	return nil
}

// nav links the parts of the index that there are, and the types.
func (b *builder) nav(at string) []link {
	var nav []link
	add := func(there bool, text, to string) {
		if there {
			nav = append(nav, link{Text: text, Href: href(at, to), Here: to == at})
		}
	}
	add(len(b.service.Endpoints) > 0, "Endpoints", indexPage+"#Page-endpoints")
	add(len(b.service.Workflows) > 0, "Workflows", indexPage+"#Page-workflows")
	add(len(b.service.Actors) > 0, "Actors", indexPage+"#Page-actors")
	add(true, "Types", typesPage)
	add(len(b.docs) > 0, "Documents", indexPage+"#Page-documents")
	return nav
}

// href is the address of a page as seen from another.
func href(from, to string) string {
	to, fragment, has := strings.Cut(to, "#")
	if to == from && has {
		return "#" + escape(fragment)
	}
	out := strings.Repeat("../", strings.Count(from, "/")) + escape(to)
	if has {
		out += "#" + escape(fragment)
	}
	return out
}

// typeLink links a type as seen from a page.
func (b *builder) typeLink(from, name string) link {
	if b.service.Types[name] == nil {
		return link{Text: name} // a type of the host's own
	}
	return link{Text: name, Href: href(from, typesPage+"#"+name)}
}

func (b *builder) typeLinks(from string, names []string) []link {
	var out []link
	for _, name := range names {
		out = append(out, b.typeLink(from, name))
	}
	return out
}

// targetLink links what a target names: an actor, a workflow, or a node by path.
func (b *builder) targetLink(from, target string) link {
	top, _, _ := strings.Cut(target, "/")
	switch {
	case b.service.Workflows[top] != nil:
		return link{Text: target, Href: href(from, workflowPage(top))}
	case b.service.Actors[target] != nil:
		return link{Text: target, Href: href(from, actorPage(target))}
	}
	return link{Text: target}
}

// place is where something is written: actors/price/actor.yaml:3.
func place(p specs.Position) string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// relative is a path in the service's folder, with slashes.
func (b *builder) relative(name string) string {
	rel, err := filepath.Rel(b.service.Dir, name)
	if err != nil {
		return name
	}
	return filepath.ToSlash(rel)
}

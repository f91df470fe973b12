package site

import (
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs"
)

// Limits of documents.
const (
	DocMax    = 1 << 20   // bytes of a document
	DocsMax   = 5000      // documents of a service, those that others link to included
	ImageMax  = 8 << 20   // bytes of a picture
	ImagesMax = 256 << 20 // bytes of all pictures
)

// doc is a document of the service.
type doc struct {
	path     string // in the service's folder, with slashes
	text     []byte
	markdown bool
	ids      map[string]string // of its parts; see document.Name
	titled   bool              // it begins with a heading
}

// page is the path of the document's page. The name is kept whole: no two
// documents have one page.
func (d *doc) page() string { return "docs/" + d.path + ".html" }

// shown is a document within a page.
type shown struct {
	Name   string
	Href   string
	HTML   template.HTML
	Titled bool
	Of     []link
}

// collect reads the documents that definitions name, and the Markdown files
// that those link to.
func (b *builder) collect() error {
	queue, err := b.named()
	if err != nil {
		return err
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if b.docs[at] != nil {
			continue
		}
		if len(b.docs) == DocsMax {
			return fmt.Errorf("the service has more than %d documents", DocsMax)
		}
		text, err := b.read(at, DocMax)
		if err != nil {
			return err
		}
		d := &doc{path: at, text: text, markdown: isMarkdown(at)}
		b.docs[at] = d
		if d.markdown {
			queue = append(queue, b.scan(d)...)
		}
	}
	return nil
}

// named lists the documents that definitions name, and notes whose they are.
func (b *builder) named() ([]string, error) {
	var all []string
	add := func(owner string, names []string, dirs ...string) error {
		for _, name := range names {
			at, err := b.find(name, dirs...)
			if err != nil {
				return err
			}
			if !slices.Contains(b.of[at], owner) {
				b.of[at] = append(b.of[at], owner)
			}
			all = append(all, at)
		}
		return nil
	}
	err := add(indexPage, b.service.Docs, ".")
	for _, name := range slices.Sorted(maps.Keys(b.service.Workflows)) {
		err = errors.Join(err, add(workflowPage(name), b.service.Workflows[name].Docs, "workflows", "."))
	}
	for _, name := range slices.Sorted(maps.Keys(b.service.Actors)) {
		a := b.service.Actors[name]
		err = errors.Join(err, add(actorPage(name), a.Docs, b.relative(a.Dir)))
	}
	return all, err
}

func isMarkdown(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".md" || ext == ".markdown"
}

// find is the path of a document that a definition names, by the first folder
// that has it.
func (b *builder) find(name string, dirs ...string) (string, error) {
	for _, dir := range dirs {
		if at := path.Join(dir, name); b.isFile(at) {
			return at, nil
		}
	}
	return "", &fs.PathError{Op: "open", Path: path.Join(dirs[0], name), Err: fs.ErrNotExist}
}

func (b *builder) isFile(at string) bool {
	info, err := b.root.Stat(filepath.FromSlash(at))
	return err == nil && info.Mode().IsRegular()
}

// read reads a file of the service's folder; links out of it are not followed.
func (b *builder) read(at string, most int64) ([]byte, error) {
	f, err := b.root.Open(filepath.FromSlash(at))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%s is larger than %d KiB", at, most>>10)
	}
	return data, nil
}

// target is what a link in a document leads to: an address as seen from a page,
// or "" when it leads nowhere that the site has.
func (b *builder) target(d *doc, from, to string) string {
	u, err := url.Parse(to)
	if err != nil {
		return ""
	}
	switch {
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", u.Scheme == "mailto" && u.Opaque != "":
		return u.String()
	case u.Scheme != "":
		return ""
	}
	if u.Host != "" || path.IsAbs(u.Path) {
		return ""
	}
	at := d.path
	if u.Path != "" {
		at = path.Join(path.Dir(d.path), u.Path)
	}
	if !filepath.IsLocal(filepath.FromSlash(at)) {
		return ""
	}
	if o := b.docs[at]; o != nil {
		page := o.page()
		if id := o.ids[u.Fragment]; id != "" {
			page += "#" + id
		}
		return href(from, page)
	}
	if page := b.definition(at); page != "" {
		return href(from, page)
	}
	return ""
}

// definition is the page of a file that defines something.
func (b *builder) definition(at string) string {
	at = strings.TrimSuffix(strings.TrimSuffix(at, ".yaml"), ".cue")
	dir, base := path.Split(at)
	switch {
	case at == "grow":
		return indexPage
	case dir == "types/":
		return typesPage
	case dir == "workflows/" && b.service.Workflows[base] != nil:
		return workflowPage(base)
	}
	for name, a := range b.service.Actors {
		if rel := b.relative(a.Dir); at == rel || at == rel+"/actor" {
			return actorPage(name)
		}
	}
	return ""
}

// document is the body of a document's own page.
func (b *builder) document(d *doc) (shown, error) {
	out, err := b.show(d, d.page(), 1, "")
	for _, owner := range b.of[d.path] {
		text := strings.TrimSuffix(path.Base(owner), ".html")
		if owner == indexPage {
			text = b.service.Name
		}
		out.Of = append(out.Of, link{Text: text, Href: href(d.page(), owner)})
	}
	return out, err
}

// inline shows the documents of an actor or a workflow on its page.
func (b *builder) inline(from string, names []string, dirs ...string) ([]shown, error) {
	var out []shown
	for i, name := range names {
		at, err := b.find(name, dirs...)
		if err != nil {
			return nil, err
		}
		s, err := b.show(b.docs[at], from, 3, fmt.Sprintf("doc%d-", i+1))
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// show renders a document for a page: its first heading is of a level, and ids
// begin with a prefix.
func (b *builder) show(d *doc, from string, level int, prefix string) (shown, error) {
	s := shown{Name: d.path, Href: href(from, d.page()), Titled: d.titled}
	if !d.markdown {
		s.HTML = template.HTML("<pre>" + template.HTMLEscapeString(strings.ToValidUTF8(string(d.text), "\ufffd")) + "</pre>\n")
		return s, nil
	}
	if level == 1 && !d.titled {
		level = 2
	}
	html, err := b.markdown(d, from, level, prefix)
	s.HTML = html
	return s, err
}

// proof links the part of a document that a test proves.
func (b *builder) proof(from string, p specs.Proof) link {
	text := p.Doc
	if p.Section != "" {
		text += "#" + p.Section
	}
	d := b.docs[p.Doc]
	if d == nil {
		return link{Text: text}
	}
	page := d.page()
	if id := d.ids[p.Section]; id != "" {
		page += "#" + id
	}
	return link{Text: text, Href: href(from, page)}
}

// escape writes a path or a fragment as it stands in an address.
func escape(text string) string { return (&url.URL{Path: text}).EscapedPath() }

package site

import (
	"bytes"
	"fmt"
	"html/template"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/grow-platform/grow/specs/document"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// md reads GitHub's Markdown without its boxes to tick, which would be inputs
// without a label. HTML in a document is shown, not passed through: <name> is
// more often meant as text. It may be used concurrently.
var md = goldmark.New(
	goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)), extension.Strikethrough, extension.Linkify),
)

func init() {
	md.Renderer().AddOptions(renderer.WithNodeRenderers(util.Prioritized(shownHTML{}, 1)))
}

// shownHTML renders HTML in a document as text; comments are left out.
type shownHTML struct{}

// RegisterFuncs implements renderer.NodeRenderer.
func (shownHTML) RegisterFuncs(to renderer.NodeRendererFuncRegisterer) {
	to.Register(ast.KindRawHTML, func(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			return ast.WalkSkipChildren, writeShown(w, n.(*ast.RawHTML).Segments.Value(source))
		}
		return ast.WalkContinue, nil
	})
	to.Register(ast.KindHTMLBlock, func(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		b := n.(*ast.HTMLBlock)
		all := b.Lines().Value(source)
		if b.HasClosure() {
			all = append(slices.Clone(all), b.ClosureLine.Value(source)...)
		}
		if isComment(all) {
			return ast.WalkSkipChildren, nil
		}
		if _, err := w.WriteString("<pre>"); err != nil {
			return ast.WalkStop, err
		}
		if err := writeShown(w, all); err != nil {
			return ast.WalkStop, err
		}
		_, err := w.WriteString("</pre>\n")
		return ast.WalkSkipChildren, err
	})
}

func isComment(html []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(html), []byte("<!--")) }

func writeShown(w util.BufWriter, html []byte) error {
	if isComment(html) {
		return nil
	}
	_, err := w.WriteString(template.HTMLEscapeString(string(html)))
	return err
}

// tree parses a document, and names its parts.
func (d *doc) tree() ast.Node {
	d.text = []byte(strings.ToValidUTF8(string(d.text), "\ufffd"))
	tree := md.Parser().Parse(text.NewReader(d.text))
	d.ids = document.Name(tree, d.text)
	return tree
}

// scan returns the Markdown files of the service that a document links to.
func (b *builder) scan(d *doc) []string {
	var linked []string
	tree := d.tree()
	if first := tree.FirstChild(); first != nil {
		d.titled = first.Kind() == ast.KindHeading
	}
	_ = ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // it returns no error
		if n, ok := n.(*ast.Link); ok && entering {
			u, err := url.Parse(string(n.Destination))
			if err != nil || u.Scheme != "" || u.Host != "" || path.IsAbs(u.Path) || !isMarkdown(u.Path) {
				return ast.WalkContinue, nil
			}
			if at := path.Join(path.Dir(d.path), u.Path); filepath.IsLocal(filepath.FromSlash(at)) && b.isFile(at) {
				linked = append(linked, at)
			}
		}
		return ast.WalkContinue, nil
	})
	return linked
}

// markdown renders a document.
func (b *builder) markdown(d *doc, from string, level int, prefix string) (template.HTML, error) {
	tree := d.tree()
	s := &shifter{level: level, last: level - 1, prefix: prefix}
	var links []ast.Node
	_ = ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // it returns no error
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			s.heading(n)
		case *ast.ListItem:
			if id := document.ID(n); id != "" {
				n.SetAttributeString("id", []byte(prefix+id))
			}
		case *ast.Link, *ast.Image, *ast.AutoLink:
			links = append(links, n)
		}
		return ast.WalkContinue, nil
	})
	for _, n := range links {
		if err := b.relink(d, n, from, prefix); err != nil {
			return "", err
		}
	}
	var out bytes.Buffer
	if err := md.Renderer().Render(&out, d.text, tree); err != nil {
		return "", fmt.Errorf("%s: %w", d.path, err)
	}
	return template.HTML(out.Bytes()), nil // HTML of the document is escaped, its links are checked
}

// shifter moves the headings of a document to where they belong on a page: the
// first to a level, and none more than one below the one before.
type shifter struct {
	level, first, last int
	prefix             string
}

func (s *shifter) heading(n *ast.Heading) {
	least := s.level
	if s.first == 0 {
		s.first = n.Level
	} else {
		least = max(least, 2) // a page has one h1
	}
	n.Level = max(least, min(n.Level-s.first+s.level, s.last+1, 6))
	s.last = n.Level
	n.SetAttributeString("id", []byte(s.prefix+document.ID(n)))
}

// relink has a link or a picture lead to where it is on the site. What leads
// nowhere becomes its text, a picture from elsewhere a link.
func (b *builder) relink(d *doc, n ast.Node, from, prefix string) error {
	switch n := n.(type) {
	case *ast.AutoLink:
		to := string(n.URL(d.text))
		if n.AutoLinkType == ast.AutoLinkEmail {
			to = "mailto:" + to
		}
		if b.target(d, from, to) == "" {
			n.Parent().ReplaceChild(n.Parent(), n, ast.NewString(n.Label(d.text)))
		}
	case *ast.Link:
		to := string(n.Destination)
		if id := d.inside(to); id != "" && prefix != "" {
			n.Destination = []byte("#" + prefix + id)
		} else if n.Destination = []byte(b.target(d, from, to)); len(n.Destination) == 0 {
			unwrap(n)
		}
	case *ast.Image:
		at, err := b.picture(d, string(n.Destination))
		if err != nil {
			return err
		}
		if at != "" {
			n.Destination = []byte(href(from, at))
			return nil
		}
		if to := b.target(d, from, string(n.Destination)); to != "" && !isLinked(n) {
			l := ast.NewLink()
			l.Destination = []byte(to)
			n.Parent().InsertBefore(n.Parent(), n, l)
			for c := n.FirstChild(); c != nil; c = n.FirstChild() {
				l.AppendChild(l, c)
			}
			if l.FirstChild() == nil {
				l.AppendChild(l, ast.NewString([]byte(to)))
			}
		}
		unwrap(n)
	}
	return nil
}

// inside is the id of the part of the document itself that a link leads to, ""
// when it leads elsewhere.
func (d *doc) inside(to string) string {
	u, err := url.Parse(to)
	if err != nil || *u != (url.URL{Fragment: u.Fragment, RawFragment: u.RawFragment}) {
		return ""
	}
	return d.ids[u.Fragment]
}

func isLinked(n ast.Node) bool {
	for p := n.Parent(); p != nil; p = p.Parent() {
		if p.Kind() == ast.KindLink {
			return true
		}
	}
	return false
}

// unwrap puts what is inside of a node in its place.
func unwrap(n ast.Node) {
	p := n.Parent()
	for c := n.FirstChild(); c != nil; c = n.FirstChild() {
		p.InsertBefore(p, n, c)
	}
	p.RemoveChild(p, n)
}

// pictures are the kinds of file that are taken along when a document shows them.
var pictures = []string{".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".svg"}

// picture takes a picture of the service's folder along. It returns its path on
// the site, "" when it is none.
func (b *builder) picture(d *doc, to string) (string, error) {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || path.IsAbs(u.Path) {
		return "", nil
	}
	at := path.Join(path.Dir(d.path), u.Path)
	if !filepath.IsLocal(filepath.FromSlash(at)) || !slices.Contains(pictures, strings.ToLower(path.Ext(at))) || !b.isFile(at) {
		return "", nil
	}
	to = "docs/" + at
	if b.pages[to] != nil {
		return to, nil
	}
	data, err := b.read(at, ImageMax)
	if err != nil {
		return "", err
	}
	if b.images += len(data); b.images > ImagesMax {
		return "", fmt.Errorf("the documents show more than %d MiB of pictures", ImagesMax>>20)
	}
	b.pages[to] = data
	return to, nil
}

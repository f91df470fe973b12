package site_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/site"
	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/net/html"
)

var update = flag.Bool("update", false, "rewrite the pages of testdata")

// rendered makes the pages of an archive, or of a folder, twice.
func rendered(t *testing.T, from string) (*specs.Service, site.Pages) {
	t.Helper()
	dir := from
	if strings.HasSuffix(from, ".txtar") {
		archive, err := txtar.ParseFile(from)
		if err != nil {
			t.Fatal(err)
		}
		dir = t.TempDir()
		for _, f := range archive.Files {
			name := filepath.Join(dir, filepath.FromSlash(f.Name))
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	s, err := specs.Load(dir, specs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := site.Options{Curl: func(e *specs.Endpoint) string { return "curl '" + e.Path + "'" }}
	pages, err := site.Render(s, o)
	if err != nil {
		t.Fatal(err)
	}
	again, err := site.Render(s, o)
	if err != nil || !maps.EqualFunc(pages, again, bytes.Equal) {
		t.Errorf("the pages come out in two ways: %v", err)
	}
	return s, pages
}

// TestPages holds what every page keeps to: it is whole HTML, its links lead to
// pages and headings that there are, it asks for nothing from elsewhere, runs no
// script, and headings come in order.
func TestPages(t *testing.T) {
	from, err := filepath.Glob("../testdata/*good*.txtar")
	if err != nil || len(from) < 5 {
		t.Fatalf("there are %d services: %v", len(from), err)
	}
	for _, name := range append(from, "testdata/shop.txtar", "../../testdata/services/triage") {
		t.Run(path.Base(name), func(t *testing.T) {
			t.Parallel()
			_, pages := rendered(t, name)
			hold(t, pages)
		})
	}
}

// TestParts: a link leads to the part that GitHub, and a test that proves it,
// know by the name.
func TestParts(t *testing.T) {
	dir := t.TempDir()
	text := "[a](#größe) [b](#gr%C3%B6%C3%9Fe) [c](#tier/1) [d](#größe/1)\n\n# Größe\n1. x\n\n# Tier\n1. y\n"
	if err := os.WriteFile(filepath.Join(dir, "x.md"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &specs.Service{
		Name: "s", Dir: dir, Docs: []string{"x.md"},
		Actors: map[string]*specs.Actor{"a": {Name: "a", Dir: dir, Docs: []string{"x.md"}, Tests: []*specs.Test{
			{Name: "t", Proves: []specs.Proof{{Doc: "x.md", Section: "größe"}, {Doc: "x.md", Section: "tier/1"}}},
		}}},
	}
	pages, err := site.Render(s, site.Options{})
	if err != nil {
		t.Fatal(err)
	}
	hold(t, pages)
	const size = "#gr%C3%B6%C3%9Fe"
	for at, links := range map[string][]string{
		"docs/x.md.html": {`href="` + size + `">a<`, `href="` + size + `">b<`, `href="#tier/1">c<`, `href="#1">d<`},
		"actors/a.html":  {`href="#doc1-gr%C3%B6%C3%9Fe">a<`, `href="#doc1-tier/1">c<`, `href="../docs/x.md.html` + size + `"`, `href="../docs/x.md.html#tier/1"`},
	} {
		for _, link := range links {
			if !bytes.Contains(pages[at], []byte(link)) {
				t.Errorf("%s has no %s:\n%s", at, link, pages[at])
			}
		}
	}
}

// FuzzDocument holds the same of pages with any document.
func FuzzDocument(f *testing.F) {
	for _, text := range []string{
		"# a\n\n[b](x.md#c) ![d](y.png) <e>", "<script>\n<!-- -->", "[a](javascript:x) <http://b> www.c.d", "1. a\n2. b\n\n7. c\n\n#1", "[a](%zz) [b](x.md#%23) [c](x.md?d#page-main)",
		"# Page main\n\n###### x\n# x\n# x-1", "- [ ] a\n\n| a |\n|:-:|\n| [b](#a) |", "[![a](b)](c) ![[d](e)](http://f)", "# [a](b)\n\n[b]: <x.md>\n",
	} {
		f.Add(text)
	}
	dir := f.TempDir()
	s := &specs.Service{
		Name: "s", Dir: dir, Docs: []string{"x.md"},
		Actors: map[string]*specs.Actor{"a": {Name: "a", Dir: dir, Docs: []string{"x.md", "x.md"}}},
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(filepath.Join(dir, "x.md"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		pages, err := site.Render(s, site.Options{})
		if err != nil {
			t.Fatal(err)
		}
		hold(t, pages)
	})
}

// hold holds all pages of a site.
func hold(t *testing.T, pages site.Pages) {
	t.Helper()
	ids := map[string]map[string]bool{}
	trees := map[string]*html.Node{}
	for at, data := range pages {
		if path.Ext(at) != ".html" {
			continue
		}
		tree, err := html.Parse(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		trees[at], ids[at] = tree, map[string]bool{}
		for n := range tree.Descendants() {
			id := attr(n, "id")
			if id != "" && ids[at][id] {
				t.Errorf("%s has the id %s twice", at, id)
			}
			ids[at][id] = true
		}
	}
	for at, tree := range trees {
		p := checked{T: t, at: at, pages: pages, ids: ids}
		p.page(tree)
	}
}

// checked is one page under test.
type checked struct {
	*testing.T
	at    string
	pages site.Pages
	ids   map[string]map[string]bool
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func (p *checked) page(tree *html.Node) {
	count, level := map[string]int{}, 0
	for n := range tree.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		count[n.Data]++
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				p.Errorf("%s: <%s %s> is script or style in place", p.at, n.Data, a.Key)
			}
		}
		switch n.Data {
		case "a":
			p.link(attr(n, "href"))
		case "link", "img":
			to := attr(n, "href") + attr(n, "src")
			if strings.Contains(to, ":") && to != "data:," {
				p.Errorf("%s asks for %s", p.at, to)
			} else if to != "data:," {
				p.link(to)
			}
		case "script", "iframe", "object", "embed", "form", "input", "base", "b", "name":
			p.Errorf("%s has a <%s>", p.at, n.Data)
		case "h1", "h2", "h3", "h4", "h5", "h6":
			next := int(n.Data[1] - '0')
			if next > level+1 {
				p.Errorf("%s: h%d is followed by h%d", p.at, level, next)
			}
			level = next
		}
	}
	for _, one := range []string{"title", "main", "nav", "header", "footer"} {
		if count[one] != 1 {
			p.Errorf("%s has %d <%s>", p.at, count[one], one)
		}
	}
	if count["h1"] != 1 {
		p.Errorf("%s has %d <h1>", p.at, count["h1"])
	}
	if !bytes.HasPrefix(p.pages[p.at], []byte("<!doctype html>\n<html lang=\"en\">")) {
		p.Errorf("%s begins %.40q", p.at, p.pages[p.at])
	}
}

// link holds that an address on a page leads somewhere.
func (p *checked) link(to string) {
	for _, scheme := range []string{"https://", "http://", "mailto:"} {
		if strings.HasPrefix(to, scheme) {
			return
		}
	}
	u, err := url.Parse(to)
	if err != nil {
		p.Errorf("%s links to %q: %v", p.at, to, err)
		return
	}
	file, id, has := u.Path, u.Fragment, strings.Contains(to, "#")
	target := p.at
	if file != "" {
		target = path.Join(path.Dir(p.at), file)
	}
	if p.pages[target] == nil || u.Scheme != "" || u.Host != "" {
		p.Errorf("%s links to %q, and there is no %s", p.at, to, target)
	} else if has && (id == "" || !p.ids[target][id]) {
		p.Errorf("%s links to %q, and %s has no %s", p.at, to, target, id)
	}
}

// TestGolden holds what the pages of a service say, as text, and the HTML that
// is made of documents.
func TestGolden(t *testing.T) {
	const file = "testdata/shop.txtar"
	_, pages := rendered(t, file)
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool {
		name, page := strings.CutPrefix(f.Name, "page ")
		if page {
			want[name] = string(f.Data)
		}
		return page
	})
	for _, name := range pages.Names() {
		got := ""
		switch {
		case name == "style.css":
			continue
		case strings.HasPrefix(name, "docs/"):
			got = string(pages[name])
			if _, after, ok := strings.Cut(got, `<main id="Page-main">`+"\n"); ok {
				got, _, _ = strings.Cut(after, "</main>")
			}
		default:
			got = said(t, pages[name])
		}
		if diff := cmp.Diff(want[name], got); diff != "" && !*update {
			t.Errorf("%s:\n%s", name, diff)
		}
		archive.Files = append(archive.Files, txtar.File{Name: "page " + name, Data: []byte(got)})
		delete(want, name)
	}
	if len(want) > 0 && !*update {
		t.Errorf("there are no pages %v", slices.Sorted(maps.Keys(want)))
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// said is the text of a page, a block a line, drawings left out.
func said(t *testing.T, page []byte) string {
	tree, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	newLine := func() {
		if s := b.String(); s != "" && !strings.HasSuffix(s, "\n") {
			b.WriteByte('\n')
		}
	}
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			if text := strings.Join(strings.Fields(n.Data), " "); text != "" {
				if s := b.String(); s != "" && !strings.HasSuffix(s, "\n") {
					b.WriteByte(' ')
				}
				b.WriteString(text)
			}
			return
		}
		switch n.Data {
		case "svg", "thead", "head", "header", "footer":
			return
		case "h1", "h2", "h3":
			newLine()
			b.WriteString(strings.Repeat("#", int(n.Data[1]-'0')))
		case "tr", "p", "dt", "figure", "div", "li", "section", "article", "pre", "figcaption":
			newLine()
		case "dd", "td":
			b.WriteString(" |")
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
		if n.Data != "th" && n.Data != "td" && n.Data != "dt" && n.Data != "dd" && n.Data != "code" && n.Data != "a" {
			newLine()
		}
	}
	walk(tree)
	newLine()
	return b.String()
}

// TestLimits: a document that is too large, and one that leads out of the
// service by a link, are errors that name them.
func TestLimits(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "large.md"), make([]byte, site.DocMax+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "out.md")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.md"), []byte("a \xff b"), 0o600); err != nil {
		t.Fatal(err)
	}
	for doc, want := range map[string]string{"large.md": "large.md is larger than 1024 KiB", "out.md": "out.md", "none.md": "none.md", "../x.md": "x.md", "bad.md": ""} {
		_, err := site.Render(&specs.Service{Name: "s", Dir: dir, Docs: []string{doc}}, site.Options{})
		if got := fmt.Sprint(err); (err == nil) != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %v, want %q", doc, err, want)
		}
	}
}

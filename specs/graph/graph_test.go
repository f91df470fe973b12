package graph_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/graph"
	"github.com/mattn/go-runewidth"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected drawings of testdata")

// forms are the files that a golden archive holds for its service.
var forms = []struct {
	name  string
	write func(*graph.Graph) string
}{
	{"text 80", func(g *graph.Graph) string { return g.Text(graph.Text{Width: 80}) }},
	{"text 80 ascii", func(g *graph.Graph) string { return g.Text(graph.Text{Width: 80, ASCII: true}) }},
	{"text any", func(g *graph.Graph) string { return g.Text(graph.Text{}) }},
	{"text 40", func(g *graph.Graph) string { return g.Text(graph.Text{Width: 40}) }},
	{"mermaid", (*graph.Graph).Mermaid},
	{"dot", (*graph.Graph).DOT},
	{"svg", svg},
	{"json", func(g *graph.Graph) string {
		b, err := json.MarshalIndent(g, "", " ")
		if err != nil {
			return err.Error()
		}
		return string(b) + "\n"
	}},
}

func svg(g *graph.Graph) string {
	var b strings.Builder
	for _, s := range g.Sheets() {
		b.WriteString(s.Draw(0).SVG(s.Title(), func(n *graph.Node) string {
			if n.Actor == "" {
				return ""
			}
			return "actors/" + n.Actor + ".html"
		}))
	}
	return b.String()
}

// TestGolden holds how services look. The first line of an archive says which:
// a folder, an archive of the loader's tests, or the archive itself.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 6 {
		t.Fatalf("there are %d golden files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			golden(t, file)
		})
	}
}

func golden(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, archive)
	want := map[string]string{}
	var input []txtar.File
	for _, f := range archive.Files {
		want[f.Name] = string(f.Data)
		if strings.ContainsAny(f.Name, "./") {
			input = append(input, f)
		}
	}
	archive.Files = input
	for _, form := range forms {
		got := form.write(graph.New(s, ""))
		if again := form.write(graph.New(s, "")); again != got {
			t.Errorf("%s comes out in two ways", form.name)
		}
		if diff := cmp.Diff(want[form.name], got); diff != "" && !*update {
			t.Errorf("%s:\n%s", form.name, diff)
		}
		archive.Files = append(archive.Files, txtar.File{Name: form.name, Data: []byte(got)})
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// load loads the service that an archive is about.
func load(t *testing.T, archive *txtar.Archive) *specs.Service {
	t.Helper()
	first, _, _ := strings.Cut(string(archive.Comment), "\n")
	from, ok := strings.CutPrefix(first, "service: ")
	if !ok {
		t.Fatalf("%q names no service", first)
	}
	dir := from
	if strings.HasSuffix(from, ".txtar") {
		var err error
		if archive, err = txtar.ParseFile(from); err != nil {
			t.Fatal(err)
		}
	}
	if from == "here" || strings.HasSuffix(from, ".txtar") {
		dir = t.TempDir()
		for _, f := range archive.Files {
			path := filepath.Join(dir, filepath.FromSlash(f.Name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	s, err := specs.Load(dir, specs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDOT has Graphviz read what is written for it.
func TestDOT(t *testing.T) {
	if _, err := exec.LookPath("dot"); err != nil {
		t.Skip("Graphviz's dot is not installed")
	}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "dot", "-Tplain")
		cmd.Stdin = strings.NewReader(graph.New(load(t, archive), "").DOT())
		var complaints bytes.Buffer
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		if err != nil || complaints.Len() > 0 {
			t.Errorf("%s: %v: %s", file, err, complaints.Bytes())
		}
		g := graph.New(load(t, archive), "")
		if n := strings.Count(string(out), "\nnode "); n != len(g.Nodes) {
			t.Errorf("%s: dot has drawn %d of %d nodes", file, n, len(g.Nodes))
		}
		if n := strings.Count(string(out), "\nedge "); n != len(g.Edges) {
			t.Errorf("%s: dot has drawn %d of %d edges", file, n, len(g.Edges))
		}
	}
}

// wide makes a workflow of n nodes in layers of ten, each sending to the next
// layer and to one further down.
func wide(n int) *specs.Service {
	s := &specs.Service{
		Name:   "wide",
		Actors: map[string]*specs.Actor{"a": {Name: "a", In: []string{"m"}, Out: []string{"m"}}},
	}
	w := &specs.Workflow{Name: "w", In: []string{"m"}, Out: []string{"m"}}
	name := func(i int) string { return fmt.Sprintf("n%d", i) }
	for i := range n {
		w.Nodes = append(w.Nodes, &specs.Node{Name: name(i), Actor: "a"})
		to := []string{"output"}
		if i+10 < n {
			to = []string{name(i + 10), name((i*7 + 23) % n)}
		}
		w.Routes = append(w.Routes, &specs.Route{From: name(i), To: to})
	}
	w.Routes = append(w.Routes, &specs.Route{From: "input", To: []string{name(0), name(1), name(2)}})
	s.Workflows = map[string]*specs.Workflow{"w": w}
	return s
}

// TestLarge: a hundred nodes are drawn where there is room, and listed where
// there is none; what is too large for any drawing is listed.
func TestLarge(t *testing.T) {
	sheet := graph.New(wide(100), "").Sheets()[0]
	d := sheet.Draw(0)
	if d == nil || len(d.Boxes) != 102 {
		t.Fatalf("a hundred nodes are not drawn: %+v", d)
	}
	for _, width := range []int{1, 20, 40, 80} {
		text := graph.New(wide(100), "").Text(graph.Text{Width: width})
		for line := range strings.Lines(text) {
			if n := runewidth.StringWidth(strings.TrimRight(line, "\n")); n > max(width, 24) {
				t.Errorf("a line of %d columns for a width of %d: %s", n, width, line)
			}
		}
		if !strings.Contains(text, "-> n99") {
			t.Errorf("at %d columns the last node is not listed", width)
		}
	}
	if text := graph.New(wide(3000), "").Text(graph.Text{}); !strings.Contains(text, "-> n2999") {
		t.Error("three thousand nodes are not listed")
	}
}

// TestOneWorkflow: naming a workflow leaves out the others, and what sends there.
func TestOneWorkflow(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/circles.txtar")
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New(load(t, archive), "work")
	for _, n := range g.Nodes {
		if n.ID == "GET /echo" || n.ID == "idle" || n.ID == "echo" {
			t.Errorf("%s is in the graph of work", n.ID)
		}
	}
	if len(g.Clusters) != 1 || g.Nodes[0].ID != "POST /jobs" {
		t.Errorf("the graph of work is %+v", g)
	}
}

// TestSources: schedules and subscriptions stand where endpoints do.
func TestSources(t *testing.T) {
	archive := txtar.Parse([]byte(`service: here
-- grow.yaml --
service: shop
schedule: {nightly: {cron: "@daily", send: a.do, to: work, data: {}}}
subscribe: {erp.>: {send: a.do, to: a}}
-- types/a.cue --
"a.do": {...}
-- actors/a/actor.yaml --
actor: a
code: {language: wasm, source: a.wasm}
in: [a.do]
-- actors/a/a.wasm --
-- workflows/work.yaml --
workflow: work
in: [a.do]
nodes: {a: a}
routes: [{from: input, to: a}]
`))
	var lines []string
	for _, e := range graph.New(load(t, archive), "").Edges {
		lines = append(lines, e.From+" -> "+e.To)
	}
	want := []string{"schedule nightly -> work/input", "subscribe erp.> -> a", "work/input -> work/a"}
	if !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
}

// TestEmpty: a service of nothing has a graph of nothing.
func TestEmpty(t *testing.T) {
	g := graph.New(&specs.Service{Name: "empty"}, "")
	if text := g.Text(graph.Text{Width: 80}); text != "" {
		t.Errorf("%q", text)
	}
	b, err := json.Marshal(g)
	if want := `{"service":"empty","workflows":[],"nodes":[],"edges":[]}`; err != nil || string(b) != want {
		t.Errorf("%s, want %s: %v", b, want, err)
	}
}

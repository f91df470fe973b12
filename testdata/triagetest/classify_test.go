package triagetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/host/logs"
)

// tables are those of the service.
var tables = sync.OnceValues(func() (map[string][]row, error) { return readTables("../services/triage") })

// classifiers are the languages that actor classify is written in, and the
// service with it in that language.
var classifiers = map[string]func() (built, error){
	"python": sync.OnceValues(func() (built, error) { return written("python") }),
	"rust":   sync.OnceValues(func() (built, error) { return written("rust") }),
	"go":     sync.OnceValues(func() (built, error) { return written("go") }),
}

var codeLine = regexp.MustCompile(`(?m)^code: .*$`)

// written builds the service with actor classify in a language. It is built in
// a copy, unless the service has it in that language anyway.
func written(language string) (built, error) {
	b, err := triage()
	if err != nil || b.service.Actors["classify"].Code.Language == language {
		return b, err
	}
	dir := filepath.Join(compiled, "triage-"+language)
	if err := os.CopyFS(dir, os.DirFS("../services/triage")); err != nil {
		return built{}, err
	}
	file := filepath.Join(dir, "actors", "classify", "actor.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return built{}, err
	}
	code := fmt.Sprintf("code: {language: %s, source: src/%[1]s}", language)
	text = codeLine.ReplaceAllLiteral(text, []byte(code))
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return built{}, err
	}
	return build(dir)
}

// eachClassifier runs a test on the service with actor classify in each of
// its languages.
func eachClassifier(t *testing.T, test func(*testing.T, *client)) {
	for language, get := range classifiers {
		t.Run(language, func(t *testing.T) { test(t, start(t, get)) })
	}
}

// found is what it tells of one.
type found struct {
	Repository string `json:"repository"`
	Classified
}

// ask decodes the answer to GET path, which may have no other fields; false
// when it is not found. Where much is to be classified before, it is patient.
func (c *client) ask(t *testing.T, path string, into any) bool {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, c.host.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := must(t)(c.do(r))
	for a.problem().Code == "reply.timeout" {
		a = must(t)(c.do(r))
	}
	if a.status == http.StatusNotFound {
		return false
	}
	dec := json.NewDecoder(strings.NewReader(a.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil || a.status != http.StatusOK {
		t.Fatalf("%s: %d %s: %v", path, a.status, a.body, err)
	}
	return true
}

// classify delivers webhooks, several at a time, and compares everything that
// the service says of the threads in them with what the rule does when it sees
// them in the order that the service did. The host must be fresh.
func (c *client) classify(t *testing.T, list []hook) map[string]*memory {
	t.Helper()
	for i, a := range c.deliverAll(t, list) {
		if a.status != http.StatusOK {
			t.Fatalf("%s %s: %d %s", list[i].event, list[i].delivery, a.status, a.body)
		}
	}
	threads := map[string]map[string]thread{} // by repository and delivery
	for _, h := range list {
		if th, ok := textOf(h); ok {
			if threads[th.Repository] == nil {
				threads[th.Repository] = map[string]thread{}
			}
			threads[th.Repository][th.Delivery] = th
		}
	}
	memories := map[string]*memory{}
	for repository, threads := range threads {
		// Threads of a repository are classified in the order in which they
		// came: when the list is there, all of them have been.
		var got Listed
		if !c.ask(t, "/classified/"+repository, &got) {
			t.Errorf("%s: nothing was classified", repository)
			continue
		}
		m := c.replay(t, repository, threads)
		memories[repository] = m
		want := Listed{repository, m.Seen, nil}
		for _, th := range m.Threads {
			want.Threads = append(want.Threads, th.Classified)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: what is remembered differs from the rule (-rule +service):\n%s", repository, diff)
		}
	}
	c.quiet(t)
	return memories
}

// replay has the rule see the threads of a repository in the order in which the
// log says that they were classified, and compares each.
func (c *client) replay(t *testing.T, repository string, threads map[string]thread) *memory {
	t.Helper()
	bySeq := map[int]logs.Record{}
	for _, r := range c.host.Logs().Query(logs.Filter{Node: "triage/classify", Level: "info"}) {
		if _, ours := threads[r.Fields["delivery"]]; ours && r.Text == "classified" {
			seq, err := strconv.Atoi(r.Fields["seq"])
			if err != nil {
				t.Errorf("%s: seq %q", repository, r.Fields["seq"])
			}
			bySeq[seq] = r
		}
	}
	words, err := tables()
	if err != nil {
		t.Fatal(err)
	}
	m, seen := &memory{}, map[string]bool{}
	for seq := range len(threads) {
		r, ok := bySeq[seq+1]
		delivery := r.Fields["delivery"]
		if !ok || seen[delivery] {
			t.Fatalf("%s: no thread or a repeated one is number %d of %d", repository, seq+1, len(threads))
		}
		seen[delivery] = true
		want := m.see(newReading(words, threads[delivery]), remember, similar)
		var numbers []string
		for _, d := range want.Duplicates {
			numbers = append(numbers, strconv.Itoa(d.Number))
		}
		fields := map[string]string{
			"delivery": delivery, "seq": strconv.Itoa(want.Seq), "language": want.Language, "kind": want.Kind,
			"urgency": want.Urgency, "duplicates": strings.Join(numbers, " "),
		}
		if diff := cmp.Diff(fields, r.Fields); diff != "" {
			t.Errorf("%+v: the classification differs from the rule (-rule +service):\n%s", threads[delivery], diff)
		}
	}
	return m
}

// TestClassifyPayloads posts every real webhook.
func TestClassifyPayloads(t *testing.T) {
	eachClassifier(t, func(t *testing.T, c *client) {
		memories := c.classify(t, hooks(t))
		if m := memories["Codertocat/Hello-World"]; m == nil || m.Seen < 50 || len(m.Threads) != 2 {
			t.Fatalf("%+v: too few threads to tell", m)
		}
		for repository, m := range memories {
			for _, want := range m.Threads {
				var got found
				if !c.ask(t, fmt.Sprint("/classified/", repository, "/", want.Number), &got) {
					t.Errorf("%s %d was not classified", repository, want.Number)
				}
				if diff := cmp.Diff(found{repository, want.Classified}, got, cmp.AllowUnexported(found{})); diff != "" {
					t.Errorf("%s %d differs from the rule (-rule +service):\n%s", repository, want.Number, diff)
				}
			}
		}
		for _, path := range []string{"/classified/Codertocat/Hello-World/99", "/classified/codertocat/Hello-World", "/classified/nobody/nothing"} {
			if c.ask(t, path, new(json.RawMessage)) {
				t.Errorf("%s was found", path)
			}
		}
	})
}

// TestClassifySources makes sure that no language is left out of these tests,
// and that the tables of each are those of docs/words.md, row by row.
func TestClassifySources(t *testing.T) {
	words, err := tables()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../services/triage/actors/classify/src/*/tables.*")
	if err != nil || len(files) != len(classifiers) {
		t.Fatalf("tables in %v (%v), want one for each of %d languages", files, err, len(classifiers))
	}
	broken := regexp.MustCompile(`(?:"(?: \+)?\n\s*"|\\\n\s*)`) // where a text of several lines goes on
	for _, file := range files {
		if language := filepath.Base(filepath.Dir(file)); classifiers[language] == nil {
			t.Errorf("actor classify in %s is not tested", language)
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code := broken.ReplaceAllString(string(source), "")
		for heading, rows := range words {
			for _, row := range rows {
				texts := []string{strings.Join(row.entries, ", ")}
				if heading == "Traces" {
					texts = row.entries
				}
				for _, text := range texts {
					if !strings.Contains(code, `"`+strings.Trim(text, "`")+`"`) {
						t.Errorf("%s lacks what docs/words.md has under %q of %s", file, heading, row.name)
					}
				}
			}
		}
	}
}

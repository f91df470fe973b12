package actortest_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/gateway"
	"github.com/grow-platform/grow/runtime/actortest"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/specs"
	"github.com/rogpeppe/go-internal/txtar"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "rewrite the expected lines of testdata")

// desk is the gateway of these tests; see actortest.Gateway.
type desk struct{}

const secret = "whsec_Z3JvdyB0ZXN0cyBzaWduIHdpdGggdGhpcw=="

func (desk) Handler(s *specs.Service, to actortest.Shard, now func() time.Time) (http.Handler, error) {
	g, err := gateway.New(gateway.Options{Service: s, Shard: to, Secret: func(string) (string, bool) { return secret, true }, Now: now})
	if err != nil {
		return nil, err
	}
	return g.Handler(), nil
}

func (desk) Sign(e *specs.Endpoint, r *http.Request, body []byte, now time.Time) {
	if err := gateway.Sign(e.Webhook, secret, r.Header, body, now); err != nil {
		panic(err)
	}
}

func options(s *specs.Service) actortest.Options {
	return actortest.Options{
		Service: s, Engine: goEngine{}, Gateway: desk{},
		Store: func() journal.Store { return mem.New(mem.Options{}) },
		Module: func(actor string) ([]byte, error) {
			if guests[actor] == nil {
				return nil, errors.New("it has not been built")
			}
			return []byte(actor), nil
		},
	}
}

// TestGolden runs the tests of the services in testdata and compares what is
// said of each. testdata/service.txtar holds what the others have in common.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	common, err := txtar.ParseFile("testdata/common/service.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := &archive.Files[len(archive.Files)-1]
			s := load(t, common, archive)
			got := run(t, options(s), s.AllTests())
			if got == string(want.Data) {
				return
			}
			if *update {
				want.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("got:\n%s\nwant:\n%s", got, want.Data)
		})
	}
}

// load writes the files of archives into a folder, those with the ending .more
// at the end of the file they name, and loads it.
func load(t *testing.T, archives ...*txtar.Archive) *specs.Service {
	t.Helper()
	dir := t.TempDir()
	for _, archive := range archives {
		for _, f := range archive.Files {
			path := filepath.Join(dir, filepath.FromSlash(strings.TrimSuffix(f.Name, ".more")))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			data := f.Data
			if strings.HasSuffix(f.Name, ".more") {
				have, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				data = append(have, data...)
			}
			if err := os.WriteFile(path, data, 0o644); err != nil {
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

// run runs tests and writes what is said of each.
func run(t *testing.T, o actortest.Options, tests []*specs.Test) string {
	t.Helper()
	r := actortest.New(o)
	defer func() {
		if err := r.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	var b bytes.Buffer
	if err := r.Run(t.Context(), tests, func(r *actortest.Result) { write(&b, r) }); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func write(b *bytes.Buffer, r *actortest.Result) {
	verdict := "ok"
	if !r.Passed() {
		verdict = "FAIL"
	}
	fmt.Fprintf(b, "%s %s %s: %s\n", verdict, r.Test.Of, r.Test.Subject, r.Test.Name)
	for _, f := range r.Failures {
		fmt.Fprintf(b, "  %s:%d %s", filepath.Base(f.At.File), f.At.Line, f.Where)
		if f.Text != "" {
			fmt.Fprintf(b, ": %s", f.Text)
		}
		b.WriteString("\n")
		for _, d := range f.Differences {
			fmt.Fprintf(b, "    %s\n", d)
		}
	}
}

// TestSameEachTime runs tests twice, alone and several at a time: what an actor
// can see of a test, its ids, its time and its random bytes, is the same.
func TestSameEachTime(t *testing.T) {
	common, err := txtar.ParseFile("testdata/common/service.txtar")
	if err != nil {
		t.Fatal(err)
	}
	archive, err := txtar.ParseFile("testdata/fails.txtar")
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, common, archive)
	var tests []*specs.Test
	for range 5 {
		tests = append(tests, s.AllTests()...)
	}
	one, many := options(s), options(s)
	one.Parallel, many.Parallel = 1, 8
	if a, b := run(t, one, tests), run(t, many, tests); a != b {
		t.Errorf("one at a time:\n%s\neight at a time:\n%s", a, b)
	}
}

// TestInterrupted ends a run in its middle.
func TestInterrupted(t *testing.T) {
	common, err := txtar.ParseFile("testdata/common/service.txtar")
	if err != nil {
		t.Fatal(err)
	}
	archive, err := txtar.ParseFile("testdata/passes.txtar")
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, common, archive)
	r := actortest.New(options(s))
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	err = r.Run(ctx, s.AllTests(), func(*actortest.Result) {
		seen++
		cancel()
	})
	if !errors.Is(err, context.Canceled) || seen == 0 || seen == len(s.AllTests()) {
		t.Errorf("%d results, %v", seen, err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestCircle ends a test whose messages never come to an end, well before its
// time is over.
func TestCircle(t *testing.T) {
	common, err := txtar.ParseFile("testdata/common/service.txtar")
	if err != nil {
		t.Fatal(err)
	}
	s := load(t, common, txtar.Parse([]byte(`
-- workflows/round.yaml --
workflow: round
in: [order.priced]
out: [order.priced]
nodes: {review: review}
routes:
  - {from: input, to: review}
  - {from: review, when: data.total > 0.0, to: review}
  - {from: review, to: output}
tests:
  - test: it goes round
    given: {review: [{when: {order.priced: {...: _}}, then: [{order.priced: {id: a, total: 1}}]}]}
    when: {order.priced: {id: a, total: 1}}
    then: []
`)))
	if got := run(t, options(s), s.Workflows["round"].Tests); !strings.Contains(got, "do they go round in a circle?") {
		t.Error(got)
	}
}

// TestUnstarted: why an instance does not start is said of each test that needs one, with
// where in the actor's own code that was.
func TestUnstarted(t *testing.T) {
	s := load(t, txtar.Parse([]byte(`
-- grow.yaml --
service: shop
-- types/all.cue --
"a.asked": {id: string}
-- actors/broken/actor.yaml --
actor: broken
in: [a.asked]
out: [a.asked]
code: {language: wasm, source: broken.wasm}
-- actors/broken/broken.wasm --
-- actors/broken/tests/all.yaml --
- test: it answers
  when: {a.asked: {id: a}}
  then: [{a.asked: {id: a}}]
`)))
	got := run(t, options(s), s.AllTests())
	for _, want := range []string{"FAIL actor broken: it answers", "start: start broken: exception: ImportError: cannot import name 'nosuch'", `File "main.py", line 3`} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not said:\n%s", want, got)
		}
	}
	if n := strings.Count(got, "ImportError"); n != 1 {
		t.Errorf("it is said %d times:\n%s", n, got)
	}
}

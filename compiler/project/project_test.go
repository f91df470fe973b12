package project

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/toolchain"
	"github.com/grow-platform/grow/specs"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	compiler.Register(fake{})
	goleak.VerifyTestMain(m)
}

// met is where two builds wait for each other.
var met sync.WaitGroup

// fake compiles what is called well, refuses what is called ill, and waits
// with what is called slow until it is told to end.
type fake struct{}

func (fake) Language() string                          { return "fake" }
func (fake) Check(context.Context) []toolchain.Finding { return nil }

func (fake) Build(ctx context.Context, s compiler.Source) (compiler.Result, error) {
	s.Say("look at " + s.Actor)
	s.Say("compile " + s.Actor)
	switch {
	case strings.HasPrefix(s.Actor, "ill"):
		return compiler.Result{}, compiler.Fail(s, compiler.CodeFailed, "refused", nil)
	case strings.HasPrefix(s.Actor, "pair"):
		met.Done()
		met.Wait()
	case strings.HasPrefix(s.Actor, "slow"):
		<-ctx.Done()
		return compiler.Result{}, compiler.Fail(s, compiler.CodeFailed, "stopped", ctx.Err())
	}
	return compiler.Result{Module: s.Out, Log: s.Path, Cached: s.Debug}, nil
}

func service(language string, names ...string) *specs.Service {
	s := &specs.Service{Dir: "/shop", Actors: map[string]*specs.Actor{}}
	for _, n := range names {
		s.Actors[n] = &specs.Actor{Name: n, Code: specs.Code{Language: language, Source: "/shop/actors/" + n + "/src"}}
	}
	return s
}

func TestBuild(t *testing.T) {
	for _, c := range []struct {
		name    string
		service *specs.Service
		only    []string
		built   string // names
		err     string
	}{
		{"all", service("fake", "a", "b"), nil, "a b", ""},
		{"none", service("fake"), nil, "", ""},
		{"some", service("fake", "a", "b", "c"), []string{"c", "a", "c"}, "a c", ""},
		{"a failure stops no other", service("fake", "a", "ill-1", "ill-2", "z"), nil, "a z", "build ill-1: refused\nbuild ill-2: refused"},
		{"no such actor", service("fake", "a", "b"), []string{"a", "c"}, "", `there is no actor "c"`},
		{"no such language", service("latin", "a"), nil, "", "build a: this version of grow does not build latin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			only := slices.Clone(c.only)
			built, err := Build(t.Context(), c.service, Options{Only: c.only})
			text := ""
			if err != nil {
				text = err.Error()
			}
			if names := strings.Join(slices.Sorted(maps.Keys(built)), " "); names != c.built || text != c.err {
				t.Errorf("built %q, error %q; want %q, %q", names, text, c.built, c.err)
			}
			if !slices.Equal(only, c.only) {
				t.Error("what was asked for was changed")
			}
			for name, r := range built {
				want := compiler.Result{Module: filepath.Join("/shop", ".grow", "build", name+".wasm"), Log: "/shop/actors/" + name + "/src"}
				if diff := cmp.Diff(want, r); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestUnknownNamesWhatThereIs(t *testing.T) {
	_, err := Build(t.Context(), service("fake", "b", "a"), Options{Only: []string{"c"}})
	var unknown *UnknownError
	if !errors.As(err, &unknown) || unknown.Name != "c" || !slices.Equal(unknown.Have, []string{"a", "b"}) {
		t.Errorf("%+v", err)
	}
}

// TestTwoAtATime: two actors build at once, else this test does not end.
func TestTwoAtATime(t *testing.T) {
	met.Add(2)
	if _, err := Build(t.Context(), service("fake", "pair-1", "pair-2"), Options{}); err != nil {
		t.Error(err)
	}
}

// TestProgress: one event at a time, lines first, then what came of it.
func TestProgress(t *testing.T) {
	told := map[string][]string{}
	_, err := Build(t.Context(), service("fake", "a", "b", "ill"), Options{Debug: true, Progress: func(e Event) {
		text := e.Language + " " + e.Line
		if e.Result != nil && e.Result.Cached {
			text = "built"
		}
		if e.Err != nil {
			text = e.Err.Error()
		}
		told[e.Actor] = append(told[e.Actor], text) // the race detector sees two at a time
	}})
	if err == nil {
		t.Error("no error")
	}
	want := map[string][]string{
		"a":   {"fake look at a", "fake compile a", "built"},
		"b":   {"fake look at b", "fake compile b", "built"},
		"ill": {"fake look at ill", "fake compile ill", "build ill: refused"},
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Build(ctx, service("fake", "slow-1", "slow-2", "slow-3"), Options{Progress: func(e Event) {
		if e.Line == "compile slow-1" {
			cancel()
		}
	}})
	cancel()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}

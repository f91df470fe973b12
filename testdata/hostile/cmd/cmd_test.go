package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/grow-platform/grow/host/jail"
	"github.com/grow-platform/grow/testdata/hostile"
	"github.com/grow-platform/grow/testdata/hostile/oracle"
)

func TestMain(m *testing.M) {
	jail.Enter()
	if path := os.Getenv(judgeEnv); path != "" {
		if err := judgeFile(path, os.Stdout); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	if os.Getenv(childEnv) != "" { // started by a test as its child
		if err := child(context.Background(), os.Stdin, os.Stdout); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// fixed is the seed of the part that every run of the tests does.
const fixed = 5

// TestCorpus runs modules made by hand, those of a light run, and some hundred
// liars, modules of wazero's tests and mutants: none may end the process, exceed a
// limit or have another verdict than it must. make hostile does all of them.
func TestCorpus(t *testing.T) {
	t.Parallel()
	more := 500
	if testing.Short() {
		more = 100
	}
	o := &options{seed: fixed, jobs: 2, count: more, plain: true, light: true, kept: filepath.Join(t.TempDir(), "found")}
	if err := o.parent(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestOracle holds the decoder against V8 and wabt on the modules of wazero's
// tests and some thousand mutants. make hostile-oracle does a million.
func TestOracle(t *testing.T) {
	if missing := oracle.Missing(); len(missing) > 0 {
		t.Skipf("not found in PATH: %v", missing)
	}
	t.Parallel()
	o := &options{seed: fixed, jobs: 2, oracle: 5000, plain: true, kept: filepath.Join(t.TempDir(), "found")}
	if err := o.compare(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestVerdicts has one of the largest modules judged, by a process whose memory is
// bounded; make hostile-verdicts does all of them.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "verdicts.json")
	o := &options{only: "32 MiB of name subsections", out: out, slow: true}
	if err := o.verdicts(t.Context()); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var all []judged
	if err := json.Unmarshal(b, &all); err != nil || len(all) != 1 || all[0].Code != hostile.Handled || all[0].Size < 31<<20 || all[0].Took == 0 {
		t.Errorf("%s, %v", b, err)
	}
}

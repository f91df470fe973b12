package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/grow-platform/grow/host/jail"
	"github.com/grow-platform/grow/testdata/hostile/oracle"
)

func TestMain(m *testing.M) {
	jail.Enter()
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

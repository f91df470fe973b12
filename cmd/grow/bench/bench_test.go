package main

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestShippedPath: what is measured is what runs. The benchmarks may use
// contracts, and start services through package app; no other package of ours
// that the constructor picks from or puts together.
func TestShippedPath(t *testing.T) {
	const module = "github.com/grow-platform/grow/"
	allowed := map[string]bool{
		"abi": true, "cmd/grow/app": true, "cmd/grow/live": true, "host/jail": true, "host/watch": true, "compiler": true, "compiler/project": true, "specs": true, "specs/rule": true, "specs/shape": true, "testdata/order": true, "testdata/wat": true,
		"runtime/actor": true, "runtime/actortest": true, "runtime/capability": true, "runtime/engine": true, "runtime/shard": true,
		"runtime/journal": true, "runtime/journal/fold": true, // reading a journal is measured by itself, and a backlog written
		"host/api": true, "host/deploy": true, "host/store": true, "host/documents": true, // what a client deploys with, and a folder is mounted with
		"compiler/python/interpreter": true,                                                                                   // says whether there are Python actors
		"runtime/debug":               true, "runtime/debug/native": true, "runtime/debug/python": true, "host/control": true, // what a debugger costs is measured without a session
		"runtime/admission": true, "runtime/wasm/meter": true, // what rewriting costs is measured by itself
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, im := range f.Imports {
			path, err := strconv.Unquote(im.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if ours, ok := strings.CutPrefix(path, module); ok && !allowed[ours] {
				t.Errorf("%s imports %s: services are built by cmd/grow/app only", name, ours)
			}
		}
	}
}

func TestChoose(t *testing.T) {
	all, err := choose("")
	if err != nil || len(all) != len(measures) {
		t.Fatalf("all: %d, %v", len(all), err)
	}
	some, err := choose("hop, http3,hop-typed,")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range some {
		got = append(got, m.name)
	}
	if strings.Join(got, " ") != "hop hop-journal hop-typed http3" {
		t.Errorf("chosen: %v", got)
	}
	if _, err := choose("nothing"); err == nil || !strings.Contains(err.Error(), "start-rust-disk") {
		t.Errorf("an unknown figure: %v", err)
	}
}

func TestStatistics(t *testing.T) {
	list := []float64{4, 1, 3, 2, 5}
	if median(list) != 3 || quantile(list, 0.25) != 2 || spread(list) != 2.0/3 {
		t.Errorf("median %g, first quartile %g, spread %g", median(list), quantile(list, 0.25), spread(list))
	}
	for x, want := range map[float64]float64{123456: 123500, 0.00123456: 0.001235, 0: 0, -98765: -98770} {
		if got := significant(x); got != want {
			t.Errorf("significant(%g) = %g, want %g", x, got, want)
		}
	}
}

package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSummary: what ran on the same sources since the last finding counts, and nothing else does.
func TestSummary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "summary")
	for _, e := range []entry{
		{Target: "a.FuzzX", Digest: "1", Seconds: 100}, {Target: "a.FuzzX", Digest: "1", Seconds: 50, Found: "a/testdata/x"},
		{Target: "a.FuzzX", Digest: "1", Seconds: 20}, {Target: "a.FuzzX", Digest: "1", Seconds: 3},
		{Target: "a.FuzzX", Digest: "2", Seconds: 500}, {Target: "b.FuzzX", Digest: "1", Seconds: 600},
	} {
		if err := add(path, e); err != nil {
			t.Fatal(err)
		}
	}
	all, err := read(path)
	if err != nil || len(all) != 6 {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	for digest, want := range map[string]time.Duration{"1": 23 * time.Second, "2": 500 * time.Second, "3": 0} {
		if got := all.quiet(&target{dir: "a", name: "FuzzX", digest: digest}); got != want {
			t.Errorf("sources %s have run for %v, want %v", digest, got, want)
		}
	}
	if err := os.WriteFile(path, []byte("{}\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := read(path); err == nil || !strings.Contains(err.Error(), path+":2") {
		t.Errorf("a line of nonsense: %v", err)
	}
	if all, err := read(path + ".none"); err != nil || len(all) > 0 {
		t.Errorf("no summary: %v, %v", all, err)
	}
}

// TestPick: targets come in the order that was asked for, and once.
func TestPick(t *testing.T) {
	a, b, c := &target{dir: "a", name: "FuzzX"}, &target{dir: "b", name: "FuzzX"}, &target{dir: "b", name: "FuzzY"}
	for only, want := range map[string][]*target{
		"": {a, b, c}, "FuzzY,FuzzX": {c, a, b}, "b.": {b, c}, "b.FuzzX,b": {b, c}, "none": nil,
	} {
		got := pick([]*target{a, b, c}, only)
		same := len(got) == len(want)
		for k := 0; same && k < len(got); k++ {
			same = got[k] == want[k]
		}
		if !same {
			t.Errorf("%q picks %v", only, got)
		}
	}
}

// TestListen: progress and what was found are read from what go test says.
func TestListen(t *testing.T) {
	x := &target{dir: "abi", name: "FuzzReader"}
	var e entry
	said := x.listen(strings.NewReader(`fuzz: elapsed: 0s, gathering baseline coverage: 0/14 completed
fuzz: elapsed: 3s, execs: 5096 (1698/sec), new interesting: 0 (total: 14)
fuzz: elapsed: 1m3s, execs: 123456 (1698/sec), new interesting: 7 (total: 21)
--- FAIL: FuzzReader (63.00s)
    Failing input written to testdata/fuzz/FuzzReader/0123
`), &e)
	seconds, inputs := x.seen()
	if seconds != 63 || inputs != 123456 || x.fresh != 7 || e.Found != "abi/testdata/fuzz/FuzzReader/0123" || len(said) != 3 {
		t.Errorf("%v s, %d inputs, %d new, found %q, said %q", seconds, inputs, x.fresh, e.Found, said)
	}
	if said := x.listen(io.MultiReader(strings.NewReader(strings.Repeat("x\n", 1000))), &e); len(said) != saidMax {
		t.Errorf("%d lines are kept", len(said))
	}
}

// TestFind: the targets of this repository are found, each with a digest of its sources
// that seeds are no part of.
func TestFind(t *testing.T) {
	t.Chdir("../..")
	list, err := find(t.Context(), "abi.Fuzz")
	if err != nil || len(list) == 0 || list[0].id() != "abi.FuzzReader" || len(list[0].digest) != 16 {
		t.Fatalf("%+v, %v", list, err)
	}
	again, err := digest(t.Context(), "abi")
	if err != nil || again != list[0].digest {
		t.Errorf("the digest is %s, and was %s: %v", again, list[0].digest, err)
	}
	if other, err := digest(t.Context(), "runtime/wasm"); err != nil || other == again {
		t.Errorf("another package has the same digest %s: %v", other, err)
	}
	if _, err := find(t.Context(), "no such target"); err == nil {
		t.Error("a target that there is not was found")
	}
}

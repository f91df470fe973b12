package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"go.uber.org/goleak"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/thin"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestChoices(t *testing.T) {
	all := choices("")
	if len(all) < 100 || !slices.IsSortedFunc(all, func(a, b choice) int { return strings.Compare(a.name, b.name) }) {
		t.Errorf("%d modules, or not in order", len(all))
	}
	for _, c := range all {
		if !strings.HasPrefix(c.name, "test_") {
			t.Errorf("%q is no module of tests", c.name)
		}
	}
	if got := choices("test_json"); len(got) != 1 || got[0].name != "test_json" || !slices.Equal(got[0].takes, []string{"test_json/"}) {
		t.Errorf("test_json: %v", got)
	}
	if got := choices("test_nothing"); len(got) != 0 {
		t.Errorf("test_nothing: %v", got)
	}
}

func TestPack(t *testing.T) {
	tests := fstest.MapFS{}
	for _, name := range []string{
		"__init__.py", "seq_tests.py", "support/__init__.py", "support/os_helper.py", "keycert.pem",
		"test_json.py", "test_list.py", "test_json/__init__.py", "test_json/data/a.json", "test_email/__init__.py", "test_extra.py",
	} {
		tests[name] = &fstest.MapFile{Data: []byte(name)}
	}
	binary, err := choice{"test_json", []string{"test_json/", "test_extra.py"}}.pack(tests, "python", strings.Repeat("0a", 32))
	if err != nil {
		t.Fatal(err)
	}
	m, err := wasm.Decode(binary)
	if err != nil {
		t.Fatal(err)
	}
	a, err := thin.Read(m)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"app/main.py", "packages/test/__init__.py", "packages/test/seq_tests.py", "packages/test/support/__init__.py", "packages/test/support/os_helper.py",
		"packages/test/test_extra.py", "packages/test/test_json.py", "packages/test/test_json/__init__.py", "packages/test/test_json/data/a.json",
	}
	if got := slices.Sorted(maps.Keys(a.Files)); !slices.Equal(got, want) {
		t.Errorf("packed %q", got)
	}
}

func TestKinds(t *testing.T) {
	for reason, want := range map[string]string{
		"FileNotFoundError: [Errno 2] No usable temporary directory found in ['/tmp']": "writable files",
		"RuntimeError: can't start new thread":                                         "threads",
		"requires subprocess support":                                                  "processes",
		"requires socket support":                                                      "sockets",
		"No module named '_testcapi'":                                                  "CPython's inside",
		"No module named '_sqlite3'":                                                   "modules that are left out",
	} {
		if i := kindOf("test.test_x.T.test_y", reason); i == len(kinds) || kinds[i].name != want {
			t.Errorf("%s: kind %d, want %s", reason, i, want)
		}
	}
	if i := kindOf("test.test_x.T.test_y", "AssertionError: 1 != 2"); i != len(kinds) {
		t.Errorf("a plain failure is of kind %s", kinds[i].name)
	}
	for _, k := range kinds {
		if k.name == "" || k.why == "" || strings.Contains(k.why, "|") {
			t.Errorf("kind %+v", k)
		}
	}
}

// TestPage holds that what the page lists is known, and nothing else.
func TestPage(t *testing.T) {
	results := []*result{
		{Module: "test_a", Run: 4, Skipped: map[string]string{"test.test_a.T.x": "requires socket support"}, Failed: map[string]string{
			"test.test_a.T.one": "AssertionError: 1 != 2\n\nmore",
			"test.test_a.T.two": "ImportError: no\nTraceback (most recent call last):\n  File <x>\nOSError: [Errno 69] Read-only file system",
		}},
		{Module: "test_b", Run: 7},
	}
	text := document(results)
	for _, part := range []string{
		"2 modules: 8 tests pass, 1 skip themselves, 2 fail.", "| a | 4 | 1 | 2 |", "| b | 7 | 0 | 0 |", "| sockets | 0 | 1 |",
		"### other\n\n- `test.test_a.T.one`: AssertionError: 1 != 2\n", "### writable files\n\n- `test.test_a.T.two`: OSError: [Errno 69] Read-only file system\n",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("not in the page: %q", part)
		}
	}
	if got := unlisted(results, text); len(got) != 0 {
		t.Errorf("not listed: %q", got)
	}
	results[1].Failed = map[string]string{"test.test_b.T.three": "boom"}
	if got := unlisted(results, text); !slices.Equal(got, []string{"test.test_b.T.three: boom"}) {
		t.Errorf("not listed: %q", got)
	}
}

func TestResultIsWhatTheActorSays(t *testing.T) {
	var r result
	if err := json.Unmarshal([]byte(`{"run":3,"skipped":{"a":"why"},"failed":{"b":"boom"}}`), &r); err != nil {
		t.Fatal(err)
	}
	r.add(map[string]string{"c": "trap: stack overflow"}, 0)
	if passed, skipped, failed := counts([]*result{&r}); r.Run != 4 || passed != 1 || skipped != 1 || failed != 2 {
		t.Errorf("%+v: %d passed, %d skipped, %d failed", r, passed, skipped, failed)
	}
}

func TestHostRandom(t *testing.T) {
	var a, b [64]byte
	x, y := &host{}, &host{}
	x.Random(a[:])
	y.Random(b[:])
	if a != b || a == [64]byte{} {
		t.Errorf("random numbers %x and %x", a, b)
	}
	if y.Random(b[:]); a == b {
		t.Error("the stream repeats itself")
	}
}

// TestHostStopsOneTest: fuel is bounded for each test, and not for all together.
func TestHostStopsOneTest(t *testing.T) {
	h := &host{}
	for i, c := range []struct {
		test string
		used uint64
		late bool
	}{
		{"", 0, false}, {"a", fuel, false}, {"a", fuelTest, false}, {"b", fuelTest + fuel, false},
		{"b", 2 * fuelTest, false}, {"b", 2*fuelTest + fuel, false}, {"b", 2*fuelTest + 2*fuel, true},
	} {
		h.test = c.test
		if grant, err := h.Slice(c.used); (err != nil) != c.late || err == nil && grant != fuel {
			t.Errorf("%d: test %s at %d: %d, %v", i, c.test, c.used, grant, err)
		}
	}
}

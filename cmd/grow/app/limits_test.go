package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/testdata/wat"
)

// writeFiles writes files below a folder.
func writeFiles(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for path, text := range files {
		file := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// serve starts a service of one actor, hog, whose definition goes on with the
// text given.
func serve(t *testing.T, rest string) *Host {
	t.Helper()
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"grow.yaml":              "service: limits\nabout: Reaches limits.\n",
		"types/hog.cue":          "\"hog.do\": string\n\"hog.done\": _\n",
		"actors/hog/module.wasm": string(wat.Module("hog")),
		"actors/hog/actor.yaml":  "actor: hog\nabout: Uses what it is told.\ncode: {language: wasm, source: module.wasm}\nin: [hog.do]\nout: [hog.done]\nretry: {max: 0}\n" + rest,
	})
	service, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	h, err := Start(t.Context(), Options{Dir: dir, Service: service, Listen: "127.0.0.1:0", CacheDir: t.TempDir(),
		Modules: map[string]string{"hog": service.Actors["hog"].Code.Source}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := h.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h
}

// say sends the actor a message and returns the code it ended with; "": it was
// handled.
func say(t *testing.T, h *Host, what string, n int64) shard.Answer {
	t.Helper()
	f, err := h.Shard().Accept(t.Context(), &shard.Request{
		To: "hog", Source: "test", Type: "hog.do", Data: fmt.Appendf(nil, `"%s%d"`, what, n), AnyReply: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	<-f.Done()
	return f.Answer()
}

// TestLimits: the stop follows the limit. Each is set to two values; what just
// fits goes through, and a little more ends with the code of the limit.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		limit    string
		does     string
		fits     int64
		over     int64
		code     string
		mentions string
	}{
		{"memory: 1MiB", "m", 13, 14, "limit.memory", "1048576"},
		{"memory: 4MiB", "m", 61, 62, "limit.memory", "4194304"},
		{"fuel: 10k", "f", 950, 1010, "limit.fuel", "fuel"},
		{"fuel: 3M", "f", 299_000, 301_000, "limit.fuel", "fuel"},
		{"time: 400ms", "t", 1, 401, "limit.time", "400ms"},
		{"time: 2s", "t", 500, 2001, "limit.time", "2s"},
		{"output: 1KiB", "o", 1024, 1025, "limit.output", "1024"},
		{"output: 64KiB", "o", 65536, 65537, "limit.output", "65536"},
		{"calls: 3", "c", 3, 4, "limit.calls", "3"},
		{"calls: 40", "c", 40, 41, "limit.calls", "40"},
		{"calls: 1", "n", 1000, 1001, "limit.output", "1000"}, // messages, however small: not set by definitions
		{"output: 3MiB", "p", 3, 4, "limit.output", "4194404"},
		{"output: 8MiB", "p", 8, 9, "limit.output", "9437404"},
		{"calls: 1", "r", 20_000, 10_000_000, "limit.stack", "stack"},
	} {
		for _, place := range places() {
			t.Run(c.limit+" "+c.does+" "+place, func(t *testing.T) {
				h := serve(t, "scale: {instances: {max: 1}}\nlimits: {"+c.limit+"}\nisolation: "+place+"\n")
				if a := say(t, h, c.does, c.fits); a.Code != "" {
					t.Errorf("%d: %s: %s", c.fits, a.Code, a.Text)
				}
				a := say(t, h, c.does, c.over)
				if a.Code != c.code || !strings.Contains(a.Text, c.mentions) {
					t.Errorf("%d: %q: %s; want %s and %q", c.over, a.Code, a.Text, c.code, c.mentions)
				}
				if a := say(t, h, c.does, c.fits); a.Code != "" {
					t.Errorf("afterwards %d: %s: %s", c.fits, a.Code, a.Text)
				}
			})
		}
	}
}

// TestStateLimits: a message that would write more state than a key may have is told
// so, and the service goes on: no entry is larger than the journal can hold.
func TestStateLimits(t *testing.T) {
	for _, place := range places() {
		h := serve(t, "state: {\"*\": hog.done}\nlimits: {time: 1m}\nisolation: "+place+"\n")
		for _, c := range []struct {
			does string
			n    int64
			code string
		}{
			{"e", 1 << 20, ""}, {"e", 1<<20 + 1, "trap"}, // one value; hog traps when it is refused
			{"s", 31, ""}, {"s", 33, "trap"}, {"s", 70, "trap"}, // values of 1 MiB
			{"g", 15, ""}, {"g", 16, "limit.calls"}, // answers of 1 MiB
			{"s", 1, ""},
		} {
			if a := say(t, h, c.does, c.n); a.Code != c.code {
				t.Errorf("%s, %s%d: %q: %s; want %q", place, c.does, c.n, a.Code, a.Text, c.code)
			}
		}
	}
}

// TestScaleLimits: no more instances run and no more messages wait than the
// definition allows, and the limits follow its values.
func TestScaleLimits(t *testing.T) {
	for _, c := range []struct{ instances, mailbox int }{{1, 4}, {3, 40}} {
		h := serve(t, fmt.Sprintf("scale: {instances: {max: %d}, mailbox: %d}\n", c.instances, c.mailbox))
		var flows []*shard.Flow
		for len(flows) <= 100 {
			f, err := h.Shard().Accept(t.Context(), &shard.Request{To: "hog", Source: "test", Type: "hog.do", Data: []byte(`"t200"`), AnyReply: true})
			if errors.Is(err, shard.ErrFull) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			flows = append(flows, f)
		}
		handled := 0 // which has made room for others
		for _, f := range flows {
			if f.Answer().Outcome != shard.Pending {
				handled++
			}
		}
		if n := len(flows); n < c.mailbox || n-handled > c.mailbox+c.instances {
			t.Errorf("%d messages were taken by a mailbox of %d and %d instances, which had handled %d", n, c.mailbox, c.instances, handled)
		}
		most := 0
		for _, f := range flows {
			for f.Answer().Outcome == shard.Pending {
				most = max(most, h.Shard().Status()[0].Instances)
				runtime.Gosched()
			}
			if a := f.Answer(); a.Code != "" {
				t.Errorf("%s: %s", a.Code, a.Text)
			}
		}
		if most = max(most, h.Shard().Status()[0].Instances); most != c.instances { // those that rest included
			t.Errorf("%d instances ran, want %d", most, c.instances)
		}
	}
}

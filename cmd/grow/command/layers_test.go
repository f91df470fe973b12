package command

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	_ "github.com/anishathalye/porcupine" // of testdata/crash, where go mod tidy does not look
)

// layers says which packages may import which: "a, b < c, d" means that c and
// d may import a and b, and all that those may import. It is a statement of
// policy: change it only with a reason in the commit message.
const layers = `
abi, specs/schema < specs/shape < specs/rule < specs
specs/shape < specs/expect < specs
specs < specs/openapi
specs/cron < specs, host/schedule
specs/shape < compiler/messages < cmd/grow/starter
abi < runtime/engine
runtime/engine < runtime/debug
runtime/debug, runtime/admission < runtime/debug/python
abi < runtime/journal
runtime/engine, testdata/wat < runtime/engine/enginetest
runtime/engine, runtime/admission, runtime/wasm/probe < runtime/engine/process
runtime/wasm < runtime/wasm/cover < runtime/replay
runtime/wasm < runtime/wasm/meter, runtime/wasm/thin, runtime/wasm/snapshot, runtime/wasm/probe
runtime/engine < runtime/debug
runtime/debug, runtime/wasm/thin, runtime/wasm/probe < runtime/debug/native
runtime/wasm < runtime/wasm/sources < runtime/debug/native, compiler/rust
runtime/wasm/thin < runtime/admission, compiler/python, runtime/engine/enginetest
runtime/wasm/snapshot < runtime/admission
runtime/engine < compiler/python/interpreter < compiler/python/interpreter/build
compiler < compiler/python/interpreter < compiler/python < compiler/project
compiler/python/interpreter < cmd/grow/app
compiler/python/interpreter < cmd/grow/notice < cmd/grow/command, cmd/grow/notice/collect
abi, cmd/grow/app, host/jail < testdata/python/packages
compiler/cache < compiler/python/interpreter < compiler/python/interpreter/build
runtime/wasm/thin, cmd/grow/app, host/jail < testdata/python/suite
runtime/engine, runtime/wasm/meter, runtime/wasm/probe < runtime/admission < runtime/engine/wazero, cmd/grow/command
runtime/journal < runtime/journal/mem, runtime/journal/nats, runtime/journal/journaltest
runtime/journal < runtime/journal/mem, runtime/journal/journaltest, runtime/journal/fold
runtime/journal/fold < runtime/shard
runtime/journal/fold, runtime/bucket < runtime/journal/archive < cmd/grow/app, cmd/grow/command
specs/document < specs/site, cmd/grow/coverage
specs < specs/graph < specs/site
specs < runtime/router, runtime/capability
specs < specs/compare < host/versions, cmd/grow/command, cmd/grow/app
host/documents < host/versions < host/api
runtime/engine, runtime/capability, runtime/pace < runtime/actor
runtime/actor, runtime/router, runtime/journal < runtime/shard
runtime/engine < runtime/debug < runtime/debug/toy, host/dap
abi, runtime/debug < runtime/debug/observed, runtime/debug/debugtest/requests
runtime/debug, runtime/wasm/probe, runtime/wasm/thin < runtime/debug/native
runtime/debug/observed, runtime/debug/python, runtime/debug/native, host/dap < cmd/grow/app
cmd/grow/adapter, cmd/grow/debugger, cmd/grow/prompt < cmd/grow/command
runtime/shard < runtime/supervisor, runtime/actortest, runtime/replay
runtime/replay < cmd/grow/app
compiler/cache < compiler/toolchain
sdk, specs, compiler/toolchain < compiler
compiler < compiler/golang, compiler/rust, compiler/wasm
compiler/golang, compiler/rust, compiler/wasm < compiler/project
runtime/bucket < runtime/object < runtime/object/objecttest, runtime/journal/mem, runtime/journal/nats, runtime/journal/journaltest, runtime/capability, host/capabilities/blob
runtime/capability, host/capabilities/grants < host/capabilities/blob < cmd/grow/app
runtime/bucket < runtime/bucket/buckettest, runtime/journal/mem, runtime/journal/nats, runtime/journal/journaltest, runtime/capability, host/capabilities/kv, host/capabilities/mail, host/capabilities/llm
runtime/capability < host/capabilities/secret, host/capabilities/http, host/capabilities/sql, host/capabilities/kv, host/capabilities/publish, host/capabilities/connector, host/capabilities/actor, host/capabilities/files, host/capabilities/mail, host/capabilities/llm < cmd/grow/app
host/capabilities/http/openapi < host/capabilities/http, cmd/grow/command
runtime/capability < host/capabilities/grants < host/capabilities/http, host/capabilities/sql, host/capabilities/kv, host/capabilities/publish, host/capabilities/connector, host/capabilities/actor, host/capabilities/files, host/capabilities/mail, host/capabilities/llm
runtime/capability < runtime/capability/capabilitytest
runtime/capability < host/outside/kafka, host/outside/nats, host/outside/redis, host/outside/s3
host/outside/nats < host/capabilities/publish, host/capabilities/connector, host/subscribe
runtime/bucket, runtime/object < host/outside/s3 < host/capabilities/blob, cmd/grow/app, cmd/grow/command
host/outside/kafka, host/outside/redis < host/capabilities/publish, host/subscribe
runtime/shard < host/source < host/schedule, host/subscribe < cmd/grow/app
runtime/bucket < host/schedule
runtime/shard < host/gateway
host/logs, runtime/shard < host/control
runtime/supervisor, runtime/actortest, host/gateway, host/control, host/capabilities/secret, runtime/engine/wazero, runtime/engine/process, runtime/journal/mem, runtime/journal/nats, compiler/project < cmd/grow/app
host/store < host/store/storetest
runtime/shard < runtime/canary < host/deploy, host/api
host/documents, runtime/shard < host/deploy < cmd/grow/app
host/deploy, host/documents < host/sweep < cmd/grow/app
host/control, host/deploy, host/token, host/signing, host/upload, host/secrets, host/audit < host/api < cmd/grow/app
host/api < host/api/document
specs/graph < host/api
host/oci < cmd/grow/command
host/console < cmd/grow/app, cmd/grow/notice
host/store < host/store/files, host/store/nats, host/documents, host/token, host/signing, host/upload < cmd/grow/app
host/jail, runtime/engine < host/compiled < cmd/grow/app
host/jail < cmd/grow/app, cmd/grow/command, cmd/grow/bench
specs/codes < cmd/grow/command
runtime/actortest < cmd/grow/amend, cmd/grow/coverage < cmd/grow/command
host/control < cmd/grow/amend
specs/site < cmd/grow/command
cmd/grow/app, host/watch < cmd/grow/live
compiler/project < cmd/grow/edition < cmd/grow/app
cmd/grow/live < cmd/grow/command, cmd/grow/bench
runtime/debug/native, runtime/debug/python < cmd/grow/bench
specs/openapi < cmd/grow/command
specs < cmd/grow/starter < cmd/grow/command < cmd/grow
testdata/order, testdata/postgres, testdata/wat, runtime/admission < cmd/grow/bench
testdata/postbox < host/capabilities/mail
testdata/postbox, testdata/webhooks, cmd/grow/app < testdata/triagetest
testdata/triagetest, testdata/webhooks < testdata/crash < testdata/crash/cmd
testdata/postgres < testdata/crash/cmd
abi, runtime/wasm < testdata/hostile < testdata/hostile/trial
runtime/actor, host/control, testdata/wat < testdata/hostile/trial
compiler/cache < testdata/hostile/smith
testdata/hostile/trial, testdata/hostile/smith, testdata/hostile/oracle, testdata/wat, cmd/grow/app, host/jail < testdata/hostile/cmd
`

func policy() map[string]map[string]bool {
	may := map[string]map[string]bool{}
	for line := range strings.SplitSeq(strings.TrimSpace(layers), "\n") {
		steps := strings.Split(line, " < ")
		for i := 1; i < len(steps); i++ {
			for high := range strings.SplitSeq(steps[i], ", ") {
				if may[high] == nil {
					may[high] = map[string]bool{}
				}
				for low := range strings.SplitSeq(steps[i-1], ", ") {
					may[high][low] = true
				}
			}
		}
	}
	for changed := true; changed; { // close over "may import what it may import"
		changed = false
		for high := range may {
			for low := range may[high] {
				for lower := range may[low] {
					if !may[high][lower] {
						may[high][lower], changed = true, true
					}
				}
			}
		}
	}
	return may
}

// imports yields every import of this module's own packages, tests left out.
func imports(t *testing.T, visit func(from, to string)) {
	t.Helper()
	const module, root = "github.com/grow-platform/grow/", "../../.."
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == ".grow" || strings.HasPrefix(path, root+"/testdata/services") || strings.HasPrefix(path, root+"/compiler/golang/testdata") || strings.HasPrefix(path, root+"/sdk/go/testdata")) {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		if strings.HasPrefix(rel, "sdk/go") || strings.HasPrefix(rel, "testdata/weather") { // modules of their own
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, im := range f.Imports {
			p, err := strconv.Unquote(im.Path.Value)
			if err != nil {
				return err
			}
			if dep, ok := strings.CutPrefix(p, module); ok {
				visit(rel, dep)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestLayers(t *testing.T) {
	may := policy()
	for p := range may {
		if may[p][p] {
			t.Errorf("the policy has a cycle through %s", p)
		}
	}
	imports(t, func(from, to string) {
		if !may[from][to] {
			t.Errorf("%s imports %s: the layers do not allow it", from, to)
		}
	})
}

// TestRuntimeStaysPure holds what the layers are for: nothing that moves
// messages knows of the world outside, and only the constructor of the command
// picks implementations.
func TestRuntimeStaysPure(t *testing.T) {
	implementations := map[string]bool{"runtime/engine/wazero": true, "runtime/engine/process": true, "runtime/journal/mem": true, "runtime/journal/nats": true}
	imports(t, func(from, to string) {
		if strings.HasPrefix(from, "runtime/") && strings.HasPrefix(to, "host") {
			t.Errorf("%s imports %s: runtime never imports host", from, to)
		}
		if implementations[to] && from != "cmd/grow/app" {
			t.Errorf("%s imports %s: implementations are picked in cmd/grow/app only", from, to)
		}
	})
}

package sdk_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
)

// TestPythonDeep has an actor recurse in every way there is: what Python bounds itself
// is a RecursionError, after which the instance goes on; what it does not, which
// crashes it elsewhere, is limit.stack; and none costs more memory than a stack may.
func TestPythonDeep(t *testing.T) {
	m := compilePython(t, packPython(t, readPython(t, "python/testdata/deep")), 1)
	for kind, want := range map[string]string{"ORDINARY": "", "BOUNDED": engine.CodeException, "UNBOUNDED": engine.CodeStack} {
		for _, name := range deepNames(t, m, kind) {
			for _, how := range []string{"go", "unlimited"} {
				t.Run(fmt.Sprintf("%s/%s/%s", kind, name, how), func(t *testing.T) {
					s := pythonOf(t, m, []byte("{}"))
					err := deep(t, s, how, fmt.Sprintf("[%q, %q]", kind, name))
					var fault *engine.Error
					switch {
					case want == "":
						if err != nil {
							t.Errorf("%v%s", err, stack(err))
						}
					case how == "unlimited" && name == "plain": // there is memory for more
						return
					case !errors.As(err, &fault) || fault.Code != want:
						t.Fatalf("ended with %v, not %s%s", err, want, stack(err))
					case want == engine.CodeException && !strings.HasPrefix(fault.Reason, "RecursionError"):
						t.Errorf("ended with %v", err)
					}
				})
			}
		}
	}
}

// deep sends a message, which must not take more memory of the host than the stacks
// of a recursion may.
func deep(t *testing.T, s *snake, typ, data string) error {
	t.Helper()
	runtime.GC() // a stack that was lent is kept for one collection
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := s.send(typ, "k", []byte(data))
	runtime.ReadMemStats(&after)
	took := (after.TotalAlloc - before.TotalAlloc) * 3 / 4 // of doublings, the last two are that
	if took > admission.StackMemory {
		t.Errorf("took %d KiB of memory, of %d", took>>10, admission.StackMemory>>10)
	}
	t.Logf("%d KiB", took>>10)
	return err
}

func deepNames(t *testing.T, m engine.Module, kind string) (names []string) {
	t.Helper()
	outputs, err := pythonOf(t, m, []byte("{}")).send("names", "k", []byte(`"`+kind+`"`))
	if err == nil {
		err = json.Unmarshal([]byte(outputs[0].data), &names)
	}
	if err != nil || len(names) < 4 {
		t.Fatal(kind, names, err, stack(err))
	}
	return names
}

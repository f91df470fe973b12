package meter

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

var (
	errFuel  = errors.New("no fuel left")
	errStack = errors.New("calls too deep")
)

// account is a host: it grants slices up to a limit and knows what was used.
type account struct {
	slice   int64
	limit   int64 // 0: none
	granted map[api.Module]int64
	asked   int
	stopped func(used int64) // told when the limit is reached
}

// serve is the function that rewritten modules import.
func (a *account) serve(_ context.Context, m api.Module, stack []uint64) {
	left := int64(stack[0])
	if left == StackEmpty {
		panic(errStack)
	}
	a.asked++
	grant := a.slice
	if a.limit > 0 {
		used := a.granted[m] - left
		if used > a.limit {
			a.stopped(used)
			panic(errFuel)
		}
		grant = min(grant, a.limit-used)
	}
	a.granted[m] += grant - left
	stack[0] = uint64(grant - left)
}

// used is what all modules have used together.
func (a *account) used() int64 {
	sum := int64(0)
	for m, granted := range a.granted {
		sum += granted - int64(m.ExportedGlobal(ExportFuel).Get())
	}
	return sum
}

// world is a runtime with an account in it.
type world struct {
	wazero.Runtime
	*account
}

func newWorld(t testing.TB, c wazero.RuntimeConfig, a *account) world {
	t.Helper()
	if a.granted == nil {
		a.granted = map[api.Module]int64{}
	}
	w := world{Runtime: wazero.NewRuntimeWithConfig(t.Context(), c), account: a}
	t.Cleanup(func() { _ = w.Close(context.Background()) })
	_, err := w.NewHostModuleBuilder(ImportModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(a.serve), []api.ValueType{api.ValueTypeI64}, []api.ValueType{api.ValueTypeI64}).
		Export(ImportName).Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// rewrite decodes and rewrites, and checks that what comes out is valid.
func rewrite(t testing.TB, b []byte, o Options) *Module {
	t.Helper()
	m, err := wasm.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	out, err := Rewrite(m, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wasm.Decode(out.Binary); err != nil {
		t.Fatalf("what was written is not valid: %v", err)
	}
	return out
}

// trap is what a call ended with, in a line: that of wazero without its stack.
func trap(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errStack), strings.Contains(err.Error(), "stack overflow"):
		return "stack"
	case errors.Is(err, errFuel):
		return "fuel"
	}
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

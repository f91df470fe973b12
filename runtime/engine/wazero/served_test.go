package wazero

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// TestServed: what admission lets modules import is what there is, of the same
// types.
func TestServed(t *testing.T) {
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	compiled, err := wasi(r).Compile(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		module string
		names  []string
	}{
		{admission.Grow, slices.Collect(maps.Keys(growFunctions))},
		{admission.WASI, slices.Collect(maps.Keys(compiled.ExportedFunctions()))},
	} {
		served := admission.Names(c.module)
		slices.Sort(served)
		slices.Sort(c.names)
		if len(served) == 0 || !slices.Equal(served, c.names) {
			t.Errorf("%s: admission has %v, wazero %v", c.module, served, c.names)
		}
	}
	for name, f := range compiled.ExportedFunctions() {
		want, _ := admission.Served(admission.WASI, name)
		if !same(f.ParamTypes(), valueTypes(want.Params)) || !same(f.ResultTypes(), valueTypes(want.Results)) {
			t.Errorf("%s is %v %v, admission has %s", name, f.ParamTypes(), f.ResultTypes(), want)
		}
	}
}

func same(a, b []api.ValueType) bool { return string(a) == string(b) }

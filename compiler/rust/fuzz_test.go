package rust

import (
	"testing"

	"github.com/grow-platform/grow/compiler"
)

// FuzzMessages: whatever cargo prints, what is read of it has bounds.
func FuzzMessages(f *testing.F) {
	f.Add([]byte(`{"reason":"compiler-artifact","manifest_path":"/a/Cargo.toml","filenames":["/a/x.wasm"]}`))
	f.Add([]byte(`{"reason":"compiler-message","message":{"level":"error","message":"m","code":{"code":"E1"},"spans":[{"is_primary":true,"file_name":"a.rs","line_start":1,"column_start":2,"expansion":{"span":{"file_name":"/b.rs"}}}]}}`))
	f.Add([]byte("{}\nnull\n[]\n\"x\"\n{\"reason\":\"compiler-message\"}"))
	f.Fuzz(func(t *testing.T, stdout []byte) {
		all := read(compiler.Source{Path: "/a", Actor: "a"}, stdout)
		if len(all.diagnostics) > compiler.DiagnosticsMax || len(all.rendered) > len(stdout)*3 {
			t.Errorf("%d diagnostics, %d bytes rendered", len(all.diagnostics), len(all.rendered))
		}
	})
}

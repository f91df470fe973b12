package debugger

import (
	"testing"

	"github.com/google/go-dap"
)

// TestOwnFrame: what is looked at first is what the actor's author wrote, if it is there.
func TestOwnFrame(t *testing.T) {
	library, own := dap.StackFrame{PresentationHint: "subtle"}, dap.StackFrame{}
	for _, c := range []struct {
		frames []dap.StackFrame
		want   int
	}{
		{nil, 0},
		{[]dap.StackFrame{own, library}, 0},
		{[]dap.StackFrame{library, library, own, own}, 2},
		{[]dap.StackFrame{library, library}, 0},
	} {
		if got := ownFrame(c.frames); got != c.want {
			t.Errorf("%+v: frame %d, want %d", c.frames, got, c.want)
		}
	}
}

// TestFileNamed: a name that libraries have too is the actor's file.
func TestFileNamed(t *testing.T) {
	d := &debugger{files: []dap.Source{
		{Name: "lib.rs", Path: "/registry/itoa/src/lib.rs", PresentationHint: "deemphasize"},
		{Name: "lib.rs", Path: "/shop/src/rust/lib.rs"},
		{Name: "lib.rs", Path: "/registry/memchr/src/lib.rs", PresentationHint: "deemphasize"},
		{Name: "mod.rs", Path: "/shop/src/rust/a/mod.rs"},
		{Name: "mod.rs", Path: "/shop/src/rust/b/mod.rs"},
	}}
	for name, want := range map[string]string{
		"lib.rs": "/shop/src/rust/lib.rs", "itoa/src/lib.rs": "/registry/itoa/src/lib.rs", "b/mod.rs": "/shop/src/rust/b/mod.rs",
		"mod.rs": "", "none.rs": "",
	} {
		got, err := d.file(name)
		if err == nil != (want != "") || err == nil && got.Path != want {
			t.Errorf("%s: %+v, %v, want %q", name, got, err, want)
		}
	}
}

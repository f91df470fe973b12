package snapshot

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/runtime/wasm/meter"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// module makes a module of sections, each an id and what it holds.
func module(sections ...string) []byte {
	b := []byte("\x00asm\x01\x00\x00\x00")
	for _, s := range sections {
		b = append(append(b, s[0], byte(len(s)-1)), s[1:]...)
	}
	return b
}

const (
	types  = "\x01\x01\x60\x00\x00"         // () -> ()
	one    = "\x03\x01\x00"                 // a function of it
	table  = "\x04\x01\x70\x00\x01"         // of one funcref
	memory = "\x05\x01\x00\x02"             // two pages
	global = "\x06\x01\x7f\x01\x41\x05\x0b" // a mutable i32
	named  = "\x07\x01\x06memory\x02\x00"   // its export
	idle   = "\x0a\x01\x02\x00\x0b"
	data   = "\x0b\x02\x00\x41\x08\x0b\x03abc\x02\x00\x41\xfe\xff\x07\x0b\x02yz"
)

func decoded(t *testing.T, b []byte) *wasm.Module {
	t.Helper()
	m, err := wasm.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestStrip: the module without its data and the memory it makes are the original.
func TestStrip(t *testing.T) {
	m := decoded(t, module(types, one, memory, global, named, idle, data))
	bare, image, err := Strip(m)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, image.Size)
	image.CopyTo(got)
	if image.Size != 2*PageSize || string(got[8:11]) != "abc" || string(got[len(got)-2:]) != "yz" || len(bytes.Trim(got, "\x00")) != len(got)-8 {
		t.Errorf("%d bytes: %q … %q", image.Size, got[:16], got[len(got)-4:])
	}
	if image.Bytes() != 2*block || len(image.Runs) != 2 {
		t.Errorf("%d bytes in %d runs", image.Bytes(), len(image.Runs))
	}
	metered, err := meter.Rewrite(bare, meter.Options{Globals: true})
	if err != nil {
		t.Fatal(err)
	}
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	defer r.Close(context.Background())
	_, err = r.NewHostModuleBuilder(meter.ImportModule).NewFunctionBuilder().
		WithGoFunction(api.GoFunc(func(context.Context, []uint64) {}), []api.ValueType{api.ValueTypeI64}, []api.ValueType{api.ValueTypeI64}).
		Export(meter.ImportName).Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i, err := r.Instantiate(t.Context(), metered.Binary)
	if err != nil {
		t.Fatal(err)
	}
	left, _ := i.Memory().Read(0, i.Memory().Size())
	if len(bytes.Trim(left, "\x00")) > 0 || len(left) != 2*PageSize {
		t.Errorf("the module without data begins with %d bytes that are not all zero", len(left))
	}
	if g := i.ExportedGlobal(meter.GlobalName(0)); g == nil || g.Get() != 5 {
		t.Errorf("its global is %v", g)
	}
}

func TestStripRefuses(t *testing.T) {
	body := func(code string) string { return "\x0a\x01" + string(rune(len(code)+2)) + "\x00" + code + "\x0b" }
	zeros := "\x41\x00\x41\x00\x41\x00"
	element := "\x09\x01\x01\x00\x01\x00"
	for want, sections := range map[string][]string{
		"start section":                         {types, one, memory, "\x08\x00", idle},
		"no memory":                             {types, one, idle},
		"imports a memory":                      {"\x02\x01\x03env\x01m\x02\x00\x01"},
		"the global 0 changes and is a v128":    {memory, "\x06\x01\x7b\x01\xfd\x0c" + strings.Repeat("\x00", 16) + "\x0b"},
		"the global 0 changes and is a funcref": {memory, "\x06\x01\x70\x01\xd0\x70\x0b"},
		"data 0 is passive":                     {memory, "\x0b\x01\x01\x01a"},
		"lies outside the memory":               {memory, "\x0b\x01\x00\x41\xff\xff\x07\x0b\x02ab"},
		"table.set changes":                     {types, one, table, memory, body("\x41\x00\xd0\x70\x26\x00")},
		"table.grow changes":                    {types, one, table, memory, body("\xd0\x70\x41\x00\xfc\x0f\x00\x1a")},
		"table.fill changes":                    {types, one, table, memory, body("\x41\x00\xd0\x70\x41\x00\xfc\x11\x00")},
		"table.copy changes":                    {types, one, table, memory, body(zeros + "\xfc\x0e\x00\x00")},
		"table.init changes":                    {types, one, table, memory, element, body(zeros + "\xfc\x0c\x00\x00")},
		"elem.drop changes":                     {types, one, table, memory, element, body("\xfc\x0d\x00")},
		"data.drop changes":                     {types, one, memory, "\x0c\x01", body("\xfc\x09\x00"), "\x0b\x01\x00\x41\x00\x0b\x01a"},
	} {
		_, _, err := Strip(decoded(t, module(sections...)))
		var e *wasm.Error
		if !errors.As(err, &e) || e.Code != wasm.CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

func images() map[string]*Image {
	sparse := make([]byte, 4*PageSize)
	sparse[0], sparse[block-1], sparse[3*block], sparse[4*block], sparse[len(sparse)-1] = 1, 2, 3, 4, 5
	return map[string]*Image{
		"empty": Of(nil, nil), "zero": Of(make([]byte, PageSize), nil), "full": Of(bytes.Repeat([]byte{7}, PageSize), nil),
		"sparse": Of(sparse, []Global{{Index: 0, Value: 1<<64 - 1}, {Index: 3, Value: 42}}),
	}
}

// TestEncode: what was encoded is what is decoded, and takes what is not zero.
func TestEncode(t *testing.T) {
	for name, i := range images() {
		b := i.Encode(nil)
		if got, err := Decode(b, i.Size); err != nil || !same(got, i) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if len(b) > int(i.Bytes())+100 {
			t.Errorf("%s: %d bytes for %d", name, len(b), i.Bytes())
		}
		if i.Size > 0 {
			if _, err := Decode(b, i.Size-1); err == nil {
				t.Errorf("%s: more memory than allowed was taken", name)
			}
		}
		for n := range min(len(b), 64) {
			if _, err := Decode(b[:n], i.Size); err == nil {
				t.Errorf("%s: cut to %d bytes it was taken", name, n)
			}
		}
		if _, err := Decode(append(b, 0), i.Size); err == nil {
			t.Errorf("%s: with a byte behind it it was taken", name)
		}
	}
}

func same(a, b *Image) bool {
	if a.Size != b.Size || len(a.Runs) != len(b.Runs) || len(a.Globals) != len(b.Globals) {
		return false
	}
	for k := range a.Runs {
		if a.Runs[k].At != b.Runs[k].At || !bytes.Equal(a.Runs[k].Bytes, b.Runs[k].Bytes) {
			return false
		}
	}
	return len(a.Globals) == 0 || reflect.DeepEqual(a.Globals, b.Globals)
}

// FuzzDecode: nothing makes it panic or take memory that the bytes do not back, and
// what it reads it reads the same again.
func FuzzDecode(f *testing.F) {
	for _, i := range images() {
		f.Add(i.Encode(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := Decode(b, 1<<32)
		if err != nil {
			return
		}
		if i.Bytes() > int64(len(b)) {
			t.Fatalf("%d bytes of memory from %d", i.Bytes(), len(b))
		}
		end := int64(-1)
		for _, r := range i.Runs {
			if r.At <= end || r.At+int64(len(r.Bytes)) > i.Size {
				t.Fatalf("a run at %d of %d bytes, after %d, of %d", r.At, len(r.Bytes), end, i.Size)
			}
			end = r.At + int64(len(r.Bytes))
		}
		if again, err := Decode(i.Encode(nil), 1<<32); err != nil || !same(again, i) {
			t.Errorf("read again: %v", err)
		}
	})
}

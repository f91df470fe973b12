package thin

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/wasm"
)

var digest = strings.Repeat("0a", 32)

func packed(t testing.TB, a *Actor) []byte {
	t.Helper()
	b, err := Pack(a)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(b []byte) (*Actor, error) {
	m, err := wasm.Decode(b)
	if err != nil {
		return nil, err
	}
	return Read(m)
}

// TestPack: what is read is what was packed, whatever the order of the map.
func TestPack(t *testing.T) {
	for _, a := range []*Actor{
		{Language: "python", Digest: digest, Files: map[string][]byte{}},
		{Language: "python", Digest: digest, Files: map[string][]byte{"app/main.py": []byte("import grow\n"), "app/empty": {}, "packages/a/__init__.py": bytes.Repeat([]byte("x"), 300)}},
	} {
		b := packed(t, a)
		m, err := wasm.Decode(b)
		if err != nil || !Is(m) {
			t.Fatalf("%v; is thin: %v", err, m != nil && Is(m))
		}
		got, err := Read(m)
		if err != nil {
			t.Fatal(err)
		}
		if got.Language != a.Language || got.Digest != a.Digest || !maps.EqualFunc(got.Files, a.Files, bytes.Equal) {
			t.Errorf("%+v; want %+v", got, a)
		}
		if again := packed(t, &Actor{Language: a.Language, Digest: a.Digest, Files: maps.Clone(a.Files)}); !bytes.Equal(again, b) {
			t.Error("the same actor makes other bytes")
		}
	}
}

func TestPackRefuses(t *testing.T) {
	many := map[string][]byte{}
	for i := range FilesMax + 1 {
		many[fmt.Sprintf("app/%d", i)] = nil
	}
	for want, files := range map[string]map[string][]byte{
		"not one below app/":   {"main.py": nil},
		"at most 10000":        many,
		"more than the 32 MiB": {"app/big": make([]byte, wasm.BinaryMax)},
	} {
		if _, err := Pack(&Actor{Language: "python", Digest: digest, Files: files}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// custom appends a custom section.
func custom(b []byte, name, content string) []byte {
	return text(append(slices.Clip(b), wasm.SectionCustom), string(text(nil, name))+content)
}

func TestReadRefuses(t *testing.T) {
	runtime := func(b []byte) []byte { return custom(b, SectionRuntime, "python/"+digest) }
	files := func(all ...string) []byte {
		var b []byte
		for _, s := range all {
			b = text(b, s)
		}
		return custom(runtime(form), SectionFiles, string(b))
	}
	global := slices.Concat(form[:8], []byte{wasm.SectionGlobal, 6, 1, byte(wasm.I32), 0, 0x41, 0, 0x0b})
	swapped := bytes.Replace(form, text(nil, "grow_init")[1:], []byte("grow_xxxx"), 1)
	for _, c := range []struct {
		name, want string
		b          []byte
	}{
		{"no files", "1 sections grow.runtime and 0 grow.files", runtime(form)},
		{"two runtimes", "2 sections grow.runtime", runtime(files())},
		{"no digest", "64 hex digits", custom(custom(form, SectionRuntime, "python/0a"), SectionFiles, "")},
		{"a language of capitals", "64 hex digits", custom(custom(form, SectionRuntime, "Python/"+digest), SectionFiles, "")},
		{"a global", "no code, tables, globals or data", custom(runtime(global), SectionFiles, "")},
		{"another name", `exports "grow_init"`, custom(runtime(swapped), SectionFiles, "")},
		{"another module", "imports host_runtime.grow_alloc", custom(runtime(bytes.Replace(form, []byte(Import), []byte("host_runtime"), 1)), SectionFiles, "")},
		{"cut off", "cut off", files("app/main.py")},
		{"a length beyond the end", "cut off", custom(runtime(form), SectionFiles, "\x7fapp")},
		{"a length without end", "cut off", custom(runtime(form), SectionFiles, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")},
		{"out of the folder", "not one below app/", files("app/../../etc/passwd", "")},
		{"absolute", "not one below app/", files("/app/main.py", "")},
		{"twice", "comes after", files("app/a", "", "app/a", "")},
		{"descending", "comes after", files("app/b", "", "app/a", "")},
	} {
		if _, err := read(c.b); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
}

// FuzzRead: whatever is read can be packed, and reads the same again.
func FuzzRead(f *testing.F) {
	f.Add(packed(f, &Actor{Language: "python", Digest: digest, Files: map[string][]byte{"app/main.py": []byte("x = 1\n"), "packages/p.py": {}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := read(b)
		if err != nil {
			return
		}
		again, err := read(packed(t, a))
		if err != nil || again.Language != a.Language || again.Digest != a.Digest || !maps.EqualFunc(again.Files, a.Files, bytes.Equal) {
			t.Errorf("%v: %+v; want %+v", err, again, a)
		}
	})
}

package wasm

import (
	"maps"
	"strings"
	"testing"
	"unicode/utf8"
)

func named(t *testing.T, content string) Names {
	t.Helper()
	m, err := Decode([]byte(string(around("\x20\x00")) + custom("name", content)))
	if err != nil {
		t.Fatalf("a name section makes a module invalid: %v", err)
	}
	return m.Names()
}

func TestNames(t *testing.T) {
	n := named(t, section(0, sized("shop"))+
		section(1, vec("\x00"+sized("imported"), "\x01"+sized("handle")))+
		section(2, vec("\x01"+vec("\x00"+sized("ptr"), "\x01"+sized("sum")))))
	if n.Module != "shop" || n.Func(0) != "imported" || n.Func(1) != "handle" || n.Func(2) != "" || n.Func(-1) != "" {
		t.Errorf("%+v", n)
	}
	if got := n.Locals(1); !maps.Equal(got, map[int]string{0: "ptr", 1: "sum"}) {
		t.Errorf("locals %v", got)
	}
	if got := n.Locals(0); got != nil {
		t.Errorf("locals of an import %v", got)
	}
}

// TestNamesThatHarm: what is wrong is left out or made harmless, what came before
// it is kept.
func TestNamesThatHarm(t *testing.T) {
	for _, c := range []struct{ name, content, module, fn string }{
		{"control characters and direction", section(1, vec("\x01"+sized("a\x00\x1b[31m\nb\u202ec"))), "", "a��[31m�b�c"},
		{"not UTF-8", section(1, vec("\x01"+sized("a\xff"))), "", "a�"},
		{"twice", section(1, vec("\x01"+sized("one"), "\x01"+sized("two"))), "", "one"},
		{"part twice", section(1, vec("\x01"+sized("one"))) + section(1, vec("\x01"+sized("two"))), "", "one"},
		{"of what there is not", section(1, vec("\x7f"+sized("x"), "\x01"+sized("y"))), "", "y"},
		{"count without bytes", section(0, sized("m")) + section(1, "\xff\xff\xff\xff\x0f"), "m", ""},
		{"cut", section(0, sized("m")) + section(1, "\x02\x01"+sized("f")+"\x00\x09ab"), "m", "f"},
		{"size past the end", section(0, sized("m")) + "\x01\x7f", "m", ""},
		{"very long", section(1, vec("\x01"+sized(strings.Repeat("ä", 5000)))), "", strings.Repeat("ä", 256) + "…"},
		{"empty", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := named(t, c.content)
			if n.Module != c.module || n.Func(1) != c.fn {
				t.Errorf("%q %q", n.Module, n.Func(1))
			}
		})
	}
}

func TestCustoms(t *testing.T) {
	b := string(around("\x20\x00")) +
		custom("grow.runtime", "python/00") + custom("grow.files", "a") + custom("grow.files", "b") +
		custom("producers", "\x02"+sized("language")+vec(sized("Rust")+sized(""))+sized("processed-by")+vec(sized("rustc")+sized("1.91\x1b"))) +
		custom("target_features", vec("+"+sized("simd128"), "-"+sized("x"))) +
		custom(".debug_info", "\x00\x01")
	m, err := Decode([]byte(b))
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Customs("grow.files"); len(got) != 2 || string(got[1]) != "b" {
		t.Errorf("%q", got)
	}
	if m.Customs("none") != nil {
		t.Error("there is a section none")
	}
	if got := m.Producers(); len(got) != 2 || got[0] != (Producer{"language", "Rust", ""}) || got[1] != (Producer{"processed-by", "rustc", "1.91�"}) {
		t.Errorf("%q", got)
	}
	if got := m.TargetFeatures(); len(got) != 2 || got[0] != "+simd128" {
		t.Errorf("%q", got)
	}
}

func TestProducersThatHarm(t *testing.T) {
	many := "\xff\xff\xff\xff\x0f" + strings.Repeat(sized("f")+vec(sized("a")+sized("b")), 1000)
	for _, content := range []string{many, "\x01" + sized("f") + "\xff\xff\xff\xff\x0f", "\x01\x7fa", ""} {
		m, err := Decode(module(custom("producers", content), custom("target_features", content)))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(m.Producers()); n > ProducersMax {
			t.Errorf("%d producers", n)
		}
		if n := len(m.TargetFeatures()); n > ProducersMax {
			t.Errorf("%d features", n)
		}
	}
}

func FuzzSafe(f *testing.F) {
	f.Add("a\nb\x1b[2J\u202e\xff")
	f.Add(strings.Repeat("€", 300))
	f.Fuzz(func(t *testing.T, s string) {
		got := Safe(s)
		if len(got) > 3*SafeMax+len("…") || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\r\x1b\u2028\u202e\u200b") {
			t.Errorf("%q", got)
		}
	})
}

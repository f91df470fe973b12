package wasm

import (
	"strings"
	"testing"
)

// BenchmarkDecode: what decoding and validating takes, for code of several kinds as
// large as a module may be.
func BenchmarkDecode(b *testing.B) {
	const functions = 16
	full := func(head, code, tail string) []byte {
		size := BinaryMax/functions - 1024
		body := "\x01\x02\x7f" + head + strings.Repeat(code, (size-len(head)-len(tail))/len(code)) + tail + "\x0b"
		return module(section(1, testTypes), section(2, vec("\x01a\x01b\x00\x03")), section(3, vecOf(functions, "\x00")), section(5, "\x01\x00\x01"), section(10, vecOf(functions, sized(body))))
	}
	for _, c := range []struct {
		name   string
		binary []byte
	}{
		{"nop", full("", "\x01", "")},
		{"drop", full("", "\x41\x00\x1a", "")},
		{"arithmetic", full("", "\x20\x00\x20\x01\x6a\x21\x00", "")},
		{"memory", full("", "\x20\x00\x20\x00\x28\x02\x80\x01\x36\x02\x00", "")},
		{"calls", full("\x41\x00\x42\x00", "\x10\x00", "\x1a\x1a")},
		{"stack", full("", "\x41\x00", strings.Repeat("\x1a", BodyMax/4))},
		{"data", module(section(5, "\x01\x00\x01"), section(11, vecOf(DataMax, "\x01"+sized(strings.Repeat("x", 50)))))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.binary)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(c.binary); err != nil && c.name != "stack" {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkScan: what stepping through code takes.
func BenchmarkScan(b *testing.B) {
	body := "\x01\x02\x7f" + strings.Repeat("\x20\x00\x20\x01\x6a\x21\x00", 200_000) + "\x0b"
	m, err := Decode([]byte(single(body)))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	var in Instr
	for b.Loop() {
		for s := m.Scan(0); s.Next(&in); {
		}
	}
}

package rule

import (
	"testing"

	"github.com/grow-platform/grow/specs/shape"
)

const small = `{"id":"o-1001","customer":"c-9","tier":"gold","total":249.9,"currency":"EUR","at":"2026-03-01T12:30:00.5+02:00","lines":[{"sku":"A-1","qty":2},{"sku":"B-22","qty":1}],"note":"leave it at the door, please"}`

func benchmark(b *testing.B, src string) {
	r, err := Compile(src, []*shape.Type{typeOf(b, orderType)})
	if err != nil {
		b.Fatal(err)
	}
	m := message(small)
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := r.Match(m); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkRule(b *testing.B) { benchmark(b, `data.total > 100`) }

func BenchmarkRuleThree(b *testing.B) {
	benchmark(b, `type == "order.placed" && data.total > 100 && data.tier in ["gold", "silver"]`)
}

func BenchmarkRuleInterpreted(b *testing.B) {
	benchmark(b, `data.lines.exists(l, l.qty > 1)`)
}

func BenchmarkKey(b *testing.B) {
	k, err := CompileKey(`data.customer`, []*shape.Type{typeOf(b, orderType)})
	if err != nil {
		b.Fatal(err)
	}
	m := message(small)
	var scratch [64]byte
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Append(scratch[:0], m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	types := []*shape.Type{typeOf(b, orderType)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(`data.total > 100 && data.tier == "gold"`, types); err != nil {
			b.Fatal(err)
		}
	}
}

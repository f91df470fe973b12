package shape

import "testing"

func BenchmarkCheck(b *testing.B) {
	s := from(b, order)
	data := []byte(orderData)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Check(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckBad(b *testing.B) {
	s := from(b, order)
	data := []byte(`{"id":"o-1001","customer":"c-9","tier":"gold","total":-1}`)
	b.ReportAllocs()
	for b.Loop() {
		if s.Check(data) == nil {
			b.Fatal("passes")
		}
	}
}

func BenchmarkFromCUE(b *testing.B) {
	v := compile(b, order)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FromCUE(v); err != nil {
			b.Fatal(err)
		}
	}
}

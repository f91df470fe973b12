package rule

import (
	"sync"
	"testing"

	"github.com/grow-platform/grow/specs/shape"
)

// TestConcurrent runs one rule and one key from many goroutines.
func TestConcurrent(t *testing.T) {
	types := []*shape.Type{typeOf(t, orderType)}
	for _, src := range []string{`data.count == 7 && data.customer == "c-9"`, `data.lines.exists(l, l.qty > 1) && data.labels["a/b"] == "1"`} {
		r, err := Compile(src, types)
		if err != nil {
			t.Fatal(err)
		}
		k, err := CompileKey(`data.customer + "/" + data.lines[0].sku`, types)
		if err != nil {
			t.Fatal(err)
		}
		m := message(data)
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 50 {
					if ok, err := r.Match(m); !ok || err != nil {
						t.Errorf("%s: %t %v", src, ok, err)
					}
					if key, err := k.Append(nil, m); string(key) != "c-9/A-1" || err != nil {
						t.Errorf("key is %q %v", key, err)
					}
				}
			})
		}
		all.Wait()
	}
}

// TestAllocations holds the common forms to no allocation.
func TestAllocations(t *testing.T) {
	types := []*shape.Type{typeOf(t, orderType)}
	r, err := Compile(`type == "order.placed" && (data.total > 100 || has(data.note)) && data.tier in ["gold", "silver"] && data.customer == "c-9"`, types)
	if err != nil {
		t.Fatal(err)
	}
	k, err := CompileKey(`data.customer + "/" + data.id`, types)
	if err != nil {
		t.Fatal(err)
	}
	m := message(data)
	var scratch [64]byte
	if n := testing.AllocsPerRun(100, func() {
		if ok, err := r.Match(m); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if _, err := k.Append(scratch[:0], m); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

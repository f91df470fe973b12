package debug_test

import (
	"testing"

	"github.com/grow-platform/grow/runtime/debug"
)

// FuzzWhen sets breakpoints of all shapes: what is taken can be carried out.
func FuzzWhen(f *testing.F) {
	f.Add("i > 0", ">= 5", `i is {i} of \{{order.qty}\}`)
	f.Add("order.items[0] == 10", "% 3", "{record{\"a\": {}}}")
	f.Add("f(", "% 0", "{")
	f.Add("i <<= 1", "99999999999999999999", "}{")
	f.Fuzz(func(t *testing.T, condition, hit, log string) {
		for _, readOnly := range []bool{false, true} {
			r := start(t, shop, debug.Options{ReadOnly: readOnly})
			b := r.SetBreakpoints("shop.toy", []debug.Breakpoint{{Line: r.program.Line("# body"), When: debug.When{Condition: condition, Hit: hit, Log: log}}})
			if b[0].Line != r.program.Line("# body") || b[0].ID != 1 {
				t.Errorf("%+v", b)
			}
			done := r.run(1)
			select {
			case <-done:
			case e := <-r.Events():
				r.Close()
				<-done
				if b[0].Err != nil {
					t.Errorf("a breakpoint that lies nowhere did something: %+v", e)
				}
			}
		}
	})
}

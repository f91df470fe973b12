package python_test

import (
	"testing"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
)

// BenchmarkAttach is the time from attaching to a loop, or from asking a guest that is
// debugged for a pause, until it stands still.
func BenchmarkAttach(b *testing.B) {
	binary := pack(b, "main.py")
	p := open(b, binary)
	m, _ := plain(b, binary)
	for name, attached := range map[string]bool{"loop": false, "pause": true} {
		b.Run(name, func(b *testing.B) {
			var waited time.Duration
			slices := 0
			for b.Loop() {
				i, began := fresh(b, m), time.Time{}
				r := &reporter{}
				var guest debug.Guest
				r.enter = func(g debug.Guest) error {
					guest = g
					g.Watch(&debug.Watch{Every: !attached})
					return nil
				}
				h := &ticking{at: 1000, Host: enginetest.Host{Fuel: loopFuel}}
				h.do = func() {
					began = time.Now()
					if attached {
						guest.Watch(&debug.Watch{Every: true})
					} else {
						attach(b, p, i, r)
					}
				}
				if attached {
					attach(b, p, i, r)
				}
				r.arrive = func(g debug.Guest, halt debug.Halt) error {
					waited += time.Since(began)
					slices += h.n - h.at
					g.Watch(&debug.Watch{})
					_, err := halt.Evaluate(0, "order.update(stop=True)")
					return err
				}
				if _, err := i.sendFrom(h, "order.forever", "{}"); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(slices)/float64(b.N), "slices-to-stop")
			b.ReportMetric(float64(waited.Microseconds())/1000/float64(b.N), "ms-to-stop")
		})
	}
}

// BenchmarkLoop is a loop that nobody debugs, and one with a breakpoint elsewhere.
func BenchmarkLoop(b *testing.B) {
	binary := pack(b, "main.py")
	p := open(b, binary)
	_, undebugged := plain(b, binary)
	watched := instance(b, p, at(b, p, []int{26}, nil))
	for name, i := range map[string]actor{"plain": undebugged, "breakpoint elsewhere": watched} {
		b.Run(name, func(b *testing.B) {
			h := &enginetest.Host{}
			for b.Loop() {
				if _, err := i.Handle(h, abi.NewMessage([]byte(`{"n": 200000}`), abi.Type, "order.sum")); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

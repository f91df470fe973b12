package sdk_test

import (
	"syscall"
	"testing"
	"time"
)

// messages of 200 bytes.
const placed = `{"id":"order-000001","customer":"customer-42","items":[{"sku":"A-1","qty":2,"price":9.99},{"sku":"B-2","qty":1,"price":19.5}],"note":"please ring twice, the bell is broken","express":true,"weight":3.25}`

// BenchmarkPythonJSON handles messages of 200 bytes: JSON in, JSON out. cpu-ns/op is
// the time of the process, which other processes do not count in.
func BenchmarkPythonJSON(b *testing.B) {
	for name, source := range map[string]string{
		"dict": `import grow

@grow.on("order.placed")
def placed(ctx, order):
    return grow.Output("order.priced", {"id": order["id"], "total": sum(i["qty"] * i["price"] for i in order["items"])})
`,
		"dataclass": `from dataclasses import dataclass

import grow

@dataclass(kw_only=True, slots=True)
class Item:
    sku: str
    qty: int
    price: float

@dataclass(kw_only=True, slots=True)
class Order:
    id: str
    customer: str
    items: list[Item]
    note: str | None = None
    express: bool = False
    weight: float = 0.0

@dataclass(kw_only=True, slots=True)
class Priced:
    TYPE = "order.priced"
    id: str
    total: float

@grow.on("order.placed")
def placed(ctx: grow.Context, order: Order) -> Priced:
    return Priced(id=order.id, total=sum(i.qty * i.price for i in order.items))
`,
		"async": `import grow

@grow.on("order.placed")
async def placed(ctx, order):
    return grow.Output("order.priced", {"id": order["id"]})
`,
		"nothing": `import grow

@grow.on("order.placed")
def placed(ctx, order: bytes):
    return None
`,
	} {
		b.Run(name, func(b *testing.B) {
			s := python(b, source)
			frame := input("order.placed", "k", []byte(placed)).Frame()
			for range 200 {
				if _, err := s.raw(frame); err != nil {
					b.Fatal(err, stack(err))
				}
			}
			before := processTime(b)
			for b.Loop() {
				if _, err := s.raw(frame); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(processTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

func processTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

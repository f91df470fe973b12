package native

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
)

func TestRust(t *testing.T) {
	binary := read(t, "/tmp/p/dbgnative/debug.wasm")
	began := time.Now()
	p := opened(t, binary, os.DirFS("testdata/rust"))
	fmt.Println(p.Language(), p.Notes(), time.Since(began), len(p.(*program).probes), len(p.(*program).probed), len(p.(*program).symbols.units))
	fmt.Println(p.Files()[:10])
	net, err := p.Bind("lib.rs", 57)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(net)
	fmt.Println(p.Function("weigh"))
	stops := []string{}
	r := &script{t: t, first: &debug.Watch{Lines: []debug.Position{net}}}
	r.stop = func(g debug.Guest, h debug.Halt) error {
		began := time.Now()
		stops = append(stops, stackOf(t, h))
		fmt.Println(stops)
		if len(stops) > 1 {
			return nil
		}
		for f := range 3 {
			s, err := h.Scopes(f)
			if err != nil {
				t.Error(err)
			}
			for _, x := range s {
				all, _ := h.Children(x.Children, 0, 0)
				fmt.Println(x.Name)
				for _, v := range all {
					fmt.Printf("%s %s = %s %s (%s)\n", v.Name, v.Type, v.Value, v.Fault, v.Path)
				}
			}
		}
		fmt.Println(time.Since(began))
		return nil
	}
	began = time.Now()
	i := started(t, p, binary, r)
	fmt.Println("compiled", time.Since(began))
	msg := abi.NewMessage([]byte(`{"id":"o-1","items":[{"name":"bolt","qty":2,"price":1.25},{"name":"nut","qty":3,"price":4.5}],"size":"Large","way":{"Post":{"street":"Elm","number":7}},"note":null,"limit":5,"gift":{"name":"ribbon","qty":1,"price":0.1}}`),
		abi.Type, "order.placed", abi.ID, "1", abi.ContentType, abi.ContentJSON).Frame()
	a, err := i.Handle(&enginetest.Host{Reply: answer}, engineFrame(msg))
	fmt.Println(a, err, stops)
}

package native

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
)

// The modules of testdata/c are made of order.c with clang and lld 14:
//
//	clang --target=wasm32 -OX -g -gdwarf-Y -nostdlib -fno-builtin -Wall -fdebug-prefix-map=$PWD=/src
//	  -fuse-ld=lld -Wl,--no-entry -o order.OX.wasm order.c
const cSource = "order.c"

// lineOf is the line of order.c that has a text.
func lineOf(t testing.TB, text string) int {
	t.Helper()
	before, _, ok := strings.Cut(string(read(t, "testdata/c/order.c")), text)
	if !ok {
		t.Fatalf("no line has %s", text)
	}
	return strings.Count(before, "\n") + 1
}

func TestC(t *testing.T) {
	binary := read(t, "testdata/c/order.O0.wasm")
	p := opened(t, binary, os.DirFS("testdata/c"))
	if p.Language() != "c" || fmt.Sprint(p.Files()) != "[order.c]" {
		t.Errorf("%s, %v, %v", p.Language(), p.Files(), p.Notes())
	}
	net, err := p.Bind(cSource, lineOf(t, "double net"))
	if err != nil {
		t.Fatal(err)
	}
	stops := []string{}
	r := &script{t: t, first: &debug.Watch{Lines: []debug.Position{net}}}
	r.stop = func(g debug.Guest, h debug.Halt) error {
		stops = append(stops, stackOf(t, h))
		fmt.Println(stops)
		if len(stops) > 1 {
			return nil
		}
		says(t, h, 0, map[string]string{"item.qty": "2", "factor": "1.5", "gross": "2.5", "item->name": "?", "*item": "?"})
		says(t, h, 1, map[string]string{"due": "0.0", "i": "0", "n": "3", "o.id": "77", "o": "?", "order.items": "?", "matrix": "?", "handled": "7", "*o": "?", "net": "?"})
		says(t, h, 2, map[string]string{"text": "?", "order.size == LARGE": "true", "length": "1"})
		s, err := h.Scopes(0)
		if err != nil {
			t.Error(err)
		}
		for _, x := range s {
			all, err := h.Children(x.Children, 0, 0)
			fmt.Printf("%+v %v\n", all, err)
		}
		return nil
	}
	i := started(t, p, binary, r)
	a, err := i.Handle(&enginetest.Host{}, engine.Frame("y"))
	fmt.Println(a, err, stops)
}

package python_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/debug"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
)

// orders has two items, which cost 10 and 7.
const orders = `{"id": "o-1", "items": [{"sku": "A", "qty": 2, "price": 5}, {"sku": "B", "qty": 1, "price": 7}]}`

// at has a guest stop at lines of main.py, and what is done there.
func at(t testing.TB, p debug.Program, lines []int, arrive func(debug.Guest, debug.Halt) error) *reporter {
	w := &debug.Watch{}
	for _, n := range lines {
		w.Lines = append(w.Lines, bound(t, p, n))
	}
	return &reporter{enter: func(g debug.Guest) error { g.Watch(w); return nil }, arrive: arrive}
}

// must has a message be handled, and returns what came of it.
func must(t testing.TB, i actor, typ, data string) string {
	t.Helper()
	got, err := i.send(typ, data)
	if err != nil {
		t.Fatal(err, stack(err))
	}
	return got
}

// names are variables by name, with what they show.
func names(list []debug.Variable) map[string]string {
	all := map[string]string{}
	for _, v := range list {
		all[v.Name] = v.Type + " " + v.Value
	}
	return all
}

// look lists what a variable of a frame has, named by a path of children.
func look(h debug.Halt, frame, scope int, path ...string) ([]debug.Variable, error) {
	list, err := h.Scopes(frame)
	if err != nil {
		return nil, err
	}
	list, err = h.Children(list[scope].Children, 0, 0)
	for _, name := range path {
		k := slices.IndexFunc(list, func(v debug.Variable) bool { return v.Name == name })
		if err != nil || k < 0 {
			return nil, fmt.Errorf("%s in %v: %w", name, list, errors.Join(err, debug.ErrUnknown))
		}
		list, err = h.Children(list[k].Children, 0, 0)
	}
	return list, err
}

// TestStack: two calls below the handler, a local and a field of the caller's object
// are read, expressions evaluated, and variables set.
func TestStack(t *testing.T) {
	p := open(t, pack(t, "main.py"))
	r := at(t, p, []int{26}, func(g debug.Guest, h debug.Halt) error {
		g.Watch(&debug.Watch{})
		frames, err := h.Frames(0, 0)
		if err != nil || h.Depth() != 3 || h.Cause() != debug.CauseLine {
			t.Errorf("%v %d %v", err, h.Depth(), h.Cause())
		}
		var stack []string
		for _, f := range frames {
			stack = append(stack, fmt.Sprint(f.Function, " ", f.File, ":", f.Line, " ", f.Own))
		}
		if got, want := strings.Join(stack, "\n"), "main.cost app/main.py:26 true\nmain.total app/main.py:32 true\nmain.placed app/main.py:38 true"; got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
		if middle, err := h.Frames(1, 1); err != nil || len(middle) != 1 || middle[0].Function != "main.total" {
			t.Errorf("%v %v", middle, err)
		}
		locals, err := look(h, 0, 0)
		if got := names(locals); err != nil || got["amount"] != "int 10" || got["item"] != "main.Item Item(sku='A', qty=2, price=5)" {
			t.Errorf("%v %v", locals, err)
		}
		fields, err := look(h, 2, 0, "order", "items", "1")
		if got := names(fields); err != nil || got["sku"] != "str 'B'" || fields[2].Path != "order.items[1].price" {
			t.Errorf("%v %v", fields, err)
		}
		evaluates(t, h)
		sets(t, h)
		return nil
	})
	if got := must(t, instance(t, p, r), "order.placed", orders); !strings.HasSuffix(got, `{"id":"o-9","total":107}`) {
		t.Error(got)
	}
	if want := []string{"enter", "arrive", "leave"}; !slices.Equal(r.log, want) {
		t.Errorf("%v; want %v", r.log, want)
	}
}

func evaluates(t *testing.T, h debug.Halt) {
	t.Helper()
	for expression, want := range map[string]string{
		"order.items[0].qty":           "int 2",
		"sum":                          "int 0",
		"[i.sku for i in order.items]": "list ['A', 'B']",
		"max(i.price for i in order.items if i is item)": "int 5",
		"type(order).__name__ + '!'":                     "str 'Order!'",
		"10 ** 5000":                                     "int an int of 16610 bits",
		"{'a': {1, 2}, 3: None}":                         "dict {'a': {1, 2}, 3: None}",
	} {
		if v, err := h.Evaluate(1, expression); err != nil || v.Type+" "+v.Value != want {
			t.Errorf("%s: %+v %v; want %s", expression, v, err, want)
		}
	}
	for expression, want := range map[string]error{"nobody": debug.ErrUnknown, "order.nothing": debug.ErrUnknown, "order.items[9]": debug.ErrUnknown} {
		if v, err := h.Evaluate(1, expression); !errors.Is(err, want) {
			t.Errorf("%s: %+v %v; want %v", expression, v, err, want)
		}
	}
	if _, err := h.Evaluate(1, "1 +"); err == nil || !strings.Contains(err.Error(), "SyntaxError") {
		t.Error(err)
	}
	if _, err := h.Evaluate(7, "1"); !errors.Is(err, debug.ErrUnknown) {
		t.Error(err)
	}
	for condition, want := range map[string]bool{"len(order.items) == 2": true, "sum": false} {
		if got, err := h.Truth(1, condition); err != nil || got != want {
			t.Errorf("%s: %v %v", condition, got, err)
		}
	}
}

func sets(t *testing.T, h debug.Halt) {
	t.Helper()
	locals, err := h.Scopes(0)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := h.Set(0, locals[0].Children, "amount", "item.price * 20"); err != nil || v.Value != "100" {
		t.Error(v, err)
	}
	if _, err := h.Set(0, locals[0].Children, "nobody", "1"); !errors.Is(err, debug.ErrUnknown) {
		t.Error(err)
	}
	list, err := look(h, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	order := list[slices.IndexFunc(list, func(v debug.Variable) bool { return v.Name == "order" })]
	if v, err := h.Set(2, order.Children, "id", "'o-9'"); err != nil || v.Value != "'o-9'" || v.Path != "order.id" {
		t.Error(v, err)
	}
	pair, err := h.Evaluate(0, "(1, 2)")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Set(0, pair.Children, "0", "3"); !errors.Is(err, debug.ErrReadOnly) {
		t.Error(err)
	}
	if v, err := h.Evaluate(0, "kept = {'n': 1}"); err != nil || v.Value != "" {
		t.Error(v, err)
	}
}

// TestChildren: parts are listed in pages, with what they are reached by, and what an
// object shows of itself may fail or take too long.
func TestChildren(t *testing.T) {
	p := open(t, pack(t, "main.py"))
	r := at(t, p, []int{26}, func(g debug.Guest, h debug.Halt) error {
		g.Watch(&debug.Watch{})
		long, err := h.Evaluate(0, "list(range(5000))")
		if err != nil || long.Indexed != 5000 || !strings.HasPrefix(long.Value, "[0, 1, 2") || len(long.Value) > 200 {
			t.Errorf("%+v %v", long, err)
		}
		some, err := h.Children(long.Children, 1500, 3)
		if err != nil || len(some) != 3 || some[0].Name != "1500" || some[2].Value != "1502" {
			t.Errorf("%+v %v", some, err)
		}
		if all, err := h.Children(long.Children, 0, 0); err != nil || len(all) != debug.ChildrenMax {
			t.Errorf("%d %v", len(all), err)
		}
		for expression, want := range map[string]string{
			"{'a': 1, 2: 'b'}":                                 "'a'=1@d['a'] 2='b'@d[2]",
			"__import__('collections').deque([1, 2])":          "0=1@d[0] 1=2@d[1]",
			"__import__('urllib.parse').parse.urlparse('x:y')": "scheme='x'@d.scheme netloc=''@d.netloc path='y'@d.path params=''@d.params query=''@d.query fragment=''@d.fragment",
			"frozenset([7])":                                   "0=7@",
			"type('C', (), {'__slots__': ('a', 'b'), '__init__': lambda s: setattr(s, 'b', 1)})()": "b=1@d.b",
		} {
			if got, err := listed(h, expression); err != nil || got != want {
				t.Errorf("%s: %s %v; want %s", expression, got, err, want)
			}
		}
		for class, want := range map[string]string{
			"lambda s: 1 / 0": "ZeroDivisionError",
			"lambda s: str(all(1 for x in iter(int, 1)))": "too long",
			"lambda s: 7": "TypeError",
		} {
			v, err := h.Evaluate(0, "type('C', (), {'__repr__': "+class+"})()")
			if err != nil || v.Value != "" || !strings.Contains(v.Fault, want) {
				t.Errorf("%s: %+v %v", class, v, err)
			}
		}
		if v, err := h.Evaluate(0, "'é' * 5000"); err != nil || len(v.Value) > 2*debug.ValueMax+8 {
			t.Errorf("%d bytes %v", len(v.Value), err)
		}
		if _, err := h.Children(12345, 0, 0); !errors.Is(err, debug.ErrUnknown) {
			t.Error(err)
		}
		return nil
	})
	must(t, instance(t, p, r), "order.placed", orders)
}

// listed are the parts of what an expression is, called d.
func listed(h debug.Halt, expression string) (string, error) {
	if _, err := h.Evaluate(0, "d = "+expression); err != nil {
		return "", err
	}
	v, err := h.Evaluate(0, "d")
	if err != nil {
		return "", err
	}
	all, err := h.Children(v.Children, 0, 0)
	var b []string
	for _, c := range all {
		b = append(b, c.Name+"="+c.Value+"@"+c.Path)
	}
	return strings.Join(b, " "), err
}

// TestEndless: a condition that never ends is ended, and the message goes on; one that
// does not let itself be ended ends the message.
func TestEndless(t *testing.T) {
	p := open(t, pack(t, "main.py"))
	r := at(t, p, []int{26}, func(g debug.Guest, h debug.Halt) error {
		g.Watch(&debug.Watch{})
		if _, err := h.Truth(0, "all(1 for x in iter(int, 1))"); err == nil || !strings.Contains(err.Error(), "too long") {
			t.Error(err)
		}
		return nil
	})
	i := instance(t, p, r)
	host := &enginetest.Host{Fuel: 200_000_000} // an evaluation is not on the message's account
	if got, err := i.sendFrom(host, "order.placed", orders); err != nil || !strings.Contains(got, `"total":17`) {
		t.Error(got, err)
	}
	r.arrive = func(_ debug.Guest, h debug.Halt) error {
		_, err := h.Evaluate(0, "while True:\n try:\n  while True: pass\n except BaseException: pass")
		if err == nil {
			t.Error("it has ended")
		}
		_, err = h.Frames(0, 0)
		return err
	}
	r.log = nil
	if _, err := i.send("order.placed", orders); err == nil || !strings.Contains(err.Error(), "did not end") {
		t.Error(err)
	}
	if want := []string{"enter", "arrive", "leave"}; !slices.Equal(r.log, want) {
		t.Errorf("%v; want %v", r.log, want)
	}
}

package sdk_test
import ("testing";"os")
func TestTry(t *testing.T) {
	s := pythonOf(t, compilePython(t, packPython(t, readPython(t, "python/testdata/ledger")), 1), []byte(`{"a":1}`))
	for i:=0;i<2;i++ {
	out, err := s.send("ledger.post", "k", []byte(`{"x":1}`))
	t.Log(out, err, stack(err), s.logs, s.states, s.used)
	}
	if b, err := os.ReadFile(os.Getenv("TRY")); err == nil {
	s = python(t, string(b))
	for _, m := range []string{"a.a", "a.b","a.c","a.d"} {
	s.fuel = 100_000_000
	out, err := s.send(m, "k", []byte(`{"x":1}`))
	t.Log(m, out, err, stack(err), s.logs, s.used)
	}
	}
}

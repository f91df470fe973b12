package oracle

import (
	"testing"

	"github.com/grow-platform/grow/testdata/wat"
)

// TestOracles: both know a valid module from one that is not, and V8 answers in order.
func TestOracles(t *testing.T) {
	if missing := Missing(); len(missing) > 0 {
		t.Skipf("not found in PATH: %v", missing)
	}
	v, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	good, bad := wat.Module("ledger"), wat.Module("ledger")[:300]
	for range 3 {
		verdicts, err := v.Validate([][]byte{good, bad, nil, good})
		if err != nil {
			t.Fatal(err)
		}
		if !verdicts[0] || verdicts[1] || verdicts[2] || !verdicts[3] {
			t.Errorf("V8: %v", verdicts)
		}
	}
	for _, c := range []struct {
		b     []byte
		valid bool
	}{{good, true}, {bad, false}} {
		if why, err := v.Why(c.b); err != nil || (why == "") != c.valid {
			t.Errorf("V8 on %d bytes: %q, %v", len(c.b), why, err)
		}
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		b     []byte
		valid bool
	}{{good, true}, {bad, false}, {nil, false}} {
		if why, err := Wabt(t.TempDir(), c.b); err != nil || (why == "") != c.valid {
			t.Errorf("wabt on %d bytes: %q, %v", len(c.b), why, err)
		}
	}
}

package capability

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// teller notes what requests are told of those before them; some fail for now.
type teller struct{ told []string }

func (*teller) Operations() map[string]Effect {
	return map[string]Effect{"t.read": Reads, "t.write": Changes}
}

func (o *teller) Do(_ context.Context, r *Request) Answer {
	o.told = append(o.told, fmt.Sprint(r.First, r.Told))
	if string(r.Data) == "away" {
		return Fail(Unavailable, "away")
	}
	return Answer{}
}

func (*teller) Close() error { return nil }

// TestTold: a request knows which of those before it are never made again: all but those of its
// own frame, and but what came after one that another attempt makes again.
func TestTold(t *testing.T) {
	o := &teller{}
	b, l := Of(map[string]Capability{"o": o}, 20), ledger(t)
	write, read, away := []string{"", "type", "t.write", "use", "o"}, []string{"", "type", "t.read", "use", "o"}, []string{"away", "type", "t.read", "use", "o"}
	frames := func() []string {
		o.told = nil
		for _, frame := range [][][]string{{read}, {write}, {{"", "type", "time.now"}, write}, {away}, {write}} {
			ask(t, b, l, frame...)
		}
		return o.told
	}
	if got, want := frames(), []string{"false 0", "false 0", "false 0", "false 0", "false 0"}; !slices.Equal(got, want) {
		t.Errorf("in no journal: %q", got)
	}
	for range 2 {
		l.Reset()
		l.First, l.Effect = true, func() error { return nil }
		if got, want := frames(), []string{"true 0", "true 1", "true 2", "true 4", "true 4"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	l.Reset()
	l.Effect = func() error { return errors.New("not kept") }
	o.told = nil
	ask(t, b, l, write)
	if len(o.told) > 0 {
		t.Errorf("%q without the journal", o.told)
	}
}

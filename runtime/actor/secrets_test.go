package actor

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
)

// oneSecret is a secret that is looked for as it is.
type oneSecret string

func (s oneSecret) Longest() int { return len(s) }

func (s oneSecret) Whole(text []byte, at int) int {
	for i := max(0, at-len(s)+1); i < at; i++ {
		if bytes.HasPrefix(text[i:], []byte(s)) {
			return i
		}
	}
	return at
}

// TestCutWhole: wherever a secret stands across the place where a text of an actor is cut, nothing of
// it is kept, in whatever pieces it was printed; what is only like its beginning is.
func TestCutWhole(t *testing.T) {
	const secret, end = "whsec_9f86d081884c7d659a2f", "0123456789"
	for n := 0; n <= len(secret); n++ {
		for _, c := range []struct {
			said string
			kept int
		}{{secret, LogTextMax - n}, {secret[:len(secret)-1] + "#", LogTextMax}} {
			text := strings.Repeat("a", LogTextMax-n) + c.said + end
			kept := c.kept
			if n == len(secret) {
				kept = LogTextMax // it ends before the cut
			}
			want := fmt.Sprintf("%s… and %d bytes more", text[:kept], len(text)-kept)
			var lines []Line
			a := newActor(t, script(func(h engine.Host, _ []byte) ([]byte, error) {
				for i := range len(text) {
					if i > LogTextMax-100 {
						h.Output(1, []byte(text[i:i+1]))
					} else if i == LogTextMax-100 {
						h.Output(1, []byte(text[:i+1]))
					}
				}
				h.Output(2, []byte(text+"\n"))
				return frame([]string{text, "type", abi.TypeError}), nil
			}), func(o *Options) { o.Secrets, o.Log = oneSecret(secret), func(l Line) { lines = append(lines, l) } })
			i := take(t, a)
			r := i.Handle(&Task{Message: abi.NewMessage(nil, abi.Type, "in"), ID: "m"})
			if r.Outcome != Refused || r.Text != want {
				t.Errorf("%d: %v %s, want %s", n, r.Outcome, r.Text[LogTextMax-60:], want[LogTextMax-60:])
			}
			if len(lines) != 2 || lines[0].Text != want || lines[1].Text != want {
				t.Errorf("%d: %d lines: %.10s %s", n, len(lines), lines[0].Text, lines[0].Text[LogTextMax-60:])
			}
			a.Discard(i)
		}
	}
}

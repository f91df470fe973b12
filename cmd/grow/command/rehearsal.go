package command

import (
	"fmt"
	"strconv"

	"github.com/spf13/pflag"
)

// rehearsalFlags say how what is to go live is rehearsed.
type rehearsalFlags struct {
	last   many
	accept []string
}

func (r *rehearsalFlags) flags(f *pflag.FlagSet) {
	f.Var(&r.last, "rehearse", "have what has changed handle again the last `N` messages that each actor has handled; in place of rehearse.last")
	f.StringArrayVar(&r.accept, "accept", nil, "let a difference of this `name` pass that a rehearsal finds; may be given several times")
}

// many is a number of messages; 0: it is not said.
type many int

const messagesMax = 1_000_000

// String implements pflag.Value.
func (m *many) String() string {
	if *m == 0 {
		return ""
	}
	return strconv.Itoa(int(*m))
}

// Type implements pflag.Value.
func (m *many) Type() string { return "N" }

// Set implements pflag.Value.
func (m *many) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > messagesMax {
		return fmt.Errorf("it takes a number of messages, from 1 to %d", messagesMax)
	}
	*m = many(n)
	return nil
}

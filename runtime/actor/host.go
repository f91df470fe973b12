package actor

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
)

// Limits of what an actor may log.
const (
	LogTextMax   = 16 << 10 // bytes of one line
	LogFieldsMax = 32       // fields of one line
	LogLinesMax  = 1000     // lines a message; what is more is dropped and counted
	outputMax    = 64 << 10 // bytes of an unfinished line on standard output
)

// begin sets the world that the guest sees while it handles a message.
func (i *Instance) begin(id string, now int64) {
	i.id, i.now = id, now
	i.slept = 0
	i.lines, i.drawn = 0, false
	i.spell = spell{}
}

// Call implements engine.Host.
func (i *Instance) Call(request []byte) ([]byte, error) {
	return i.actor.Broker.Serve(&i.ledger, request)
}

// Now implements engine.Host: the wall clock stands while a message is handled.
func (i *Instance) Now() int64 { return i.now }

// Monotonic implements engine.Host: it stands too, but for what calls and
// sleeps took, which the journal knows.
func (i *Instance) Monotonic() int64 {
	t := i.now + int64(i.slept)
	for _, r := range i.ledger.Recorded() {
		t += int64(r.Duration)
	}
	return t
}

// Random implements engine.Host. The stream begins when the first byte is drawn.
func (i *Instance) Random(p []byte) {
	if !i.drawn {
		i.drawn = true
		i.seed = i.actor.Seed(i.id)
		if i.random == nil {
			i.random = rand.NewChaCha8(i.seed)
		} else {
			i.random.Seed(i.seed)
		}
	}
	// Read of ChaCha8 never fails.
	_, _ = i.random.Read(p)
}

// Output implements engine.Host: every line written to standard output is a
// log line at info, to standard error at warn.
func (i *Instance) Output(descriptor int, p []byte) {
	b := &i.output[0]
	level := "info"
	if descriptor == 2 {
		b, level = &i.output[1], "warn"
	}
	for len(p) > 0 {
		line, rest, ended := bytes.Cut(p, []byte("\n"))
		if room := outputMax - len(*b); len(line) > room {
			line = line[:room]
		}
		*b = append(*b, line...)
		if ended {
			i.line(level, string(*b), nil)
			*b = (*b)[:0]
		}
		p = rest
	}
}

// flush logs unfinished lines at the end of a message.
func (i *Instance) flush() {
	for n, level := range [...]string{"info", "warn"} {
		if len(i.output[n]) > 0 {
			i.line(level, string(i.output[n]), nil)
			i.output[n] = i.output[n][:0]
		}
	}
	if i.lines > LogLinesMax {
		more := i.lines - LogLinesMax
		i.lines = 0
		i.line("warn", "log lines dropped: more than one message may write", map[string]string{"dropped": itoa(more)})
	}
}

// log serves log.debug to log.error.
func (i *Instance) log(level string, text []byte, v *abi.View) {
	var fields map[string]string
	if v.Others() {
		for name, value := range v.All() {
			if own, ok := strings.CutPrefix(string(name), abi.OwnPrefix); ok && len(fields) < LogFieldsMax {
				if fields == nil {
					fields = map[string]string{}
				}
				fields[own] = string(value)
			}
		}
	}
	i.line(level, string(text), fields)
}

func (i *Instance) line(level, text string, fields map[string]string) {
	i.lines++
	if i.lines > LogLinesMax || i.actor.Log == nil {
		return
	}
	if len(text) > LogTextMax {
		text = text[:LogTextMax] + "…"
	}
	i.actor.Log(Line{
		Time: time.Unix(0, i.actor.RealTime()), Level: level, Node: i.actor.Node, Message: strings.Clone(i.id),
		Text: strings.ToValidUTF8(text, "\uFFFD"), Fields: fields,
	})
}

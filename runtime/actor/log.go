package actor

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/grow-platform/grow/abi"
)

// Limits of what an actor may log.
const (
	LogTextMax   = 16 << 10 // bytes of one line
	LogFieldsMax = 32       // fields of one line
	LogLinesMax  = 1000     // lines a message; what is more is dropped and counted
	LogBytesMax  = 1 << 20  // bytes of lines and fields a message; likewise

	// countedMax bounds the looking for line breaks in what is dropped, in bytes
	// a message: a guest may write the same gigabyte a thousand times.
	countedMax = 64 << 20
)

// said is what a guest has logged while it handled one message.
type said struct {
	lines, bytes int
	dropped      int   // lines
	lost         int64 // bytes of those
	printed      [2]partial
}

// partial is an unfinished line of standard output or error; its text lies in
// Instance.output, with as much behind the longest line as a secret has that begins in
// it. cut is what it had beyond that.
type partial struct{ length, cut int }

// anything reports whether there is something to flush.
func (s *said) anything() bool {
	return s.dropped > 0 || s.lost > 0 || s.printed != [2]partial{}
}

// full reports whether nothing more is kept.
func (i *Instance) full() bool {
	return i.said.lines >= i.actor.most.lines || i.said.bytes >= i.actor.most.logged
}

// Output implements engine.Host: every line written to standard output is a
// log line at info, to standard error at warn. What it does with one p takes no
// longer than reading it once, and nothing when more was written than is kept.
func (i *Instance) Output(descriptor int, p []byte) {
	n, level := 0, "info"
	if descriptor == 2 {
		n, level = 1, "warn"
	}
	for len(p) > 0 {
		if i.full() {
			i.said.drop(p)
			return
		}
		line, rest, ended := bytes.Cut(p, []byte("\n"))
		i.print(n, line)
		if ended {
			i.endLine(n, level)
		}
		p = rest
	}
}

// drop counts what was written and is not kept.
func (s *said) drop(p []byte) {
	if s.lost < countedMax {
		s.dropped += bytes.Count(p, []byte("\n"))
	}
	s.lost += int64(len(p))
}

// print adds to an unfinished line what there is room for.
func (i *Instance) print(n int, text []byte) {
	b, at := &i.output[n], &i.said.printed[n]
	if at.length == 0 && at.cut == 0 {
		*b = (*b)[:0]
	}
	most := i.actor.most.text
	if len(*b)+len(text) > most {
		most += i.actor.secretMost()
	}
	room := max(min(most-len(*b), len(text)), 0)
	*b = append(*b, text[:room]...)
	at.length = len(*b)
	at.cut += len(text) - room
}

func (i *Instance) endLine(n int, level string) {
	at := i.said.printed[n]
	i.said.printed[n] = partial{}
	i.line(level, i.output[n][:at.length], at.cut, nil)
}

// flush logs unfinished lines at the end of a message, and what was dropped.
func (i *Instance) flush() {
	if !i.said.anything() {
		return
	}
	for n, level := range [...]string{"info", "warn"} {
		if i.said.printed[n] != (partial{}) {
			i.endLine(n, level)
		}
	}
	was := i.said
	i.said = said{}
	if was.dropped == 0 && was.lost == 0 {
		return
	}
	lines := strconv.Itoa(was.dropped)
	if was.lost > countedMax {
		lines = "at least " + lines
	}
	i.line("warn", []byte("log lines dropped: more than one message may write"), 0, map[string]string{
		"dropped": lines, "bytes": strconv.FormatInt(was.lost, 10),
	})
}

// log serves log.debug to log.error.
func (i *Instance) log(level string, text []byte, v *abi.View) {
	var fields map[string]string
	if v.Others() && !i.full() {
		for name, value := range v.All() {
			if own, ok := strings.CutPrefix(string(name), abi.OwnPrefix); ok && len(fields) < i.actor.most.fields {
				if fields == nil {
					fields = map[string]string{}
				}
				fields[own] = string(value)
			}
		}
	}
	i.line(level, text, 0, fields)
}

// line logs a line, of which so many bytes were cut already.
func (i *Instance) line(level string, text []byte, cut int, fields map[string]string) {
	if i.full() {
		i.said.dropped++
		i.said.lost += int64(len(text) + cut)
		return
	}
	i.said.lines++
	i.said.bytes += min(len(text), i.actor.most.text)
	for name, value := range fields {
		i.said.bytes += len(name) + len(value)
	}
	if i.actor.Log == nil && level != "error" {
		return
	}
	kept := i.actor.within(i.actor.most.text, text, cut)
	if level == "error" {
		i.complaint = kept
	}
	if i.actor.Log != nil {
		i.actor.Log(Line{
			Time: time.Unix(0, i.actor.RealTime()), Level: level, Node: i.actor.Node, Message: strings.Clone(i.id),
			Text: kept, Fields: fields,
		})
	}
}

// shortened is a text as valid UTF-8; of one that is longer than a line of the log
// may be the beginning, with how much was cut.
func (a *Actor) shortened(text []byte) string { return a.within(LogTextMax, text, 0) }

// within is shortened for at most most bytes, where cut were left out before. A character and
// a secret that would be cut in two are left out: of half a secret nobody could say later that
// it is one.
func (a *Actor) within(most int, text []byte, cut int) string {
	if cut == 0 && len(text) <= most {
		return strings.ToValidUTF8(string(text), "\uFFFD")
	}
	end := min(most, len(text))
	for k := 1; k < utf8.UTFMax && k < end; k++ {
		if at := end - k; utf8.RuneStart(text[at]) {
			if !utf8.FullRune(text[at:end]) {
				end = at
			}
			break
		}
	}
	if a.Secrets != nil {
		end = a.Secrets.Whole(text[:min(len(text), end+a.secretMost())], end)
	}
	return fmt.Sprintf("%s… and %d bytes more", strings.ToValidUTF8(string(text[:end]), "\uFFFD"), cut+len(text)-end)
}

// secretMost is how far behind a place a secret may reach that begins before it, in bytes.
func (a *Actor) secretMost() int {
	if a.Secrets == nil {
		return 0
	}
	return a.Secrets.Longest()
}

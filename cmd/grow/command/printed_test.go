package command

import (
	"bytes"
	"regexp"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// printed is what a process prints, while it does. It is safe for concurrent use.
type printed struct {
	mu   sync.Mutex
	text bytes.Buffer
	seen int           // up to here it was waited for
	more chan struct{} // closed when there is more
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.more != nil {
		close(p.more)
		p.more = nil
	}
	return p.text.Write(b)
}

func (p *printed) WriteString(text string) { _, _ = p.Write([]byte(text)) } // a buffer takes all

func (p *printed) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text.Reset()
	p.seen = 0
}

func (p *printed) String() string { return string(p.Bytes()) }

func (p *printed) Bytes() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(p.text.Bytes())
}

// next reports whether a line like that stands after what was found last;
// if none does, more is closed when there is something new.
func (p *printed) next(line *regexp.Regexp) (found bool, more <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := line.FindIndex(p.text.Bytes()[p.seen:]); at != nil {
		p.seen += at[1]
		p.seen += max(0, bytes.IndexByte(p.text.Bytes()[p.seen:], '\n'))
		return true, nil
	}
	if p.more == nil {
		p.more = make(chan struct{})
	}
	return false, p.more
}

// until waits for the service of a script to print a line.
func until(ts *testscript.TestScript, _ bool, args []string) {
	s := ts.Value(running{}).(*served)
	of := map[string]*printed{"out": &s.out, "err": &s.err}[args[0]]
	line, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	late := time.After(5 * time.Minute) // so that a script that waits in vain says for what
	for {
		found, more := of.next(line)
		if found {
			return
		}
		select {
		case <-more:
		case <-late:
			ts.Fatalf("run does not print %s\n%s%s", args[1], s.out.String(), s.err.String())
		case <-s.read: // perhaps with that line at its end
			if found, _ := of.next(line); found {
				return
			}
			ts.Fatalf("run has ended without %s\n%s%s", args[1], s.out.String(), s.err.String())
		}
	}
}

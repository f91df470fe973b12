package replay

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
)

// Record is what stands between an actor that runs messages again and the world:
// it has the answers and the seeds of those that run now. The zero Record is
// ready. It is safe for concurrent use.
type Record struct {
	// Live is the seed that what runs has for a message, by its id: that of those which had
	// drawn nothing, or became dead letters. nil: one is made of the id.
	Live func(id string) [32]byte

	mu      sync.Mutex
	next    uint64
	running map[string]*sheet // by the id their tasks have
}

// sheet is what one message that runs may be told.
type sheet struct {
	of      *Case
	with    []Override
	listen  bool // keep what is asked
	hide    hide
	mu      sync.Mutex
	unknown []Asked
	heard   []Heard
	given   map[int]bool // of with, by index: some request was answered so
}

// Heard is a request that was made of a grant, and what it was answered.
type Heard struct {
	Call           int // number within the message, from 1
	Use, Operation string
	Attrs          []string // name, value, name, value; without the use and the operation
	Data           []byte
	Answer         capability.Answer // without what a secret is
	Secret         bool              // the answer is one
}

// Asked is a request that the record has no answer for.
type Asked struct {
	Call      int    `json:"call"` // number within the message, from 1
	Use       string `json:"use"`
	Operation string `json:"operation"`
	Data      string `json:"data,omitempty"`
	Nearest   int    `json:"nearest,omitempty"` // number of the recorded request that is most like it; 0: there is none
}

// Override is an answer given in place of the recorded one.
type Override struct {
	Call      int    // number of the request; 0: all of them
	Use       string // grant; "": any
	Operation string // "": any
	Answer    capability.Answer
}

func (o *Override) fits(call int, use, operation string) bool {
	return (o.Call == 0 || o.Call == call) && (o.Use == "" || o.Use == use) && (o.Operation == "" || o.Operation == operation)
}

// Broker is what an actor that runs messages again asks: of the grants of live,
// which must stay open and is asked for secrets only.
func (r *Record) Broker(live *capability.Broker) *capability.Broker {
	return live.Fork(r.answer, r.hidden)
}

// Seed is for [actor.Options].Seed: the recorded one, or, when there is none, that of Live.
func (r *Record) Seed(task string) (seed [32]byte) {
	s := r.sheet(task)
	switch {
	case s == nil:
		return sha256.Sum256([]byte(task))
	case len(s.of.Seed) == len(seed):
		return [32]byte(s.of.Seed)
	case r.Live != nil:
		return r.Live(s.of.ID)
	}
	return sha256.Sum256([]byte(s.of.ID))
}

// begin has a message run; its task's id is returned.
func (r *Record) begin(s *sheet) (task string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running == nil {
		r.running = map[string]*sheet{}
	}
	r.next++
	task = strconv.FormatUint(r.next, 10)
	r.running[task] = s
	return task
}

func (r *Record) end(task string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, task)
}

func (r *Record) sheet(task string) *sheet {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running[task]
}

// answer serves a request that no recorded answer agrees with.
func (r *Record) answer(_ context.Context, use string, q *capability.Request) capability.Answer {
	task, number, _ := strings.Cut(q.Stable, "/")
	call, err := strconv.Atoi(number)
	s := r.sheet(task)
	if s == nil || err != nil {
		return capability.Fail(capability.Unavailable, "no message runs that could ask %s", use)
	}
	for i := range s.with {
		if s.with[i].fits(call, use, q.Operation) {
			s.give(i)
			return s.with[i].Answer
		}
	}
	if s.listen {
		if answer, ok := s.of.answerTo(call, use, q.Operation); ok {
			s.hear(call, use, q, answer, false)
			return answer
		}
	}
	a := Asked{Call: call, Use: use, Operation: q.Operation, Data: s.hide.shown(q.Data), Nearest: s.of.nearest(call, use, q.Operation)}
	s.mu.Lock()
	s.unknown = append(s.unknown, a)
	s.mu.Unlock()
	return capability.Answer{Code: capability.Unavailable, Text: fmt.Sprintf("the record has no answer to request %d, %s of %s", call, q.Operation, use)}
}

// give notes that a request is given one of the answers in place of those recorded.
func (s *sheet) give(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.given == nil {
		s.given = map[int]bool{}
	}
	s.given[i] = true
}

// ungiven are the answers that no request was given, by index.
func (s *sheet) ungiven() (list []int) {
	for i := range s.with {
		if !s.given[i] {
			list = append(list, i)
		}
	}
	return list
}

// hidden notes a request whose answer is a secret.
func (r *Record) hidden(use string, q *capability.Request) {
	task, number, _ := strings.Cut(q.Stable, "/")
	call, err := strconv.Atoi(number)
	if s := r.sheet(task); s != nil && s.listen && err == nil {
		s.hear(call, use, q, capability.Answer{}, true)
	}
}

// hear keeps a request and its answer.
func (s *sheet) hear(call int, use string, q *capability.Request, a capability.Answer, secret bool) {
	h := Heard{Call: call, Use: use, Operation: q.Operation, Data: slices.Clone(q.Data), Answer: a, Secret: secret}
	for name, value := range q.Each {
		if name != abi.Type && name != useAttr {
			h.Attrs = append(h.Attrs, strings.Clone(name), strings.Clone(value))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, h)
}

// useAttr names the grant that a request is of.
const useAttr = "use"

// answerTo is the recorded answer to a request, by its number, grant and operation.
func (c *Case) answerTo(call int, use, operation string) (a capability.Answer, ok bool) {
	for i := range c.Answers {
		r := &c.Answers[i]
		if r.Call != call || r.Use != use || r.Operation != operation {
			continue
		}
		m, err := abi.ParseMessage(r.Frame)
		if err != nil {
			return a, false
		}
		if m.Type() == abi.TypeError {
			retry, _ := m.Attr(abi.RetryAttr)
			a.Code, _ = m.Attr(abi.Code)
			a.Text, a.Retry = string(m.Data()), retry == "yes"
			return a, true
		}
		a.Data = m.Data()
		for name, value := range m.All() {
			if name != abi.Type {
				a.Attrs = append(a.Attrs, name, value)
			}
		}
		return a, true
	}
	return a, false
}

// nearest is the number of the recorded request most like one: of the same
// operation and grant, else of the same grant, and the closest in number; 0: none.
func (c *Case) nearest(call int, use, operation string) int {
	best, number := 0, 0
	for i := range c.Answers {
		a := &c.Answers[i]
		if a.Use != use {
			continue
		}
		like := 1_000_000 - max(a.Call-call, call-a.Call)
		if a.Operation == operation {
			like += 1_000_000
		}
		if like > best {
			best, number = like, a.Call
		}
	}
	return number
}

// again are the answers that are not overridden, and what time.now told.
func (s *sheet) again() (list []capability.Recorded, times []int64) {
	for _, a := range s.of.Answers {
		if a.Use == "" {
			times = append(times, toldTime(a.Frame, s.of.Clock))
			continue
		}
		taken := s.listen
		for i := range s.with {
			taken = taken || s.with[i].fits(a.Call, a.Use, a.Operation)
		}
		if !taken {
			list = append(list, a)
		}
	}
	return list, times
}

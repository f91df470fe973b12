// Package capabilitytest is the suite that each kind of capability must pass, whoever wrote
// it: a broker asks it as an actor would.
package capabilitytest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// Subject is a kind of capability with a grant, and requests to it.
type Subject struct {
	Kind        string // as it is registered
	Params      map[string]any
	Environment capability.Environment

	Read   Request // succeeds, and changes nothing
	Change Request // succeeds, and changes something; without an operation: nothing can be
	// Count is how often the other side has had the effect of Change.
	Count  func() int
	Denied Request // the grant does not allow it
	Large  Request // it, or its answer, is larger than it may be
	// Slow is not answered before its deadline; without an operation: everything is at once.
	Slow Request

	// Away is an environment whose other side is not there; nil: it always is.
	Away *capability.Environment
	// Secrets are texts of both environments that no answer and no error may hold.
	Secrets []string
}

// Request is one request.
type Request struct {
	Operation string
	Attrs     []string // name, value, name, value
	Data      []byte
}

// codes are those that an actor can act on.
var codes = []string{
	capability.Denied, capability.NotFound, capability.Conflict, capability.Timeout, capability.Limit, capability.Unavailable, capability.Invalid,
}

// Run runs the suite. make makes the subject anew for each test.
func Run(t *testing.T, subject func(t *testing.T) Subject) {
	for name, test := range map[string]func(*use){
		"grant": testGrant, "answers": testAnswers, "recorded": testRecorded, "once": testOnce, "refused": testRefused, "given up": testGivenUp,
		"away": testAway, "at the same time": testTogether, "noise": testNoise,
	} {
		t.Run(name, func(t *testing.T) {
			s := subject(t)
			test(&use{T: t, Subject: s, broker: opened(t, &s, s.Environment)})
		})
	}
}

const grantName = "g"

func opened(t *testing.T, s *Subject, env capability.Environment) *capability.Broker {
	t.Helper()
	b, err := capability.Open(t.Context(), []specs.Grant{{Name: grantName, Kind: s.Kind, Params: s.Params}}, 1000, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// use is a subject with a broker that has its grant.
type use struct {
	*testing.T
	Subject
	broker *capability.Broker
}

// answer is what an actor is told.
type answer struct {
	frame []byte
	code  string // "": it succeeded
	retry bool
	text  string
}

// message is what a message of an actor is handled with.
func message(ctx context.Context, id string) *capability.Ledger {
	return &capability.Ledger{Context: ctx, ID: id}
}

// ask makes a request for a message; more are further attributes.
func (u *use) ask(l *capability.Ledger, r Request, more ...string) answer {
	u.Helper()
	attrs := append([]string{abi.Type, r.Operation, "use", grantName}, append(slices.Clone(r.Attrs), more...)...)
	b := abi.AppendAttrCount(abi.AppendCount(nil, 1), len(attrs)/2)
	for i := 0; i < len(attrs); i += 2 {
		b = abi.AppendAttr(b, attrs[i], attrs[i+1])
	}
	frame, err := u.broker.Serve(l, abi.AppendData(b, r.Data))
	if err != nil {
		u.Errorf("%s: the message ends: %v", r.Operation, err)
		return answer{code: "ended"}
	}
	a := answer{frame: bytes.Clone(frame)}
	m, err := abi.ParseMessage(a.frame)
	if err != nil {
		u.Errorf("%s: the answer is no frame: %v", r.Operation, err)
		return answer{code: "malformed"}
	}
	if m.Type() == abi.TypeError {
		code, _ := m.Attr(abi.Code)
		retry, _ := m.Attr(abi.RetryAttr)
		a.code, a.retry, a.text = code, retry == "yes", string(m.Data())
	}
	for _, secret := range u.Secrets {
		if bytes.Contains(a.frame, []byte(secret)) {
			u.Errorf("%s: the answer has a secret in it: %s", r.Operation, bytes.ReplaceAll(a.frame, []byte(secret), []byte("…")))
		}
	}
	return a
}

// succeeds asks for what must succeed.
func (u *use) succeeds(l *capability.Ledger, r Request) answer {
	u.Helper()
	a := u.ask(l, r)
	if a.code != "" {
		u.Errorf("%s: %s: %s", r.Operation, a.code, a.text)
	}
	return a
}

// fails asks for what must fail by a code, of which retry goes with those that it helps.
func (u *use) fails(l *capability.Ledger, r Request, code string, more ...string) {
	u.Helper()
	a := u.ask(l, r, more...)
	if retry := code == capability.Timeout || code == capability.Unavailable; a.code != code || a.text == "" || a.retry != retry {
		u.Errorf("%s: %q (try again: %v): %q, want %s", r.Operation, a.code, a.retry, a.text, code)
	}
}

// testGrant: what is no parameter is refused by name.
func testGrant(u *use) {
	if err := capability.CheckGrant(specs.Grant{Kind: u.Kind, Params: u.Params}); err != nil {
		u.Error(err)
	}
	odd := map[string]any{"no_such_parameter": 1}
	for name, v := range u.Params {
		odd[name] = v
	}
	if err := capability.CheckGrant(specs.Grant{Kind: u.Kind, Params: odd}); err == nil || !strings.Contains(err.Error(), "no_such_parameter") {
		u.Errorf("with what is no parameter: %v", err)
	}
}

func testAnswers(u *use) {
	l := message(u.Context(), "m1")
	u.succeeds(l, u.Read)
	if u.Change.Operation != "" {
		u.succeeds(l, u.Change)
	}
	u.fails(l, Request{Operation: "no.such"}, capability.Invalid)
}

// testRecorded: a message that is handled again is given the same answers, and nobody is asked.
func testRecorded(u *use) {
	l := message(u.Context(), "m1")
	list := []Request{u.Read}
	if u.Change.Operation != "" {
		list = append(list, u.Change)
	}
	var first []answer
	for _, r := range list {
		first = append(first, u.succeeds(l, r))
	}
	if len(l.Recorded()) != len(list) {
		u.Fatalf("%d answers of %d are recorded", len(l.Recorded()), len(list))
	}
	gone, cancel := context.WithCancel(u.Context())
	cancel()
	again := message(gone, "m1")
	again.Again = slices.Clone(l.Recorded())
	for i, r := range list {
		if a := u.ask(again, r); !bytes.Equal(a.frame, first[i].frame) {
			u.Errorf("%s: %q, and at first %q", r.Operation, a.frame, first[i].frame)
		}
	}
}

// testOnce: what a message asks for once is done once, though the host does not know that
// it was; what another asks for is done, too.
func testOnce(u *use) {
	if u.Change.Operation == "" {
		u.Skip("it changes nothing")
	}
	for i, id := range []string{"m1", "m1", "m2"} {
		kept := false
		l := message(u.Context(), id)
		l.Effect = func() error { kept = true; return nil }
		u.succeeds(l, u.Change)
		if !kept {
			u.Error("the message is not kept before the effect")
		}
		if n, want := u.Count(), 1+i/2; n != want {
			u.Errorf("after %d requests of two messages the effect was had %d times, want %d", i+1, n, want)
		}
	}
}

func testRefused(u *use) {
	l := message(u.Context(), "m1")
	u.fails(l, u.Denied, capability.Denied)
	u.fails(l, u.Large, capability.Limit)
	u.succeeds(l, u.Read)
}

// testGivenUp: a request ends with its deadline and with its message, and the next is served.
func testGivenUp(u *use) {
	if u.Slow.Operation != "" {
		u.fails(message(u.Context(), "m1"), u.Slow, capability.Timeout, "timeout", "50")
	}
	gone, cancel := context.WithCancel(u.Context())
	cancel()
	if a := u.ask(message(gone, "m2"), u.Read); a.code != "" && a.code != capability.Timeout {
		u.Errorf("%s: %s: %s", u.Read.Operation, a.code, a.text)
	}
	u.succeeds(message(u.Context(), "m3"), u.Read)
}

// testAway: when the other side is not there, an actor is told that it may try again, and
// not where it should be.
func testAway(u *use) {
	if u.Away == nil {
		u.Skip("the other side always is there")
	}
	u.broker = opened(u.T, &u.Subject, *u.Away)
	for _, r := range []Request{u.Read, u.Change} {
		if r.Operation == "" {
			continue
		}
		if a := u.ask(message(u.Context(), "m1"), r, "timeout", "2000"); a.code != capability.Unavailable && a.code != capability.Timeout || !a.retry {
			u.Errorf("%s: %q (try again: %v): %s", r.Operation, a.code, a.retry, a.text)
		}
	}
}

func testTogether(u *use) {
	var wait sync.WaitGroup
	for i := range 16 {
		wait.Go(func() {
			l := message(u.Context(), fmt.Sprintf("m%d", i))
			for range 5 {
				u.succeeds(l, u.Read)
			}
		})
	}
	wait.Wait()
}

// testNoise: what makes no sense fails by a code, and does no harm.
func testNoise(u *use) {
	l := message(u.Context(), "m1")
	noise := []string{"", "\x00", "{", "null", "[]", "-1", "99999999999999999999", strings.Repeat("a", 4000), "../../etc/passwd", "'; drop table a; --", "a\r\nb"}
	for _, base := range []Request{u.Read, u.Change} {
		if base.Operation == "" {
			continue
		}
		list := []Request{{Operation: base.Operation}}
		for _, text := range noise {
			list = append(list, Request{Operation: base.Operation, Attrs: base.Attrs, Data: []byte(text)})
			for i := 1; i < len(base.Attrs); i += 2 {
				attrs := slices.Clone(base.Attrs)
				attrs[i] = text
				list = append(list, Request{Operation: base.Operation, Attrs: attrs, Data: base.Data})
			}
		}
		for _, r := range list {
			if a := u.ask(l, r); a.code != "" && !slices.Contains(codes, a.code) || strings.Contains(a.text, "is at fault") {
				u.Errorf("%s %.80q %.40q: %s: %s", r.Operation, r.Attrs, r.Data, a.code, a.text)
			}
		}
	}
	u.succeeds(message(u.Context(), "m2"), u.Read)
}

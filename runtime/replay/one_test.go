package replay

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/pace"
	"github.com/grow-platform/grow/runtime/shard"
)

// TestFind: one message is found with all that it had, and comes out as it did.
func TestFind(t *testing.T) {
	w := handled(t, openMem(t), 30)
	c, err := Find(t.Context(), Options{Journal: w.journal, Node: "facts", Select: Select{ID: w.ids[7]}, Dead: true})
	if err != nil {
		t.Fatal(err)
	}
	var r Record
	a := w.actor(facts(plain, nothing), r.Broker(w.broker), r.Seed)
	now, err := Again(t.Context(), c, a, &r, nil)
	<-a.Close()
	if err != nil || c.Dead || len(now.Outputs) != 1 || string(now.Outputs[0].Data) != string(c.Then.Outputs[0].Data) || string(now.State[0].Data) != "3" {
		t.Fatalf("%+v, %v", now, err)
	}
	if _, err := Find(t.Context(), Options{Journal: w.journal, Node: "facts", Select: Select{ID: "none"}, Dead: true}); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

// TestFindDead: a message that was given up on is found with the state that it met, with
// the answers that its attempts were given, and only by who asks for dead ones.
func TestFindDead(t *testing.T) {
	for _, keyless := range []bool{false, true} {
		t.Run(fmt.Sprintf("keyless %v", keyless), func(t *testing.T) { findDead(t, keyless) })
	}
}

func findDead(t *testing.T, keyless bool) {
	failing := func(h engine.Host, m *abi.Message) (string, error) {
		if string(m.Data()) == `{"key":"k1","bad":true}` {
			ask(h, "x", "type", "price.get", "use", "shop")
			return "", &engine.Error{Code: engine.CodeTrap, Reason: "it is bad"}
		}
		return facts(plain, nothing)(h, m)
	}
	w := newWorld(openMem(t))
	w.def.Retry.Max = 1
	if keyless {
		w.def.Key = nil
	}
	w.serve(t, failing, func(s *shard.Shard) {
		for i := range 6 {
			w.send(t, s, fmt.Sprintf(`{"key":"k%d"}`, i%3))
		}
		f, err := s.Accept(context.Background(), &shard.Request{To: "facts", Type: "in", AnyReply: true, Data: []byte(`{"key":"k1","bad":true}`)})
		if err != nil {
			t.Fatal(err)
		}
		<-f.Done()
		w.ids = append(w.ids, f.ID())
		w.send(t, s, `{"key":"k1"}`)
	})
	id := w.ids[6]
	o := Options{Journal: w.journal, Node: "facts", Select: Select{ID: id}, Keyless: keyless}
	if _, err := Find(t.Context(), o); !errors.Is(err, ErrNone) {
		t.Errorf("without Dead: %v", err)
	}
	o.Dead = true
	c, err := Find(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := "2" // of the key
	if keyless {
		want = "6"
	}
	if !c.Dead || c.Then.What != "failed" || c.Then.Code != "trap" || string(c.State["n"].Data) != want || len(c.Answers) != 1 {
		t.Fatalf("%+v", c)
	}
	asked := w.shop.asked
	var r Record
	a := w.actor(failing, r.Broker(w.broker), r.Seed)
	now, err := Again(t.Context(), c, a, &r, nil)
	<-a.Close()
	if err != nil || now.What != "failed" || now.Code != "trap" || len(now.Unknown) > 0 || w.shop.asked != asked {
		t.Errorf("%+v, %v", now, err)
	}
}

// TestDeadMax: what attempts at dead letters were answered is bounded as states are; what was
// answered to others is not kept.
func TestDeadMax(t *testing.T) {
	const large = 10_000
	for _, c := range []struct {
		name string
		most int
		dead bool // the last attempt fails, too
		want error
	}{
		{"dead", 3 * large, true, nil}, // two of it: the request and the answer
		{"too much", large, true, ErrStates},
		{"handled", large, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(openMem(t))
			w.broker = capability.Of(map[string]capability.Capability{"shop": store{}}, 1000)
			w.def.Retry.Max = 1
			tried := 0
			w.serve(t, func(h engine.Host, _ *abi.Message) (string, error) {
				ask(h, strings.Repeat("x", large), "type", "get", "use", "shop")
				if tried++; tried == 1 || c.dead {
					return "", &engine.Error{Code: engine.CodeTrap, Reason: "it is bad"}
				}
				return "1", nil
			}, func(s *shard.Shard) {
				f, err := s.Accept(context.Background(), &shard.Request{To: "facts", Type: "in", AnyReply: true, Data: []byte(`{"key":"k"}`)})
				if err != nil {
					t.Fatal(err)
				}
				<-f.Done()
			})
			o := Options{Journal: w.journal, Node: "facts", Dead: true, states: c.most}
			o.bound(pace.RestLong)
			chosen, err := o.prepare(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			answers := 0
			err = chosen.read(t.Context(), &o, func(k *Case) error {
				answers += len(k.Answers)
				return nil
			})
			if !errors.Is(err, c.want) || c.want == nil && (answers != 1 || chosen.size != 0) {
				t.Errorf("%v, want %v; %d answers, %d bytes are counted", err, c.want, answers, chosen.size)
			}
		})
	}
}

// TestMerged: of two answers to one request the later one holds.
func TestMerged(t *testing.T) {
	list := merged([]capability.Recorded{{Call: 1, Use: "a"}, {Call: 2, Use: "a"}}, []capability.Recorded{{Call: 2, Use: "b"}, {Call: 3, Use: "b"}})
	if len(list) != 3 || list[0].Use != "a" || list[1].Use != "b" || list[2].Call != 3 {
		t.Errorf("%+v", list)
	}
}

// TestAgainHides: what is told of a request has no part of a secret, where it is cut either.
func TestAgainHides(t *testing.T) {
	w := handled(t, openMem(t), 3)
	c, err := Find(t.Context(), Options{Journal: w.journal, Node: "facts", Select: Select{ID: w.ids[0]}})
	if err != nil {
		t.Fatal(err)
	}
	const secret = "a-secret-of-the-host"
	asking := func(h engine.Host, _ *abi.Message) (string, error) {
		for range 5 { // more often than what is recorded has an answer for
			ask(h, strings.Repeat("x", shownMax-len(secret)/2)+secret+"rest", "type", "price.get", "use", "shop")
		}
		return "", nil
	}
	var r Record
	a := w.actor(asking, r.Broker(w.broker), r.Seed)
	now, err := Again(t.Context(), c, a, &r, func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(secret), []byte("***")) })
	<-a.Close()
	if err != nil || len(now.Unknown) == 0 {
		t.Fatalf("%+v, %v", now, err)
	}
	for _, q := range now.Unknown {
		if strings.Contains(q.Data, secret[:4]) {
			t.Errorf("told is …%s", q.Data[shownMax-20:])
		}
	}
}

// TestDeadAnswers: a message that was given up on has what the journal says that its last
// attempt was told, failures too, and of earlier ones what lasts.
func TestDeadAnswers(t *testing.T) {
	frame := func(of ...string) []byte { return abi.NewMessage([]byte("no"), of...).Frame() }
	failed := journal.Answer{Call: 2, Operation: "pay.charge", Use: "bank", Frame: frame(abi.Type, abi.TypeError, abi.Code, "card.declined", abi.RetryAttr, "no")}
	stale := journal.Answer{Call: 2, Operation: "pay.charge", Use: "bank", Frame: frame(abi.Type, abi.TypeError, abi.Code, "unavailable", abi.RetryAttr, "yes"), Passing: true}
	kept := journal.Answer{Call: 1, Operation: "price.get", Use: "shop", Frame: frame(abi.Type, "price")}
	o := &Options{Node: "n", Dead: true}
	d := &journal.Dead{ID: "m", Node: "n", Time: 90, Revision: "r", Input: frame(abi.Type, "t", abi.ID, "m")}
	for _, x := range []struct {
		name    string
		entries []journal.Entry
		codes   []string // of the answers, by number of their request; "": it succeeded
		clock   int64
	}{
		{"nothing", nil, nil, 90},
		{"an earlier attempt", []journal.Entry{&journal.AttemptMade{ID: "m", Node: "n", Answers: []journal.Answer{kept}}}, []string{""}, 90},
		{"the last one", []journal.Entry{&journal.Begun{ID: "m", Node: "n", Time: 7, Answers: []journal.Answer{kept}}, &journal.Begun{ID: "m", Node: "n", Time: 7, Answers: []journal.Answer{failed}}}, []string{"", "card.declined"}, 7},
		{"what an earlier one was told and does not last", []journal.Entry{
			&journal.Begun{ID: "m", Node: "n", Time: 5, Answers: []journal.Answer{kept, stale}},
			&journal.AttemptMade{ID: "m", Node: "n", Answers: []journal.Answer{kept}},
		}, []string{""}, 90},
		{"both", []journal.Entry{
			&journal.Begun{ID: "m", Node: "n", Time: 5, Answers: []journal.Answer{kept, stale}},
			&journal.AttemptMade{ID: "m", Node: "n", Answers: []journal.Answer{kept}},
			&journal.Begun{ID: "m", Node: "n", Time: 8, Answers: []journal.Answer{failed}},
		}, []string{"", "card.declined"}, 8},
		{"another's", []journal.Entry{&journal.Begun{ID: "x", Node: "n", Time: 7, Answers: []journal.Answer{failed}}, &journal.Begun{ID: "m", Node: "o", Time: 7, Answers: []journal.Answer{failed}}}, nil, 90},
		{"a settled one's", []journal.Entry{&journal.Begun{ID: "m", Node: "n", Time: 7, Answers: []journal.Answer{failed}}, d}, nil, 90},
	} {
		attempts, of := map[string]*past{}, &chosen{most: 1 << 20, dead: map[string]bool{"m": true}}
		for _, e := range x.entries {
			if err := o.remember(of, attempts, e); err != nil {
				t.Fatal(err)
			}
		}
		c, err := deadCase(&Case{}, d, cmp.Or(attempts["m"], &past{}))
		if err != nil || c.Clock != x.clock || len(c.Answers) != len(x.codes) {
			t.Errorf("%s: %+v, %v", x.name, c, err)
			continue
		}
		for i, want := range x.codes {
			a, ok := c.answerTo(i+1, c.Answers[i].Use, c.Answers[i].Operation)
			if !ok || a.Code != want {
				t.Errorf("%s: request %d is answered %+v", x.name, i+1, a)
			}
		}
	}
}

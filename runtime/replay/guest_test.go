package replay

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/actor"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/mem"
	"github.com/grow-platform/grow/runtime/router"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// guest is an actor written in Go in place of a module.
type guest func(h engine.Host, m *abi.Message) (data string, err error)

func (g guest) Info() engine.Info           { return engine.Info{Digest: "sha256:test"} }
func (g guest) Close(context.Context) error { return nil }
func (g guest) Instantiate(context.Context, engine.Host) (engine.Instance, error) {
	return &instance{guest: g}, nil
}

type instance struct {
	guest
	frame []byte
}

func (i *instance) Init(engine.Host, []byte) error { return nil }
func (i *instance) MemorySize() int64              { return 1 << 16 }
func (i *instance) Close() error                   { return nil }

func (i *instance) Handle(h engine.Host, in engine.Input) (engine.Answer, error) {
	frame := make([]byte, in.Size())
	in.CopyTo(frame)
	m, err := abi.ParseMessage(frame)
	if err != nil {
		return engine.Answer{}, err
	}
	data, err := i.guest(h, m)
	if err != nil {
		return engine.Answer{}, err
	}
	i.frame = abi.AppendAttr(abi.AppendAttrCount(abi.AppendCount(i.frame[:0], 1), 1), abi.Type, "out")
	i.frame = abi.AppendData(i.frame, []byte(data))
	return engine.Answer{Frame: i.frame, Fuel: 7}, nil
}

// ask asks a capability, or the host.
func ask(h engine.Host, data string, attrs ...string) *abi.Message {
	answer, err := h.Call(abi.NewMessage([]byte(data), attrs...).Frame())
	if err != nil {
		panic(err)
	}
	m, err := abi.ParseMessage(append([]byte(nil), answer...))
	if err != nil {
		panic(err)
	}
	return m
}

// facts is an actor that depends on all that there is: the message, its state, its
// clock, the real one, its random stream and the answer of a capability.
func facts(rate func(n int) string, wrong func(n int) string) guest {
	return func(h engine.Host, m *abi.Message) (string, error) {
		var n int
		if _, err := fmt.Sscan(string(ask(h, "", "type", "state.get", "name", "n").Data()), &n); err != nil {
			n = 0
		}
		n++
		ask(h, fmt.Sprint(n), "type", "state.set", "name", "n")
		var drawn [8]byte
		h.Random(drawn[:])
		real, _ := ask(h, "", "type", "time.now").Attr("unix_ns")
		price := ask(h, rate(n), "type", "price.get", "use", "shop").Data()
		if len(price) == 0 {
			price = []byte("null")
		}
		return fmt.Sprintf(`{"n":%d,"at":%d,"real":%q,"drawn":%q,"price":%s,"of":%s%s}`, n, h.Now(), real, fmt.Sprint(binary.LittleEndian.Uint64(drawn[:])), price, m.Data(), wrong(n)), nil
	}
}

func plain(int) string   { return "x" }
func nothing(int) string { return "" }

// shop is a capability that never answers the same twice.
type shop struct{ asked int }

func (s *shop) Operations() map[string]capability.Effect {
	return map[string]capability.Effect{"price.get": capability.Changes}
}
func (s *shop) Close() error { return nil }
func (s *shop) Do(context.Context, *capability.Request) capability.Answer {
	s.asked++
	return capability.Answer{Data: fmt.Append(nil, s.asked)}
}

// world is a service of one actor that has handled messages.
type world struct {
	journal journal.Journal
	shop    *shop
	broker  *capability.Broker
	def     *specs.Actor
	ids     []string
}

func (w *world) actor(g guest, broker *capability.Broker, seed func(string) [32]byte) *actor.Actor {
	return actor.New(actor.Options{
		Node: "facts", Revision: "r1", Def: w.def, Scale: w.def.Scale, Module: g, Broker: broker, Context: context.Background(), Types: make([]*shape.Type, 1),
		Log: func(actor.Line) {}, Seed: seed, RealTime: func() int64 { return time.Now().UnixNano() },
	})
}

// handled makes a world whose actor has handled n messages of three keys.
func handled(t testing.TB, j journal.Journal, n int) *world {
	t.Helper()
	return handledAs(t, j, n, []specs.State{{Name: "n", Pattern: "n"}})
}

// handledAs is handled with what the actor declares as its state.
func handledAs(t testing.TB, j journal.Journal, n int, state []specs.State) *world {
	t.Helper()
	w := &world{journal: j, shop: &shop{}, def: &specs.Actor{
		Name: "facts", In: []string{"in"}, Out: []string{"out"}, Key: map[string]string{"": "data.key"}, State: state,
		Scale:  specs.Scale{Max: 8, Mailbox: 10_000},
		Limits: specs.Limits{Output: abi.OutputBytesMax, Calls: 1000, Memory: abi.MemoryDefault},
	}}
	w.broker = capability.Of(map[string]capability.Capability{"shop": w.shop}, 1000)
	w.handle(t, n)
	return w
}

// handle has the actor handle n more messages.
func (w *world) handle(t testing.TB, n int) {
	t.Helper()
	s, err := shard.Open(context.Background(), shard.Options{Namespace: "main", Service: "test", Journal: w.journal, KeepBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	service := &specs.Service{Name: "test", Actors: map[string]*specs.Actor{"facts": w.def}, Workflows: map[string]*specs.Workflow{}}
	table, err := router.Compile(service)
	if err != nil {
		t.Fatal(err)
	}
	a := w.actor(facts(plain, nothing), w.broker, func(id string) [32]byte { return sha256.Sum256([]byte("secret" + id)) })
	if err := s.Apply(table, map[string]*actor.Actor{"facts": a}); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		f, err := s.Accept(context.Background(), &shard.Request{To: "facts", Type: "in", AnyReply: true, Data: fmt.Appendf(nil, `{"key":"k%d"}`, i%3)})
		if err != nil {
			t.Fatal(err)
		}
		<-f.Done()
		if r := f.Answer(); r.Outcome != shard.Replied {
			t.Fatalf("message %d: %+v", i, r)
		}
		w.ids = append(w.ids, f.ID())
	}
}

func openMem(t testing.TB) journal.Journal {
	t.Helper()
	store := mem.New(mem.Options{})
	j, err := store.Open(context.Background(), journal.Name{Namespace: "main", Service: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return j
}

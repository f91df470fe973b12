package actortest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
)

// guests are actors written in Go in place of modules, by the text that stands
// for the binary.
var guests = map[string]func(*guest) error{"pricing": pricing, "ship": ship, "echo": echo, "broken": broken}

// guest is one message being handled.
type guest struct {
	host engine.Host
	in   *abi.Message
	out  []byte
	n    int
}

func (g *guest) send(typ string, data any, attrs ...string) {
	b, ok := data.([]byte)
	if !ok {
		b, _ = json.Marshal(data)
	}
	g.n++
	g.out = abi.AppendAttrCount(g.out, 1+len(attrs)/2)
	g.out = abi.AppendAttr(g.out, abi.Type, typ)
	for i := 0; i+1 < len(attrs); i += 2 {
		g.out = abi.AppendAttr(g.out, attrs[i], attrs[i+1])
	}
	g.out = abi.AppendData(g.out, b)
}

func (g *guest) refuse(code, text string, attrs ...string) {
	g.send(abi.TypeError, []byte(text), append([]string{abi.Code, code}, attrs...)...)
}

// ask makes one request of a capability. code is that of an error.
func (g *guest) ask(operation string, data []byte, attrs ...string) (answer []byte, code string, err error) {
	m := abi.NewMessage(data, append([]string{abi.Type, operation}, attrs...)...)
	frame, err := g.host.Call(m.Frame())
	if err != nil {
		return nil, "", err
	}
	a, err := abi.ParseMessage(append([]byte{}, frame...))
	if err != nil {
		return nil, "", err
	}
	code, _ = a.Attr(abi.Code)
	return a.Data(), code, nil
}

// pricing keeps what each customer has spent. It asks for a rate when the tier
// is gold, is never sure of silver, and falls over at black.
func pricing(g *guest) error {
	var order struct {
		ID, Customer, Tier string
		Total              float64
	}
	if err := json.Unmarshal(g.in.Data(), &order); err != nil {
		return err
	}
	var state struct {
		Spent float64 `json:"spent"`
	}
	kept, _, err := g.ask("state.get", nil)
	if err != nil {
		return err
	}
	_ = json.Unmarshal(kept, &state)
	if g.in.Type() == "order.get" {
		g.send("order.found", map[string]any{"id": order.ID, "total": state.Spent})
		return nil
	}
	switch {
	case order.Total == 0:
		g.refuse("order.empty", "an order of nothing is empty")
		return nil
	case order.Tier == "silver" && g.in.Attempt() == 1:
		g.refuse("not.yet", "come back", abi.RetryAttr, "yes", abi.After, "2000")
		return nil
	case order.Tier == "black":
		return &engine.Error{Code: engine.CodeTrap, Reason: "unreachable"}
	case order.Tier == "gold":
		answer, code, err := g.ask("http.fetch", []byte(`{"sum":`+strconv.FormatFloat(order.Total, 'f', -1, 64)+`}`), "use", "tax", "method", "GET", "path", "/rate/DE", "timeout", "5000")
		if err != nil {
			return err
		}
		if code != "" {
			g.refuse("tax."+code, "no rate")
			return nil
		}
		order.Total *= 0.9
		fmt.Sscan(string(answer), new(float64))
	}
	config, _, err := g.ask("config.get", nil)
	if err != nil {
		return err
	}
	var c struct {
		Currency string `json:"currency"`
	}
	_ = json.Unmarshal(config, &c)
	state.Spent += order.Total
	data, _ := json.Marshal(state)
	if _, _, err := g.ask("state.set", data); err != nil {
		return err
	}
	if _, _, err := g.ask("log.info", []byte("priced"), "x.order", order.ID); err != nil {
		return err
	}
	at := strconv.FormatInt(g.host.Now()/1e9, 10)
	g.send("order.priced", map[string]any{"id": order.ID, "total": order.Total, "currency": c.Currency, "at": at}, "x.by", "pricing")
	return nil
}

// ship sends a parcel an hour later when the order is large.
func ship(g *guest) error {
	var order struct {
		ID    string
		Total float64
	}
	if err := json.Unmarshal(g.in.Data(), &order); err != nil {
		return err
	}
	delay := "0"
	if order.Total > 1000 {
		delay = "3600000"
	}
	g.send("parcel.packed", map[string]any{"id": order.ID}, abi.Delay, delay)
	return nil
}

// echo sends what it is given.
func echo(g *guest) error {
	g.send("parcel.sent", g.in.Data())
	return nil
}

// goEngine runs guests; see engine.Engine.
type goEngine struct{}

func (goEngine) Compile(_ context.Context, binary []byte, _ engine.Config) (engine.Module, error) {
	f := guests[string(binary)]
	if f == nil {
		return nil, &engine.Error{Code: engine.CodeInvalid, Reason: "not a module"}
	}
	return goModule{f, string(binary) == "broken"}, nil
}

// broken is an actor of which no instance starts.
func broken(*guest) error { return nil }

func (goEngine) Close(context.Context) error { return nil }

type goModule struct {
	handle func(*guest) error
	broken bool
}

func (m goModule) Info() engine.Info { return engine.Info{Digest: "test"} }
func (m goModule) Instantiate(context.Context, engine.Host) (engine.Instance, error) {
	return &goInstance{m.handle, m.broken}, nil
}
func (m goModule) Close(context.Context) error { return nil }

type goInstance struct {
	handle func(*guest) error
	broken bool
}

func (i *goInstance) Init(engine.Host, []byte) error {
	if i.broken {
		return &engine.Error{Code: engine.CodeException, Reason: "ImportError: cannot import name 'nosuch'", Stack: "File \"main.py\", line 3"}
	}
	return nil
}
func (i *goInstance) MemorySize() int64 { return 0 }
func (i *goInstance) Close() error      { return nil }

func (i *goInstance) Handle(h engine.Host, in engine.Input) (engine.Answer, error) {
	frame := make([]byte, in.Size())
	in.CopyTo(frame)
	m, err := abi.ParseMessage(frame)
	if err != nil {
		return engine.Answer{}, err
	}
	g := &guest{host: h, in: m}
	if err := i.handle(g); err != nil {
		return engine.Answer{}, err
	}
	return engine.Answer{Frame: append(abi.AppendCount(nil, g.n), g.out...)}, nil
}

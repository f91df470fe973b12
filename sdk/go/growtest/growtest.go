//go:build !wasip1

// Package growtest runs an actor's handlers in ordinary Go tests, with a host
// that keeps state, config and log lines in memory and answers requests to
// capabilities with doubles.
//
//	func TestPlaced(t *testing.T) {
//		host := growtest.New(growtest.Options{Config: Config{Currency: "EUR"}})
//		got := host.Send("order.placed", Order{ID: "o-1", Total: 200})
//		if got.Outcome != growtest.Handled || len(got.Outputs) != 1 {
//			t.Fatal(got)
//		}
//	}
//
// It does not check types: the tests that grow runs on the built module do.
package growtest

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"sync"
	"time"

	"github.com/grow-platform/grow/sdk/go/internal/bridge"
	"github.com/grow-platform/grow/sdk/go/internal/frame"
)

// Options says what the host offers.
type Options struct {
	// Config is the actor's config, encoded as JSON; nil for an actor without one.
	Config any
	// Double answers requests to capabilities that need a grant. When it is nil they are denied.
	// What is asked for as a stream is asked for once, when its body has ended.
	Double func(Request) Answer
	// Now is the time.now of the host and the time of messages; the zero Time means the first second of 2025.
	Now time.Time
}

// Request is one request to a capability.
type Request struct {
	Op    string            // http.fetch
	Use   string            // the grant
	Attrs map[string]string // the other attributes
	Data  []byte
}

// Answer is the answer to a Request: an error when Code is not "".
type Answer struct {
	Attrs map[string]string
	Data  []byte
	Code  string // denied, not_found, …; Data is its text
	Retry bool
}

// Outcome is what came of a message.
type Outcome string

// The outcomes.
const (
	Handled Outcome = "handled"
	Refused Outcome = "refused"
	Later   Outcome = "later"
	Failed  Outcome = "failed"
)

// Result is what came of one message.
type Result struct {
	Outcome Outcome
	Code    string        // of a refusal or a try-later
	Text    string        // of a refusal, a try-later or a failure
	After   time.Duration // of a try-later
	Outputs []Output      // in order; none unless handled
	Logs    []Log         // in order
}

// Output is one message the actor sent.
type Output struct {
	Type  string
	Attrs map[string]string // the other attributes
	Data  []byte
}

// Decode decodes the data, which must be JSON, into the value into points to.
func (o Output) Decode(into any) error { return json.Unmarshal(o.Data, into) }

// Log is one log line.
type Log struct {
	Level  string // debug, info, warn or error
	Text   string
	Fields map[string]string
}

// Host runs the actor of this test binary: what its init functions registered.
// It may be used from several goroutines; messages are handled one at a time.
type Host struct {
	options Options
	config  []byte
	err     error

	key    string
	states map[string]map[string]value // by key, then by name
	open   map[string]value            // of the message being handled, nil between messages
	logs   []Log
	sent   int

	streams map[string]*stream // of the message being handled, by handle
	opened  int                // streams, ever
}

type value struct {
	data     []byte
	revision uint64
}

// running guards the one actor there is in a binary, and the host it belongs to.
var running sync.Mutex

// New starts the actor with a host of its own. Package variables of the actor
// are shared by all hosts, as by messages of an instance. Err says whether the
// start succeeded. New panics when the config cannot be encoded.
func New(o Options) *Host {
	if o.Now.IsZero() {
		o.Now = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	h := &Host{options: o, states: map[string]map[string]value{}}
	if o.Config != nil {
		config, err := json.Marshal(o.Config)
		if err != nil {
			panic("growtest: encode config: " + err.Error())
		}
		h.config = config
	}
	running.Lock()
	defer running.Unlock()
	h.start()
	return h
}

// Err is the error of the handler of grow.Init, or nil.
func (h *Host) Err() error { return h.err }

func (h *Host) start() {
	bridge.Native = h
	h.err = bridge.Start(encode(h.config, "type", "grow.init"))
}

// Key makes key the key of the messages sent from now on; "" for none.
func (h *Host) Key(key string) {
	running.Lock()
	defer running.Unlock()
	h.key = key
}

// Send has the actor handle one message. v becomes its data: bytes as they
// are, anything else encoded as JSON. attrs are further attributes: name,
// value, name, value. Send panics when v cannot be encoded or a value is missing.
func (h *Host) Send(typ string, v any, attrs ...string) Result {
	data, isBytes := v.([]byte)
	if !isBytes {
		var err error
		if data, err = json.Marshal(v); err != nil {
			panic("growtest: encode message: " + err.Error())
		}
	}
	if len(attrs)%2 != 0 {
		panic("growtest: attribute without a value")
	}
	running.Lock()
	defer running.Unlock()
	h.logs = nil
	if bridge.Native != bridge.Host(h) {
		h.start()
	}
	if h.err != nil {
		return Result{Outcome: Failed, Text: h.err.Error(), Logs: h.logs}
	}
	h.open = maps.Clone(h.states[h.key])
	if h.open == nil {
		h.open = map[string]value{}
	}
	h.streams = map[string]*stream{}
	answer, err := bridge.Handle(encode(data, h.attributes(typ, attrs)...))
	r := h.result(answer, err)
	h.open = nil
	return r
}

// attributes of an input: what a host sets, but for those that attrs sets.
func (h *Host) attributes(typ string, attrs []string) []string {
	h.sent++
	id := strconv.Itoa(h.sent)
	all := append([]string{"type", typ}, attrs...)
	host := []string{"id", "test." + id, "source", "test", "time", h.options.Now.UTC().Format(time.RFC3339Nano),
		"datacontenttype", "application/json", "correlation", "test", "causation", "test", "attempt", "1"}
	if h.key != "" {
		host = append(host, "subject", h.key)
	}
	for i := 0; i < len(host); i += 2 {
		if !hasName(attrs, host[i]) {
			all = append(all, host[i], host[i+1])
		}
	}
	return all
}

func hasName(attrs []string, name string) bool {
	for i := 0; i < len(attrs); i += 2 {
		if attrs[i] == name {
			return true
		}
	}
	return false
}

func (h *Host) result(answer []byte, err error) Result {
	r := Result{Outcome: Failed, Logs: h.logs}
	if err != nil {
		r.Text = err.Error()
		return r
	}
	if len(answer) > 0 {
		if r.Outputs, err = outputs(answer); err != nil {
			r.Text = err.Error()
			return r
		}
	}
	for _, o := range r.Outputs {
		if o.Type != "grow.error" {
			continue
		}
		r.Outputs, r.Outcome, r.Code, r.Text = nil, Refused, o.Attrs["code"], string(o.Data)
		if o.Attrs["retry"] == "yes" {
			r.Outcome = Later
			ms, _ := strconv.ParseInt(o.Attrs["after"], 10, 64)
			r.After = time.Duration(ms) * time.Millisecond
		}
		return r
	}
	r.Outcome = Handled
	h.states[h.key] = h.open
	return r
}

func outputs(answer []byte) ([]Output, error) {
	r, err := frame.Read(answer)
	if err != nil {
		return nil, fmt.Errorf("abi.frame: %w", err)
	}
	var list []Output
	for r.Left() > 0 {
		m, err := r.Next()
		if err != nil {
			return nil, fmt.Errorf("abi.frame: %w", err)
		}
		o := Output{Attrs: attributes(m), Data: append([]byte{}, m.Data...)}
		o.Type = o.Attrs["type"]
		delete(o.Attrs, "type")
		list = append(list, o)
	}
	return list, nil
}

func attributes(m frame.Message) map[string]string {
	attrs := map[string]string{}
	m.Each(func(name, value []byte) bool {
		attrs[string(name)] = string(value)
		return true
	})
	return attrs
}

// encode makes a frame of one message.
func encode(data []byte, attrs ...string) []byte {
	return appendMessage(frame.AppendCount(nil, 1), data, attrs...)
}

func appendMessage(b, data []byte, attrs ...string) []byte {
	b = frame.AppendAttrs(b, len(attrs)/2)
	for i := 0; i < len(attrs); i += 2 {
		b = frame.AppendAttr(b, attrs[i], attrs[i+1])
	}
	return frame.AppendData(b, data)
}

// State returns the values of the current key's state, as JSON by name.
func (h *Host) State() map[string]string {
	running.Lock()
	defer running.Unlock()
	all := map[string]string{}
	for name, v := range h.states[h.key] {
		if v.data != nil {
			all[name] = string(v.data)
		}
	}
	return all
}

// SetState makes v, encoded as JSON, a value of the current key's state. It
// panics when v cannot be encoded.
func (h *Host) SetState(name string, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic("growtest: encode state: " + err.Error())
	}
	running.Lock()
	defer running.Unlock()
	if h.states[h.key] == nil {
		h.states[h.key] = map[string]value{}
	}
	h.states[h.key][name] = value{data, h.states[h.key][name].revision + 1}
}

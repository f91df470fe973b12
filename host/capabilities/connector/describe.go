package connector

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs/schema"
	"github.com/grow-platform/grow/specs/shape"
)

// Describe is the operation that every service answers: what it serves.
const Describe = own + "describe"

// Limits of a description.
const (
	describedFor   = time.Minute // until it is asked for again
	descriptionMax = 256 << 10   // bytes
	operationsMax  = 200
)

// description is what a service says of itself.
type description struct {
	Version    int                  `json:"version"`
	About      string               `json:"about"`
	Operations map[string]operation `json:"operations"`
}

// operation is what a description says of one operation.
type operation struct {
	About  string `json:"about"`
	Effect string `json:"effect"`
	// JSON Schema 2020-12 of the data; null: anything.
	Request json.RawMessage `json:"request"`
	Answer  json.RawMessage `json:"answer"`

	request, answer kept
}

// kept is a type of data.
type kept struct {
	*shape.Type // nil: anything
}

// Check says what keeps data from being of the type.
func (k kept) Check(data []byte) error {
	if k.Type == nil {
		return nil
	}
	return k.Type.Check(data)
}

// typed says what is wrong with the data of an answer.
func (o *operation) typed(data []byte) error {
	if err := o.answer.Check(data); err != nil {
		return lies("answered what it does not say that it answers: %v", err)
	}
	return nil
}

// describe is what the service serves: as it said a moment ago, or says now.
func (o *opened) describe(ctx context.Context) (*description, error) {
	o.mu.Lock()
	d, until := o.described, o.until
	o.mu.Unlock()
	if time.Now().Before(until) {
		return d, nil
	}
	m, err := request(ctx, o.Subject, o.scope, &capability.Request{Operation: Describe})
	if err != nil {
		return nil, err
	}
	reply, err := o.conn.RequestMsgWithContext(ctx, m)
	if err != nil {
		return nil, err
	}
	a, err := answer(reply, descriptionMax)
	if err != nil {
		return nil, err
	}
	if a.Code != "" {
		return nil, lies("does not say what it serves: %s: %s", a.Code, a.Text)
	}
	if d, err = readDescription(a.Data); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.described, o.until = d, time.Now().Add(describedFor)
	return d, nil
}

// readDescription reads what a service says of itself.
func readDescription(data []byte) (*description, error) {
	var d description
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, lies("says what it serves in a way that cannot be read")
	}
	if strconv.Itoa(d.Version) != Version {
		return nil, lies("speaks version %d of the protocol, and this host version %s", d.Version, Version)
	}
	if len(d.Operations) > operationsMax {
		return nil, lies("serves %d operations, %d are allowed", len(d.Operations), operationsMax)
	}
	for name, op := range d.Operations {
		if op.Effect != reads && op.Effect != changes {
			return nil, lies("does not say whether %.40q reads or changes something", name)
		}
		var err error
		if op.request.Type, err = readType(name+".request", op.Request); err == nil {
			op.answer.Type, err = readType(name+".answer", op.Answer)
		}
		if err != nil {
			return nil, err
		}
		d.Operations[name] = op
	}
	return &d, nil
}

// readType reads a JSON Schema; nil: anything.
func readType(where string, text json.RawMessage) (*shape.Type, error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	root, faults := schema.ReadJSON(text)
	if len(faults) > 0 {
		return nil, lies("has a type that cannot be read, %.80s: %s", where, faults[0].Message)
	}
	t, err := shape.FromSchema(where, root, shape.Draft2020).Type()
	if err != nil {
		return nil, lies("has a type that cannot be read: %.300v", err)
	}
	return t, nil
}

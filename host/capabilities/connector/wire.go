package connector

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/capability"
	client "github.com/nats-io/nats.go"
)

// Version is that of the protocol.
const Version = "1"

// The headers of requests and answers.
const (
	headerVersion    = "Grow-Version"
	headerOperation  = "Grow-Operation"
	headerID         = "Grow-Id"         // the same at every attempt
	headerTimeout    = "Grow-Timeout"    // milliseconds that are left
	headerAttributes = "Grow-Attributes" // a JSON object of strings
	headerCode       = "Grow-Code"       // of an answer that is an error; its data is the text
	headerRetry      = "Grow-Retry"      // yes: trying again may help

	// Those of the framework of NATS for services, which say the same.
	headerServiceCode = "Nats-Service-Error-Code"
	headerServiceText = "Nats-Service-Error"
)

// What clients of JetStream acknowledge messages by, to the subject that an answer goes to. Some
// programs do so with each message.
const (
	acknowledged = "+ACK"
	refused      = "-NAK"
)

// Limits of an answer.
const (
	attributesMax = abi.AttrsMax - 4
	textMax       = 1000 // bytes of the text of an error
)

// code is how a service names what is wrong.
var code = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)

// fault is something wrong with a service.
type fault struct{ code, text string }

// Error implements error.
func (f *fault) Error() string { return f.text }

// lies is the fault of a service that does not keep to the protocol.
func lies(format string, args ...any) error {
	return &fault{capability.Unavailable, fmt.Sprintf(format, args...)}
}

// request is a request on the wire.
func request(ctx context.Context, subject, scope string, r *capability.Request) (*client.Msg, error) {
	m := client.NewMsg(subject)
	m.Data = r.Data
	m.Header.Set(headerVersion, Version)
	m.Header.Set(headerOperation, r.Operation)
	m.Header.Set(headerTimeout, strconv.FormatInt(left(ctx).Milliseconds(), 10))
	if r.Stable != "" {
		m.Header.Set(headerID, scope+"/"+r.Stable)
	}
	attributes := map[string]string{}
	if r.Each != nil {
		for name, value := range r.Each {
			if name != abi.Type && name != "use" && name != "timeout" {
				attributes[name] = value
			}
		}
	}
	if len(attributes) > 0 {
		text, err := json.Marshal(attributes)
		if err != nil {
			return nil, err
		}
		m.Header.Set(headerAttributes, string(text))
	}
	return m, nil
}

// left is how long ctx still lets a request take.
func left(ctx context.Context) time.Duration {
	if end, ok := ctx.Deadline(); ok {
		return max(time.Until(end), time.Millisecond)
	}
	return capability.CallTimeMax
}

// answer reads what a service answered, of at most most bytes of data.
func answer(m *client.Msg, most int) (*capability.Answer, error) {
	if name, text := m.Header.Get(headerCode), m.Data; name != "" {
		return failure(name, string(text), m.Header.Get(headerRetry))
	}
	if name := m.Header.Get(headerServiceCode); name != "" {
		return failure(name, m.Header.Get(headerServiceText), m.Header.Get(headerRetry))
	}
	if data := string(m.Data); len(m.Header) == 0 && (data == acknowledged || data == refused) {
		return nil, lies("acknowledged the request by %s in place of an answer: nothing else is sent to the reply subject", data)
	}
	if len(m.Data) > most {
		return nil, &fault{capability.Limit, fmt.Sprintf("answered with %d bytes, %d are allowed", len(m.Data), most)}
	}
	a := &capability.Answer{Data: m.Data}
	text := m.Header.Get(headerAttributes)
	if text == "" {
		return a, nil
	}
	var attributes map[string]string
	if err := json.Unmarshal([]byte(text), &attributes); err != nil {
		return nil, lies("answered with a header %s that is not a JSON object of texts", headerAttributes)
	}
	if len(attributes) > attributesMax {
		return nil, &fault{capability.Limit, fmt.Sprintf("answered with %d attributes, %d are allowed", len(attributes), attributesMax)}
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		value := attributes[name]
		if name == "" || name == abi.Type || len(name) > abi.AttrNameMax || len(value) > abi.AttrValueMax || !utf8.ValidString(name+value) {
			return nil, lies("answered with an attribute that is none: %.40q", name)
		}
		a.Attrs = append(a.Attrs, name, value)
	}
	return a, nil
}

// failure is the answer that a request failed.
func failure(name, text, retry string) (*capability.Answer, error) {
	if !code.MatchString(name) {
		return nil, lies("failed with the code %.40q, which is none", name)
	}
	if len(text) > textMax {
		text = text[:textMax]
	}
	if text = strings.ToValidUTF8(text, "\uFFFD"); text == "" {
		text = "the service said no more"
	}
	a := capability.Fail(name, "%s", text)
	if retry != "" {
		a.Retry = retry == "yes"
	}
	return &a, nil
}

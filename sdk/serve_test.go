package sdk_test

import (
	"encoding/json"
	"strings"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/testdata/wat"
)

// stateMax is the size of a state value that this host allows: less than
// others do, so that a test soon reaches it.
const stateMax = 64 << 10

// serve answers a request frame as abi/README.md says: logs, config and state.
func (g *guest) serve(request []byte) ([]byte, error) {
	r, err := abi.NewReader(request)
	if err != nil {
		return nil, err
	}
	if n := r.Left(); n < 1 || n > abi.RequestsPerCallMax {
		return nil, abi.ErrCount
	}
	answer := abi.AppendCount(nil, r.Left())
	for r.Left() > 0 {
		var v abi.View
		if _, err := r.Next(&v); err != nil {
			return nil, err
		}
		answer = g.one(answer, &v)
	}
	return answer, nil
}

func (g *guest) one(answer []byte, v *abi.View) []byte {
	raw, _ := v.Attr("name")
	name, operation := string(raw), string(v.Type)
	switch {
	case strings.HasPrefix(operation, "log."):
		g.logs = append(g.logs, wat.Line{Level: operation[len("log."):], Text: string(v.Data), Fields: fields(v)})
		return reply(answer, nil, abi.Type, abi.TypeOK)
	case operation == "config.get":
		return reply(answer, g.config, abi.Type, abi.TypeOK)
	case operation == "state.get":
		value, revision := g.open[name], "0"
		if value != "" {
			revision = "1"
		}
		return reply(answer, []byte(value), abi.Type, abi.TypeOK, "revision", revision)
	case operation == "state.set" && len(v.Data) <= stateMax && json.Valid(v.Data):
		g.open[name] = string(v.Data)
		return reply(answer, nil, abi.Type, abi.TypeOK, "revision", "1")
	}
	return reply(answer, []byte("this host does not do that"), abi.Type, abi.TypeError, abi.Code, "invalid", abi.RetryAttr, "no")
}

func fields(v *abi.View) map[string]string {
	var list map[string]string
	for name, value := range v.All() {
		if own, ok := strings.CutPrefix(string(name), abi.OwnPrefix); ok {
			if list == nil {
				list = map[string]string{}
			}
			list[own] = string(value)
		}
	}
	return list
}

func reply(answer, data []byte, attrs ...string) []byte {
	answer = abi.AppendAttrCount(answer, len(attrs)/2)
	for i := 0; i < len(attrs); i += 2 {
		answer = abi.AppendAttr(answer, attrs[i], attrs[i+1])
	}
	return abi.AppendData(answer, data)
}

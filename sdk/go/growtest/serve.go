//go:build !wasip1

package growtest

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/sdk/go/internal/frame"
)

// pageMax is the number of names in one answer to state.list. It is small so
// that tests meet more than one page.
const pageMax = 100

// Call implements the host's side of grow.call. Actors do not call it.
func (h *Host) Call(request []byte) []byte {
	r, err := frame.Read(request)
	if err != nil {
		panic("growtest: abi.request: " + err.Error())
	}
	if r.Left() < 1 || r.Left() > 32 {
		panic("growtest: abi.request: " + strconv.Itoa(r.Left()) + " requests in one call")
	}
	b := frame.AppendCount(nil, r.Left())
	for r.Left() > 0 {
		m, err := r.Next()
		if err != nil {
			panic("growtest: abi.request: " + err.Error())
		}
		req := Request{Attrs: attributes(m), Data: append([]byte{}, m.Data...)}
		req.Op, req.Use = req.Attrs["type"], req.Attrs["use"]
		delete(req.Attrs, "type")
		delete(req.Attrs, "use")
		b = h.serve(req).append(b)
	}
	return b
}

func (a Answer) append(b []byte) []byte {
	attrs := []string{"type", "ok"}
	if a.Code != "" {
		retry := "no"
		if a.Retry {
			retry = "yes"
		}
		attrs = []string{"type", "grow.error", "code", a.Code, "retry", retry}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Attrs)) {
		attrs = append(attrs, name, a.Attrs[name])
	}
	return appendMessage(b, a.Data, attrs...)
}

func (h *Host) serve(r Request) Answer {
	if level, ok := strings.CutPrefix(r.Op, "log."); ok {
		fields := map[string]string{}
		for name, value := range r.Attrs {
			fields[strings.TrimPrefix(name, "x.")] = value
		}
		h.logs = append(h.logs, Log{Level: level, Text: string(r.Data), Fields: fields})
		return Answer{}
	}
	if strings.HasPrefix(r.Op, "state.") && h.open == nil {
		return Answer{Code: "denied", Data: []byte("no message is being handled")}
	}
	name := r.Attrs["name"]
	switch r.Op {
	case "config.get":
		return Answer{Data: h.config}
	case "time.now":
		return Answer{Attrs: map[string]string{"unix_ns": strconv.FormatInt(h.options.Now.UnixNano(), 10)}}
	case "state.get":
		v := h.open[name]
		return Answer{Attrs: map[string]string{"revision": strconv.FormatUint(v.revision, 10)}, Data: v.data}
	case "state.set":
		if !json.Valid(r.Data) {
			return Answer{Code: "invalid", Data: []byte("the value is not JSON")}
		}
		h.open[name] = value{r.Data, h.open[name].revision + 1}
		return Answer{}
	case "state.delete":
		delete(h.open, name)
		return Answer{}
	case "state.list":
		return h.list(r)
	}
	if h.options.Double == nil {
		return Answer{Code: "denied", Data: []byte("no double for " + r.Op)}
	}
	if strings.HasPrefix(r.Op, "stream.") {
		return h.stream(r)
	}
	return h.options.Double(r)
}

func (h *Host) list(r Request) Answer {
	limit := pageMax
	if n, err := strconv.Atoi(r.Attrs["limit"]); err == nil {
		limit = min(n, pageMax)
	}
	after, some := r.Attrs["after"]
	names := []string{}
	for _, name := range slices.Sorted(maps.Keys(h.open)) {
		if strings.HasPrefix(name, r.Attrs["prefix"]) && (!some || name > after) && len(names) < limit {
			names = append(names, name)
		}
	}
	data, err := json.Marshal(names)
	if err != nil {
		panic("growtest: " + err.Error())
	}
	return Answer{Data: data}
}

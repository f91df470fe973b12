//go:build !wasip1

package growtest

import (
	"maps"
	"strconv"
)

// stream is one that the actor has open.
type stream struct {
	request Request // of the operation that it is of
	whole   bool    // the body is there
	asked   bool
	answer  Answer
	told    bool // the attributes of the answer are
}

// stream answers a request of a stream, by the double of the operation that it is of, which is
// asked once, with the whole body.
func (h *Host) stream(r Request) Answer {
	if r.Op == "stream.open" {
		return h.begin(r)
	}
	handle := r.Attrs["handle"]
	s := h.streams[handle]
	switch {
	case r.Op == "stream.close":
		delete(h.streams, handle)
		return Answer{}
	case s == nil:
		return Answer{Code: "not_found", Data: []byte("no such stream is open")}
	case r.Op == "stream.write" && s.whole:
		return Answer{Code: "invalid", Data: []byte("the body of the request has been sent")}
	case r.Op == "stream.write":
		s.request.Data, s.whole = append(s.request.Data, r.Data...), r.Attrs["end"] == "yes"
		return Answer{}
	case !s.whole:
		return Answer{Code: "timeout", Data: []byte("a double answers when the body has ended"), Retry: true}
	}
	if !s.asked {
		s.asked, s.answer = true, h.options.Double(s.request)
	}
	if s.answer.Code != "" {
		delete(h.streams, handle)
		return s.answer
	}
	size, err := strconv.Atoi(r.Attrs["max"])
	if err != nil {
		size = len(s.answer.Data)
	}
	size = min(size, len(s.answer.Data))
	a := Answer{Attrs: map[string]string{}, Data: s.answer.Data[:size]}
	if !s.told {
		s.told = true
		maps.Copy(a.Attrs, s.answer.Attrs)
	}
	if s.answer.Data = s.answer.Data[size:]; len(s.answer.Data) == 0 {
		a.Attrs["end"] = "yes"
		delete(h.streams, handle)
	}
	return a
}

// begin opens a stream.
func (h *Host) begin(r Request) Answer {
	s := &stream{request: Request{Op: r.Attrs["of"], Use: r.Use, Attrs: maps.Clone(r.Attrs), Data: r.Data}, whole: r.Attrs["body"] != "stream"}
	delete(s.request.Attrs, "of")
	delete(s.request.Attrs, "body")
	h.opened++
	a := Answer{Attrs: map[string]string{"handle": strconv.Itoa(h.opened)}}
	if s.whole {
		if s.asked, s.told, s.answer = true, true, h.options.Double(s.request); s.answer.Code != "" {
			return s.answer
		}
		maps.Copy(a.Attrs, s.answer.Attrs)
	}
	h.streams[a.Attrs["handle"]] = s
	return a
}

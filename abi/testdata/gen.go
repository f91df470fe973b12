//go:build ignore

// Gen writes frames.json, the byte vectors that package abi and every SDK read
// in their tests: go run gen.go.
//
// It shares no code with any codec it is used to check: frames are put
// together here byte by byte, and what is wrong with a malformed one is
// decided by the plain walk in classify, which follows the order of checks in
// ../README.md.
package main

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"
)

type attribute [2]string

type message struct {
	Attributes []attribute `json:"attributes"`
	DataHex    string      `json:"data_hex"`
}

type vector struct {
	Name     string    `json:"name"`
	Hex      string    `json:"hex"`
	Error    string    `json:"error,omitempty"`
	Messages []message `json:"messages,omitzero"` // absent when malformed
}

func u16(n int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(n)) }
func u32(n int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(n)) }

// cat joins strings, bytes and bytes of a number of messages into a frame.
func cat(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

func attr(name, value string) []byte {
	return cat(u16(len(name)), name, u32(len(value)), value)
}

func encode(messages []message) []byte {
	b := u32(len(messages))
	for _, m := range messages {
		b = append(b, u16(len(m.Attributes))...)
		for _, a := range m.Attributes {
			b = append(b, attr(a[0], a[1])...)
		}
		data, err := hex.DecodeString(m.DataHex)
		if err != nil {
			panic(err)
		}
		b = append(b, u32(len(data))...)
		b = append(b, data...)
	}
	return b
}

// one is a message of data and attributes given as name, value, name, value.
func one(data string, attrs ...string) message {
	m := message{Attributes: []attribute{}, DataHex: hex.EncodeToString([]byte(data))}
	for i := 0; i < len(attrs); i += 2 {
		m.Attributes = append(m.Attributes, attribute{attrs[i], attrs[i+1]})
	}
	return m
}

func numbered(n int) message {
	m := one("")
	for i := range n {
		m.Attributes = append(m.Attributes, attribute{fmt.Sprintf("x.%02d", i), ""})
	}
	return m
}

func valid() []vector {
	binaryData := make([]byte, 256)
	for i := range binaryData {
		binaryData[i] = byte(i)
	}
	list := []struct {
		name     string
		messages []message
	}{
		{"no messages", []message{}},
		{"an empty message", []message{one("")}},
		{"one attribute", []message{one(`{"a":1}`, "type", "a")}},
		{"the worked example of the specification", []message{one(`{"total":7}`, "type", "order.priced", "delay", "250")}},
		{"an empty value", []message{one("", "type", "a", "x.empty", "")}},
		{"order of attributes is kept", []message{one("", "z", "1", "a", "2", "m", "3")}},
		{"names that begin alike", []message{one("", "a", "1", "aa", "2", "aaa", "3")}},
		{"upper and lower case are two names", []message{one("", "x.a", "1", "X.A", "2")}},
		{"text beyond ASCII", []message{one("grüße 世界 👋", "type", "größe", "x.名", "värde 𝄞")}},
		{"a NUL and a line break in a value", []message{one("", "x.a", "one\x00two\nthree")}},
		{"U+FFFD is a character like any other", []message{one("", "x.a", "\uFFFD")}},
		{"first and last of each UTF-8 length", []message{one("", "x.a", "\u0000\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff")}},
		{"every byte in data", []message{one(string(binaryData), "type", "blob", "datacontenttype", "application/octet-stream")}},
		{"data that looks like a frame", []message{one(string(encode([]message{one("x", "type", "inner")})), "type", "outer")}},
		{"several messages in order", []message{one("1", "type", "a"), one("", "type", "b"), one("3", "type", "a", "delay", "1000")}},
		{"two empty messages", []message{one(""), one("")}},
		{"thirty-two requests", repeat(32, one("", "type", "time.now"))},
		{"an input from HTTP", []message{one(`{"id":"o-1"}`,
			"id", "01J8ZQ6Y7N3V5W9X1B2C4D6E8F.1", "source", "POST /orders", "type", "order.placed",
			"time", "2025-03-01T12:30:45.123456789Z", "subject", "c-9", "datacontenttype", "application/json",
			"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
			"correlation", "01J8ZQ6Y7N3V5W9X1B2C4D6E8F", "causation", "01J8ZQ6Y7N3V5W9X1B2C4D6E8F", "attempt", "1",
			"http.method", "POST", "http.path", "/orders", "http.header.x-request-id", "r-7", "http.query.dry", "")}},
		{"a refusal", []message{one("an order needs a total", "type", "grow.error", "code", "order.empty", "retry", "no")}},
		{"try later", []message{one("the catalogue is closed", "type", "grow.error", "code", "later", "retry", "yes", "after", "1500")}},
		{"sixty-four attributes", []message{numbered(64)}},
		{"a value of 4 KiB", []message{one("", "x.a", strings.Repeat("v", 4096))}},
		{"a name of 256 bytes", []message{one("", "x."+strings.Repeat("n", 254), "1")}},
	}
	var out []vector
	for _, v := range list {
		out = append(out, vector{Name: v.name, Hex: hex.EncodeToString(encode(v.messages)), Messages: v.messages})
	}
	return out
}

func repeat(n int, m message) []message {
	var list []message
	for range n {
		list = append(list, m)
	}
	return list
}

func malformed() []vector {
	full := encode([]message{one("data", "type", "ab", "x.é", "ü"), one("z", "type", "c")})
	type bad struct {
		name  string
		want  string
		frame []byte
	}
	var list []bad
	for n := range full {
		list = append(list, bad{fmt.Sprintf("cut after %d bytes", n), "", full[:n]})
	}
	attrs := func(n int, parts ...any) []byte { return cat(append([]any{u32(1), u16(n)}, parts...)...) }
	list = append(list,
		bad{"a byte after the last message", "trailing", cat(full, "\x00")},
		bad{"a whole message after the last", "trailing", cat(full, u16(0), u32(0))},
		bad{"a byte after no messages", "trailing", cat(u32(0), "\x00")},
		bad{"count of one and nothing else", "count", u32(1)},
		bad{"count beyond the bytes", "count", cat(u32(2), u16(0), u32(0))},
		bad{"the largest count", "count", cat(u32(0xffffffff), u16(0), u32(0))},
		bad{"a count that overflows 32 bits when multiplied", "count", cat(u32(0x2aaaaaab), u16(0), u32(0), u16(0), u32(0))},
		bad{"attributes beyond the bytes", "count", attrs(2, attr("a", ""), u32(0))},
		bad{"an attribute counted, none there", "count", attrs(1, u32(0))},
		bad{"sixty-five attributes", "limit", encode([]message{numbered(65)})},
		bad{"the largest number of attributes", "limit", attrs(0xffff, strings.Repeat("\x00", 64))},
		bad{"a value of 4 KiB and a byte", "limit", attrs(1, attr("x.a", strings.Repeat("v", 4097)), u32(0))},
		bad{"a name of 257 bytes", "limit", attrs(1, attr(strings.Repeat("n", 257), ""), u32(0))},
		bad{"an empty name", "name", attrs(1, attr("", "value"), u32(0))},
		bad{"an empty name among others", "name", attrs(2, attr("a", "1"), attr("", ""), u32(0), u32(0))},
		bad{"a repeated name", "duplicate", attrs(2, attr("type", "a"), attr("type", "b"), u32(0))},
		bad{"a repeated name with the same value", "duplicate", attrs(2, attr("x.a", "1"), attr("x.a", "1"), u32(0))},
		bad{"a repeated name, not adjacent", "duplicate", attrs(3, attr("x.a", "1"), attr("x.b", "2"), attr("x.a", "3"), u32(0))},
		bad{"a repeated name in the second message", "duplicate", cat(u32(2), u16(0), u32(0), u16(2), attr("a", ""), attr("a", ""), u32(0))},
		bad{"a name past the end", "short", attrs(1, u16(200), "type", u32(0), u32(0))},
		bad{"the longest name past the end", "short", attrs(1, u16(0xffff), "type", u32(0), u32(0))},
		bad{"a value past the end", "short", attrs(1, u16(4), "type", u32(200), "a", u32(0))},
		bad{"the longest value past the end", "short", attrs(1, u16(4), "type", u32(0xffffffff), "a", u32(0))},
		bad{"data past the end", "short", attrs(0, u32(5), "four")},
		bad{"the longest data past the end", "short", attrs(0, u32(0xffffffff), "four")},
		bad{"data whose length would wrap round", "short", attrs(0, u32(0xfffffffc), "four")},
	)
	for _, t := range []struct{ name, text string }{
		{"a byte that never occurs", "\xff"}, {"a continuation alone", "\x80"}, {"a sequence cut short", "\xe4\xb8"},
		{"an overlong slash", "\xc0\xaf"}, {"an overlong NUL", "\xe0\x80\x80"}, {"a surrogate", "\xed\xa0\x80"},
		{"beyond U+10FFFF", "\xf4\x90\x80\x80"}, {"a sequence of five", "\xf8\x88\x80\x80\x80"},
	} {
		list = append(list,
			bad{"UTF-8 of a value: " + t.name, "utf8", attrs(1, attr("x.a", "a"+t.text), u32(0))},
			bad{"UTF-8 of a name: " + t.name, "utf8", attrs(1, attr("x."+t.text, "a"), u32(0))})
	}
	var out []vector
	for _, b := range list {
		got := classify(b.frame)
		if got == "" || b.want != "" && got != b.want {
			panic(fmt.Sprintf("%s: classified as %q, meant as %q", b.name, got, b.want))
		}
		out = append(out, vector{Name: b.name, Hex: hex.EncodeToString(b.frame), Error: got})
	}
	return out
}

// reader takes numbers and bytes off a frame; bad is set when it ends too early.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.bad = true
		return make([]byte, 8)
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) u16() int { return int(binary.LittleEndian.Uint16(r.take(2))) }
func (r *reader) u32() int { return int(binary.LittleEndian.Uint32(r.take(4))) }

// classify says what is wrong with a frame, or "" when nothing is.
func classify(frame []byte) string {
	r := &reader{b: frame}
	count := r.u32()
	switch {
	case r.bad:
		return "short"
	case count*6 > len(r.b):
		return "count"
	}
	for range count {
		if kind := r.message(); kind != "" {
			return kind
		}
	}
	if len(r.b) > 0 {
		return "trailing"
	}
	return ""
}

func (r *reader) message() string {
	n := r.u16()
	switch {
	case r.bad:
		return "short"
	case n > 64:
		return "limit"
	case n*7 > len(r.b):
		return "count"
	}
	names := map[string]bool{}
	for range n {
		name := ""
		size := r.u16()
		if size <= len(r.b) {
			name = string(r.take(size))
		} else {
			r.bad = true
		}
		length := r.u32()
		if r.bad || length > len(r.b) {
			return "short"
		}
		value := r.take(length)
		switch {
		case name == "":
			return "name"
		case len(name) > 256 || len(value) > 4096:
			return "limit"
		case !utf8.ValidString(name) || !utf8.Valid(value):
			return "utf8"
		case names[name]:
			return "duplicate"
		}
		names[name] = true
	}
	if size := r.u32(); r.bad || size > len(r.b) {
		return "short"
	} else {
		r.take(size)
	}
	return ""
}

func main() {
	all := append(valid(), malformed()...)
	var b strings.Builder
	b.WriteString("[\n")
	for i, v := range all {
		var line strings.Builder
		e := json.NewEncoder(&line)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			panic(err)
		}
		b.WriteString("  " + strings.TrimSpace(line.String()))
		if i < len(all)-1 {
			b.WriteString(",")
		}
		b.WriteString("\n")
	}
	b.WriteString("]\n")
	if err := os.WriteFile("frames.json", []byte(b.String()), 0o644); err != nil {
		panic(err)
	}
}

package hostile

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/grow-platform/grow/abi"
)

// message is the parts of one message of a frame: data, and attributes as
// names and values.
type message struct {
	data  string
	attrs []string
}

func attrs(list ...string) message { return message{attrs: list} }

// frame encodes messages, and checks nothing.
func frame(list ...message) []byte {
	b := abi.AppendCount(nil, len(list))
	for _, m := range list {
		b = abi.AppendAttrCount(b, len(m.attrs)/2)
		for k := 0; k+1 < len(m.attrs); k += 2 {
			b = abi.AppendAttr(b, m.attrs[k], m.attrs[k+1])
		}
		b = abi.AppendData(b, []byte(m.data))
	}
	return b
}

// answering is an actor that answers with b.
func answering(name string, b []byte, want ...string) Case {
	return Case{Name: name, Class: ABI, Want: want, Binary: func() []byte {
		m := actor()
		pages := uint64(1 + (len(b)+4096)>>16)
		m.memories = [][]byte{uleb([]byte{0}, pages)}
		m.put(4096, string(b))
		m.fn("grow_handle", i32+i32, i64, answered(4096, uint32(len(b))))
		return m.bytes()
	}, Limits: Limits{Memory: 8 << 20}}
}

// abiCases lie about memory, results and requests.
func abiCases() []Case {
	var list []Case
	alloc := func(name string, want string, code ...[]byte) {
		c := one(ABI, "grow_alloc returns "+name, nil, want)
		c.Inputs = [][]byte{nil, make([]byte, 5000), make([]byte, 60_000)}
		c.Binary = func() []byte {
			m := actor()
			m.memories = [][]byte{{0, 4}}
			m.globals = append(m.globals, join([]byte(i32), op(1), c32(0), end))
			m.fn("grow_alloc", i32, i32, code...)
			m.fn("grow_handle", i32+i32, i64, get(0), get(1), drop, op(0x41, 0), op(0x46), when(unreachable), c64(0))
			return m.bytes()
		}
		list = append(list, c)
	}
	alloc("0", "abi.alloc", c32(0))
	alloc("the end of memory", "abi.alloc", c32(4<<16))
	alloc("a little before the end of memory", "abi.alloc", c32(4<<16-100))
	alloc("2^32-1", "abi.alloc", c32(-1))
	alloc("2^32-8", "abi.alloc", c32(-8))
	alloc("2^31", "abi.alloc", c32(-1<<31))
	alloc("an odd address", Handled, c32(1025))
	alloc("the same block for any size", Handled, c32(1024))
	alloc("what it was asked for", Handled, get(0))
	alloc("0 the second time", "abi.alloc", op(0x23, 0), when(c32(0), op(0x0f)), c32(1), op(0x24, 0), c32(1024))
	alloc("memory that has just grown", Handled, memSize, c32(16), op(0x74), c32(4), memGrow, drop)
	alloc("memory that did not grow", "abi.alloc", memSize, c32(16), op(0x74), c32(40), memGrow, drop)
	for _, n := range []struct {
		name  string
		at, n uint32
		want  string
	}{
		{"2^32-1 bytes", 0, 1<<32 - 1, "abi.answer"}, {"2^32-1 bytes at 2^32-1", 1<<32 - 1, 1<<32 - 1, "abi.answer"}, {"a byte behind memory", 65536, 1, "abi.answer"},
		{"bytes across the end", 65530, 7, "abi.answer"}, {"2^31 bytes", 0, 1 << 31, "abi.answer"}, {"no bytes anywhere", 1<<32 - 1, 0, Handled}, {"one byte", 4096, 1, "abi.frame"},
		{"its whole memory", 0, 65536, "abi.frame"}, {"its input", 1024, 12, "abi.frame"}, {"zeros", 8192, 4, Handled}, {"too many zeros", 8192, 5, "abi.frame"},
	} {
		list = append(list, Case{Name: "answer is " + n.name, Class: ABI, Want: []string{n.want}, Binary: func() []byte {
			m := actor()
			m.fn("grow_handle", i32+i32, i64, answered(n.at, n.n))
			return m.bytes()
		}})
	}
	list = append(list, Case{Name: "answer of more than any frame has", Class: ABI, Want: []string{"limit.output"}, Limits: Limits{Memory: 8 << 20}, Binary: func() []byte {
		m := actor()
		m.memories = [][]byte{{0, 127}}
		m.fn("grow_handle", i32+i32, i64, answered(0, abi.FrameMax+1))
		return m.bytes()
	}})
	for _, v := range []int32{0, 2, -1, 1 << 30} {
		list = append(list, Case{Name: fmt.Sprintf("grow_abi returns %d", v), Class: ABI, Want: []string{"module.version"}, Binary: func() []byte {
			m := actor()
			m.fn("grow_abi", "", i32, c32(v))
			return m.bytes()
		}})
	}
	list = append(list, Case{Name: "grow_abi grows the memory that is answered from", Class: ABI, Want: []string{Handled}, Binary: func() []byte {
		m := actor()
		m.fn("grow_abi", "", i32, c32(1), memGrow, drop, c32(1))
		m.fn("grow_handle", i32+i32, i64, answered(1<<16, 4))
		return m.bytes()
	}})
	for _, v := range []int32{1, -1, 255} {
		list = append(list, Case{Name: fmt.Sprintf("grow_init returns %d", v), Class: ABI, Want: []string{"actor.init"}, Binary: func() []byte {
			m := actor()
			m.fn("grow_init", i32+i32, i32, c32(v))
			return m.bytes()
		}})
	}
	return slices.Concat(list, requests(), requestFrames())
}

// requests call grow.call and grow.answer with addresses that lie.
func requests() []Case {
	var list []Case
	config := frame(attrs("type", "config.get"))
	n := int32(len(config))
	for _, c := range []struct {
		name string
		args []int32
		want string
	}{
		{"well", []int32{2048, n, 4096, 1000}, Handled}, {"no buffer", []int32{2048, n, 0, 0}, Handled}, {"no buffer at 2^32-1", []int32{2048, n, -1, 0}, Handled},
		{"request at 2^32-1", []int32{-1, n, 4096, 1000}, "abi.request"}, {"request of 2^32-1", []int32{2048, -1, 4096, 1000}, "abi.request"},
		{"request across the end", []int32{65530, 100, 4096, 1000}, "abi.request"}, {"request of nothing", []int32{2048, 0, 4096, 1000}, "abi.request"},
		{"request of nothing behind memory", []int32{65536, 0, 4096, 1000}, "abi.request"}, {"buffer behind memory", []int32{2048, n, 65536, 1}, "abi.request"},
		{"buffer across the end", []int32{2048, n, 65500, 1000}, "abi.request"}, {"buffer of 2^32-1", []int32{2048, n, 4096, -1}, "abi.request"},
		{"buffer of 2^32-1 at 1, whose end is 0 in 32 bits", []int32{2048, n, 1, -1}, "abi.request"}, {"buffer that is the request", []int32{2048, n, 2048, n}, Handled},
		{"buffer one too small", []int32{2048, n, 4096, 14}, Handled}, {"zeros", []int32{0, 0, 0, 0}, "abi.request"}, {"ones", []int32{-1, -1, -1, -1}, "abi.request"},
	} {
		list = append(list, in(ABI, "grow.call with "+c.name, []string{c.want}, func(m *module) []byte {
			f := growCall(m)
			m.put(2048, string(config))
			return join(constants(c.args...), call(f), drop)
		})...)
	}
	for _, c := range []struct {
		name   string
		at, n  int32
		asks   bool
		want   string
		repeat int
	}{
		{"nothing waits", 4096, 1000, false, Handled, 1}, {"it waits", 4096, 1000, true, Handled, 1}, {"it waits, twice", 4096, 1000, true, Handled, 2},
		{"room of 0", 4096, 0, true, Handled, 1}, {"room of 2^32-1", 4096, -1, true, Handled, 1}, {"an address behind memory", 65536, 1000, true, "abi.request", 1},
		{"an address behind memory when nothing waits", 65536, 1000, false, Handled, 1}, {"the last byte of memory", 65535, 1000, true, "abi.request", 1}, {"2^32-1", -1, -1, true, "abi.request", 1},
	} {
		list = append(list, one(ABI, "grow.answer with "+c.name, func(m *module) []byte {
			ask := growCall(m)
			answer := m.import_("grow", "answer", i32+i32, i32)
			m.put(2048, string(config))
			var b []byte
			if c.asks {
				b = join(constants(2048, n, 0, 0), call(ask), drop)
			}
			return append(b, times(c.repeat, constants(c.at, c.n), call(answer), drop)...)
		}, c.want))
	}
	list = append(list, one(ABI, "memory grows between question and answer", func(m *module) []byte {
		ask := growCall(m)
		answer := m.import_("grow", "answer", i32+i32, i32)
		m.put(2048, string(config))
		return join(constants(2048, n, 0, 0), call(ask), drop, c32(4), memGrow, drop, constants(4<<16, 1000), call(answer), drop)
	}, Handled))
	return list
}

// requestFrames are frames given to grow.call that are none, or ask too much.
func requestFrames() []Case {
	var list []Case
	ask := func(name string, b []byte, times int, want ...string) {
		c := one(ABI, "request of "+name, func(m *module) []byte {
			m.memories = [][]byte{uleb([]byte{0}, uint64(1+(len(b)+70_000)>>16))}
			f := growCall(m)
			m.put(70_000-4, string(b))
			return sequence(times, func(int) []byte { return join(constants(70_000-4, int32(len(b)), 0, 0), call(f), drop) })
		}, want...)
		c.Limits.Memory = 16 << 20
		list = append(list, c)
	}
	get := attrs("type", "config.get")
	one := frame(get)
	ask("32 messages", frame(slices.Repeat([]message{get}, 20)...), 1, Handled)
	ask("33 messages", frame(slices.Repeat([]message{get}, 33)...), 1, "abi.request", "limit.calls")
	ask("32 messages, 1,000 times", frame(slices.Repeat([]message{get}, 32)...), 1000, "limit.calls")
	ask("no messages", frame(), 1, "abi.request")
	ask("2^32-1 messages", []byte{255, 255, 255, 255}, 1, "abi.request", "limit.calls")
	ask("a byte too many", append(slices.Clip(one), 0), 1, "abi.request")
	for i := range one {
		ask(fmt.Sprintf("%d of %d bytes", i, len(one)), one[:i], 1, "abi.request")
	}
	ask("5 MiB", frame(message{strings.Repeat("x", 5<<20), []string{"type", "log.info"}}), 1, "abi.request")
	ask("3 MiB of log", frame(message{strings.Repeat("x", 3<<20), []string{"type", "log.info"}}), 1, Handled, "abi.request")
	ask("an operation that is none", frame(attrs("type", "host.shutdown")), 1, Handled)
	ask("no operation", frame(attrs()), 1, Handled)
	ask("a grant it has not", frame(attrs("type", "secret.get", "use", "vault", "name", "x")), 1, Handled)
	ask("state it has not declared", frame(attrs("type", "state.set", "name", "x")), 1, Handled)
	ask("a state name of 10,000 bytes", frame(attrs("type", "state.set", "name", strings.Repeat("n", 4000))), 1, Handled)
	ask("the state of everybody", frame(attrs("type", "state.list", "prefix", "", "limit", "-1", "after", "\xff")), 1, "abi.request", Handled)
	ask("state of 2 MiB", frame(message{strings.Repeat("1", 2<<20), []string{"type", "state.set", "name", ""}}), 1, Handled)
	ask("100 attributes", frame(attrs(append([]string{"type", "log.info"}, numbered(100)...)...)), 1, "abi.request")
	ask("64 attributes", frame(attrs(append([]string{"type", "log.info"}, numbered(63)...)...)), 1, Handled)
	ask("an attribute twice", frame(attrs("type", "log.info", "x.a", "1", "x.a", "2")), 1, "abi.request")
	ask("an attribute of 5,000 bytes", frame(attrs("type", "log.info", "x.a", strings.Repeat("v", 5000))), 1, "abi.request")
	ask("log fields that are escapes", frame(message{"\x1b[2J\r\nlevel=error", []string{"type", "log.error", "x.\x1b[0m", "\x1b]0;x\x07", "x.level", "info"}}), 3, Handled)
	ask("the time, 20 times", frame(attrs("type", "time.now")), 20, Handled)
	ask("the time, 21 times", frame(attrs("type", "time.now")), 21, "limit.calls")
	return list
}

// numbered are n attributes of the actor's own.
func numbered(n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("x.n%d", i), "v")
	}
	return list
}

// answerCases are frames answered that are none, or say too much.
func answerCases() []Case {
	out := func(data string, more ...string) message {
		return message{data, append([]string{"type", "out"}, more...)}
	}
	good := frame(out("1"), out("2", "x.a", "b"))
	count := func(n uint32) []byte { return append(binary.LittleEndian.AppendUint32(nil, n), good[4:]...) }
	list := []Case{
		answering("two outputs", good, Handled),
		answering("1,000 outputs", frame(slices.Repeat([]message{out("")}, 1000)...), Handled),
		answering("1,001 outputs", frame(slices.Repeat([]message{out("")}, 1001)...), "limit.output"),
		answering("outputs of 64 KiB", frame(out(strings.Repeat("x", 32<<10)), out(strings.Repeat("x", 32<<10))), Handled),
		answering("outputs of 64 KiB and a byte", frame(out(strings.Repeat("x", 64<<10)), out("x")), "limit.output"),
		answering("output of 2 MiB", frame(out(strings.Repeat("x", 2<<20-100))), "limit.output", "abi.frame", "abi.answer"),
		answering("undeclared output", frame(message{"1", []string{"type", "surprise"}}), "output.undeclared"),
		answering("output without a type", frame(message{"1", nil}), "output.undeclared"),
		answering("output of the host's", frame(message{"1", []string{"type", "grow.init"}}), "output.undeclared"),
		answering("refusal", frame(message{"no", []string{"type", "grow.error", "code", "x"}}), Refused),
		answering("refusal with a code of escapes", frame(message{"no", []string{"type", "grow.error", "code", "\x1b[2J\nfaked"}})),
		answering("refusal with a text of 50 KB", frame(message{strings.Repeat("no", 25_000), []string{"type", "grow.error"}}), Refused),
		answering("later, after 2^63 ms", frame(message{"", []string{"type", "grow.error", "retry", "yes", "after", "9223372036854775808"}}), Later),
		answering("later, after -1 ms", frame(message{"", []string{"type", "grow.error", "retry", "yes", "after", "-1"}}), Later),
		answering("delay of -1", frame(out("", "delay", "-1")), "output.type"),
		answering("delay of 2^63", frame(out("", "delay", "9223372036854775808")), "output.type"),
		answering("delay of a thousand years", frame(out("", "delay", "31536000000000")), "output.type"),
		answering("attributes of the host's", frame(out("", "id", "mine", "source", "x", "time", "0", "traceparent", "\xc3\x28")), "abi.frame"),
		answering("header that splits the answer", frame(out("", "http.header.x", "a\r\nset-cookie: b")), Handled),
		answering("status 999999", frame(out("", "http.status", "999999")), Handled),
		answering("attribute twice", frame(out("", "x.a", "1", "x.a", "2")), "abi.frame"),
		answering("attribute without a name", frame(out("", "", "1")), "abi.frame"),
		answering("65 attributes", frame(out("", numbered(64)...)), "abi.frame"),
		answering("64 attributes", frame(out("", numbered(63)...)), Handled),
		answering("attribute of 5,000 bytes", frame(out("", "x.a", strings.Repeat("v", 5000))), "abi.frame"),
		answering("name that is not UTF-8", frame(out("", "x.\xff", "1")), "abi.frame"),
		answering("a byte too many", append(slices.Clip(good), 0), "abi.frame"),
		answering("a message more than there is", count(3), "abi.frame"),
		answering("a message less than there is", count(1), "abi.frame"),
		answering("a million messages", count(1_000_000), "abi.frame", "limit.output"),
		answering("2^32-1 messages", count(1<<32-1), "abi.frame", "limit.output"),
	}
	for i := 1; i < len(good); i++ {
		list = append(list, answering(fmt.Sprintf("frame cut at byte %d", i), good[:i], "abi.frame"))
	}
	for i := range good {
		b := slices.Clone(good)
		b[i] = 0xff
		list = append(list, answering(fmt.Sprintf("frame with byte %d set", i), b))
	}
	return list
}

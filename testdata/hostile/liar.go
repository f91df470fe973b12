package hostile

import "math/rand/v2"

// Liar is an actor that lies to its host at random: about memory, results,
// requests and answers.
func Liar(r *rand.Rand) []byte {
	m := actor()
	m.memories = [][]byte{{0, byte(1 + r.IntN(16))}}
	ask := growCall(m)
	answer := m.import_("grow", "answer", i32+i32, i32)
	write := wasi(m, "fd_write", 4)
	poll := wasi(m, "poll_oneoff", 4)
	random := wasi(m, "random_get", 2)
	request, reply := liedFrame(r), liedFrame(r)
	m.put(2048, string(request))
	m.put(8192, string(reply))
	m.put(12288, subscription(uint32(number(r, 0)), uint64(number(r, 1000)), 0, uint16(r.IntN(2))))
	steps := func() []byte {
		var b []byte
		for range r.IntN(5) {
			switch r.IntN(8) {
			case 0, 1:
				b = append(b, join(c32(number(r, 2048)), c32(number(r, int32(len(request)))), c32(number(r, 16384)), c32(number(r, 4096)), call(ask), drop)...)
			case 2:
				b = append(b, join(c32(number(r, 16384)), c32(number(r, 4096)), call(answer), drop)...)
			case 3:
				b = append(b, join(c32(number(r, 1)), c32(number(r, 2048)), c32(number(r, 2)), c32(number(r, 64)), call(write), drop)...)
			case 4:
				b = append(b, join(c32(number(r, 1)), memGrow, drop)...)
			case 5:
				b = append(b, join(c32(number(r, 12288)), c32(number(r, 4096)), c32(number(r, 1)), c32(number(r, 64)), call(poll), drop)...)
			case 6:
				b = append(b, join(c32(number(r, 4096)), c32(number(r, 16)), call(random), drop)...)
			default:
				b = append(b, join(c32(number(r, 8192)), c32(number(r, 0)), op(0x36, 0), uleb(nil, uint64(r.IntN(1000))))...)
			}
		}
		return b
	}
	m.fn("grow_alloc", i32, i32, steps(), c32(number(r, 1024)))
	m.fn("grow_handle", i32+i32, i64, steps(), answered(uint32(number(r, 8192)), uint32(number(r, int32(len(reply))))))
	if r.IntN(3) == 0 {
		m.fn("grow_init", i32+i32, i32, steps(), c32(number(r, 0)))
	}
	if r.IntN(8) == 0 {
		m.fn("grow_abi", "", i32, steps(), c32(number(r, 1)))
	}
	if r.IntN(4) == 0 {
		m.fn("_initialize", "", "", steps())
	}
	return m.bytes()
}

// number is what is right, most of the time, or a number nobody expects.
func number(r *rand.Rand, right int32) int32 {
	switch r.IntN(12) {
	case 0:
		return int32(r.Uint32())
	case 1:
		return [...]int32{0, 1, -1, -8, 1<<31 - 1, -1 << 31, 65535, 65536}[r.IntN(8)]
	case 2:
		return right + int32(r.IntN(17)) - 8
	}
	return right
}

// names of attributes, and values, that liars know.
var (
	lieNames  = []string{"type", "type", "type", "name", "use", "x.a", "x.b", "id", "delay", "code", "retry", "after", "datacontenttype", "http.status", "", "\xff", "limit", "prefix"}
	lieValues = []string{"out", "out", "grow.error", "log.info", "config.get", "time.now", "state.get", "state.set", "state.list", "state.delete", "secret.get", "", "-1", "9223372036854775808", "yes", "\x1b[2J", "\n", "\xc0"}
)

// liedFrame is a frame that may be well, or have a byte changed.
func liedFrame(r *rand.Rand) []byte {
	var list []message
	for range r.IntN(4) {
		m := message{data: lieValues[r.IntN(len(lieValues))]}
		for range 1 + r.IntN(3) {
			m.attrs = append(m.attrs, lieNames[r.IntN(len(lieNames))], lieValues[r.IntN(len(lieValues))])
		}
		list = append(list, m)
	}
	b := frame(list...)
	if r.IntN(2) == 0 {
		b = changed(r, b, nil)
	}
	return b
}

package hostile

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

func wasiCases() []Case {
	var list []Case
	// Whatever is asked with whatever arguments, nothing is a fault of the host.
	for _, f := range wasiFunctions {
		for _, n := range []int64{0, 1, 3, 64, 65528, 65536, 1<<31 - 1, 1 << 31, -1, 1<<63 - 1} {
			list = append(list, one(WASI, fmt.Sprintf("%s with every argument %d", f.name, n), func(m *module) []byte {
				index, args := importWASI(m, f.name, f.params, n)
				return join(args, call(index), drop)
			}))
		}
	}
	list = append(list, in(WASI, "proc_exit", []string{"exit"}, func(m *module) []byte {
		return join(c32(0), call(m.import_("wasi_snapshot_preview1", "proc_exit", i32, "")))
	})...)
	list = append(list, in(WASI, "proc_exit in a recursion", []string{"exit"}, func(m *module) []byte {
		exit := m.import_("wasi_snapshot_preview1", "proc_exit", i32, "")
		self := m.next()
		m.fn("", i32, "", get(0), op(0x45), when(c32(-1), call(exit)), get(0), c32(1), op(0x6b), call(self))
		return join(c32(50), call(self))
	})...)
	return append(append(list, sleeps()...), floods()...)
}

// subscription is one of poll_oneoff, on a clock.
func subscription(clock uint32, timeout, precision uint64, flags uint16) string {
	b := make([]byte, 48)
	binary.LittleEndian.PutUint32(b[16:], clock)
	binary.LittleEndian.PutUint64(b[24:], timeout)
	binary.LittleEndian.PutUint64(b[32:], precision)
	binary.LittleEndian.PutUint16(b[40:], flags)
	return string(b)
}

// sleeps ask poll_oneoff for more time than there is.
func sleeps() []Case {
	var list []Case
	poll := func(name string, what string, n int32, want ...string) {
		list = append(list, one(WASI, "poll_oneoff "+name, func(m *module) []byte {
			f := wasi(m, "poll_oneoff", 4)
			m.put(2048, what)
			return join(constants(2048, 32768, n, 64), call(f), drop)
		}, want...))
	}
	poll("for a nanosecond", subscription(0, 1, 0, 0), 1, Handled)
	poll("for nothing", subscription(0, 0, 0, 0), 1, Handled)
	poll("for 2^63-1 ns", subscription(0, 1<<63-1, 0, 0), 1, "limit.time")
	poll("for 2^63 ns", subscription(1, 1<<63, 0, 0), 1, "limit.time", Handled)
	poll("for 2^64-1 ns", subscription(1, 1<<64-1, 1<<64-1, 0), 1, "limit.time", Handled)
	poll("until the end of time", subscription(0, 1<<63-1, 0, 1), 1, "limit.time", Handled)
	poll("on a clock that is not", subscription(77, 1000, 0, 0), 1, Handled)
	poll("on a hundred clocks", strings.Repeat(subscription(0, 1, 0, 0), 100), 100, Handled)
	poll("on no clock", "", 0, Handled)
	poll("on 2^31 clocks", "", -1<<31)
	poll("on 2^32-1 clocks", "", -1)
	poll("on an event that is none", strings.Repeat("\xff", 48), 1)
	poll("on standard input", string(append(append(make([]byte, 8), 1), make([]byte, 39)...)), 1)
	list = append(list, one(WASI, "poll_oneoff for 1 ms in a loop", func(m *module) []byte {
		f := wasi(m, "poll_oneoff", 4)
		m.put(2048, subscription(0, 1_000_000, 0, 0))
		return forever(constants(2048, 32768, 1, 64), call(f), drop)
	}, "limit.time", "limit.fuel"))
	return append(list, in(WASI, "poll_oneoff for an hour", []string{"limit.time"}, func(m *module) []byte {
		f := wasi(m, "poll_oneoff", 4)
		m.put(2048, subscription(0, 3600e9, 0, 0))
		return join(constants(2048, 32768, 1, 64), call(f), drop)
	})...)
}

// iovec is the list of one stretch of memory.
func iovec(at, n uint32) string {
	return string(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, at), n))
}

// floods write, open and draw without measure.
func floods() []Case {
	var list []Case
	write := func(name, data, vectors string, count int32, times int32, want ...string) {
		list = append(list, one(WASI, name, func(m *module) []byte {
			m.memories = [][]byte{{0, 16}}
			f := wasi(m, "fd_write", 4)
			m.put(4096, data)
			m.put(2048, vectors)
			count := constants(1, 2048, count, 64)
			turn := m.fnWith("", "", "", locals{{1, i32}},
				loop(count, call(f), drop, get(0), c32(1), add32, tee(0), c32(times), op(0x49), brIf(0)))
			return call(turn)
		}, want...))
	}
	ansi := "\x1b[2J\x1b[1;1H\x1b]0;owned\x07time=0 level=error msg=\"faked\"\r\n{\"level\":\"info\"}\u202e\u2028\x00\n"
	write("lines with ANSI", ansi, iovec(4096, uint32(len(ansi))), 1, 100, Handled)
	write("lines without end", "x", iovec(4096, 512<<10), 1, 1000, Handled, "limit.fuel", "limit.output", "limit.time")
	write("10,000,000 empty lines", strings.Repeat("\n", 50_000), iovec(4096, 50_000), 1, 200, Handled, "limit.fuel", "limit.output", "limit.time")
	write("100,000 lines", "line\n", iovec(4096, 5), 1, 100_000, Handled, "limit.fuel", "limit.output", "limit.time")
	write("nothing 100,000 times", "", iovec(4096, 0), 1, 100_000, Handled, "limit.fuel", "limit.time")
	write("ten million stretches", "x", iovec(4096, 1), 10_000_000, 1)
	write("2^31 stretches", "x", iovec(4096, 1), -1<<31, 1)
	write("2^29 stretches, whose size is 0 in 32 bits", "x", iovec(4096, 1), 1<<29, 1)
	write("120,000 stretches of all memory", strings.Repeat(iovec(0, 1<<20), 120_000), strings.Repeat(iovec(0, 1<<20), 250), 120_000, 1, Handled, "limit.fuel", "limit.output", "limit.time")
	write("a stretch outside memory", "x", iovec(1<<20, 10), 1, 1)
	write("a stretch of 2^32-1", "x", iovec(4096, 1<<32-1), 1, 1)
	for _, n := range []struct {
		name  string
		at, n int32
		turns bool
	}{{"4 GiB", 0, -1, false}, {"all memory", 0, 65536, false}, {"more than memory", 1, 65536, false}, {"2 GiB", 4096, -1 << 31, false}, {"all memory, again and again", 0, 65536, true}} {
		want := []string{Handled}
		if n.turns {
			want = []string{"limit.fuel", "limit.time"}
		}
		list = append(list, one(WASI, "random_get of "+n.name, func(m *module) []byte {
			code := join(constants(n.at, n.n), call(wasi(m, "random_get", 2)), drop)
			if n.turns {
				return forever(code)
			}
			return code
		}, want...))
	}
	for _, path := range []string{"/etc/passwd", "../../../../etc/passwd", "..", ".", "", "/", "a/../../b", "\x00", "/proc/self/mem", strings.Repeat("a/", 2000), strings.Repeat("a", 60_000), "C:\\windows", "\xff\xfe"} {
		for fd := int32(0); fd < 5; fd++ {
			list = append(list, one(WASI, fmt.Sprintf("path_open of %.20q below descriptor %d", path, fd), func(m *module) []byte {
				f, _ := importWASI(m, "path_open", "iiiiiIIii", 0)
				m.put(4096, path)
				return join(constants(fd, 1, 4096, int32(len(path)), 1), c64(-1), c64(-1), constants(0, 64), call(f),
					op(0x45), when(unreachable)) // opening anything would be a hole
			}, Handled))
		}
	}
	descriptors := one(WASI, "100,000 descriptors", func(m *module) []byte {
		f, _ := importWASI(m, "path_open", "iiiiiIIii", 0)
		m.put(4096, "/")
		return forever(constants(3, 1, 4096, 1, 0), c64(-1), c64(-1), constants(0, 64), call(f), drop)
	}, "limit.fuel")
	descriptors.Limits.Time = 10 * time.Second
	list = append(list, descriptors)
	list = append(list, one(WASI, "fd_renumber to 2^31-1", func(m *module) []byte {
		return join(constants(1, 1<<31-1), call(wasi(m, "fd_renumber", 2)), drop)
	}))
	return append(list, one(WASI, "fd_renumber, then standard output again", func(m *module) []byte {
		write := wasi(m, "fd_write", 4)
		renumber := wasi(m, "fd_renumber", 2)
		m.put(2048, iovec(4096, 10))
		return join(constants(1, 2), call(renumber), drop, constants(1, 2048, 1, 64), call(write), drop, constants(2, 2048, 1, 64), call(write), drop)
	}))
}

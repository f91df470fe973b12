package enginetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
)

// growCall and growAnswer are the imports of grow, as functions 0 and 1.
var growCall, growAnswer = Import{Module: "grow", Name: "call", Params: I32 + I32 + I32 + I32, Results: I32},
	Import{Module: "grow", Name: "answer", Params: I32 + I32, Results: I32}

// asks is grow.call of the n bytes at 0, with no room for the answer.
func asks(n int32) []byte {
	return Code(Const32(0), Const32(n), Const32(0), Const32(0), Call(0), Op(Drop))
}

// fetch is grow.answer into address 64, and those bytes as the result.
var fetch = Code(Const64(64), Const64(32), Op(Shl64), Const32(64), Const32(1000), Call(1), Op(Extend64), Op(Or64))

// waiting: the next grow.call discards an answer that waits, and so does the
// end of the message.
func waiting(t *testing.T, e engine.Engine) {
	h := &Host{Reply: func(request []byte) ([]byte, error) {
		return []byte(fmt.Sprintf("answer to %d bytes", len(request))), nil
	}}
	module := func(code ...[]byte) engine.Instance {
		w := Actor(Code(code...)...)
		w.Imports = []Import{growCall, growAnswer}
		return instance(t, compile(t, e, w.Bytes()), h)
	}
	same(t, "one", string(handle(t, module(asks(3), fetch), h, nil)), "answer to 3 bytes")
	same(t, "two", string(handle(t, module(asks(3), asks(5), fetch), h, nil)), "answer to 5 bytes")
	same(t, "none", string(handle(t, module(fetch), h, nil)), "")
	// An actor that fetches first and asks then: what it asked for is gone by
	// the next message.
	i := module(fetch, asks(3))
	same(t, "first message", string(handle(t, i, h, nil)), "")
	same(t, "second message", string(handle(t, i, h, nil)), "")
	// Addresses are looked at before anything is asked for.
	h = &Host{Answer: []byte("short")}
	_, err := probe(t, e, h).Handle(h, engine.Frame(input(3, 64, 4, 131072-64, 65)))
	coded(t, "a buffer across the end", err, engine.CodeRequest, "outside the memory")
	same(t, "requests made", len(h.Requests), 0)
	same(t, "a buffer of no bytes, wherever", words(handle(t, probe(t, e, h), h, input(3, 64, 4, 0xffffffff, 0))), []uint32{5})
}

// failed: an instance that failed, or is closed, answers with errors.
func failed(t *testing.T, e engine.Engine) {
	m := compile(t, e, Probe())
	for name, in := range map[string][]byte{
		"trap": input(1), "exit": input(11, 0), "overflow": input(6), "answer": input(4, 0xffff0000, 64), "input": make([]byte, 70_000), "host": input(3, 64, 4, 64, 64),
	} {
		h := &Host{Err: errors.New("no")}
		i := instance(t, m, h)
		if _, err := i.Handle(h, engine.Frame(in)); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := i.Handle(h, engine.Frame(input(0))); err == nil {
			t.Errorf("%s: handled another message", name)
		}
		if err := i.Init(h, input(0)); err == nil {
			t.Errorf("%s: initialized", name)
		}
	}
	h := &Host{}
	i, err := m.Instantiate(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	handle(t, i, h, input(0))
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	if _, err := i.Handle(h, engine.Frame(input(0))); err == nil {
		t.Error("a closed instance handled a message")
	}
}

// startSection: it runs with the host, as _initialize does.
func startSection(t *testing.T, e engine.Engine) {
	w := Actor(handled...)
	w.Imports = []Import{growCall}
	w.Data = []Data{{At: 0, Bytes: "hello"}}
	w.Funcs = append(w.Funcs, Func{Code: asks(5)})
	w.Start = 3
	h := &Host{Answer: []byte("answer")}
	instance(t, compile(t, e, w.Bytes()), h)
	same(t, "requests of the start section", len(h.Requests), 1)
	same(t, "the request", string(h.Requests[0]), "hello")
}

func failingStarts(t *testing.T, e engine.Engine) {
	stop := errors.New("stop here")
	exits := func(change func(w *Wasm)) []byte {
		return with(func(w *Wasm) {
			w.Imports = []Import{{Module: wasiName, Name: "proc_exit", Params: I32}}
			w.Funcs = append(w.Funcs, Func{Code: Code(Const32(4), Call(0))})
			change(w)
		})
	}
	for _, c := range []struct {
		name   string
		binary []byte
		code   string
		says   string
	}{
		{"start traps", with(func(w *Wasm) { w.Funcs = append(w.Funcs, Func{Code: Op(Unreachable)}); w.Start = 2 }), engine.CodeTrap, "unreachable"},
		{"start exits", exits(func(w *Wasm) { w.Start = 3 }), engine.CodeExit, "proc_exit(4)"},
		{"_initialize traps", with(func(w *Wasm) { w.Funcs = append(w.Funcs, Func{Export: "_initialize", Code: Op(Unreachable)}) }), engine.CodeTrap, "unreachable"},
		{"_initialize exits", exits(func(w *Wasm) { w.Funcs[2].Export = "_initialize" }), engine.CodeExit, "proc_exit(4)"},
		{"grow_abi traps", with(func(w *Wasm) {
			w.Funcs = append(w.Funcs, Func{Export: "grow_abi", Results: I32, Code: Op(Unreachable)})
		}), engine.CodeTrap, "unreachable"},
		{"grow_abi of version 7", with(func(w *Wasm) { w.Funcs = append(w.Funcs, Func{Export: "grow_abi", Results: I32, Code: Const32(7)}) }), engine.CodeVersion, "version 7"},
		{"data outside memory", with(func(w *Wasm) { w.Data = []Data{{At: 65530, Bytes: "too long"}} }), engine.CodeTrap, "out of bounds"},
	} {
		m := compile(t, e, c.binary)
		for range 2 { // a module that failed to start fails again
			_, err := m.Instantiate(t.Context(), &Host{})
			coded(t, c.name, err, c.code, c.says)
		}
	}
	w := Actor(handled...)
	w.Imports = []Import{growCall}
	w.Funcs = append(w.Funcs, Func{Code: asks(5)})
	w.Start = 3
	if _, err := compile(t, e, w.Bytes()).Instantiate(t.Context(), &Host{Err: stop}); !errors.Is(err, stop) {
		t.Errorf("error of the host: %v", err)
	}
	same(t, "grow_abi of version 1", len(handle(t, instance(t, compile(t, e, with(func(w *Wasm) {
		w.Funcs = append(w.Funcs, Func{Export: "grow_abi", Results: I32, Code: Const32(1)})
	})), &Host{}), &Host{}, nil)), 0)
}

// nosys: WASI beyond the ABI may be imported and answers ENOSYS.
func nosys(t *testing.T, e engine.Engine) {
	for name, params := range map[string]string{
		"path_create_directory": I32 + I32 + I32, "path_filestat_get": strings.Repeat(I32, 5),
		"path_filestat_set_times": strings.Repeat(I32, 4) + I64 + I64 + I32, "path_link": strings.Repeat(I32, 7),
		"path_readlink": strings.Repeat(I32, 6), "path_remove_directory": I32 + I32 + I32, "path_rename": strings.Repeat(I32, 6),
		"path_symlink": strings.Repeat(I32, 5), "path_unlink_file": I32 + I32 + I32, "proc_raise": I32,
		"sock_accept": I32 + I32 + I32, "sock_recv": strings.Repeat(I32, 6), "sock_send": strings.Repeat(I32, 5), "sock_shutdown": I32 + I32,
	} {
		var code []byte
		for _, p := range params {
			if p == rune(I64[0]) {
				code = append(code, Const64(0)...)
			} else {
				code = append(code, Const32(0)...)
			}
		}
		// The errno is the length of the answer.
		w := Actor(Code(code, Call(0), Op(Extend64))...)
		w.Imports = []Import{{Module: wasiName, Name: name, Params: params, Results: I32}}
		h := &Host{}
		same(t, name, len(handle(t, instance(t, compile(t, e, w.Bytes()), h), h, nil)), 52)
	}
	// A number of subscriptions whose size wraps around must not get far.
	w := Actor(Code(Const32(0), Const32(0), Const32(0x05555556), Const32(64), Call(0), Op(Extend64))...)
	w.Imports = []Import{{Module: wasiName, Name: "poll_oneoff", Params: strings.Repeat(I32, 4), Results: I32}}
	h := &Host{}
	if a, err := instance(t, compile(t, e, w.Bytes()), h).Handle(h, engine.Frame(nil)); err == nil && len(a.Frame) == 0 {
		t.Error("poll_oneoff took more subscriptions than memory holds")
	}
}

// writes: what goes to the standard descriptors is the log's, piece by piece, in no more
// pieces than anybody needs; input is empty.
func writes(t *testing.T, e engine.Engine) {
	const outside = "\x00\x00\xff\x7f\x04\x00\x00\x00"
	hello, empty := "\x00\x10\x00\x00\x05\x00\x00\x00", strings.Repeat("\x00", 8)
	for _, c := range []struct {
		name, function string
		descriptor, n  int32
		at             int32 // of the count
		iovecs         string
		errno, count   uint32
		log            string
	}{
		{"output", "fd_write", 1, 3, 64, hello + empty + hello, 0, 10, "hellohello"},
		{"errors", "fd_write", 2, 1, 64, hello, 0, 5, "hello"},
		{"nothing", "fd_write", 1, 0, 64, hello, 0, 0, ""},
		{"as many as may be", "fd_write", 1, 1024, 64, strings.Repeat(empty, 1023) + hello, 0, 5, "hello"},
		{"too many", "fd_write", 1, 1025, 64, strings.Repeat(hello, 1025), 28, 7, ""},
		{"a size that wraps around", "fd_write", 1, 0x20000001, 64, hello, 28, 7, ""},
		{"another descriptor", "fd_write", 3, 1, 64, hello, 8, 7, ""},
		{"to the input", "fd_write", 0, 1, 64, hello, 8, 7, ""},
		{"outside memory", "fd_write", 1, 2, 64, hello + outside, 21, 7, "hello"},
		{"a count outside memory", "fd_write", 1, 1, -4, hello, 21, 7, "hello"},
		{"input", "fd_read", 0, 1, 64, hello, 0, 0, ""},
		{"much input", "fd_read", 0, 1025, 64, hello, 28, 7, ""},
		{"from the output", "fd_read", 1, 1, 64, hello, 8, 7, ""},
	} {
		// The errno is the length of the answer but for 32; it begins with the count.
		w := Actor(Code(Const32(c.descriptor), Const32(8192), Const32(c.n), Const32(c.at), Call(0), Op(Extend64), Const64(64<<32|32), Op(Or64))...)
		w.Memory = []int{2}
		w.Imports = []Import{{Module: wasiName, Name: c.function, Params: strings.Repeat(I32, 4), Results: I32}}
		w.Data = []Data{{At: 64, Bytes: "\x07"}, {At: 4096, Bytes: "hello"}, {At: 8192, Bytes: c.iovecs}}
		h := &Host{}
		answer := handle(t, instance(t, compile(t, e, w.Bytes()), h), h, nil)
		same(t, c.function+", "+c.name, uint32(len(answer)-32), c.errno)
		same(t, c.function+", "+c.name+": count", binary.LittleEndian.Uint32(answer), c.count)
		same(t, c.function+", "+c.name+": log", string(h.Outputs[int(c.descriptor)]), c.log)
	}
}

// subscription is one of poll_oneoff: to a clock, or to a descriptor.
func subscription(user, tag byte, of uint32, timeout uint64, flags uint16) string {
	b := make([]byte, 48)
	b[0], b[8] = user, tag
	binary.LittleEndian.PutUint32(b[16:], of)
	binary.LittleEndian.PutUint64(b[24:], timeout)
	binary.LittleEndian.PutUint16(b[40:], flags)
	return string(b)
}

// polls: poll_oneoff sleeps until the first of its clocks, and not at all when
// a descriptor is ready or a subscription is wrong.
func polls(t *testing.T, e engine.Engine) {
	const clock, read, write, realtime, monotonic = 0, 1, 2, 0, 1
	for _, c := range []struct {
		name          string
		subscriptions []string
		slept         int64
		events        string // what each is known by, and its errno
	}{
		{"two clocks", []string{subscription(1, clock, monotonic, 9, 0), subscription(2, clock, realtime, 5, 0)}, 5, "2:0"},
		{"the same moment", []string{subscription(1, clock, monotonic, 105, 1), subscription(2, clock, monotonic, 5, 0)}, 5, "1:0 2:0"},
		{"a moment that was", []string{subscription(1, clock, realtime, 3, 1)}, 0, "1:0"},
		{"for ever", []string{subscription(1, clock, monotonic, 1<<64-1, 0)}, 1<<63 - 1, "1:0"},
		{"input", []string{subscription(1, clock, monotonic, 9, 0), subscription(2, read, 0, 0, 0)}, 0, "2:0"},
		{"output", []string{subscription(3, write, 2, 0, 0), subscription(4, write, 7, 0, 0)}, 0, "3:0 4:8"},
		{"no such clock", []string{subscription(1, clock, 9, 9, 0)}, 0, "1:28"},
		{"no such event", []string{subscription(1, 9, 0, 9, 0)}, 0, "1:28"},
	} {
		n := len(c.subscriptions)
		w := Actor(Code(Const32(2048), Const32(4096), Const32(int32(n)), Const32(4096+64), Call(0), Op(Drop), Const64(4096<<32|68))...)
		w.Imports = []Import{{Module: wasiName, Name: "poll_oneoff", Params: strings.Repeat(I32, 4), Results: I32}}
		w.Data = []Data{{At: 2048, Bytes: strings.Join(c.subscriptions, "")}}
		h := &Host{Clock: 50, Mono: 100}
		answer := handle(t, instance(t, compile(t, e, w.Bytes()), h), h, nil)
		var events []string
		for k := range min(2, binary.LittleEndian.Uint32(answer[64:])) {
			events = append(events, fmt.Sprintf("%d:%d", answer[32*k], binary.LittleEndian.Uint16(answer[32*k+8:])))
		}
		same(t, "poll_oneoff, "+c.name, strings.Join(events, " "), c.events)
		same(t, "poll_oneoff slept, "+c.name, h.Slept, c.slept)
	}
	// More subscriptions than anybody needs, and none.
	for _, n := range []int32{0, 1100} {
		w := Actor(Code(Const32(2048), Const32(4096), Const32(n), Const32(64), Call(0), Op(Extend64))...)
		w.Memory = []int{2}
		w.Imports = []Import{{Module: wasiName, Name: "poll_oneoff", Params: strings.Repeat(I32, 4), Results: I32}}
		h := &Host{}
		same(t, "poll_oneoff refuses", len(handle(t, instance(t, compile(t, e, w.Bytes()), h), h, nil)), 28)
	}
}

// twoLimits: the limit is that of the Config, whoever else compiled the binary.
func twoLimits(t *testing.T, e engine.Engine) {
	h := &Host{}
	limits := []int64{256 << 10, 1 << 20, 256 << 10}
	var list []engine.Instance
	var modules []engine.Module
	for _, limit := range limits {
		m, err := e.Compile(t.Context(), Probe(), engine.Config{MemoryMax: limit})
		if err != nil {
			t.Fatal(err)
		}
		i, err := m.Instantiate(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		list, modules = append(list, i), append(modules, m)
	}
	for k, limit := range limits {
		room := uint32(limit>>16) - 2
		same(t, "grow beyond the limit", words(handle(t, list[k], h, input(2, room+1))), []uint32{0xffffffff})
		same(t, "grow to the limit", words(handle(t, list[k], h, input(2, room))), []uint32{2})
	}
	for k := range limits { // closing one leaves the others as they are
		if err := errors.Join(list[k].Close(), modules[k].Close(context.Background())); err != nil {
			t.Error(err)
		}
		for _, i := range list[k+1:] {
			if got := handle(t, i, h, input(0)); !bytes.Equal(got, input(0)) {
				t.Errorf("after closing another: %v", got)
			}
		}
	}
}

func ended(t *testing.T, e engine.Engine) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Compile(ctx, Actor(handled...).Bytes(), engine.Config{MemoryMax: 1 << 20}); !errors.Is(err, context.Canceled) {
		t.Errorf("compile: %v", err)
	}
	m := compile(t, e, Actor(handled...).Bytes())
	if _, err := m.Instantiate(ctx, &Host{}); !errors.Is(err, context.Canceled) {
		t.Errorf("instantiate: %v", err)
	}
}

package process

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
)

// liar is a worker that says yes to every module and then does what behave
// does, once for each order on its first line.
func liar(behave func(l *line, o order) (again bool)) func(net.Conn) error {
	return func(conn net.Conn) error {
		r, h, err := greeted(conn)
		if err != nil {
			return err
		}
		defer r.close()
		if _, err := io.CopyN(io.Discard, conn, int64(h.Module)); err != nil {
			return err
		}
		if err := writeText(conn, verdict{Info: &engine.Info{}}); err != nil {
			return err
		}
		var index [4]byte
		if _, err := io.ReadFull(conn, index[:]); err != nil {
			return nil
		}
		l := r.line(0, turnWorker)
		done := make(chan struct{})
		go func() { // ends with the line
			defer close(done)
			for {
				b, err := l.receive(nil, orderMax, nil)
				if err != nil {
					return
				}
				if o, err := decodeOrder(b); err != nil || !behave(&l, o) {
					return
				}
			}
		}()
		_, _ = io.Copy(io.Discard, conn)
		l.end()
		<-done
		return errors.New("signal: killed")
	}
}

func greeted(conn net.Conn) (region, hello, error) {
	var h hello
	if err := readText(conn, helloMax, &h); err != nil {
		return region{}, h, err
	}
	f, err := receiveFile(conn)
	if err != nil {
		return region{}, h, err
	}
	r, err := mapRegion(f, h.Lines, h.Probed)
	return r, h, errors.Join(err, f.Close())
}

// says sends a report made of anything.
func says(l *line, kind byte, value, memory uint64, outputs, body []byte) {
	var head [reportHead]byte
	putReport(&head, kind, len(outputs), value, memory)
	_ = l.send(append(head[:], outputs...), engine.Frame(body), nil) // the host may have hung up
}

// asks has a liar be well until it is to handle a message.
func asks(then func(l *line, o order) bool) func(l *line, o order) bool {
	return func(l *line, o order) bool {
		if o.kind == orderHandle || o.kind == orderReply || o.kind == orderFail || o.kind == orderRead {
			return then(l, o)
		}
		says(l, reportDone, 0, 1<<16, nil, nil)
		return true
	}
}

// storm sets the turn, or wakes, again and again until the host hangs up.
func storm(l *line, turn uint32) {
	for l.turn.Load() != turnGone {
		if turn != turnWorker {
			l.turn.CompareAndSwap(turnWorker, turn)
		}
		wake(l.turn)
	}
}

// lies are what a worker can do instead of what it should.
var lies = []struct {
	name   string
	behave func(l *line, o order) bool
	says   string // the fault of the message
}{
	{"no report", func(l *line, _ order) bool { l.pass(0); return true }, "a report of 0 bytes"},
	{"garbage", func(l *line, _ order) bool {
		_ = l.send(bytes.Repeat([]byte{0xff}, 100), engine.Frame(nil), nil)
		return true
	}, "unknown kind 255"},
	{"an unknown kind", func(l *line, _ order) bool { says(l, reportEnd, 0, 0, nil, nil); return true }, "unknown kind"},
	{"a piece larger than the buffer", func(l *line, _ order) bool { l.pass(1 << 30); return true }, "a message of"},
	{"pieces without bytes", func(l *line, _ order) bool { l.pass(moreMark); return true }, "a message of"},
	{"pieces without end", func(l *line, _ order) bool {
		for l.turn.Load() != turnGone {
			l.pass(uint32(len(l.buffer)) | moreMark)
			_ = l.await(nil)
		}
		return false
	}, "a message of"},
	{"another turn", func(l *line, _ order) bool { storm(l, 7); return false }, "a turn of 7"},
	{"no turn", func(l *line, _ order) bool { l.end(); return true }, "killed"},
	{"waking for nothing", func(l *line, _ order) bool { storm(l, turnWorker); return false }, "for nothing"},
	{"too much memory", func(l *line, _ order) bool { says(l, reportDone, 0, 2<<20, nil, nil); return true }, "of memory"},
	{"impossible memory", func(l *line, _ order) bool { says(l, reportDone, 0, 1<<40, nil, nil); return true }, "of memory"},
	{"too much fuel", func(l *line, _ order) bool { says(l, reportDone, 1<<60, 0, nil, nil); return true }, "units of fuel"},
	{"less fuel than before", func(l *line, o order) bool {
		says(l, reportSlice, map[byte]uint64{orderHandle: 1000, orderReply: 999}[o.kind], 0, nil, nil)
		return true
	}, "after 1000"},
	{"calls that only begin", func(l *line, _ order) bool { says(l, reportSlice, 0, 0, nil, nil); return true }, "0 units of fuel"},
	{"a large answer", func(l *line, _ order) bool { says(l, reportDone, 0, 0, nil, make([]byte, abi.FrameMax+1)); return true }, "a report of kind 1"},
	{"a large request", func(l *line, _ order) bool {
		says(l, reportCall, 0, 0, nil, make([]byte, abi.RequestBytesMax+1))
		return true
	}, "a report of kind 3"},
	{"much randomness", func(l *line, _ order) bool { says(l, reportRandom, 1<<40, 0, nil, nil); return true }, "a report of kind 6"},
	{"output longer than it is", func(l *line, _ order) bool {
		says(l, reportOutput, 0, 0, []byte{1, 255, 255, 255, 255, 'x'}, nil)
		return true
	}, "output that is longer"},
	{"output to another descriptor", func(l *line, _ order) bool {
		says(l, reportDone, 0, 0, appendOutput(nil, 3, []byte("x")), nil)
		return true
	}, "malformed output"},
	{"a fault of the host's codes", func(l *line, _ order) bool {
		says(l, reportFailed, 0, 0, nil, faultOf("limit.time", "no"))
		return true
	}, `a fault of code "limit.time"`},
	{"a fault cut short", func(l *line, _ order) bool { says(l, reportFailed, 0, 0, nil, []byte{1, 0, 0}); return true }, "cut short"},
	{"a fault that goes on", func(l *line, _ order) bool {
		says(l, reportFailed, 0, 0, nil, append(faultOf(engine.CodeTrap, "x"), 0))
		return true
	}, "something behind it"},
}

func faultOf(code, reason string) []byte {
	return appendFault(nil, &engine.Error{Code: code, Reason: reason})
}

// TestLiars: whatever a worker says, it is one failed message, and the worker
// is killed.
func TestLiars(t *testing.T) {
	for _, c := range lies {
		t.Run(c.name, func(t *testing.T) {
			m := load(t, New(Options{Start: inside(liar(asks(c.behave)))}), []byte("module"), engine.Config{MemoryMax: 1 << 20, Instances: 2})
			h := &enginetest.Host{}
			i := running(t, m, h)
			a, err := i.Handle(h, order200)
			var fault *engine.Error
			if !errors.As(err, &fault) || fault.Code != engine.CodeDied || !strings.Contains(fault.Reason, c.says) {
				t.Errorf("%v, want one that says %q", err, c.says)
			}
			if a.Frame != nil {
				t.Errorf("an answer of %d bytes", len(a.Frame))
			}
			if !i.(engine.Mortal).Gone() {
				t.Error("the worker lives")
			}
			if _, err := i.Handle(h, order200); err == nil {
				t.Error("it handled another message")
			}
		})
	}
}

// TestMessageMustEnd: when the host says that the message's time is over, a
// worker that goes on as if it had not heard is killed, and the message fails
// with what the host said.
func TestMessageMustEnd(t *testing.T) {
	for name, behave := range map[string]func(l *line, o order) bool{
		"silence": func(*line, order) bool { return false },
		"output": func(l *line, _ order) bool {
			says(l, reportOutput, 0, 0, appendOutput(nil, 1, []byte("x")), nil)
			return true
		},
		"random":   func(l *line, _ order) bool { says(l, reportRandom, 1, 0, nil, nil); return true },
		"clock":    func(l *line, _ order) bool { says(l, reportNow, 0, 0, nil, nil); return true },
		"sleeping": func(l *line, _ order) bool { says(l, reportSleep, 0, 0, nil, nil); return true },
	} {
		t.Run(name, func(t *testing.T) {
			m := load(t, New(Options{Start: inside(liar(asks(behave)))}), []byte("module"), engine.Config{MemoryMax: 1 << 20, Instances: 2})
			late := errors.New("the message took longer than it may")
			h := &enginetest.Host{}
			i := running(t, m, h)
			h.SleepErr = late
			if _, err := i.Handle(h, order200); !errors.Is(err, late) {
				t.Errorf("%v, want the host's own error", err)
			}
			if !i.(engine.Mortal).Gone() {
				t.Error("the worker lives")
			}
		})
	}
}

// TestGuestThatMustEnd: an honest worker whose guest is told to end is kept.
func TestGuestThatMustEnd(t *testing.T) {
	behave := func(l *line, o order) bool {
		switch o.kind {
		case orderHandle:
			says(l, reportSlice, 500, 0, nil, nil)
		case orderFail:
			says(l, reportFailed, 700, 1<<16, nil, appendFault(nil, errUnwind))
		}
		return true
	}
	m := load(t, New(Options{Start: inside(liar(asks(behave)))}), []byte("module"), engine.Config{MemoryMax: 1 << 20, Instances: 2})
	h := &enginetest.Host{Fuel: 300}
	i := running(t, m, h)
	i.(*instance).worker.kept = func(*look) bool { return true } // however slow the machine is
	a, err := i.Handle(h, order200)
	if !errors.Is(err, enginetest.ErrFuel) || a.Fuel != 700 {
		t.Errorf("%v after %d units, want %v after 700", err, a.Fuel, enginetest.ErrFuel)
	}
	if i.(engine.Mortal).Gone() {
		t.Error("the worker is gone")
	}
}

// TestChangedAnswer: what was handed out does not change when the worker writes
// to the shared memory afterwards.
func TestChangedAnswer(t *testing.T) {
	m := load(t, New(Options{Start: inside(liar(asks(func(l *line, _ order) bool {
		says(l, reportDone, 0, 0, nil, []byte("what was checked"))
		return true
	})))}), []byte("module"), engine.Config{MemoryMax: 1 << 20, Instances: 2})
	h := &enginetest.Host{}
	i := running(t, m, h)
	a, err := i.Handle(h, order200)
	if err != nil {
		t.Fatal(err)
	}
	clear(i.(*instance).line.buffer)
	if string(a.Frame) != "what was checked" {
		t.Errorf("the answer has become %q", a.Frame)
	}
}

// TestBadGreetings: a worker that says nothing sensible of the module is none.
func TestBadGreetings(t *testing.T) {
	text := func(s string) []byte { return append(binary.LittleEndian.AppendUint32(nil, uint32(len(s))), s...) }
	for name, c := range map[string]struct {
		says []byte
		want string
	}{
		"nothing":            {nil, "EOF"},
		"a size alone":       {[]byte{255, 255, 255, 255}, "at most"},
		"no JSON":            {text("hello"), "invalid character"},
		"no verdict":         {text("{}"), "nothing of the module"},
		"something more":     {text(`{"info":{},"more":1}`), "unknown field"},
		"two texts":          {text(`{"info":{}} {}`), "something behind it"},
		"memory it has not":  {text(`{"info":{"MemoryMin":1099511627776}}`), "nothing of the module"},
		"a fault of no kind": {text(`{"fault":"AQAAAA=="}`), "a fault with a text"},
	} {
		t.Run(name, func(t *testing.T) {
			e := New(Options{Start: inside(func(conn net.Conn) error {
				r, h, err := greeted(conn)
				if err != nil {
					return err
				}
				_, err = io.CopyN(io.Discard, conn, int64(h.Module))
				_, said := conn.Write(c.says)
				return errors.Join(err, said, r.close())
			})})
			_, err := e.Compile(t.Context(), []byte("module"), engine.Config{MemoryMax: 1 << 20, Instances: 1})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want one that says %q", err, c.want)
			}
		})
	}
}

// TestCompileIsGivenUp: with its context.
func TestCompileIsGivenUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e := New(Options{Start: inside(func(conn net.Conn) error {
		r, _, err := greeted(conn)
		cancel()
		_, _ = io.Copy(io.Discard, conn)
		return errors.Join(err, r.close())
	})})
	if _, err := e.Compile(ctx, []byte("module"), engine.Config{MemoryMax: 1 << 20, Instances: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
}

// TestBackoff: the first death costs nothing, and those after it in a row twice
// as much each time, until one has lived for long.
func TestBackoff(t *testing.T) {
	now := time.Unix(0, 0)
	var waits []time.Duration
	die := asks(func(l *line, _ order) bool { l.end(); return false })
	m := load(t, New(Options{
		Start: inside(liar(die)), Now: func() time.Time { return now },
		Pause: func(_ context.Context, d time.Duration) error {
			waits = append(waits, d)
			now = now.Add(d)
			return nil
		},
	}), []byte("module"), engine.Config{MemoryMax: 1 << 20, Instances: 1})
	h := &enginetest.Host{}
	fail := func() {
		i, err := m.Instantiate(t.Context(), h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := i.Handle(h, order200); err == nil {
			t.Fatal("no error")
		}
		if err := i.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for range 13 {
		fail()
	}
	const ms = time.Millisecond
	want := []time.Duration{0, 50 * ms, 100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 12800 * ms, 25600 * ms, 30000 * ms}
	if len(waits) != len(want) {
		t.Fatalf("waits: %v, want %v", waits, want)
	}
	for k := range want {
		if waits[k] != want[k] {
			t.Errorf("wait %d: %v, want %v", k, waits[k], want[k])
		}
	}
	running(t, m, h) // one that is well for long
	now = now.Add(HealthyFrom)
	waits = nil
	m.now.condemn(errors.New("no reason"))
	<-m.now.gone
	running(t, m, h)
	if len(waits) != 1 || waits[0] != 0 {
		t.Errorf("after a long life: %v", waits)
	}
}

// FuzzDecode: what a worker may say is decoded without a fault of the host, and
// is within its bounds.
func FuzzDecode(f *testing.F) {
	var head [reportHead]byte
	for kind := byte(1); kind < reportEnd; kind++ {
		out := appendOutput(nil, 1, []byte("out"))
		putReport(&head, kind, len(out), 7, 0)
		f.Add(append(append(head[:], out...), appendFault(nil, &engine.Error{Code: engine.CodeTrap, Reason: "r", Stack: "s"})...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeReport(b, abi.FrameMax)
		if err != nil {
			return
		}
		if len(r.outputs) > OutputMax || len(r.body) > abi.RequestBytesMax || r.memory > 1<<32 {
			t.Errorf("out of bounds: %+v", r)
		}
		size := 0
		if err := eachOutput(r.outputs, func(_ int, p []byte) { size += outputHead + len(p) }); err != nil || size != len(r.outputs) {
			t.Errorf("%d of %d bytes of output, %v", size, len(r.outputs), err)
		}
		if fault, bad := decodeFault(r.body); bad == nil {
			if again, bad := decodeFault(appendFault(nil, fault)); bad != nil || again.Error() != fault.Error() {
				t.Errorf("%v has become %v, %v", fault, again, bad)
			}
		}
	})
}

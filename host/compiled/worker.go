package compiled

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime/metrics"
	"time"

	"github.com/grow-platform/grow/host/jail"
	"github.com/grow-platform/grow/runtime/engine"
)

// role is the name of workers that compile.
const role = "compile"

// Serve registers the role of workers that compile, which build does there. It
// is called before [jail.Enter].
func Serve(build func(ctx context.Context, code []byte) (key [32]byte, machine []byte, err error)) {
	jail.Register(role, func(ctx context.Context, c jail.Conn) error { return serve(ctx, c, build) })
}

// What a worker is sent is the length of a module, as 4 bytes, and the module.
// It answers with a header, and machine code or the text of an error.
type header struct {
	Length uint32
	Failed bool // the text of an error follows
	Last   bool // the worker ends: it has become large or old
	Key    [32]byte
}

// sizeMax bounds the modules that a worker takes, in bytes.
const sizeMax = 64 << 20

// textMax bounds the text of an error.
const textMax = 4 << 10

// serve is what a worker does until its connection is closed.
func serve(ctx context.Context, c jail.Conn, build func(context.Context, []byte) ([32]byte, []byte, error)) error {
	for {
		code, err := receive(c, sizeMax)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read module: %w", err)
		}
		h := header{}
		key, body, err := build(ctx, code)
		if h.Key = key; err != nil {
			h.Failed, body = true, reason(err)
		}
		h.Length, h.Last = uint32(len(body)), spent()
		if err := errors.Join(binary.Write(c, binary.LittleEndian, h), write(c, body)); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
		if h.Last {
			return nil
		}
	}
}

// reason is the text of a fault, without the code that it gets again on the other side.
func reason(err error) []byte {
	text := err.Error()
	var known *engine.Error
	if errors.As(err, &known) {
		text = known.Reason
	}
	return []byte(text[:min(len(text), textMax)])
}

func write(w io.Writer, b []byte) error {
	_, err := w.Write(b)
	return err
}

// receive reads a length and as many bytes.
func receive(r io.Reader, most uint32) ([]byte, error) {
	var n uint32
	if err := binary.Read(r, binary.LittleEndian, &n); err != nil {
		return nil, err
	}
	if n > most {
		return nil, fmt.Errorf("%d bytes; at most %d are taken", n, most)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

// spent reports whether this process has used up what one worker may.
func spent() bool {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()-s[1].Value.Uint64() > retainMax || cpuUsed() > usedMax
}

// worker is a running one. It belongs to one goroutine.
type worker struct {
	process *jail.Process
	stop    context.CancelCauseFunc // ends it, with the reason
	answers *bufio.Reader
	idle    *time.Timer // ends it when nobody asks
	last    bool        // it has said that it ends
}

func startWorker() (*worker, error) {
	ctx, stop := context.WithCancelCause(context.Background())
	p, err := jail.Start(ctx, jail.Options{Role: role, Nice: niceness, Limits: jail.Limits{MemoryMax: MemoryMax, CPUMax: lifeMax}})
	if err != nil {
		stop(err)
		return nil, err
	}
	return &worker{process: p, stop: stop, answers: bufio.NewReader(p.Conn())}, nil
}

func (w *worker) ended() bool {
	select {
	case <-w.process.Done():
		return true
	default:
		return false
	}
}

// end ends the worker and waits until it has.
func (w *worker) end() {
	w.process.Kill()
	w.stop(nil)
}

// endMax is how long a worker that has closed its connection may take to end.
const endMax = time.Second

// Why a compilation was ended.
var (
	errTime  = errors.New("it took too much processor time")
	errClock = errors.New("it took too long")
)

// compile has the worker compile a module. After an error the worker is of no more use.
func (w *worker) compile(ctx context.Context, closed <-chan struct{}, code []byte) (key [32]byte, machine []byte, err error) {
	done, watched := make(chan struct{}), make(chan struct{})
	go func() { // ends with this call
		defer close(watched)
		w.watch(ctx, closed, TimeMax(len(code)), done)
	}()
	h, body, err := w.ask(code)
	close(done)
	<-watched
	if err != nil {
		// Who does not answer is ending, or is of no more use.
		select {
		case <-w.process.Done():
		case <-time.After(endMax):
			w.stop(err)
		}
		if end := w.process.Wait(); end != nil {
			err = end
		}
		if ctx.Err() != nil {
			return key, nil, fmt.Errorf("compile module: %w", ctx.Err())
		}
		return key, nil, verdict(err, len(code))
	}
	if w.last = h.Last; h.Failed {
		return key, nil, refusal("the compiler refuses the module: " + string(body))
	}
	return h.Key, body, nil
}

// ask sends a module and reads the answer.
func (w *worker) ask(code []byte) (h header, body []byte, err error) {
	c := w.process.Conn()
	if err := errors.Join(binary.Write(c, binary.LittleEndian, uint32(len(code))), write(c, code)); err != nil {
		return h, nil, err
	}
	if err := binary.Read(w.answers, binary.LittleEndian, &h); err != nil {
		return h, nil, err
	}
	if h.Length > MachineMax {
		return h, nil, refusal(fmt.Sprintf("the module has %d bytes of machine code; at most %d are kept", h.Length, MachineMax))
	}
	body = make([]byte, h.Length)
	_, err = io.ReadFull(w.answers, body)
	return h, body, err
}

// watchEvery is how often it is looked at what a worker has used.
const watchEvery = 20 * time.Millisecond

// watch ends the worker when it has taken more time than it may, or nobody
// wants its answer any more.
func (w *worker) watch(ctx context.Context, closed <-chan struct{}, most time.Duration, done <-chan struct{}) {
	before, told := w.process.CPUTime()
	begun := time.Now()
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-ctx.Done():
			w.stop(ctx.Err())
			return
		case <-closed:
			w.stop(errClosed)
			return
		case <-tick.C:
			if used, ok := w.process.CPUTime(); ok && told && used-before > most {
				w.stop(errTime)
				return
			}
			if time.Since(begun) > clockMax*most {
				w.stop(errClock)
				return
			}
		}
	}
}

package process

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/engine"
)

// worker is the host's view of a worker process.
type worker struct {
	Worker
	region    region
	kept      func(*look) bool // whether it was kept from running
	memoryMax int64            // bytes of an instance
	answerMax int              // bytes of a frame that answers
	born      time.Time
	gone      chan struct{} // closed when the process has ended

	mu     sync.Mutex
	free   []int // lines that nobody uses, the next one last
	opened int   // lines the worker has been told of: those below
	users  int   // instances, and one for the module that started it
	why    error // it was killed for; nil: it was not, or not for a fault of its own
	end    error // how it ended; nil: it has not, or nobody has looked
}

// launch starts a worker for the module, and hands it that. The module is its user.
func (m *module) launch(ctx context.Context) (*worker, engine.Info, error) {
	c := m.config
	r, file, err := newRegion(c.Instances, m.probed != nil)
	if err != nil {
		return nil, engine.Info{}, err
	}
	defer file.Close() // the worker has its own
	process, err := m.engine.Start(ctx, m.memory())
	if err != nil {
		return nil, engine.Info{}, errors.Join(fmt.Errorf("start worker process: %w", err), r.close())
	}
	w := &worker{Worker: process, region: r, born: m.engine.Now(), gone: make(chan struct{}), users: 1, memoryMax: c.MemoryMax, answerMax: c.AnswerMax}
	w.kept = func(l *look) bool { return l.kept(process.PID) }
	for k := range c.Instances {
		w.free = append(w.free, c.Instances-1-k)
	}
	// What ends the waiting below, whatever the worker does.
	stop := context.AfterFunc(ctx, process.Kill)
	_ = process.Conn.SetDeadline(time.Now().Add(StartMax)) // a connection without deadlines has ctx
	about, err := m.greet(process.Conn, file)
	_ = process.Conn.SetDeadline(time.Time{})
	if !stop() {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, about, errors.Join(dismiss(process, err), r.close())
	}
	m.watching.Go(func() { m.watch(w) }) // ends with the process
	return w, about, nil
}

// dismiss ends a worker that has not come to a verdict, or to a bad one.
func dismiss(w Worker, err error) error {
	wait := time.Duration(0)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		wait = CloseMax // it is ending, and what of is what there is to be said
	}
	kill := time.AfterFunc(wait, w.Kill)
	end := w.Wait()
	kill.Stop()
	var fault *engine.Error
	if errors.As(err, &fault) || end == nil || wait == 0 {
		return err
	}
	return &engine.Error{Code: engine.CodeDied, Reason: fmt.Sprintf("the actor's worker process ended before it began: %v", end), Cause: end}
}

// greet hands the worker memory and module, and returns its verdict.
func (m *module) greet(conn Conn, memory *os.File) (engine.Info, error) {
	h := hello{Version: version, Lines: m.config.Instances, Module: len(m.binary), Memory: m.config.MemoryMax, Answer: m.config.AnswerMax, Seed: m.config.Seed}
	if m.probed != nil {
		h.Probed, h.Probes = true, m.probed.count
	}
	err := writeText(conn, h)
	if err == nil {
		err = sendFile(conn, memory)
	}
	if err == nil && len(m.binary) > 0 { // who refuses none may be gone already
		_, err = conn.Write(m.binary)
	}
	var v verdict
	if err == nil {
		err = readText(conn, VerdictMax, &v)
	}
	switch {
	case err != nil:
		return engine.Info{}, fmt.Errorf("hand the module to a worker process: %w", err)
	case v.Fault != nil:
		fault, bad := decodeFault(v.Fault)
		return engine.Info{}, errors.Join(bad, fault)
	case v.Info == nil, v.Info.MemoryMin < 0, v.Info.MemoryMin > m.config.MemoryMax:
		return engine.Info{}, errors.New("the worker process said nothing of the module that can be true")
	}
	return *v.Info, nil
}

// watch waits for the process to end, and tells whoever waits for it.
func (m *module) watch(w *worker) {
	end := w.Wait()
	w.mu.Lock()
	if w.end = end; end == nil {
		w.end = errors.New("it ended of itself")
	}
	why, lines := w.why, w.opened
	if w.users > 0 { // else the memory is gone
		for k := range lines {
			l := w.region.line(k, turnHost)
			l.end()
		}
	}
	w.mu.Unlock()
	m.mourn(w.PID, m.engine.Now().Sub(w.born), cmp.Or(why, end)) // before the next one may be started
	close(w.gone)
}

// errFull says that a worker has as many instances as it may.
var errFull = &engine.Error{Code: engine.CodeLimit, Reason: "the actor's worker process has as many instances as it may"}

// take gives out a line; the worker has it served. It fails with errFull, or
// because the worker has ended.
func (w *worker) take() (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end != nil {
		return 0, w.end
	}
	if len(w.free) == 0 {
		return 0, errFull
	}
	k := w.free[len(w.free)-1]
	if k >= w.opened { // always the next one
		if _, err := w.Conn.Write(binary.LittleEndian.AppendUint32(nil, uint32(k))); err != nil {
			return 0, fmt.Errorf("it takes no orders: %w", err)
		}
		w.opened = k + 1
	}
	w.free = w.free[:len(w.free)-1]
	w.users++
	return k, nil
}

// give takes a line back that the worker waits at.
func (w *worker) give(k int) error {
	w.mu.Lock()
	w.free = append(w.free, k)
	w.mu.Unlock()
	return w.release()
}

// release ends a use: of a line that is not to be used again, or the module's own.
func (w *worker) release() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.users--
	if w.users > 0 {
		return nil
	}
	if err := w.region.close(); err != nil {
		return fmt.Errorf("unmap shared memory: %w", err)
	}
	return nil
}

// condemn kills the worker, for what it has done if why says so.
func (w *worker) condemn(why error) {
	w.mu.Lock()
	if w.why == nil && w.end == nil {
		w.why = why
	}
	w.mu.Unlock()
	w.Kill()
}

// dead reports whether the process has ended.
func (w *worker) dead() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.end != nil || w.why != nil
}

// died is the fault of a message whose worker has ended.
func (w *worker) died() error {
	w.mu.Lock()
	cause := cmp.Or(w.why, w.end)
	w.mu.Unlock()
	return &engine.Error{Code: engine.CodeDied, Reason: fmt.Sprintf("the actor's worker process ended: %v", cause), Cause: cause}
}

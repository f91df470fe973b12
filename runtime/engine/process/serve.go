package process

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/probe"
)

// Serve is what a worker process does: it serves one module and its instances to
// the host at the other end of conn. open opens the engine that runs them: it
// compiles what [Options.Prepare] has made of the module. Serve returns when the
// host closes the connection and the guests that run have come to their end.
func Serve(ctx context.Context, conn Conn, open func(ctx context.Context) (engine.Engine, error)) error {
	var h hello
	if err := readText(conn, helloMax, &h); err != nil {
		return fmt.Errorf("serve instances: %w", err)
	}
	if h.Version != version || h.Lines < 1 || h.Lines > InstancesMax || h.Module < 0 || h.Module > ModuleMax || h.Probes < 0 || h.Probes > probe.ProbesMax {
		return fmt.Errorf("serve instances: the host says %+v", h)
	}
	file, err := receiveFile(conn)
	if err != nil {
		return fmt.Errorf("serve instances: %w", err)
	}
	r, err := mapRegion(file, h.Lines, h.Probed)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("serve instances: %w", err)
	}
	if err = errors.Join(serveModule(ctx, conn, open, r, h), r.close()); err != nil {
		return fmt.Errorf("serve instances: %w", err)
	}
	return nil
}

// serveModule reads the module, has it compiled and gives the verdict. One that
// is not refused is served.
func serveModule(ctx context.Context, conn Conn, open func(context.Context) (engine.Engine, error), r region, h hello) error {
	binary := make([]byte, h.Module)
	if _, err := io.ReadFull(conn, binary); err != nil {
		return err
	}
	e, err := open(ctx)
	if err != nil {
		return err
	}
	c := engine.Config{MemoryMax: h.Memory, AnswerMax: h.Answer, Seed: h.Seed}
	if h.Probed {
		c.Debug = &engine.Debug{Attach: follow}
	}
	m, err := e.Compile(ctx, binary, c)
	if err != nil {
		return errors.Join(writeText(conn, verdict{Fault: appendFault(nil, err)}), e.Close(ctx))
	}
	binary = nil // the engine has what it needs
	info := m.Info()
	if err = writeText(conn, verdict{Info: &info}); err == nil {
		err = serveLines(ctx, conn, m, r, h)
	}
	return errors.Join(err, m.Close(ctx), e.Close(ctx))
}

// serveLines serves each line that the host opens on a goroutine of its own.
func serveLines(ctx context.Context, conn Conn, m engine.Module, r region, h hello) error {
	var wait sync.WaitGroup
	var open []line
	defer func() {
		for _, l := range open {
			l.end()
		}
		wait.Wait()
	}()
	heeds := &heeding{}
	if h.Probed {
		heeds.bell = r.bell()
		wait.Go(heeds.hear)
		defer heeds.end()
	}
	for {
		var index [4]byte
		if _, err := io.ReadFull(conn, index[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		k := binary.LittleEndian.Uint32(index[:])
		if k >= uint32(h.Lines) {
			return fmt.Errorf("there is no line %d", k)
		}
		l := r.line(int(k), turnWorker)
		open = append(open, l)
		s := &seat{line: l, module: m}
		if h.Probed {
			s.guest.followed.arms = r.arms(int(k), h.Probes)
			heeds.add(&s.guest.followed)
		}
		wait.Go(func() { s.serve(ctx) }) // ends with the connection
	}
}

// seat is a line in the worker, and the instance that is on it.
type seat struct {
	line
	module   engine.Module
	instance engine.Instance // nil: there is none
	guest    guest
	buffer   []byte // what was ordered last
	texts    []byte
}

// serve takes orders until the host is gone, or makes no sense.
func (s *seat) serve(ctx context.Context) {
	s.guest.line = &s.line
	for {
		if cap(s.buffer) > bufferMax {
			s.buffer = nil
		}
		b, err := s.line.receive(s.buffer, orderMax, nil)
		s.buffer = b
		if err != nil {
			break
		}
		o, err := decodeOrder(b)
		if err != nil {
			break
		}
		s.guest.begin(o.world)
		if err := s.report(s.obey(ctx, o)); err != nil {
			break
		}
	}
	if s.instance != nil {
		s.guest.followed.follow(nil)
		_ = s.instance.Close() // nobody is there to be told
	}
}

// obey does what is ordered.
func (s *seat) obey(ctx context.Context, o order) (engine.Answer, error) {
	switch {
	case o.kind == orderClose && s.instance == nil:
		return engine.Answer{}, nil
	case o.kind == orderClose:
		s.guest.followed.follow(nil)
		err := s.instance.Close()
		s.instance = nil
		return engine.Answer{}, err
	case o.kind == orderStart && s.instance == nil:
		i, err := s.module.Instantiate(ctx, &s.guest)
		if err == nil {
			s.instance = i
			s.guest.debugs, _ = i.(engine.Debuggable)
		}
		return engine.Answer{}, err
	case o.kind == orderInit && s.instance != nil:
		return engine.Answer{}, s.instance.Init(&s.guest, o.body)
	case o.kind == orderHandle && s.instance != nil:
		return s.instance.Handle(&s.guest, engine.Frame(o.body))
	}
	return engine.Answer{}, fmt.Errorf("order %d makes no sense here", o.kind)
}

// report says what came of an order.
func (s *seat) report(a engine.Answer, err error) error {
	memory := int64(0)
	if s.instance != nil {
		memory = s.instance.MemorySize()
	}
	g := &s.guest
	if err == nil {
		return g.send(reportDone, a.Fuel, memory, a.Frame)
	}
	s.texts = appendFault(s.texts[:0], err)
	return g.send(reportFailed, a.Fuel, memory, s.texts)
}

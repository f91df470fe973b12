package wazero

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
)

// module implements engine.Module: one user of a linked binary.
type module struct {
	machine   *machine
	image     *image
	linked    *linked
	about     engine.Info
	memoryMax int64 // bytes an instance may have, whole pages
	answerMax uint32
	closed    atomic.Bool
}

// Info implements engine.Module.
func (m *module) Info() engine.Info { return m.about }

// Close implements engine.Module.
func (m *module) Close(ctx context.Context) error {
	if m.closed.Swap(true) {
		return nil
	}
	if m.linked.probes != nil {
		return m.image.close(ctx)
	}
	return m.machine.release(ctx, m.image)
}

// Instantiate implements engine.Module.
func (m *module) Instantiate(ctx context.Context, h engine.Host) (engine.Instance, error) {
	if m.closed.Load() {
		return nil, errors.New("start instance: the module is closed")
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start instance: %w", err)
	}
	l := m.linked
	i := &instance{host: h, size: -1, own: l.own, added: l.added(), answerMax: m.answerMax, memoryMax: uint64(m.memoryMax), budget: &m.machine.memory}
	i.has, i.owes = uint64(m.about.MemoryMin), m.about.MemoryMin
	if !i.budget.join(m.about.MemoryMin) {
		return nil, &engine.Error{Code: engine.CodeMemory, Reason: fmt.Sprintf(
			"the memory that the host has for all actors is used up: another instance begins with %d bytes", m.about.MemoryMin)}
	}
	config := anonymous
	if l.wasi {
		config = i.world()
	}
	i.base = experimental.WithMemoryAllocator(context.WithoutCancel(ctx), experimental.MemoryAllocatorFunc(i.allocate))
	running, err := l.runtime.InstantiateModule(i, l.compiled, config)
	if err != nil {
		// Data outside memory, or a start section that traps. wazero forgets
		// the memory of what did not become an instance.
		i.free()
		return nil, fault(err, l.own, l.added())
	}
	i.base, i.running, i.handle = nil, running, running.ExportedFunction(admission.ExportHandle)
	i.take(running, &l.fuel)
	if err := l.begin(i, h); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	i.host = nil
	if l.probes != nil {
		l.trace(i, h)
	}
	return i, nil
}

// begin runs what comes before the first message, on the fuel that the start
// section was granted and has left.
func (l *linked) begin(i *instance, h engine.Host) error {
	defer i.tank.used()
	if start := i.running.ExportedFunction(admission.ExportInitialize); start != nil {
		if err := i.call(h, start, 0, 0); err != nil {
			return err
		}
	}
	// Asked of every instance: what else grow_abi does must be done in all or none.
	if version := i.running.ExportedFunction(admission.ExportVersion); version != nil {
		if err := i.call(h, version, 0, 0); err != nil {
			return err
		}
		if got := uint32(i.stack[0]); got != admission.Version {
			return &engine.Error{Code: engine.CodeVersion, Reason: fmt.Sprintf(
				"the module speaks version %d of the actor ABI; this host speaks version %d", got, admission.Version)}
		}
	}
	return nil
}

// anonymous is the configuration of instances that see nothing of the world.
// They have no name, so that there can be many, and wazero starts nothing. The
// random source is never read: without one, wazero seeds one of 5 KiB for each.
var anonymous = wazero.NewModuleConfig().WithName("").WithStartFunctions().WithRandSource(random{})

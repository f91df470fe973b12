package process

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/probe"
)

// What lies in the memory that says which probes of an instance report, from its
// beginning. Behind those of all instances lies the bell: who changes one of them rings.
const (
	atArmed = 0   // how often it was changed
	atAll   = 64  // 1: all report
	atModes = 128 // how each probe reports: two bits, four to a byte

	armsSize = 64 << 10 // bytes: whole pages
	bellSize = 4 << 10  // likewise
)

// There is room for all probes of a module.
const _ = uint(armsSize - atModes - (probe.ProbesMax+3)/4)

// How a probe reports.
const (
	modeQuiet = 1 + iota
	modeLoud
)

// arms are which probes of an instance report. The host changes them, also while the guest
// runs, and reads nothing there: what a worker writes in them is between it and itself.
type arms struct {
	armed, all, bell *atomic.Uint32
	modes            []byte
}

// armsOf are those in b, of so many probes.
func armsOf(b []byte, bell *atomic.Uint32, probes int) arms {
	word := func(at int) *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(&b[at])) }
	return arms{armed: word(atArmed), all: word(atAll), bell: bell, modes: b[atModes:][:(probes+3)/4]}
}

// arm has exactly some probes report.
func (a *arms) arm(all bool, loud, quiet []int) {
	clear(a.modes)
	set := func(ids []int, mode byte) {
		for _, id := range ids {
			if k := id / 4; id >= 0 && k < len(a.modes) {
				shift := id % 4 * 2
				a.modes[k] = a.modes[k]&^(3<<shift) | mode<<shift
			}
		}
	}
	set(quiet, modeQuiet)
	set(loud, modeLoud)
	every := uint32(0)
	if all {
		every = 1
	}
	a.all.Store(every)
	a.armed.Add(1)
	a.bell.Add(1)
	wake(a.bell)
}

// followed are the arms of an instance in the worker. They are safe for concurrent use.
type followed struct {
	mu     sync.Mutex
	arms   arms
	known  uint32        // what arms.armed was when they were taken over
	traced engine.Traced // nil: there is no instance
}

// follow has an instance have the arms, until it is nil.
func (f *followed) follow(t engine.Traced) {
	f.mu.Lock()
	f.traced, f.known = t, 0
	f.mu.Unlock()
	f.heed()
}

// heed takes over what has changed.
func (f *followed) heed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.traced != nil && f.known != f.arms.armed.Load() {
		f.known = f.arms.armed.Load() // what is changed from here on is taken over once more
		if f.arms.all.Load() != 0 {
			f.traced.ArmAll()
			continue
		}
		var loud, quiet []int
		for k := 0; k < len(f.arms.modes); k++ {
			if k+8 <= len(f.arms.modes) && binary.NativeEndian.Uint64(f.arms.modes[k:]) == 0 {
				k += 7
				continue
			}
			for j := range 4 {
				switch f.arms.modes[k] >> (j * 2) & 3 {
				case modeLoud:
					loud = append(loud, 4*k+j)
				case modeQuiet:
					quiet = append(quiet, 4*k+j)
				}
			}
		}
		f.traced.Arm(loud, quiet)
	}
}

// heeding has the arms of a worker's instances be heeded while their guests run.
type heeding struct {
	bell *atomic.Uint32

	mu    sync.Mutex
	all   []*followed
	ended bool
}

// add has one more be heeded.
func (h *heeding) add(f *followed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, f)
}

// hear waits for the bell, until end.
func (h *heeding) hear() {
	for {
		rung := h.bell.Load()
		h.mu.Lock()
		all, ended := h.all, h.ended
		h.mu.Unlock()
		if ended {
			return
		}
		for _, f := range all {
			f.heed()
		}
		wait(h.bell, rung, 0)
	}
}

func (h *heeding) end() {
	h.mu.Lock()
	h.ended = true
	h.mu.Unlock()
	h.bell.Add(1)
	wake(h.bell)
}

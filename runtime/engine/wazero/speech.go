package wazero

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/grow-platform/grow/runtime/admission"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/tetratelabs/wazero/api"
)

// speech is what an instance has that runs on a language runtime. See
// [engine.Language] for what the two say to each other.
type speech struct {
	from      *frozen // what it began with
	on        *lent   // what runs, or ran last; nil: something whose stack is not lent
	files     files
	interrupt uint32 // where the guest says what interrupts it
	attention uint32 // the word that asks for attention; 0: it has none
	since     uint64 // fuel used since its memory was looked at

	stop  error  // the guest was interrupted for it; nil: it was not
	grace uint64 // fuel it still has to come to its end
	said  bool   // that the call under way fails
	kind  uint32 // of failure
	text  string

	wanted atomic.Pointer[looking] // who is to debug it; nil: nobody
	looks  *looking                // who does while it handles something
}

// Limits of an interrupt.
const (
	// graceFuel is what a guest has to come to its end by itself once it was
	// interrupted: about 10 ms.
	graceFuel = 100 * engine.SliceFuel
	// againFuel is what it has until it is interrupted once more, if it goes on: enough
	// for most of what a program does when it is stopped.
	againFuel = 10 * engine.SliceFuel
	// wordsMax is how many words an interrupt sets.
	wordsMax = 16
	pairSize = 8 // bytes of an address and the bits
	// whyMax bounds the text of why, in bytes.
	whyMax = 4 << 10
)

// Kinds of failure that language.fault is told.
const (
	faultActor   = 0
	faultStopped = 1
)

// languageFunctions serve the imports from language.
var languageFunctions = map[string]api.GoModuleFunc{"fault": serveFault}

// serveFault is language.fault(kind, ptr, len).
func serveFault(ctx context.Context, caller api.Module, stack []uint64) {
	defer guard()
	i := of(ctx, caller)
	kind, at, n := uint32(stack[0]), uint32(stack[1]), uint32(stack[2])
	b, ok := i.memory.Read(at, n)
	if !ok {
		i.outside("language.fault: the text", at, n)
	}
	b = b[:min(len(b), engine.FaultMax)]
	i.payCall(len(b))
	s := i.speech
	s.said, s.kind, s.text = true, kind, strings.ToValidUTF8(string(b), "\ufffd")
}

// stops interrupts the guest instead of unwinding it, and says whether it could:
// it waits in a call of the host, so nobody else writes its memory.
func (i *instance) stops(err error) bool {
	if i.speech == nil || i.speech.stop != nil || !i.signal(true) {
		return false
	}
	i.explain(err)
	i.speech.stop, i.speech.grace = err, graceFuel
	return true
}

// explain tells the guest why it is interrupted, if it has room for that.
func (i *instance) explain(err error) {
	behind := i.behind()
	at, ok := i.memory.ReadUint32Le(behind)
	room, ok2 := i.memory.ReadUint32Le(behind + 4)
	if behind == 0 || at == 0 || room == 0 || !ok || !ok2 {
		return
	}
	text := err.Error()
	text = strings.ToValidUTF8(text[:min(len(text), int(min(room, whyMax))-1)], "")
	i.memory.Write(at, append([]byte(text), 0))
}

// behind is where the array ends that says what interrupts the guest; 0: nowhere.
func (i *instance) behind() uint32 {
	for k := range uint32(wordsMax) {
		at, ok := i.memory.ReadUint32Le(i.speech.interrupt + pairSize*k)
		if ok && at == 0 {
			return i.speech.interrupt + pairSize*(k+1)
		}
	}
	return 0
}

// listens finds the word that asks the guest for its attention. It is asked before
// anything runs.
func (i *instance) listens() {
	behind := i.behind()
	if i.speech.interrupt == 0 || behind == 0 {
		return
	}
	at, _ := i.memory.ReadUint32Le(behind + pairSize)
	if one, ok := i.memory.ReadUint32Le(behind + pairSize + 4); ok && one == 1 {
		i.speech.attention = at
	}
}

// signal sets the bits that interrupt the guest, or takes those back that it has
// not seen.
func (i *instance) signal(on bool) (done bool) { return i.set(i.speech.interrupt, on) }

// set is signal from one of the pairs on.
func (i *instance) set(from uint32, on bool) (done bool) {
	for k := range uint32(wordsMax) {
		at, ok := i.memory.ReadUint32Le(from + pairSize*k)
		bits, ok2 := i.memory.ReadUint32Le(from + pairSize*k + 4)
		if at == 0 || !ok || !ok2 {
			break
		}
		word, ok := i.memory.ReadUint32Le(at)
		if !ok {
			break
		}
		if word &^= bits; on {
			word |= bits
		}
		i.memory.WriteUint32Le(at, word)
		done = true
	}
	return done
}

// mercy is the next slice of a guest that was interrupted, or what it was
// interrupted for when it has had them all.
func (i *instance) mercy() (uint64, error) {
	s := i.speech
	if s.grace == 0 {
		return 0, s.stop
	}
	if s.grace < graceFuel && s.grace%againFuel == 0 {
		i.signal(true) // who has caught the last one has gone on
	}
	s.grace -= engine.SliceFuel
	return engine.SliceFuel, nil
}

// verdict is what became of a call that returned.
func (i *instance) verdict() error {
	s := i.speech
	stop, said, text := s.stop, s.said, s.text
	kind := s.kind
	s.stop, s.said, s.text = nil, false, ""
	if stop != nil {
		i.signal(false)
		reason, stack, _ := strings.Cut(text, "\n")
		if stack == "" {
			stack = reason
		}
		return &engine.Stopped{Cause: stop, Stack: stack}
	}
	if !said {
		return nil
	}
	i.breaks()
	reason, stack, _ := strings.Cut(text, "\n")
	if kind == faultStopped {
		reason = "the language runtime was stopped, and nobody stopped it: " + reason
	}
	return &engine.Error{Code: engine.CodeException, Reason: reason, Stack: stack}
}

// failed is the error of a call that loads something; result is not 0.
func (i *instance) failed(what string) error {
	return &engine.Error{Code: engine.CodeException, Reason: "the language runtime could not " + what + ", and does not say why"}
}

// boot runs what comes before an actor is loaded.
func (i *instance) boot(h engine.Host, seed uint32) error {
	if err := i.fill(h); err != nil {
		return err
	}
	defer i.tank.used()
	if start := i.running.ExportedFunction(admission.ExportInitialize); start != nil {
		if err := i.call(h, start, 0, 0); err != nil {
			return err
		}
	}
	if err := i.ask(h, admission.ExportBoot, "start", uint64(seed)); err != nil {
		return err
	}
	if err := i.call(h, i.running.ExportedFunction(admission.ExportInterrupt), 0, 0); err != nil {
		return err
	}
	i.speech.interrupt = uint32(i.stack[0])
	return nil
}

// load loads the actor.
func (i *instance) load(h engine.Host) error {
	if err := i.fill(h); err != nil {
		return err
	}
	defer i.tank.used()
	return i.ask(h, admission.ExportLoad, "load the actor", 0)
}

// ask calls a function whose result is to be 0.
func (i *instance) ask(h engine.Host, export, what string, value uint64) error {
	if err := i.call(h, lending(i.running.ExportedFunction(export)), value, 0); err != nil {
		return err
	}
	if int32(i.stack[0]) != 0 {
		return i.failed(what)
	}
	return nil
}

// errLong is what a runtime is stopped with that does not come to the end of its start.
var errLong = errors.New("the language runtime takes more fuel to start than it may")

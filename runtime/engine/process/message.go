package process

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/probe"
)

// Kinds of orders, from host to worker.
const (
	orderStart  = 1 + iota // make the instance
	orderInit              // hand it the body with grow_init
	orderHandle            // have it handle the body
	orderClose             // close it
	orderReply             // the body answers the report
	orderFail              // unwind the guest: why
	orderRead              // show memory of a guest that stands still: address u64, bytes u32
	orderWrite             // write to it: address u64, and the bytes
	orderEnd               // no kind
)

// Kinds of reports, from worker to host.
const (
	reportDone      = 1 + iota // what was ordered is done; the body is the answer
	reportFailed               // it failed; the body says how
	reportCall                 // Host.Call of the body
	reportSlice                // Host.Slice
	reportSleep                // Host.Sleep
	reportRandom               // Host.Random
	reportOutput               // nothing but output
	reportNow                  // Host.Now
	reportMonotonic            // Host.Monotonic
	reportDebug                // a method of engine.Debugger: value says which
	reportArrive               // the guest stands still at the probe of number value; the body says where
	reportTrap                 // it has trapped; the body says where, and the fault
	reportLooked               // what orderRead or orderWrite has come to
	reportEnd                  // no kind
)

// What an order knows of the guest's world.
const (
	knowsClocks = 1 << iota
	knowsGrant
	knowsDebug // somebody debugs the instance
	knowsAll   = 1<<iota - 1
)

// world is what goes with an order so that the guest need not ask for it.
type world struct {
	knows     byte
	now, mono int64
	grant     uint64
}

// orderHead is the size in bytes of an order's head: kind, knows, six of zero,
// now, monotonic, grant. The body follows.
const orderHead = 32

func putOrder(head *[orderHead]byte, kind byte, w world) {
	*head = [orderHead]byte{kind, w.knows}
	binary.LittleEndian.PutUint64(head[8:], uint64(w.now))
	binary.LittleEndian.PutUint64(head[16:], uint64(w.mono))
	binary.LittleEndian.PutUint64(head[24:], w.grant)
}

// order is a decoded order; body aliases what it was decoded from.
type order struct {
	kind byte
	world
	body []byte
}

var errOrder = errors.New("malformed order")

func decodeOrder(b []byte) (order, error) {
	if len(b) < orderHead || b[0] == 0 || b[0] >= orderEnd || b[1] > knowsAll || [6]byte(b[2:8]) != [6]byte{} {
		return order{}, errOrder
	}
	return order{kind: b[0], world: world{
		knows: b[1],
		now:   int64(binary.LittleEndian.Uint64(b[8:])),
		mono:  int64(binary.LittleEndian.Uint64(b[16:])),
		grant: binary.LittleEndian.Uint64(b[24:]),
	}, body: b[orderHead:]}, nil
}

// reportHead is the size in bytes of a report's head: kind, three of zero, size
// of the output, value, memory. Output and body follow.
const reportHead = 24

func putReport(head *[reportHead]byte, kind byte, outputs int, value, memory uint64) {
	*head = [reportHead]byte{kind}
	binary.LittleEndian.PutUint32(head[4:], uint32(outputs))
	binary.LittleEndian.PutUint64(head[8:], value)
	binary.LittleEndian.PutUint64(head[16:], memory)
}

// report is a decoded report. Its slices alias what it was decoded from.
type report struct {
	kind    byte
	value   uint64 // done and failed: fuel; slice: used; sleep: nanoseconds; random: bytes; arrive: probe
	memory  int64  // done, failed, arrive and trap: size of linear memory
	outputs []byte // see eachOutput
	body    []byte // done: the answer; call: the request; failed: see decodeFault
}

// decodeReport decodes what a worker reports, of whom nothing is believed. An
// answer has so many bytes at most.
func decodeReport(b []byte, answerMax int) (report, error) {
	if len(b) < reportHead {
		return report{}, fmt.Errorf("a report of %d bytes", len(b))
	}
	r := report{kind: b[0], value: binary.LittleEndian.Uint64(b[8:])}
	if r.kind == 0 || r.kind >= reportEnd || [3]byte(b[1:4]) != [3]byte{} {
		return report{}, fmt.Errorf("a report of unknown kind %d", r.kind)
	}
	memory, outputs := binary.LittleEndian.Uint64(b[16:]), uint64(binary.LittleEndian.Uint32(b[4:]))
	if memory > 1<<32 {
		return report{}, fmt.Errorf("an instance with %d bytes of memory", memory)
	}
	if outputs > OutputMax || outputs > uint64(len(b)-reportHead) {
		return report{}, fmt.Errorf("%d bytes of output in a report of %d bytes", outputs, len(b))
	}
	r.memory, r.outputs, r.body = int64(memory), b[reportHead:reportHead+outputs], b[reportHead+outputs:]
	if err := r.check(answerMax); err != nil {
		return report{}, err
	}
	return r, eachOutput(r.outputs, nil)
}

// check holds a report against what its kind allows.
func (r *report) check(answerMax int) error {
	body, value, memory := 0, uint64(0), false
	switch r.kind {
	case reportDone:
		body, value, memory = answerMax, 1<<63, true
	case reportFailed:
		body, value, memory = faultMax, 1<<63, true
	case reportCall:
		body = abi.RequestBytesMax
	case reportSlice, reportSleep:
		value = 1<<64 - 1
	case reportRandom:
		value = RandomMax
	case reportDebug:
		body, value = abi.RequestBytesMax, debugEnd-1
	case reportArrive:
		body, value, memory = standsMax, probe.ProbesMax, true
	case reportTrap:
		body, memory = standsMax+faultMax, true
	case reportLooked:
		body = lookMax
	}
	if len(r.body) > body || r.value > value || r.memory != 0 && !memory {
		return fmt.Errorf("a report of kind %d with value %d, memory %d and a body of %d bytes", r.kind, r.value, r.memory, len(r.body))
	}
	return nil
}

// faultMax is the bytes of a fault, see appendFault.
const faultMax = 12 + codeMax + ReasonMax + StackMax

// outputHead is the size in bytes of what precedes a piece of output:
// descriptor, size.
const outputHead = 5

func appendOutput(b []byte, descriptor int, p []byte) []byte {
	b = binary.LittleEndian.AppendUint32(append(b, byte(descriptor)), uint32(len(p)))
	return append(b, p...)
}

// eachOutput yields pieces of output to visit, which may be nil.
func eachOutput(b []byte, visit func(descriptor int, p []byte)) error {
	for len(b) > 0 {
		if len(b) < outputHead || b[0] != 1 && b[0] != 2 {
			return errors.New("malformed output")
		}
		n := binary.LittleEndian.Uint32(b[1:])
		if uint64(n) > uint64(len(b)-outputHead) {
			return errors.New("output that is longer than its report")
		}
		if visit != nil {
			visit(int(b[0]), b[outputHead:outputHead+n])
		}
		b = b[outputHead+n:]
	}
	return nil
}

// guestCodes are the codes that a worker may report. With none, a fault is no
// *engine.Error.
var guestCodes = map[string]bool{
	"": true, engine.CodeInvalid: true, engine.CodeExport: true, engine.CodeImport: true, engine.CodeVersion: true, engine.CodeLimit: true,
	engine.CodeFeature: true, engine.CodeCompile: true, engine.CodeInit: true, engine.CodeTrap: true, engine.CodeExit: true, engine.CodeAlloc: true,
	engine.CodeAnswer: true, engine.CodeRequest: true, engine.CodeMemory: true, engine.CodeOutput: true, engine.CodeStack: true, engine.CodePanic: true,
	engine.CodeRuntime: true, engine.CodeException: true, codeStopped: true,
}

// codeStopped stands for an *engine.Stopped, whose cause the host knows.
const codeStopped = "stopped"

// appendFault encodes what an engine failed with.
func appendFault(b []byte, err error) []byte {
	var fault *engine.Error
	code, reason, stack := "", err.Error(), ""
	var stopped *engine.Stopped
	switch {
	case errors.As(err, &stopped):
		code, stack = codeStopped, stopped.Stack
	case errors.As(err, &fault):
		code, reason, stack = fault.Code, fault.Reason, fault.Stack
	}
	for _, s := range []string{cut(code, codeMax), cut(reason, ReasonMax), cut(stack, StackMax)} {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
	}
	return b
}

// cut makes s valid UTF-8 of at most n bytes.
func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if len(b)+utf8.RuneLen(r) > n {
			break
		}
		b = utf8.AppendRune(b, r)
	}
	return string(b)
}

// decodeFault decodes what appendFault wrote. bad says that it is not that.
func decodeFault(b []byte) (fault, bad error) {
	var texts [3]string
	for i, most := range [3]uint32{codeMax, ReasonMax, StackMax} {
		if len(b) < 4 {
			return nil, errors.New("a fault that is cut short")
		}
		n := binary.LittleEndian.Uint32(b)
		if n > most || uint64(n) > uint64(len(b)-4) {
			return nil, fmt.Errorf("a fault with a text of %d bytes", n)
		}
		texts[i], b = string(b[4:4+n]), b[4+n:]
		if !utf8.ValidString(texts[i]) {
			return nil, errors.New("a fault whose text is not UTF-8")
		}
	}
	switch {
	case len(b) > 0:
		return nil, errors.New("a fault with something behind it")
	case !guestCodes[texts[0]]:
		return nil, fmt.Errorf("a fault of code %q", texts[0])
	case texts[0] == "":
		return errors.New(texts[1]), nil
	case texts[0] == codeStopped:
		return &engine.Stopped{Cause: errors.New(texts[1]), Stack: texts[2]}, nil
	}
	return &engine.Error{Code: texts[0], Reason: texts[1], Stack: texts[2]}, nil
}

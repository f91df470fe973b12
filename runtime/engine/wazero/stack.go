package wazero

import (
	"context"
	"reflect"
	"sync"
	"unsafe"

	"github.com/tetratelabs/wazero/api"
)

// stacks lend the stack that a guest runs on to those that run: a language runtime
// takes hundreds of kilobytes for a message, of which nothing is left when it is
// handled. wazero keeps them with each function of each instance, at their largest;
// so its fields are set here. A release of wazero that has others is one without
// lending, and is told by a test.
var stacks = sync.Pool{New: func() any { return &stack{make([]byte, stackFirst)} }}

type stack struct{ b []byte }

const (
	stackFirst = 320 << 10 // bytes of a stack that is lent; wazero doubles it when it is full
	// stackMost is how much of it may be used, in bytes: one that is larger would,
	// together with the one that it outgrew, be more than admission.StackMemory.
	stackMost  = stackFirst << 5
	stackKept  = 2 << 20 // bytes up to which one is lent again
	stackAlign = 16
)

// places are where in a function of wazero's compiler its stack is named.
type places struct {
	stack, top, bottom uintptr // offsets: of the slice, its end, and its beginning
	last               uintptr // of how far down it was used last
	ok                 bool
}

// placesOf finds them.
func placesOf(f api.Function) (p places) {
	t := reflect.TypeOf(f)
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return p
	}
	stack, ok := t.Elem().FieldByName("stack")
	top, ok2 := t.Elem().FieldByName("stackTop")
	context, ok3 := t.Elem().FieldByName("execCtx")
	if !ok || !ok2 || !ok3 || stack.Type != reflect.TypeFor[[]byte]() || top.Type.Kind() != reflect.Uintptr || context.Type.Kind() != reflect.Struct {
		return p
	}
	bottom, ok := context.Type.FieldByName("stackBottomPtr")
	if !ok || bottom.Type != reflect.TypeFor[*byte]() {
		return p
	}
	last, ok := context.Type.FieldByName("stackPointerBeforeGoCall")
	if !ok || last.Type != reflect.TypeFor[*uint64]() {
		return p
	}
	return places{stack: stack.Offset, top: top.Offset, bottom: context.Offset + bottom.Offset, last: context.Offset + last.Offset, ok: true}
}

// lent is a function whose stack is lent to it while it runs.
type lent struct {
	api.Function
	at     unsafe.Pointer
	places places
	most   uintptr // bytes of stack that it may use
}

// resting is the stack of functions that do not run. Nothing ever runs on it.
var resting = make([]byte, 64)

// lending has a function be lent its stack, if that can be done. It must be called
// by [lent.CallWithStack] only.
func lending(f api.Function) api.Function {
	p := placesOf(f)
	if !p.ok {
		return f
	}
	l := &lent{Function: f, at: reflect.ValueOf(f).UnsafePointer(), places: p, most: stackMost}
	l.set(resting)
	return l
}

// CallWithStack implements api.Function.
func (l *lent) CallWithStack(ctx context.Context, values []uint64) error {
	s := stacks.Get().(*stack)
	l.set(s.b)
	err := l.Function.CallWithStack(ctx, values)
	s.b = *l.stack() // it may have been outgrown
	l.set(resting)
	if len(s.b) <= stackKept {
		stacks.Put(s)
	}
	return err
}

// deep reports whether more of the stack is used than may be. It is asked while the
// guest waits in a call of the host.
func (l *lent) deep() bool {
	if l == nil {
		return false
	}
	top := *(*uintptr)(unsafe.Add(l.at, l.places.top))
	return top-*(*uintptr)(unsafe.Add(l.at, l.places.last)) > l.most
}

func (l *lent) stack() *[]byte { return (*[]byte)(unsafe.Add(l.at, l.places.stack)) }

// set has the function run on a stack.
func (l *lent) set(b []byte) {
	*l.stack() = b
	end := uintptr(unsafe.Pointer(&b[len(b)-1]))
	*(*uintptr)(unsafe.Add(l.at, l.places.top)) = end - end%stackAlign
	*(**byte)(unsafe.Add(l.at, l.places.bottom)) = &b[0]
	*(**uint64)(unsafe.Add(l.at, l.places.last)) = nil
}

package wazero

import (
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/tetratelabs/wazero/api"
)

// counter finds the guest's counter of fuel in memory. wazero's own way to a
// global leads through four objects of the instance, each in a cache line of its
// own, and with a thousand actors none of them is in the cache: that was a third
// of what a message costs.
//
// Where globals lie is nobody's to promise. So the place is looked for in the block
// of memory that wazero keeps for an instance: values that are set in wazero's own
// way must be found there. Where they are not, as in its interpreter, the counter
// is read and set in wazero's way.
type counter struct {
	at     *uint64 // nil: it has not been found
	global api.MutableGlobal
}

func (c *counter) get() uint64 {
	if c.at != nil {
		return *c.at
	}
	return c.global.Get()
}

func (c *counter) set(v uint64) {
	if c.at != nil {
		*c.at = v
		return
	}
	c.global.Set(v)
}

// place is where in the blocks of a module's instances the counter lies, in
// words and plus one; 0: it has not been looked for.
type place struct{ atomic.Int64 }

// nowhere is the place of a counter that cannot be found.
const nowhere = -1

// find returns the counter of an instance that does not run. What is in it is left
// as it is.
func (p *place) find(running api.Module, global api.MutableGlobal) counter {
	c := counter{global: global}
	if p.Load() == nowhere {
		return c
	}
	words := block(running)
	if p.Load() == 0 {
		p.Store(search(words, global))
	}
	if i := int(p.Load()) - 1; i >= 0 && i < len(words) && mirrors(&words[i], global) {
		c.at = &words[i]
	}
	return c
}

// search looks for a global among words.
func search(words []uint64, global api.MutableGlobal) int64 {
	for i := range words {
		if mirrors(&words[i], global) {
			return int64(i) + 1
		}
	}
	return nowhere
}

// mirrors says whether a word is a global.
func mirrors(word *uint64, global api.MutableGlobal) bool {
	before := global.Get()
	if *word != before {
		return false
	}
	global.Set(^before)
	defer global.Set(before)
	return *word == ^before
}

// block is the memory that wazero keeps for an instance, in words; nil: it keeps
// none, or another release of wazero keeps it elsewhere.
func block(running api.Module) []uint64 {
	v := reflect.ValueOf(running)
	for _, name := range []string{"Engine", "opaque"} {
		for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return nil
		}
		v = v.FieldByName(name)
	}
	if !v.IsValid() || v.Kind() != reflect.Slice || v.Type().Elem().Kind() != reflect.Uint8 || v.Len() == 0 {
		return nil
	}
	at := v.UnsafePointer()
	if uintptr(at)%unsafe.Sizeof(uint64(0)) != 0 {
		return nil
	}
	return unsafe.Slice((*uint64)(at), v.Len()/int(unsafe.Sizeof(uint64(0))))
}

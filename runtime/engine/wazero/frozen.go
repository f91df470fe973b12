package wazero

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/wasm/meter"
	"github.com/grow-platform/grow/runtime/wasm/snapshot"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// frozen is an instance as it was at some time, for others to begin with. It does
// not change, and is closed when no instance will begin with it any more.
type frozen struct {
	image     *snapshot.Image // without Runs once a file holds them
	interrupt uint32          // where the guest says what interrupts it
	file      *os.File        // that memory is mapped from; nil: it is copied
}

// freeze keeps a running instance, of which nothing is running just now.
func (i *instance) freeze() (*frozen, error) {
	if n := i.speech.files.opened(); n > 0 {
		return nil, &engine.Error{Code: engine.CodeInvalid, Reason: fmt.Sprintf(
			"%d files are open after loading: they would be open in no instance that begins there; close what is opened while modules are loaded", n)}
	}
	memory, ok := i.memory.Read(0, i.memory.Size())
	inner, ok2 := i.running.(experimental.InternalModule)
	if !ok || !ok2 {
		return nil, errors.New("keep instance: this release of wazero shows neither its memory nor its globals")
	}
	var globals []snapshot.Global
	for k := range inner.NumGlobal() {
		if g := i.running.ExportedGlobal(meter.GlobalName(k)); g != nil {
			globals = append(globals, snapshot.Global{Index: k, Value: g.Get()})
		}
	}
	return &frozen{image: snapshot.Of(memory, globals), interrupt: i.speech.interrupt}, nil
}

// settle has instances map the memory instead of copying it, if they can.
func (f *frozen) settle() *frozen {
	if file := fileOf(f.image); file != nil {
		f.file = file
		bare := *f.image
		bare.Runs = nil
		f.image = &bare
	}
	return f
}

func (f *frozen) close() {
	if f.file != nil {
		_ = f.file.Close() // it holds memory only
	}
}

// private is what an instance is to have of the budget at first: memory that is
// mapped is shared until it is written.
func (f *frozen) private() int64 {
	if f.file != nil {
		return min(f.image.Size, sharedPrivate)
	}
	return f.image.Size
}

// sharedPrivate is how many bytes of an image that is mapped an instance is
// expected to write.
const sharedPrivate = 1 << 20

// encode makes an entry of a [Cache]; thaw reads it.
func (f *frozen) encode() []byte {
	return f.image.Encode(binary.LittleEndian.AppendUint32(nil, f.interrupt))
}

func thaw(b []byte) (*frozen, error) {
	if len(b) < 4 {
		return nil, errors.New("decode image: there is none")
	}
	image, err := snapshot.Decode(b[4:], pagesMax*pageSize)
	if err != nil {
		return nil, err
	}
	return &frozen{image: image, interrupt: binary.LittleEndian.Uint32(b)}, nil
}

// reserve gives an instance memory that begins as the image's, of at most maximum
// bytes.
func (f *frozen) reserve(maximum uint64) experimental.LinearMemory {
	if f.file != nil {
		if m := mapFile(f.file, uint64(f.image.Size), maximum); m != nil {
			return m
		}
		return nil
	}
	m := reserve(maximum)
	f.image.CopyTo(m.Reallocate(uint64(f.image.Size)))
	return m
}

// begin gives an instance the size and the globals of the image.
func (f *frozen) begin(running api.Module) error {
	m := running.Memory()
	if more := f.image.Size - int64(m.Size()); more > 0 {
		if _, ok := m.Grow(uint32(more / pageSize)); !ok {
			return &engine.Error{Code: engine.CodeMemory, Reason: fmt.Sprintf("%d bytes of memory could not be had", f.image.Size)}
		}
	}
	for _, g := range f.image.Globals {
		global, ok := running.ExportedGlobal(meter.GlobalName(g.Index)).(api.MutableGlobal)
		if !ok {
			return fmt.Errorf("start instance: the image has a global %d, and the module none that changes", g.Index)
		}
		global.Set(g.Value)
	}
	return nil
}

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
	runtime   int64           // bytes of it that are the language runtime's
	interrupt uint32          // where the guest says what interrupts it
	bytes     int64           // of the image that are not zero, once it is settled
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
	f := &frozen{image: snapshot.Of(memory, globals), interrupt: i.speech.interrupt, runtime: i.speech.from.runtime}
	if f.runtime == 0 {
		f.runtime = f.image.Size // nothing of an actor has run
	}
	return f, nil
}

// settle has instances map the memory instead of copying it, if they can.
func (f *frozen) settle() *frozen {
	f.bytes = f.image.Bytes()
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

// private is what an instance is to have of a budget at first: memory that is
// mapped is shared until it is written.
func (f *frozen) private(b *budget) int64 {
	if f.file != nil && b.max > 0 && measures() {
		return min(f.image.Size, privateFirst)
	}
	return f.image.Size
}

const (
	// privateFirst is how many bytes of an image that is mapped an instance is
	// expected to write; what it does write is looked at later.
	privateFirst = 512 << 10
	// measureFuel is how much an instance runs until it is looked at what it has
	// written, which takes a hundredth of the time.
	measureFuel = 50 * engine.SliceFuel
)

// account has the budget know what the instance has written of the memory that it
// shares. It fails when the host has no more.
func (i *instance) account(fuel uint64) error {
	s := i.speech
	if s.since += fuel; s.since < measureFuel || i.budget.max == 0 || s.from.file == nil {
		return nil
	}
	s.since = 0
	shared, _ := i.memory.Read(0, uint32(s.from.image.Size))
	wrote, ok := dirty(shared)
	more := int64(i.has) - s.from.image.Size + wrote - i.owes // with what it has grown by
	if !ok || more <= 0 {
		return nil
	}
	if !i.budget.take(more, i.owes+more) {
		i.breaks()
		return &engine.Error{Code: engine.CodeMemory, Reason: fmt.Sprintf(
			"the instance has written %d bytes of memory, and the host has no more for it", i.owes+more)}
	}
	i.owes += more
	return nil
}

// encode makes an entry of a [Cache]; thaw reads it. The image comes behind two words.
func (f *frozen) encode() []byte {
	b := binary.LittleEndian.AppendUint32(nil, f.interrupt)
	return f.image.Encode(binary.LittleEndian.AppendUint32(b, uint32(f.runtime/pageSize)))
}

func thaw(b []byte) (*frozen, error) {
	if len(b) < 8 {
		return nil, errors.New("decode image: there is none")
	}
	image, err := snapshot.Decode(b[8:], pagesMax*pageSize)
	if err != nil {
		return nil, err
	}
	f := &frozen{image: image, interrupt: binary.LittleEndian.Uint32(b), runtime: int64(binary.LittleEndian.Uint32(b[4:])) * pageSize}
	if f.runtime > image.Size {
		return nil, errors.New("decode image: it is smaller than the runtime in it")
	}
	return f, nil
}

// reserve gives an instance memory that begins as the image's, of at most maximum
// bytes.
func (f *frozen) reserve(maximum uint64) experimental.LinearMemory {
	if f.file != nil {
		if m := mapFile(f.file, uint64(f.image.Size), maximum); m != nil {
			return m
		}
	}
	m := reserve(maximum)
	b := m.Reallocate(uint64(f.image.Size))
	if f.file == nil {
		f.image.CopyTo(b)
	} else if _, err := f.file.ReadAt(b, 0); err != nil {
		panic(fmt.Sprintf("read an image in memory: %v", err)) // its size is sealed
	}
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

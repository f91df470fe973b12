package abi

import "time"

// The limits of the ABI. A definition may lower or raise those marked
// "default" for one actor.
const (
	DataMax      = 1 << 20 // bytes of data of one message
	AttrsMax     = 64      // attributes of one message
	AttrValueMax = 4 << 10 // bytes of an attribute's value
	AttrNameMax  = 256     // bytes of an attribute's name

	OutputsMax     = 1000    // messages one message may cause
	OutputBytesMax = 1 << 20 // bytes of data of those together; default

	RequestsPerCallMax = 32       // requests in one grow.call
	RequestsMax        = 1000     // requests one message may make; default
	RequestBytesMax    = 4 << 20  // bytes of one request frame
	AnswerBytesMax     = 16 << 20 // bytes of all answers to one message

	StateValueMax = 1 << 20  // bytes of one state value
	StateNameMax  = 256      // bytes of a state value's name
	StateMax      = 32 << 20 // bytes of all state values of a key, see capability.Size

	MemoryDefault  = 32 << 20 // bytes of linear memory of an instance
	MailboxDefault = 10_000   // messages waiting at one node
	MailboxBytes   = 64 << 20 // bytes of messages waiting at one node

	FuelDefault      = 1_000_000_000    // units of fuel of a message; default
	TimeDefault      = 5 * time.Second  // of handling a message; default
	TimeCallsDefault = 60 * time.Second // of one that asks granted capabilities; default

	// What starting an instance may take: from the load of its code to the end of
	// grow_init. Large libraries are loaded then.
	StartFuelMax = 20_000_000_000   // units of fuel
	StartTimeMax = 30 * time.Second // without the turns of others

	// FrameMax is the size in bytes that no frame a guest answers with may
	// exceed, where OutputBytesMax is the limit: outputs and their attributes
	// together. See AnswerMax.
	FrameMax = OutputBytesMax + OutputsMax*1024
)

// AnswerMax is FrameMax where the limit of outputs is another one, in bytes.
func AnswerMax(outputs int64) int { return int(outputs) + FrameMax - OutputBytesMax }

// bounds are what a message in a frame may have; only tests give a Reader
// others than the standard ones.
type bounds struct {
	attrs, name, value int
}

// standard are the bounds of the ABI; nothing changes them.
var standard = bounds{attrs: AttrsMax, name: AttrNameMax, value: AttrValueMax}

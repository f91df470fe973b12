package capability

import (
	"time"

	"github.com/grow-platform/grow/abi"
)

// bounds are what one message may ask for and keep. Brokers and states have
// those of the ABI; only tests give them others.
type bounds struct {
	perCall int           // requests in one frame
	request int           // bytes of a frame of requests
	answers int           // bytes of all answers
	name    int           // bytes of a state value's name
	value   int           // bytes of a state value
	state   int           // bytes of all values of a key, as [Size] counts
	time    time.Duration // of one request to the outside
}

// standard are the bounds of the ABI; nothing changes them.
var standard = bounds{
	perCall: abi.RequestsPerCallMax, request: abi.RequestBytesMax, answers: abi.AnswerBytesMax,
	name: abi.StateNameMax, value: abi.StateValueMax, state: abi.StateMax, time: CallTimeMax,
}

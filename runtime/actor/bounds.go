package actor

import "github.com/grow-platform/grow/abi"

// bounds are what one message may leave that no definition says. An actor has
// the standard ones; only tests give it others.
type bounds struct {
	outputs int // messages
	data    int // bytes of data of one of them
	lines   int // logged
	logged  int // bytes of those, and of their fields
	text    int // bytes of one line
	fields  int // of one line
}

// standard are the bounds of the ABI; nothing changes them.
var standard = bounds{
	outputs: abi.OutputsMax, data: abi.DataMax,
	lines: LogLinesMax, logged: LogBytesMax, text: LogTextMax, fields: LogFieldsMax,
}

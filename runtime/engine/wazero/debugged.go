package wazero

import (
	"strings"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/engine"
)

// looking is who debugs an instance. A pointer to it is another one for each Debug.
type looking struct{ engine.Debugger }

// Debug implements engine.Debuggable.
func (i *instance) Debug(d engine.Debugger) bool {
	if i.speech == nil || i.speech.attention == 0 {
		return false
	}
	if d == nil {
		i.speech.wanted.Store(nil)
	} else {
		i.speech.wanted.Store(&looking{d})
	}
	return true
}

// meet has who debugs the instance look in before it handles something.
func (i *instance) meet() (err error) {
	if i.speech == nil || i.speech.wanted.Load() == nil {
		return nil
	}
	defer func() {
		if err != nil {
			i.part()
			i.breaks()
		}
	}()
	defer caught(&err)
	return i.turn()
}

// turn has another one look in if somebody else is wanted.
func (i *instance) turn() error {
	s := i.speech
	wanted := s.wanted.Load()
	if wanted == s.looks {
		return nil
	}
	i.part()
	if wanted == nil {
		return nil
	}
	s.looks = wanted
	attend, err := wanted.Begin()
	if attend {
		i.attend(true)
	}
	return err
}

// part ends what began with meet.
func (i *instance) part() {
	if i.speech == nil || i.speech.looks == nil {
		return
	}
	looks := i.speech.looks
	i.speech.looks = nil
	i.attend(false)
	looks.End()
}

// look asks who debugs the instance for fuel; held: that was it.
func (i *instance) look() (held bool, err error) {
	s := i.speech
	if s.looks == nil && s.wanted.Load() == nil {
		return false, nil
	}
	if err := i.turn(); err != nil || s.looks == nil {
		return false, err
	}
	attend, held, err := s.looks.Slice()
	if attend {
		i.attend(true)
	}
	return held && err == nil, err
}

// attend asks the guest for its attention, or takes that back if it was not seen: the
// first of the words that interrupt it has another in its place.
func (i *instance) attend(on bool) {
	value := uint32(0)
	if on {
		value = 1
	}
	i.memory.WriteUint32Le(i.speech.attention, value)
	if on {
		i.set(i.speech.interrupt+pairSize, on)
	}
}

// serve has the request of a guest served by the host, or by who debugs it.
func (i *instance) serve(request []byte) ([]byte, error) {
	if i.speech != nil && i.speech.looks != nil && debugs(request) {
		if p, ok := i.host.(engine.Paced); ok {
			p.Rest()
		}
		return i.speech.looks.Serve(request)
	}
	return i.served().Call(request)
}

// debugs reports whether the first request of a frame is one of debugging.
func debugs(request []byte) bool {
	r, err := abi.NewReader(request)
	if err != nil {
		return false
	}
	var v abi.View
	more, err := r.Next(&v)
	return err == nil && more && strings.HasPrefix(string(v.Type), engine.DebugPrefix)
}

package wazero

import (
	"encoding/binary"
	"testing"

	"github.com/grow-platform/grow/runtime/engine"
	"github.com/grow-platform/grow/runtime/engine/enginetest"
	"github.com/grow-platform/grow/testdata/wat"
)

// FuzzPoll: no subscriptions at any address make poll_oneoff panic, sleep for
// less than nothing or say more events than there are subscriptions.
func FuzzPoll(f *testing.F) {
	clock := make([]byte, subscriptionSize)
	binary.LittleEndian.PutUint64(clock[24:], 1<<63)
	f.Add(uint32(0), uint32(1024), uint32(1), uint32(2048), clock)
	f.Add(uint32(65535), uint32(0), uint32(1<<31), uint32(1<<32-1), append(clock, clock...))
	f.Add(uint32(0), uint32(0), uint32(2), uint32(0), append(clock, make([]byte, subscriptionSize)...))
	running, err := load(f, start(f, Options{}), wat.Module("stdout"), engine.Config{MemoryMax: 1 << 20}).Instantiate(f.Context(), &enginetest.Host{})
	if err != nil {
		f.Fatal(err)
	}
	i := running.(*instance)
	f.Fuzz(func(t *testing.T, in, out, n, events uint32, list []byte) {
		h := &enginetest.Host{}
		i.host = h
		i.memory.Write(in, list[:min(len(list), 60_000)])
		if errno := i.poll(in, out, n, events); errno != 0 {
			return
		}
		if h.Slept < 0 {
			t.Errorf("slept %d ns", h.Slept)
		}
		if made, ok := i.memory.ReadUint32Le(events); !ok || made == 0 || made > n {
			t.Errorf("%d events of %d subscriptions", made, n)
		}
	})
}
